"""Rekeying with IKEv1 under traffic, from each side: not one ping may be lost."""

from __future__ import annotations

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab, child
from tests.lab.netns import wait_until
from tests.lab.traffic import no_loss

PFS = {"with PFS": "aes128gcm16-modp3072", "without PFS": "aes128gcm16"}


@pytest.mark.parametrize("rekeyed_by", ["engine", "charon"])
@pytest.mark.parametrize("esp", PFS.values(), ids=PFS)
def test_child_rekey(site: Lab, initiator: str, rekeyed_by: str, esp: str) -> None:
    """Quick Mode anew for the same traffic. We delete what we have rekeyed; charon keeps it (delete_rekeyed)."""
    connect(site, **child(esp_proposals=[esp]))
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()
    with no_loss(site.left.client, site.right.host), no_loss(site.right.client, site.left.host):
        for _ in range(2):
            old = {found["spi-in"] for found in site.engine.children()}
            site.daemon(rekeyed_by).rekey(child="net")
            wait_until(lambda old=old: {found["spi-in"] for found in site.engine.children()} - old)
            if rekeyed_by == "engine":
                wait_until(lambda: len(site.engine.children()) == 1)


@pytest.mark.parametrize("rekeyed_by", ["engine", "charon"])
def test_isakmp_rekey(site: Lab, initiator: str, rekeyed_by: str) -> None:
    """Phase 1 anew: the Child SA moves to the new ISAKMP SA on both sides, and the old one goes."""
    connect(site)
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    spi, ike = site.engine.child()["spi-in"], site.engine.ike()["initiator-spi"]
    with no_loss(site.left.client, site.right.host):
        site.daemon(rekeyed_by).rekey(ike=site.name)
        wait_until(lambda: all(sa["initiator-spi"] != ike for sa in (*site.engine.sas(), *site.charon.sas())))
        site.assert_same_ike()
        assert site.engine.child()["spi-in"] == spi
    site.assert_same_child()
