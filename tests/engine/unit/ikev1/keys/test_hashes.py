"""ikev1.keys.hashes against the formulas of RFC 2409 section 5, computed another way."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.errors import IntegrityFailed
from ikeengine.ikev1.keys.hashes import check_hash, hash_1, hash_2, hash_3, hash_i, hash_r
from ikeengine.model.secret import Secret
from ikeengine.registry import PrfId

PRF = PrfId.PRF_HMAC_SHA1
KEY = Secret(b"key of twenty octets")
PARTS = (b"g^xi", b"g^xr", b"cookie i", b"cookie r", b"SA body", b"ID body")


def sha1(*parts: bytes) -> bytes:
    return hmac.digest(KEY.reveal(), b"".join(parts), "sha1")


def test_phase_1() -> None:
    assert hash_i(PRF, KEY, *PARTS) == sha1(b"g^xig^xrcookie icookie rSA bodyID body")
    assert hash_r(PRF, KEY, *PARTS) == sha1(b"g^xrg^xicookie rcookie iSA bodyID body")


def test_after_phase_1() -> None:
    assert hash_1(PRF, KEY, 0x01020304, b"rest") == sha1(b"\1\2\3\4", b"rest")
    assert hash_2(PRF, KEY, 0x01020304, b"Ni", b"rest") == sha1(b"\1\2\3\4", b"Ni", b"rest")
    assert hash_3(PRF, KEY, 0x01020304, b"Ni", b"Nr") == sha1(b"\0\1\2\3\4", b"Ni", b"Nr")


def test_the_hash_of_a_signature_method_can_be_another_one() -> None:
    assert len(hash_i(PrfId.PRF_HMAC_SHA2_384, KEY, *PARTS)) == 48


@given(st.binary(max_size=40))
def test_only_the_right_hash_is_accepted(received: bytes) -> None:
    expected = hash_1(PRF, KEY, 1, b"")
    check_hash(expected, expected)
    if received != expected:
        with pytest.raises(IntegrityFailed):
            check_hash(received, expected)
