"""cli.digest: what an SA looks like in one line."""

from __future__ import annotations

from ikeengine.cli.digest import suite
from ikeengine.daemon.vici.codec import Message


def test_suite_with_additional_key_exchanges() -> None:
    section: Message = {
        "encr-alg": b"AES_GCM_16",
        "encr-keysize": b"256",
        "prf-alg": b"PRF_HMAC_SHA2_256",
        "dh-group": b"CURVE_25519",
    }
    assert suite(section) == "AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE_25519"
    section |= {"ake1": b"ECP_384", "ake7": b"CURVE_448"}
    assert suite(section) == "AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE_25519/KE1_ECP_384/KE7_CURVE_448"
