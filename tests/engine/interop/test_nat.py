"""One gateway behind a NAT router that also changes ports (RFC 3947, RFC 3948, RFC 7296 section 2.23)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
    """The public side takes the connection from anywhere, and gets the hidden side's selectors as they are."""
    public = "charon" if hidden(site) == "engine" else "engine"
    site.connect(**{public: {"remote_addrs": ["%any"]}}, **both)
    site.daemon(hidden(site)).initiate("net")


@pytest.mark.scenario("ikev2/nat-rw-psk")
@pytest.mark.scenario("ikev2/nat-rw")
def test_tunnel_through_nat(site: Lab, tmp_path: Path) -> None:
    """Mirrors ikev2/nat-rw-psk: NAT is found, everything moves to port 4500, traffic flows both ways."""
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
    """Mirrors ikev2/nat-rw-psk with charon.keep_alive: who is behind the NAT keeps its mapping alive."""
    connect(site)
    site.assert_same_child()
    own = "198.51.100.2" if hidden(site) == "engine" else "192.0.2.254"
    with captured(site.left.gateway, tmp_path / "outer.pcap") as capture:
        wait_until(lambda: capture.count(f"{KEEPALIVE} and src host {own}") >= 2, interval=1)


@pytest.mark.parametrize("rekeyed_by", ["engine", "charon"])
def test_rekey_through_nat(site: Lab, rekeyed_by: str) -> None:
    """Mirrors ikev2/net2net-rekey behind a NAT: also the public side reaches the hidden one to rekey."""
    connect(site)
    with no_loss(site.left.client, site.right.host):
        site.rekey_child(rekeyed_by)
        site.rekey_ike(rekeyed_by)
        site.rekey_child(rekeyed_by)


@pytest.mark.parametrize("deleted_by", ["engine", "charon"])
def test_delete_through_nat(site: Lab, deleted_by: str) -> None:
    """Mirrors the end of ikev2/nat-rw-psk."""
    connect(site)
    site.daemon(deleted_by).terminate(ike=site.name)
    wait_until(lambda: not site.engine.sas() and not site.charon.sas())


@pytest.mark.scenario("ikev2/mobike-nat-mappings")
def test_nat_mapping_changes_with_mobike(site: Lab) -> None:
    """Mirrors ikev2/mobike-nat-mappings: the engine finds it out as the hidden side, and follows ESP as the other."""
    assert site.router is not None
    connect(site, **({"engine": {"dpd_delay": "1s"}} if hidden(site) == "engine" else {}))
    site.assert_traffic()
    public = site.peer(hidden(site))
    before = public.ike()["remote-port"]
    with site.engine.events("ike-update") as events:
        site.router.forget_mappings()
        site.right.client.ping(site.left.host, wait=0.2)
        wait_until(lambda: public.ike()["remote-port"] != before)
        wait_until(lambda: events or public is not site.engine)
    if public is site.engine:
        ((name, event),) = events
        assert (name, event["remote-host"]) == ("ike-update", site.router.public)
        assert event["remote-port"] == site.engine.ike()["remote-port"]
        assert event[site.name]["remote-port"] == before
    site.assert_traffic()


def test_nat_mapping_changes(site: Lab) -> None:
    """Mirrors ikev2/mobike-nat-mappings without MOBIKE: the public side follows to the new port."""
    assert site.router is not None
    connect(site, mobike="no")
    site.assert_traffic()
    public = site.peer(hidden(site))
    port = public.ike()["remote-port"]
    site.router.forget_mappings()
    site.daemon(hidden(site)).rekey(child="net")
    wait_until(lambda: public.ike()["remote-port"] != port)
    wait_until(lambda: site.left.client.ping(site.right.host, wait=2))
    site.assert_traffic()
