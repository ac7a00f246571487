"""Peers that die, come back, or are hard to reach: DPD, INITIAL_CONTACT, retransmission."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import PSK, Lab, child, lab
from tests.lab.control import Refused
from tests.lab.netns import wait_until
from tests.lab.topology import block, unblock
from tests.lab.traffic import no_loss

QUICK_ENGINE = {"retransmit_timeout": 0.5, "retransmit_tries": 4, "retransmit_base": 1.2}
QUICK_CHARON = {"retransmit_timeout": "0.5", "retransmit_tries": "4", "retransmit_base": "1.2"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("liveness"), engine=QUICK_ENGINE, charon=QUICK_CHARON) as running:
        yield running


@pytest.mark.parametrize("asks", ["engine", "charon"])
def test_dpd_keeps_a_living_peer(site: Lab, asks: str) -> None:
    """Mirrors ikev2/dpd-restart while nothing is wrong: one side asks, the other answers, and nothing changes."""
    site.connect(**{asks: {"dpd_delay": "1s"}})
    site.engine.initiate("net")
    spi = site.engine.ike()["initiator-spi"]
    site.charon.mark_log()
    question = "parsed INFORMATIONAL request" if asks == "engine" else "sending DPD request"
    wait_until(lambda: site.charon.log().count(question) >= 2)
    assert site.assert_same_ike()[0]["initiator-spi"] == spi
    site.assert_traffic()


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(action, marks=pytest.mark.scenario(f"ikev2/dpd-{action}", role="initiator"))
        for action in ("clear", "trap", "restart")
    ],
)
def test_charon_dies(site: Lab, action: str) -> None:
    """Mirrors ikev2/dpd-clear, ikev2/dpd-trap and ikev2/dpd-restart: charon is killed and comes back."""
    site.connect(engine={"dpd_delay": "1s", "keyingtries": "0"} | child(dpd_action=action))
    site.engine.initiate("net")
    spi = site.engine.ike()["initiator-spi"]
    site.charon.kill()
    wait_until(lambda: spi not in [sa["initiator-spi"] for sa in site.engine.sas()])
    record = site.engine.failures(site.name)[-1]
    assert record["alert"] == "retransmit-send-timeout"
    assert record["side"] == "network"
    assert not site.engine.children()
    site.charon.start()
    site.charon.load_psk(PSK)
    site.charon.load({site.name: site.connection("charon")})
    if action == "clear":
        time.sleep(0.5)
        assert not site.engine.sas()
        return
    if action == "trap":
        assert not site.engine.sas()
        site.left.client.ping(site.right.host, wait=3)
    wait_until(site.engine.children)
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.parametrize("unique", ["no", "replace"])
def test_charon_returns_with_initial_contact(site: Lab, unique: str) -> None:
    """Mirrors ikev2/net2net-psk after a crash: INITIAL_CONTACT replaces what the engine still believes in."""
    site.connect(engine={"unique": unique})
    site.engine.initiate("net")
    old = site.engine.ike()["initiator-spi"]
    site.charon.kill()
    site.charon.start()
    site.charon.load_psk(PSK)
    site.charon.load({site.name: site.connection("charon")})
    site.charon.initiate("net")
    assert "N(INIT_CONTACT)" in site.charon.log()
    wait_until(lambda: old not in [sa["initiator-spi"] for sa in site.engine.sas()])
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()


def test_engine_returns_with_initial_contact(site: Lab) -> None:
    """Mirrors the same, turned round: the engine starts on its own remains and replaces the SA in charon."""
    site.connect()
    site.engine.initiate("net")
    site.engine.kill()
    site.engine.start()
    site.engine.load_psk(PSK)
    site.engine.load({site.name: site.connection("engine")})
    site.engine.initiate("net")
    assert "N(INIT_CONTACT)" in site.charon.log()
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()


def test_peer_does_not_answer(site: Lab) -> None:
    """Mirrors ikev2/net2net-start without a peer: retransmissions, then a record that says so."""
    site.connect(engine={"remote_addrs": ["192.0.2.99"]})
    with pytest.raises(Refused, match="does not answer"):
        site.engine.initiate("net")
    record = site.engine.failures(site.name)[0]
    assert record["alert"] in ("peer-init-unreachable", "retransmit-send-timeout")
    assert record["side"] == "network"
    assert record["peer"].startswith("192.0.2.99")
    assert not site.engine.sas()


def test_outage_shorter_than_the_retransmissions(site: Lab) -> None:
    """Mirrors ikev2/net2net-rekey with an outage: it begins while the network is down, and ends later."""
    site.connect()
    site.engine.initiate("net")
    block(site.right.gateway)
    started = time.monotonic()
    try:
        spi = site.engine.child()["spi-in"]
        site.engine.request("rekey", {"child": "net", "timeout": "-1"})
        time.sleep(0.5)
    finally:
        unblock(site.right.gateway)
    wait_until(lambda: [found["spi-in"] for found in site.engine.children()] not in ([], [spi]))
    assert time.monotonic() - started > 0.5
    site.assert_same_child()
    site.assert_traffic()


def test_duplicates_of_requests_are_answered_again(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-rekey with an outage one way: answers go out again when the request comes again."""
    other = site.left if initiator == "engine" else site.right
    site.connect()
    site.daemon(initiator).initiate("net")
    spi = site.engine.child()["spi-in"]
    block(other.gateway)
    try:
        site.daemon(initiator).request("rekey", {"child": "net", "timeout": "-1"})
        time.sleep(0.5)
    finally:
        unblock(other.gateway)
    wait_until(lambda: [found["spi-in"] for found in site.engine.children()] not in ([], [spi]))
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/inactivity-timeout", role="initiator")
def test_inactivity(site: Lab) -> None:
    """Mirrors ikev2/inactivity-timeout: the Child SA is closed when nothing goes through it, but not before."""
    site.connect(engine=child(inactivity="3s"))
    site.engine.initiate("net")
    with no_loss(site.left.client, site.right.host):
        time.sleep(4)
        site.assert_same_child()
    wait_until(lambda: not site.engine.children() and not site.charon.children())
    site.assert_same_ike()
