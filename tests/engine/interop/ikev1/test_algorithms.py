"""Algorithms of IKEv1 that the engine and strongSwan have in common, one handshake each, and in ESP with traffic."""

from __future__ import annotations

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab, child

HASHES = ["aes128-sha1", "aes192-sha256", "aes256-sha384", "aes256-sha512", "3des-sha1", "3des-md5"]
GROUPS = ["modp768", "modp1024", "modp1536", "modp2048", "modp3072", "modp4096", "ecp256", "ecp384", "ecp521"]
IKE = [f"{cipher}-modp2048" for cipher in HASHES] + [f"aes128-sha256-{group}" for group in GROUPS]

ESP = [
    "3des-md5",
    "3des-sha1",
    "aes128-sha1",
    "aes192-sha256",
    "aes256-sha512-modp2048",
    "aes128-aesxcbc",
    "null-sha256",
    "aes128ctr-sha256",
    "aes128gcm8",
    "aes256gcm16-ecp256",
    "aes128ccm16",
]


@pytest.mark.parametrize("proposal", IKE)
def test_ike(site: Lab, initiator: str, proposal: str) -> None:
    """Mirrors ikev1-algs: alg-3des-md5, alg-sha256, alg-sha384, alg-sha512, alg-modp-subgroup, alg-ecp-low."""
    connect(site, proposals=[proposal])
    site.daemon(initiator).initiate(ike=site.name)
    mine, theirs = site.assert_same_ike()
    for key in ("encr-alg", "encr-keysize", "prf-alg", "dh-group"):
        assert mine.get(key) == theirs.get(key), key


@pytest.mark.parametrize("proposal", ESP)
def test_esp(site: Lab, initiator: str, proposal: str) -> None:
    """Mirrors ikev1-algs: esp-alg-aes-gmac, esp-alg-null, esp-alg-aesxcbc with Quick Mode."""
    connect(site, **child(esp_proposals=[proposal]))
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev1/rw-multi-ciphers")
@pytest.mark.parametrize("which", [0, 1], ids=["carol", "dave"])
def test_road_warriors_with_other_ciphers(site: Lab, initiator: str, which: int) -> None:
    """Mirrors ikev1/rw-multi-ciphers: the gateway has proposals for each road warrior, who has one of them."""
    ike, esp = ["aes128-sha256-modp2048", "3des-sha1-modp2048"], ["aes128-sha256", "3des-sha1"]
    gateway = "charon" if initiator == "engine" else "engine"
    warrior = {"proposals": [ike[which]], **child(esp_proposals=[esp[which]])}
    many = {"proposals": ike, "remote_addrs": ["%any"], **child(esp_proposals=esp)}
    connect(site, **{initiator: warrior, gateway: many})
    site.daemon(initiator).initiate("net")
    assert site.assert_same_ike()[0]["encr-alg"] == ("AES_CBC", "3DES_CBC")[which]
    assert site.assert_same_child()[0]["encr-alg"] == ("AES_CBC", "3DES_CBC")[which]
    site.assert_traffic()


def test_default_proposals(site: Lab, initiator: str) -> None:
    """Our default list and charon's have something in common."""
    connect(site, proposals=["default"], **child(esp_proposals=["default"]))
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()
