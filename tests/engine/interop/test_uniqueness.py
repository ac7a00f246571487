"""`unique` and INITIAL_CONTACT: the engine and strongSwan come to the same number of IKE SAs, whoever decides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import Lab, lab
from tests.lab.control import Control, Refused, in_parallel
from tests.lab.netns import wait_until
from tests.lab.topology import block, unblock

ELSEWHERE = {"engine": "192.0.2.11", "charon": "192.0.2.12"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Every initiation makes an IKE SA of its own; both gateways have a second address."""
    directory = tmp_path_factory.mktemp("unique")
    with lab(directory, engine={"reuse_ikesa": "no"}, charon={"reuse_ikesa": "no"}) as running:
        for gateway, name in ((running.left.gateway, "engine"), (running.right.gateway, "charon")):
            gateway.add_address("eth0", f"{ELSEWHERE[name]}/24")
        yield running


def other(name: str) -> str:
    return "charon" if name == "engine" else "engine"


def spis(daemon: Control) -> set[str]:
    """The IKE SAs of a daemon."""
    return {sa["initiator-spi"] for sa in daemon.ikes()}


def second_connection(site: Lab, name: str) -> None:
    """The connection once more, with the child `again` and from the other address. It says no INITIAL_CONTACT."""
    section = site.connection(name) | {"local_addrs": [ELSEWHERE[name]], "unique": "never"}
    section["children"] = {"again": section["children"]["net"]}
    site.daemon(name).load({f"{site.name}-again": section})


@pytest.mark.scenario("ikev2/net2net-psk")
@pytest.mark.parametrize(("unique", "survivors"), [("never", 2), ("no", 2), ("keep", 1), ("replace", 1)])
def test_second_ike_sa(site: Lab, initiator: str, unique: str, survivors: int) -> None:
    """Mirrors ikev2/net2net-psk with `unique`: what the responder does with a duplicate from another address."""
    site.connect(**{other(initiator): {"unique": unique, "remote_addrs": ["%any"]}})
    second_connection(site, initiator)
    site.daemon(initiator).initiate("net")
    first = site.engine.ike()["initiator-spi"]
    if unique == "keep":
        with pytest.raises(Refused):
            site.daemon(initiator).initiate("again")
    else:
        site.daemon(initiator).initiate("again")
    for daemon in (site.engine, site.charon):
        wait_until(lambda daemon=daemon: len(daemon.ikes()) == survivors)
    assert spis(site.engine) == spis(site.charon)
    assert (first in spis(site.engine)) == (unique != "replace")


@pytest.mark.scenario("ikev2/net2net-psk")
@pytest.mark.parametrize(("unique", "survivors"), [("never", 2), ("no", 1), ("keep", 1), ("replace", 1)])
def test_initial_contact(site: Lab, initiator: str, unique: str, survivors: int) -> None:
    """Mirrors ikev2/net2net-psk after a crash: INITIAL_CONTACT is obeyed with every policy but `never`."""
    site.connect(**{other(initiator): {"unique": unique}})
    beginner, responder = site.daemon(initiator), site.daemon(other(initiator))
    beginner.initiate("net")
    old = responder.ike()["initiator-spi"]
    deaf = (site.left if initiator == "charon" else site.right).gateway
    block(deaf)
    beginner.drop_sas()
    unblock(deaf)
    beginner.initiate("net")
    assert "N(INIT_CONTACT)" in site.charon.log()
    wait_until(lambda: len(responder.ikes()) == survivors)
    assert (old in [sa["initiator-spi"] for sa in responder.ikes()]) == (unique == "never")


@pytest.mark.scenario("ikev2/net2net-psk", role="responder")
def test_replace_waits_for_a_reauthentication(site: Lab) -> None:
    """Mirrors ikev2/net2net-psk with `unique = replace`: from the same address the old IKE SA stays for ten seconds."""
    site.connect(engine={"unique": "replace"}, charon={"unique": "never"})
    site.charon.initiate("net")
    old = site.engine.ike()["initiator-spi"]
    site.charon.initiate("net")
    assert len(site.engine.ikes()) == 2
    wait_until(lambda: len(site.engine.sas()) == len(site.charon.sas()) == 1)
    assert site.engine.ike()["initiator-spi"] == site.charon.ike()["initiator-spi"] != old


@pytest.mark.scenario("ikev2/net2net-psk", role="both")
@pytest.mark.parametrize("unique", ["never", "no", "replace"])
def test_r05_both_begin_at_once(site: Lab, unique: str) -> None:
    """Mirrors ikev2/net2net-psk initiated from both ends: both agree on what is left, and packets get through."""
    site.connect(unique=unique)
    ends = [in_parallel(lambda name=name: site.daemon(name).initiate("net")) for name in ("engine", "charon")]
    for end in ends:
        end()
    wait_until(lambda: spis(site.engine) == spis(site.charon) != set())
    assert len(spis(site.engine)) == (2 if unique == "never" else len(spis(site.charon)))
    wait_until(lambda: site.left.client.ping(site.right.host, count=3, wait=2))
    wait_until(lambda: site.right.client.ping(site.left.host, count=3, wait=2))
