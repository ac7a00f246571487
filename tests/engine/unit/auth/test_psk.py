"""Pre-shared key authentication."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from ikeengine.auth.psk import psk_auth, verify_psk
from ikeengine.errors import AuthFailed
from ikeengine.model.secret import Secret
from ikeengine.registry import PrfId

SECRET = Secret(b"swordfish")


def test_the_formula_of_the_rfc() -> None:
    inner = hmac.new(b"swordfish", b"Key Pad for IKEv2", hashlib.sha256).digest()
    expected = hmac.new(inner, b"octets", hashlib.sha256).digest()
    assert psk_auth(PrfId.PRF_HMAC_SHA2_256, SECRET, b"octets") == expected


@pytest.mark.parametrize(
    "prf",
    [
        PrfId.PRF_HMAC_SHA1,
        PrfId.PRF_HMAC_SHA2_384,
        PrfId.PRF_HMAC_SHA2_512,
        PrfId.PRF_AES128_XCBC,
        PrfId.PRF_AES128_CMAC,
    ],
)
@pytest.mark.parametrize("secret", [b"x", b"swordfish" * 20])
def test_every_prf_takes_every_length(prf: PrfId, secret: bytes) -> None:
    verify_psk(prf, Secret(secret), b"octets", psk_auth(prf, Secret(secret), b"octets"))


def test_what_does_not_verify() -> None:
    good = psk_auth(PrfId.PRF_HMAC_SHA2_256, SECRET, b"octets")
    for secret, octets, received in (
        (Secret(b"sword fish"), b"octets", good),
        (SECRET, b"other octets", good),
        (SECRET, b"octets", good[:-1]),
        (SECRET, b"octets", good + b"\0"),
        (SECRET, b"octets", b""),
    ):
        with pytest.raises(AuthFailed) as caught:
            verify_psk(PrfId.PRF_HMAC_SHA2_256, secret, octets, received)
        assert caught.value.check == "peer-auth-failed"
        assert "swordfish" not in str(caught.value)
