"""crypto.prf."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.crypto.prf import PRF, hash_prf
from ikeengine.errors import LocalMisuse
from ikeengine.registry import PrfId

SHA2 = [PrfId.PRF_HMAC_SHA2_256, PrfId.PRF_HMAC_SHA2_384, PrfId.PRF_HMAC_SHA2_512]
HMACS = [PrfId.PRF_HMAC_MD5, PrfId.PRF_HMAC_SHA1, *SHA2]
FIXED = [PrfId.PRF_AES128_XCBC, PrfId.PRF_AES128_CMAC]
NI, NR = bytes(range(32)), bytes(range(100, 132))


def test_the_table_is_complete() -> None:
    assert set(PRF) == {*HMACS, *FIXED}


@pytest.mark.parametrize("prf_id", PRF)
def test_lengths_are_as_declared(prf_id: int) -> None:
    prf = PRF[prf_id]
    assert len(prf.compute(b"key", b"data")) == prf.output_octets
    assert prf.key_octets == prf.output_octets
    assert prf.keyed(b"key")(b"data") == prf.compute(b"key", b"data")
    assert repr(prf) == f"<{PrfId(prf_id).name}>"


@pytest.mark.parametrize("prf_id", PRF)
@given(length=st.integers(0, 600))
def test_prf_plus_is_the_chain_of_rfc_7296_section_2_13(prf_id: int, length: int) -> None:
    prf = PRF[prf_id]
    chain, block = b"", b""
    for counter in range(1, 40):
        block = prf.compute(b"K" * 20, block + b"seed" + bytes([counter]))
        chain += block
    assert prf.plus(b"K" * 20, b"seed", length) == chain[:length]


@pytest.mark.parametrize("prf_id", PRF)
def test_prf_plus_ends_after_255_blocks(prf_id: int) -> None:
    prf = PRF[prf_id]
    most = 255 * prf.output_octets
    assert len(prf.plus(b"key", b"seed", most)) == most
    with pytest.raises(LocalMisuse, match=prf.id.name):
        prf.plus(b"key", b"seed", most + 1)


@pytest.mark.parametrize("prf_id", HMACS)
def test_hmac_takes_whole_nonces_for_skeyseed(prf_id: int) -> None:
    assert PRF[prf_id].skeyseed_key(NI, NR) == NI + NR


@pytest.mark.parametrize("prf_id", FIXED)
def test_fixed_key_prfs_take_64_bits_of_each_nonce(prf_id: int) -> None:
    assert PRF[prf_id].skeyseed_key(NI, NR) == NI[:8] + NR[:8]


def test_short_keys_are_padded_for_xcbc_and_hashed_for_cmac() -> None:
    xcbc, cmac = PRF[PrfId.PRF_AES128_XCBC], PRF[PrfId.PRF_AES128_CMAC]
    assert xcbc.compute(b"short", b"data") == xcbc.compute(b"short".ljust(16, b"\0"), b"data")
    assert cmac.compute(b"short", b"data") == cmac.compute(cmac.compute(bytes(16), b"short"), b"data")
    for prf in (xcbc, cmac):
        long = b"a key of more than sixteen octets"
        assert prf.compute(long, b"data") == prf.compute(prf.compute(bytes(16), long), b"data")


@pytest.mark.parametrize("prf_id", HMACS)
def test_the_hash_of_an_hmac_is_its_hash_algorithm(prf_id: int) -> None:
    name = PrfId(prf_id).name.removeprefix("PRF_HMAC_").replace("SHA2_", "SHA")
    assert hash_prf(prf_id).hash(b"data") == hashlib.new(name, b"data").digest()


@pytest.mark.parametrize("prf_id", [*FIXED, 99])
def test_other_prfs_have_no_hash_algorithm(prf_id: int) -> None:
    with pytest.raises(LocalMisuse, match="not made of a hash algorithm"):
        hash_prf(prf_id)
