"""Tunnels that come up by themselves, and come back whatever happens: `start_action`, `keep_up`, dead peers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import PSK, Lab, child, lab, merged
from tests.lab.control import Control
from tests.lab.netns import wait_until
from tests.lab.topology import block, unblock
from tests.lab.traffic import no_loss

QUICK_ENGINE = {
    "retransmit_timeout": 0.5,
    "retransmit_tries": 4,
    "retransmit_base": 1.2,
    "retry_initiate_interval": 0.5,
    "retry_initiate_limit": 1,
}
QUICK_CHARON = {"retransmit_timeout": "0.5", "retransmit_tries": "4", "retransmit_base": "1.2"}
KEPT = {"dpd_delay": "1s", **child(keep_up="yes")}
CUT = {"dpd_delay": "1s", "mobike": "no"}
"""MOBIKE would go round the cut by IPv6."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("keep_up"), engine=QUICK_ENGINE, charon=QUICK_CHARON) as running:
        yield running


def restart_charon(site: Lab, **changes: object) -> None:
    """Charon has crashed and comes back with its configuration."""
    site.charon.start()
    site.charon.load_psk(PSK)
    site.charon.load({site.name: merged(site.connection("charon"), changes)})


def assert_one(site: Lab) -> None:
    """One IKE SA with one Child SA, the same on both sides, and packets go through it."""
    wait_until(lambda: spis(site.engine, "spi-in") == spis(site.charon, "spi-out") and len(site.engine.children()) == 1)
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()


def spis(daemon: Control, which: str) -> list[str]:
    """Those of the Child SAs of a daemon."""
    return [found[which] for found in daemon.children()]


@pytest.mark.scenario("ikev2/net2net-start")
@pytest.mark.scenario("ikev2/start-action-start")
def test_start_action(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-start and ikev2/start-action-start: the tunnel is up as soon as it is configured."""
    site.connect()
    section = merged(site.connection(initiator), child(start_action="start"))
    site.daemon(initiator).unload(site.name)
    site.daemon(initiator).load({site.name: section})
    assert_one(site)


@pytest.mark.scenario("ikev2/dpd-clear")
def test_dpd_clear(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/dpd-clear: the network is cut, who asks clears its SAs and does nothing more."""
    site.connect(**CUT)
    site.daemon(initiator).initiate("net")
    block(site.right.gateway)
    block(site.left.gateway)
    try:
        wait_until(lambda: not site.engine.sas() and not site.charon.sas())
    finally:
        unblock(site.right.gateway)
        unblock(site.left.gateway)
    assert site.engine.failures(site.name)[-1]["side"] == "network"
    site.assert_no_traffic()
    assert not site.engine.sas()


@pytest.mark.scenario("ikev2/dpd-trap")
def test_dpd_trap(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/dpd-trap: the network is cut, traffic brings the tunnel back afterwards."""
    site.connect(engine=child(dpd_action="trap"), **CUT)
    site.daemon(initiator).initiate("net")
    block(site.right.gateway)
    block(site.left.gateway)
    try:
        wait_until(lambda: not site.engine.sas() and not site.charon.sas())
    finally:
        unblock(site.right.gateway)
        unblock(site.left.gateway)
    site.left.client.ping(site.right.host, wait=3)
    assert_one(site)


@pytest.mark.scenario("ikev2/dpd-restart")
def test_dpd_restart(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/dpd-restart: the network is cut, and the tunnel comes back by itself afterwards."""
    site.connect(**{initiator: {"keyingtries": "0", **child(dpd_action="restart")}}, **CUT)
    site.daemon(initiator).initiate("net")
    old = site.engine.ike()["initiator-spi"]
    block(site.right.gateway)
    block(site.left.gateway)
    try:
        wait_until(lambda: old not in [sa["initiator-spi"] for sa in (*site.engine.sas(), *site.charon.sas())])
    finally:
        unblock(site.right.gateway)
        unblock(site.left.gateway)
    assert_one(site)


def test_dpd_timeout(site: Lab) -> None:
    """Mirrors ikev2/dpd-clear with dpd_timeout, which ends the waiting before the retransmissions do."""
    site.connect(engine={"dpd_timeout": "2s", "retransmit_timeout": "20s"}, mobike="no", dpd_delay="1s")
    site.engine.initiate("net")
    block(site.right.gateway)
    try:
        wait_until(lambda: not site.engine.sas())
    finally:
        unblock(site.right.gateway)


def test_kept_when_charon_reboots(site: Lab) -> None:
    """Mirrors ikev2/dpd-restart with a reboot instead of an outage; charon knows nothing any more."""
    site.connect(engine=KEPT)
    assert_one(site)
    old = site.engine.ike()["initiator-spi"]
    site.charon.kill()
    wait_until(lambda: old not in [sa["initiator-spi"] for sa in site.engine.sas()])
    time.sleep(1)
    restart_charon(site)
    assert_one(site)


def test_kept_when_charon_initiates_after_its_reboot(site: Lab) -> None:
    """Mirrors ikev2/net2net-start after a crash, while the engine looks for charon at the same time."""
    site.connect(engine=KEPT)
    assert_one(site)
    site.charon.kill()
    time.sleep(0.5)
    restart_charon(site, **child(start_action="start"))
    assert_one(site)
    time.sleep(1)
    assert_one(site)


@pytest.mark.parametrize("what", ["child", "ike"])
def test_kept_when_charon_closes(site: Lab, what: str) -> None:
    """Mirrors ikev2/net2net-start with `swanctl --terminate` on the other side."""
    site.connect(engine=KEPT)
    wait_until(site.engine.children)
    old = site.engine.child()["spi-in"]
    site.charon.terminate(**{"child": "net"} if what == "child" else {"ike": site.name})
    wait_until(lambda: [found["spi-in"] for found in site.engine.children()] not in ([], [old]))
    assert_one(site)


def test_kept_when_both_sides_start(site: Lab) -> None:
    """Mirrors ikev2/start-action-start on both sides: of two IKE SAs one stays in the end."""
    site.connect()
    for name, section in (("charon", child(start_action="start")), ("engine", KEPT)):
        site.daemon(name).unload(site.name)
        site.daemon(name).load({site.name: merged(site.connection(name), section)})
    wait_until(lambda: site.engine.children() and site.charon.children())
    with no_loss(site.left.client, site.right.host):
        wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == 1)
    assert_one(site)


def test_kept_when_authentication_fails_for_a_while(site: Lab) -> None:
    """Mirrors ikev2/net2net-psk-fail, until the secret is the same on both sides."""
    site.charon.load_psk("another secret")
    site.engine.load_psk(PSK)
    site.charon.load({site.name: site.connection("charon")})
    site.engine.load({site.name: merged(site.connection("engine"), KEPT)})
    wait_until(lambda: len(site.engine.failures(site.name)) >= 3)
    assert site.engine.failures(site.name)[0]["alert"] == "local-auth-failed"
    site.charon.load_psk(PSK)
    assert_one(site)


def test_terminated_here_it_stays_down(site: Lab) -> None:
    """Mirrors ikev2/net2net-start with `swanctl --terminate` on this side: the operator has the last word."""
    site.connect(engine=KEPT)
    assert_one(site)
    site.engine.terminate(child="net")
    time.sleep(1.5)
    assert not site.engine.children()
    site.engine.initiate("net")
    assert_one(site)
