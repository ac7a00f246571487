"""The end of SAs: deleted from each side, by stopping a daemon, and what brings them back."""

from __future__ import annotations

import pytest

from tests.engine.interop.lab import Lab, child
from tests.lab.netns import wait_until


@pytest.mark.parametrize("deleted_by", ["engine", "charon"])
def test_child_deleted(site: Lab, initiator: str, deleted_by: str) -> None:
    """Mirrors ikev2/net2net-psk with `swanctl --terminate --child`: the IKE SA stays and takes a new Child SA."""
    site.connect()
    site.daemon(initiator).initiate("net")
    site.daemon(deleted_by).terminate(child="net")
    wait_until(lambda: not site.engine.children() and not site.charon.children())
    site.assert_same_ike()
    site.assert_no_traffic()
    site.peer(deleted_by).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.parametrize("deleted_by", ["engine", "charon"])
def test_ike_deleted(site: Lab, initiator: str, deleted_by: str) -> None:
    """Mirrors ikev2/net2net-psk with `swanctl --terminate --ike`: nothing is left on either side."""
    site.connect()
    site.daemon(initiator).initiate("net")
    with site.engine.events("ike-updown", "child-updown") as events:
        site.daemon(deleted_by).terminate(ike=site.name)
        wait_until(lambda: not site.engine.sas() and not site.charon.sas())
        wait_until(lambda: len(events) >= 1)
    assert "up" not in events[0][1], "down is told by leaving out `up`"
    site.assert_no_traffic()


@pytest.mark.parametrize("action", ["start", "trap"])
def test_close_action(site: Lab, action: str) -> None:
    """Mirrors ikev2/net2net-start with close_action: charon closes, the engine brings the tunnel back."""
    site.connect(engine=child(close_action=action))
    site.engine.initiate("net")
    spi = site.engine.child()["spi-in"]
    site.charon.terminate(child="net")
    if action == "trap":
        wait_until(lambda: not site.engine.children())
        site.left.client.ping(site.right.host, wait=3)
    wait_until(lambda: [found["spi-in"] for found in site.engine.children()] not in ([], [spi]))
    site.assert_same_child()
    site.assert_traffic()


def test_engine_stops(site: Lab) -> None:
    """Mirrors the posttest of every scenario, `systemctl stop`: the peer is told, and nothing stays on the host."""
    site.connect()
    site.engine.initiate("net")
    try:
        assert site.engine.stop() == 0
        wait_until(lambda: not site.charon.sas())
        links = site.left.gateway.run("ip", "-br", "link").stdout
        rules = site.left.gateway.run("ip", "rule").stdout
        assert "ike0" not in links
        assert "10.2.0.0" not in site.left.gateway.run("ip", "route", "show", "table", "all").stdout
        assert len(rules.splitlines()) == 3, rules
    finally:
        site.engine.start()


def test_charon_stops(site: Lab) -> None:
    """The reverse: charon says goodbye with a Delete."""
    site.connect()
    site.engine.initiate("net")
    try:
        site.charon.stop()
        wait_until(lambda: not site.engine.sas())
    finally:
        site.charon.start()
