"""Rekeying under traffic: from each side, by time and by volume, at the same moment; not one ping may be lost."""

from __future__ import annotations

import time

import pytest

from tests.engine.interop.lab import Lab, child
from tests.lab.control import in_parallel
from tests.lab.netns import wait_until
from tests.lab.traffic import no_loss

PFS = {"with PFS": "aes128gcm16-x25519", "without PFS": "aes128gcm16"}


@pytest.mark.parametrize("rekeyed_by", ["engine", "charon"])
@pytest.mark.parametrize("esp", PFS.values(), ids=PFS)
def test_child_rekey(site: Lab, initiator: str, rekeyed_by: str, esp: str) -> None:
    """Mirrors ikev2/net2net-rekey for the Child SA, with and without a key exchange of its own."""
    site.connect(**child(esp_proposals=[esp]))
    site.daemon(initiator).initiate("net")
    with no_loss(site.left.client, site.right.host), no_loss(site.right.client, site.left.host):
        time.sleep(0.2)
        for _ in range(3):
            site.rekey_child(rekeyed_by)
            time.sleep(0.1)
    assert site.engine.child().get("dh-group") == ("CURVE_25519" if "x25519" in esp else None)


@pytest.mark.parametrize("rekeyed_by", ["engine", "charon"])
def test_ike_rekey(site: Lab, initiator: str, rekeyed_by: str) -> None:
    """Mirrors ikev2/net2net-rekey for the IKE SA; the Child SA moves along and can be rekeyed afterwards."""
    site.connect()
    site.daemon(initiator).initiate("net")
    spi = site.engine.child()["spi-in"]
    with no_loss(site.left.client, site.right.host):
        time.sleep(0.2)
        for _ in range(3):
            site.rekey_ike(rekeyed_by)
        assert site.engine.child()["spi-in"] == spi
        for name in ("engine", "charon"):
            site.rekey_child(name)
        time.sleep(0.2)


@pytest.mark.parametrize("what", ["child", "ike"])
def test_both_rekey_at_once(site: Lab, what: str) -> None:
    """Mirrors strongSwan's unit suites child_rekey and ike_rekey, collisions: one of two new SAs survives."""
    site.connect()
    site.engine.initiate("net")
    target = {"child": "net"} if what == "child" else {"ike": "site"}
    with no_loss(site.left.client, site.right.host):
        for _ in range(8):
            waits = [in_parallel(lambda daemon=daemon: daemon.rekey(**target)) for daemon in (site.charon, site.engine)]
            for wait in waits:
                wait()
            wait_until(lambda: not site.engine.children("REKEYING") and len(site.engine.sas()) == 1)
            site.assert_same_ike()
            site.assert_same_child()


def test_child_and_ike_rekey_at_once(site: Lab) -> None:
    """Mirrors the suite child_rekey against ike_rekey: TEMPORARY_FAILURE, then both succeed (RFC 7296, 2.25)."""
    site.connect()
    site.engine.initiate("net")
    with no_loss(site.left.client, site.right.host):
        for child_by, ike_by in (("engine", "charon"), ("charon", "engine")) * 3:
            spi, ike_spi = site.engine.child()["spi-in"], site.engine.ike()["initiator-spi"]
            waits = [
                in_parallel(lambda by=ike_by: site.daemon(by).rekey(ike="site")),
                in_parallel(lambda by=child_by: site.daemon(by).rekey(child="net")),
            ]
            for wait in waits:
                wait()
            wait_until(lambda old=ike_spi: [sa["initiator-spi"] for sa in site.engine.sas()] != [old])
            wait_until(lambda old=spi: [found["spi-in"] for found in site.engine.children()] not in ([], [old]), 20)
            site.assert_same_ike()
            site.assert_same_child()


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
        with no_loss(site.left.client, site.right.host, at_least=200):
            time.sleep(6)
        kinds = [kind for kind, _ in events]
    assert kinds.count("child-rekey") >= 2
    assert kinds.count("ike-rekey") >= 1
    site.assert_same_child()


@pytest.mark.parametrize("limited", ["engine", "charon"])
def test_rekey_by_packets(site: Lab, limited: str) -> None:
    """Mirrors ikev2/net2net-rekey with rekey_packets on one side."""
    limits = child(rekey_packets="50", life_packets="1000", rand_packets="0")
    site.connect(**{limited: limits})
    site.engine.initiate("net")
    spi = site.engine.child()["spi-in"]
    with no_loss(site.left.client, site.right.host, at_least=100):
        wait_until(lambda: [found["spi-in"] for found in site.engine.children()] not in ([], [spi]), 10)
        time.sleep(1.5)
    site.assert_same_child()


def test_rekey_takes_new_settings(site: Lab) -> None:
    """Mirrors ikev2/reload: a connection loaded anew with another lifetime keeps its SAs, and both sides go on."""
    site.connect()
    site.engine.initiate("net")
    spi = site.charon.child()["spi-in"]
    site.charon.load({"site": site.connection("charon")})
    site.engine.load({"site": site.connection("engine")})
    assert site.charon.child()["spi-in"] == spi
    site.assert_same_child()
    site.rekey_child("charon")
    site.assert_traffic()
