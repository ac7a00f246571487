"""Every algorithm that the engine and this strongSwan have in common, one handshake each, and in ESP with traffic."""

from __future__ import annotations

import pytest

from tests.engine.interop.lab import ESP_PROPOSAL, Lab, child, merged

CIPHERS = [
    "3des-sha1",
    "aes128-sha1",
    "aes192-sha256",
    "aes256-sha384",
    "aes256-sha512",
    "aes128-aesxcbc",
    "aes128-aescmac",
    "aes128ctr-sha256",
    "aes192ctr-sha384",
    "aes256ctr-sha512",
    "aes128gcm8-prfsha256",
    "aes192gcm12-prfsha256",
    "aes256gcm16-prfsha384",
    "aes128ccm8-prfsha256",
    "aes192ccm12-prfsha256",
    "aes256ccm16-prfsha512",
    "chacha20poly1305-prfsha256",
]
PRFS = ["prfsha1", "prfsha256", "prfsha384", "prfsha512", "prfaesxcbc", "prfaescmac"]
GROUPS = [
    "modp1024",
    "modp1536",
    "modp2048",
    "modp3072",
    "modp4096",
    "modp6144",
    "modp8192",
    "ecp256",
    "ecp384",
    "ecp521",
    "ecp256bp",
    "ecp384bp",
    "ecp512bp",
    "x25519",
    "x448",
]
IKE = [f"{cipher}-x25519" for cipher in CIPHERS]
IKE += [f"aes128gcm16-{prf}-x25519" for prf in PRFS]
IKE += [f"aes128-sha256-{group}" for group in GROUPS]

ESP = [
    "aes128-sha1",
    "aes192-sha256",
    "aes256-sha384",
    "aes256-sha512",
    "aes128-aesxcbc",
    "aes128-aescmac",
    "3des-sha1",
    "null-sha256",
    "aes128ctr-sha256",
    "aes256ctr-sha512",
    "aes128gcm8",
    "aes192gcm12",
    "aes256gcm16",
    "aes128ccm8",
    "aes256ccm16",
    "chacha20poly1305",
]


@pytest.mark.parametrize("proposal", IKE)
def test_ike(site: Lab, initiator: str, proposal: str) -> None:
    """Mirrors ikev2-algs/alg-aes-xcbc, -ctr, -gcm, -ccm, -chacha20poly1305, -ecp-low, -ecp-brainpool-high."""
    site.connect(proposals=[proposal])
    site.daemon(initiator).initiate(ike=site.name)
    mine, theirs = site.assert_same_ike()
    for key in ("encr-alg", "encr-keysize", "integ-alg", "prf-alg", "dh-group"):
        assert mine.get(key) == theirs.get(key), key


@pytest.mark.parametrize("proposal", ESP)
def test_esp(site: Lab, initiator: str, proposal: str) -> None:
    """Mirrors libipsec/net2net-cbc, net2net-ccm, net2net-gcm, net2net-null and net2net-3des."""
    site.connect(**child(esp_proposals=[proposal]))
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.parametrize("ike", ["default", "aes256-aes128-sha384-sha256-ecp384-ecp256-x25519"])
@pytest.mark.parametrize("esp", ["default", "aes256-aes128-sha512-sha256"])
def test_many_proposals(site: Lab, initiator: str, ike: str, esp: str) -> None:
    """Mirrors ikev2/net2net-psk with `proposals = default`: the lists are long, and what is chosen is in both."""
    others = ["3des-sha1-modp1024", "aes256-sha512-modp4096"]
    site.connect(
        engine=merged({"proposals": [*others, ike]}, child(esp_proposals=["aes128ccm16", esp])),
        charon=merged({"proposals": [ike]}, child(esp_proposals=[esp])),
    )
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()


def test_second_proposal(site: Lab, initiator: str) -> None:
    """The first proposal that both have is not the first one of either side; the number of the offer is kept."""
    site.connect(
        engine=merged(
            {"proposals": ["aes256gcm16-prfsha512-ecp521", "aes192-sha384-modp2048"]},
            child(esp_proposals=["aes256gcm16", "aes192-sha384"]),
        ),
        charon=merged(
            {"proposals": ["chacha20poly1305-prfsha256-x25519", "aes192-sha384-modp2048"]},
            child(esp_proposals=["chacha20poly1305", "aes192-sha384"]),
        ),
    )
    site.daemon(initiator).initiate("net")
    mine, _ = site.assert_same_ike()
    assert (mine["encr-alg"], mine["encr-keysize"], mine["dh-group"]) == ("AES_CBC", "192", "MODP_2048")
    assert site.engine.child()["integ-alg"] == "HMAC_SHA2_384_192"


def test_default_esp_proposal_is_taken_by_ours(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-psk where only one side names its algorithms."""
    site.connect(engine=child(esp_proposals=["default"]), charon=child(esp_proposals=[ESP_PROPOSAL]))
    site.daemon(initiator).initiate("net")
    site.assert_traffic()
