"""Cisco's Unity: the gateway tells its clients which networks to tunnel, and which ones not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.interop.ikev1.test_mode_config import ANY4, rw
from tests.engine.interop.lab import Lab, lab
from tests.engine.interop.test_certificates import equip, leafs
from tests.lab import charon as charons
from tests.lab.certs import authority
from tests.lab.netns import wait_until

EVERYTHING = "10.0.0.0/8"
"""The networks of both sides."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Daemons that speak Unity; charon's plugin of that name must not be the only one that hands out networks."""
    settings = {"cisco_unity": "yes"}
    directory = tmp_path_factory.mktemp("unity")
    with lab(directory, engine=settings, charon=settings, kernel=f"{charons.LIBIPSEC} unity") as running:
        yield running


def certificates(site: Lab) -> dict[str, Any]:
    """What each side says of its certificate."""
    mine, theirs = leafs("rsa2048")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    pubkey = {"remote": {"auth": "pubkey"}}
    return {
        "engine": {"local": {"auth": "pubkey", "certs": [mine.pem]}, **pubkey},
        "charon": {"local": {"auth": "pubkey", "certs": [theirs.pem]}, **pubkey},
    }


@pytest.mark.scenario("ikev1/rw-cert-unity")
@pytest.mark.parametrize("proof", ["psk", "rsa"])
def test_split_include(site: Lab, initiator: str, proof: str) -> None:
    """Mirrors ikev1/rw-cert-unity: the client wants to tunnel everything, and tunnels what the gateway names."""
    sides = certificates(site) if proof == "rsa" else {}
    warrior = rw(site, initiator, [ANY4], client_net="0.0.0.0/0", **sides)
    warrior.client.initiate("net")
    assert warrior.addresses() == ["10.3.0.1"]
    mine, theirs = site.assert_same_child()
    networks = (mine if initiator == "engine" else theirs)["remote-ts"]
    assert networks == [warrior.gateway.net]
    assert warrior.host.gateway.ping(warrior.gateway.host)
    assert warrior.gateway.client.ping("10.3.0.1")


@pytest.mark.scenario("ikev1/rw-cert-unity")
def test_split_exclude(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/rw-cert-unity with split-exclude: the client's own network is in what it tunnels, and left out."""
    own = (site.left if initiator == "engine" else site.right).net
    pool = {"addrs": "10.3.0.0/28", "split_include": [EVERYTHING], "split_exclude": [own]}
    nets = {"client_net": "0.0.0.0/0", "gateway_net": EVERYTHING}
    warrior = rw(site, initiator, [ANY4], {"rw": pool}, **nets, **certificates(site))
    warrior.client.initiate("net")
    mine, theirs = site.assert_same_child()
    assert (mine if initiator == "engine" else theirs)["remote-ts"] == [EVERYTHING]
    wait_until(lambda: warrior.client.shunts() == [[own]])
    assert warrior.host.gateway.ping(warrior.gateway.host)
    if initiator == "engine":
        assert warrior.host.gateway.ping(warrior.host.host), "past the tunnel; kernel-libipsec has no routes for that"
    warrior.client.terminate(ike=site.name)
    wait_until(lambda: not warrior.client.shunts())
