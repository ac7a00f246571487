"""crypto.integ."""

from __future__ import annotations

import pytest

from ikeengine.crypto.integ import INTEG
from ikeengine.crypto.prf import PRF
from ikeengine.errors import LocalMisuse
from ikeengine.registry import IntegId

SIZES = {
    IntegId.HMAC_MD5_96: (16, 12),
    IntegId.HMAC_SHA1_96: (20, 12),
    IntegId.AES_XCBC_96: (16, 12),
    IntegId.AES_CMAC_96: (16, 12),
    IntegId.HMAC_SHA2_256_128: (32, 16),
    IntegId.HMAC_SHA2_384_192: (48, 24),
    IntegId.HMAC_SHA2_512_256: (64, 32),
    IntegId.HMAC_SHA2_256_96: (32, 12),
}


def test_the_table_is_complete() -> None:
    assert set(INTEG) == set(SIZES)


@pytest.mark.parametrize("integ_id", INTEG)
def test_sizes_are_those_of_the_rfcs(integ_id: IntegId) -> None:
    integ = INTEG[integ_id]
    assert (integ.key_octets, integ.icv_octets) == SIZES[integ_id]
    assert len(integ.compute(bytes(integ.key_octets), b"data")) == integ.icv_octets


@pytest.mark.parametrize("integ_id", INTEG)
def test_implied_prf_is_the_same_function_untruncated(integ_id: IntegId) -> None:
    integ = INTEG[integ_id]
    key = bytes(range(integ.key_octets))
    assert PRF[integ.prf].compute(key, b"data")[: integ.icv_octets] == integ.compute(key, b"data")


@pytest.mark.parametrize("integ_id", INTEG)
@pytest.mark.parametrize("difference", [-1, 1])
def test_keys_of_another_length_are_refused(integ_id: IntegId, difference: int) -> None:
    integ = INTEG[integ_id]
    with pytest.raises(LocalMisuse, match="key"):
        integ.compute(bytes(integ.key_octets + difference), b"data")


def test_sha256_truncated_wrongly_is_not_offered_but_takes_the_place_of_the_right_one() -> None:
    wrong, right = INTEG[IntegId.HMAC_SHA2_256_96], INTEG[IntegId.HMAC_SHA2_256_128]
    assert [integ.id for integ in INTEG.values() if not integ.offered] == [wrong.id]
    assert wrong.compute(bytes(32), b"data") == right.compute(bytes(32), b"data")[:12]
