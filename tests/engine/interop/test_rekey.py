"""Rekeying under traffic: from each side, by time and by volume, at the same moment; not one ping may be lost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.engine.interop.lab import Lab, child
from tests.lab.control import Control, Refused, in_parallel
from tests.lab.netns import wait_until
from tests.lab.traffic import no_loss

PFS = {"with PFS": "aes128gcm16-x25519", "without PFS": "aes128gcm16"}


@pytest.mark.scenario("ikev2/net2net-rekey")
@pytest.mark.parametrize("rekeyed_by", ["engine", "charon"])
@pytest.mark.parametrize("esp", PFS.values(), ids=PFS)
def test_child_rekey(site: Lab, initiator: str, rekeyed_by: str, esp: str) -> None:
    """Mirrors ikev2/net2net-rekey for the Child SA, with and without a key exchange of its own."""
    site.connect(**child(esp_proposals=[esp]))
    site.daemon(initiator).initiate("net")
    with no_loss(site.left.client, site.right.host), no_loss(site.right.client, site.left.host):
        for _ in range(3):
            site.rekey_child(rekeyed_by)
    assert site.engine.child().get("dh-group") == ("CURVE_25519" if "x25519" in esp else None)


@pytest.mark.scenario("ikev2/net2net-rekey")
@pytest.mark.parametrize("rekeyed_by", ["engine", "charon"])
def test_ike_rekey(site: Lab, initiator: str, rekeyed_by: str) -> None:
    """Mirrors ikev2/net2net-rekey for the IKE SA; the Child SA moves along and can be rekeyed afterwards."""
    site.connect()
    site.daemon(initiator).initiate("net")
    spi = site.engine.child()["spi-in"]
    with no_loss(site.left.client, site.right.host):
        for _ in range(3):
            site.rekey_ike(rekeyed_by)
        assert site.engine.child()["spi-in"] == spi
        for name in ("engine", "charon"):
            site.rekey_child(name)


@pytest.mark.parametrize("what", ["child", "ike"])
def test_both_rekey_at_once(site: Lab, what: str) -> None:
    """Mirrors strongSwan's unit suites child_rekey and ike_rekey, collisions: one of two new SAs survives.

    Charon sometimes does not notice an answer that arrives while it handles a request of the same message ID. The
    redundant SA that it then leaves to us stays for a while, without being used.
    """
    site.connect()
    site.engine.initiate("net")
    with no_loss(site.left.client, site.right.host):
        for _ in range(8):
            at_once(*(rekey_of(daemon, what) for daemon in (site.charon, site.engine)))
            site.assert_same_ike()
            site.assert_same_child()


def rekey_of(daemon: Control, what: str) -> Callable[[], None]:
    """The rekeying of exactly the SA that is there now, and not of the one that a faster peer puts in its place."""
    if what == "child":
        return partial(daemon.rekey, child_id=daemon.child()["uniqueid"])
    return partial(daemon.rekey, ike_id=daemon.ike()["uniqueid"])


def at_once(*calls: Callable[[], None]) -> None:
    """Give commands at the same time. The engine may refuse, because the peer was faster or is busy."""

    def quiet(call: Callable[[], None]) -> None:
        with contextlib.suppress(Refused):
            call()

    for wait in [in_parallel(partial(quiet, call)) for call in calls]:
        wait()


def test_child_and_ike_rekey_at_once(site: Lab) -> None:
    """Mirrors the suite ike_rekey against child_rekey: whoever is busy says TEMPORARY_FAILURE (RFC 7296, 2.25).

    Who is refused tries again after seconds, so either SA may still be the old one; but nothing breaks.
    """
    site.connect()
    site.engine.initiate("net")
    with no_loss(site.left.client, site.right.host):
        for child_by, ike_by in (("engine", "charon"), ("charon", "engine")) * 4:
            at_once(rekey_of(site.daemon(ike_by), "ike"), rekey_of(site.daemon(child_by), "child"))
            site.assert_same_ike()
            site.assert_same_child()
    assert not [record for record in site.engine.failures(site.name) if record["alert"] != "retransmit-send"]


@pytest.mark.scenario("ikev2/net2net-rekey", role="initiator")
def test_rekey_by_time(site: Lab) -> None:
    """Mirrors ikev2/net2net-rekey with rekey_time: both sides have timers, and both SAs are replaced several times."""
    site.connect(
        rekey_time="3s",
        over_time="10s",
        rand_time="1s",
        **child(rekey_time="2s", life_time="10s", rand_time="1s"),
    )
    with site.engine.events("child-rekey", "ike-rekey") as events:
        site.engine.initiate("net")
        with no_loss(site.left.client, site.right.host, at_least=100):
            wait_until(lambda: kinds(events).count("child-rekey") >= 3 and kinds(events).count("ike-rekey") >= 2)
    site.assert_same_child()


def kinds(events: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [kind for kind, _ in events]


@pytest.mark.parametrize("limited", ["engine", "charon"])
def test_rekey_by_packets(site: Lab, limited: str) -> None:
    """Mirrors ikev2/net2net-rekey with rekey_packets on one side."""
    limits = child(rekey_packets="50", life_packets="1000", rand_packets="0")
    site.connect(**{limited: limits})
    site.engine.initiate("net")
    spi = site.engine.child()["spi-in"]
    with no_loss(site.left.client, site.right.host, at_least=100):
        wait_until(lambda: [found["spi-in"] for found in site.engine.children()] not in ([], [spi]))
    site.assert_same_child()


def test_rekey_takes_new_settings(site: Lab) -> None:
    """Mirrors ikev2/reload: a connection loaded anew with another lifetime keeps its SAs, and both sides go on."""
    site.connect()
    site.engine.initiate("net")
    spi = site.charon.child()["spi-in"]
    site.charon.load({site.name: site.connection("charon")})
    site.engine.load({site.name: site.connection("engine")})
    assert site.charon.child()["spi-in"] == spi
    site.assert_same_child()
    site.rekey_child("charon")
    site.assert_traffic()


@pytest.mark.scenario("ikev2/reauth-mbb")
def test_reauthentication_by_the_engine(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/reauth-mbb: a new IKE SA with its Child SA is up before the old ones go."""
    site.connect()
    site.daemon(initiator).initiate("net")
    old, spi = site.engine.ike()["initiator-spi"], site.engine.child()["spi-in"]
    with no_loss(site.left.client, site.right.host):
        site.engine.request("rekey", {"ike": site.name, "reauth": "yes"})
        wait_until(lambda: [sa["initiator-spi"] for sa in site.engine.ikes()] not in ([], [old]))
        wait_until(lambda: len(site.charon.sas()) == 1)
    assert site.assert_same_ike()[0]["initiator-spi"] != old
    assert site.assert_same_child()[0]["spi-in"] != spi
    site.assert_traffic()


@pytest.mark.scenario("ikev2/reauth-mbb", role="responder")
@pytest.mark.parametrize("first", ["make", "break"])
def test_reauthentication_by_charon(site: Lab, first: str) -> None:
    """Mirrors ikev2/reauth-mbb and ikev2/reauth-late."""
    site.charon.configure({"make_before_break": "yes" if first == "make" else "no"})
    try:
        site.connect()
        site.engine.initiate("net")
        old = site.engine.ike()["initiator-spi"]
        site.charon.request("rekey", {"ike": site.name, "reauth": "yes"})
        wait_until(lambda: [sa["initiator-spi"] for sa in site.engine.ikes()] not in ([], [old]))
        wait_until(lambda: len(site.charon.sas()) == len(site.engine.sas()) == 1)
        site.assert_same_ike()
        site.assert_same_child()
        site.assert_traffic()
    finally:
        site.charon.configure({})


def test_reauthentication_by_time(site: Lab) -> None:
    """Mirrors ikev2/reauth-early."""
    site.connect(engine={"reauth_time": "5s", "rand_time": "0s", "over_time": "20s"})
    site.engine.initiate("net")
    old = site.engine.ike()
    assert 0 <= int(old["reauth-time"]) <= 5
    with no_loss(site.left.client, site.right.host):
        wait_until(lambda: all(sa["initiator-spi"] != old["initiator-spi"] for sa in site.engine.sas()))
    site.assert_same_ike()
    site.assert_same_child()
