"""The signed octets."""

from __future__ import annotations

import hashlib
import hmac

from ikeengine.auth.octets import signed_octets
from ikeengine.model.secret import Secret
from ikeengine.registry import PrfId


def test_message_nonce_and_mac_of_the_identity() -> None:
    body = b"\x02\x00\x00\x00moon"
    octets = signed_octets(b"message", b"nonce", PrfId.PRF_HMAC_SHA2_256, Secret(b"SK_pi"), body)
    assert octets == b"message" + b"nonce" + hmac.new(b"SK_pi", body, hashlib.sha256).digest()


def test_the_reserved_octets_of_the_identity_count() -> None:
    def of(body: bytes) -> bytes:
        return signed_octets(b"", b"", PrfId.PRF_HMAC_SHA2_512, Secret(b"key"), body)

    assert of(b"\x02\x00\x00\x00moon") != of(b"\x02\x00\x00\x01moon")
