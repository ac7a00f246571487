"""crypto.encr, encr_aead and encr_classic: the tables."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.encr_aead import TruncatedGcm
from ikeengine.registry import EncrId

AES_MODES = {
    EncrId.AES_CBC: (0, 16, 0, 16),
    EncrId.AES_CTR: (4, 8, 0, 1),
    EncrId.AES_GCM_8: (4, 8, 8, 1),
    EncrId.AES_GCM_12: (4, 8, 12, 1),
    EncrId.AES_GCM_16: (4, 8, 16, 1),
    EncrId.AES_CCM_8: (3, 8, 8, 1),
    EncrId.AES_CCM_12: (3, 8, 12, 1),
    EncrId.AES_CCM_16: (3, 8, 16, 1),
}
FIXED = {
    EncrId.CHACHA20_POLY1305: (36, 8, 16, 1),
    EncrId.TRIPLE_DES_CBC: (24, 8, 0, 8),
    EncrId.DES_CBC: (8, 8, 0, 8),
    EncrId.NULL: (0, 0, 0, 1),
}


def test_the_table_is_complete() -> None:
    keys = {(encr_id, bits) for encr_id in AES_MODES for bits in (128, 192, 256)}
    assert set(ENCR) == keys | {(encr_id, None) for encr_id in FIXED}


@pytest.mark.parametrize("encr_id", AES_MODES)
@pytest.mark.parametrize("bits", [128, 192, 256])
def test_sizes_of_aes_modes(encr_id: EncrId, bits: int) -> None:
    algorithm = ENCR[encr_id, bits]
    salt, iv, icv, block = AES_MODES[encr_id]
    sizes = (algorithm.key_octets, algorithm.iv_length, algorithm.icv_length, algorithm.block)
    assert sizes == (bits // 8 + salt, iv, icv, block)
    assert algorithm.aead == (icv > 0)


@pytest.mark.parametrize("encr_id", FIXED)
def test_sizes_of_ciphers_without_key_length(encr_id: EncrId) -> None:
    algorithm = ENCR[encr_id, None]
    sizes = (algorithm.key_octets, algorithm.iv_length, algorithm.icv_length, algorithm.block)
    assert sizes == FIXED[encr_id]


def test_only_null_is_for_esp_alone() -> None:
    assert [algorithm.id for algorithm in ENCR.values() if algorithm.esp_only] == [EncrId.NULL]


def test_truncated_gcm_works_without_associated_data() -> None:
    gcm = TruncatedGcm(8, bytes(16))
    sealed = gcm.encrypt(bytes(12), b"text", None)
    assert len(sealed) == 12
    assert gcm.decrypt(bytes(12), sealed, None) == b"text"
    with pytest.raises(InvalidTag):
        gcm.decrypt(bytes(12), sealed[:7], None)
