"""IKEv1 with one gateway behind a NAT router that also changes ports (RFC 3947, RFC 3948)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.interop.ikev1.site import connect as connect_v1
from tests.engine.interop.lab import Lab, lab
from tests.lab.netns import wait_until
from tests.lab.traffic import ESP, KEEPALIVE, captured, no_loss

HIDDEN = {"engine-hidden": "left", "charon-hidden": "right"}
KEEP_ALIVE = 1


@pytest.fixture(scope="module", params=HIDDEN.values(), ids=HIDDEN)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("nat")
    engine, charon = {"keep_alive": f"{KEEP_ALIVE}s"}, {"keep_alive": str(KEEP_ALIVE)}
    with lab(directory, engine=engine, charon=charon, hidden=request.param) as running:
        yield running


def hidden(site: Lab) -> str:
    """Which daemon is behind the NAT: the only one that can begin."""
    return "engine" if site.left.address == "198.51.100.2" else "charon"


def connect(site: Lab, **both: Any) -> None:
    """The public side takes the connection from anywhere."""
    public = "charon" if hidden(site) == "engine" else "engine"
    connect_v1(site, **{public: {"remote_addrs": ["%any"]}}, **both)
    site.daemon(hidden(site)).initiate("net")


@pytest.mark.scenario("ikev1/nat-rw")
def test_tunnel_through_nat(site: Lab, tmp_path: Path) -> None:
    """Mirrors ikev1/nat-rw: NAT is found, everything moves to port 4500, traffic flows both ways."""
    assert site.router is not None
    with captured(site.router.namespace, tmp_path / "outer.pcap", "outer") as capture:
        connect(site)
        site.assert_traffic()
    mine, theirs = site.assert_same_ike()
    behind, public = (mine, theirs) if hidden(site) == "engine" else (theirs, mine)
    assert behind["nat-local"] == "yes"
    assert public["nat-remote"] == "yes"
    assert behind["local-port"] == "4500"
    assert public["remote-host"] == site.router.public
    assert int(public["remote-port"]) >= 20000, "the router has changed the port"
    assert site.engine.child()["encap"] == "yes"
    capture.assert_only_ike_and_esp()
    assert capture.count(f"({ESP}) and not udp") == 0


def test_keepalives(site: Lab, tmp_path: Path) -> None:
    """Mirrors ikev1/nat-rw with charon.keep_alive: who is behind the NAT keeps its mapping alive."""
    connect(site)
    site.assert_same_child()
    own = "198.51.100.2" if hidden(site) == "engine" else "192.0.2.254"
    with captured(site.left.gateway, tmp_path / "outer.pcap") as capture:
        wait_until(lambda: capture.count(f"{KEEPALIVE} and src host {own}") >= 2, interval=1)


@pytest.mark.parametrize("rekeyed_by", ["engine", "charon"])
def test_rekey_through_nat(site: Lab, rekeyed_by: str) -> None:
    """Mirrors ikev1/nat-rw with rekeying: also the public side reaches the hidden one, with Quick Mode and phase 1."""
    connect(site)
    site.assert_same_child()
    with no_loss(site.left.client, site.right.host), no_loss(site.right.client, site.left.host):
        old = {found["spi-in"] for found in site.engine.children()}
        site.daemon(rekeyed_by).rekey(child="net")
        wait_until(lambda: {found["spi-in"] for found in site.engine.children()} - old)
        ike = site.engine.ike()["initiator-spi"]
        site.daemon(rekeyed_by).rekey(ike=site.name)
        wait_until(lambda: all(sa["initiator-spi"] != ike for sa in (*site.engine.sas(), *site.charon.sas())))
        site.assert_same_ike()


@pytest.mark.parametrize("deleted_by", ["engine", "charon"])
def test_delete_through_nat(site: Lab, deleted_by: str) -> None:
    """Mirrors the end of ikev1/nat-rw."""
    connect(site)
    site.daemon(deleted_by).terminate(ike=site.name)
    wait_until(lambda: not site.engine.sas() and not site.charon.sas())


def test_nat_mapping_changes(site: Lab) -> None:
    """Mirrors ikev1/nat-rw on a router that forgets: the public side follows the next authentic message."""
    assert site.router is not None
    connect(site)
    site.assert_traffic()
    public = site.peer(hidden(site))
    port, spi = public.ike()["remote-port"], public.ike()["initiator-spi"]
    site.router.forget_mappings()
    site.daemon(hidden(site)).rekey(child="net")
    wait_until(lambda: public.ike()["remote-port"] != port)
    assert public.ike()["initiator-spi"] == spi
    for client, host in ((site.left.client, site.right.host), (site.right.client, site.left.host)):
        wait_until(lambda client=client, host=host: client.ping(host, wait=2))
