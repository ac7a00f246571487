"""Algorithms by the numbers of IKEv2, which the rest of the engine speaks, and by those of IKEv1.

What is not here cannot be negotiated in IKEv1: combined modes, for example, only protect ESP. Key exchange methods have
the same numbers in both versions.
"""

from __future__ import annotations

from ikeengine.crypto.integ import INTEG
from ikeengine.ikev1.wire.algorithms import (
    AhTransform,
    AuthAlgorithm,
    EncryptionAlgorithm,
    EspTransform,
    HashAlgorithm,
)
from ikeengine.registry import EncrId, IntegId, PrfId

IKE_ENCR: dict[int, EncryptionAlgorithm] = {
    EncrId.DES_CBC: EncryptionAlgorithm.DES_CBC,
    EncrId.TRIPLE_DES_CBC: EncryptionAlgorithm.TRIPLE_DES_CBC,
    EncrId.AES_CBC: EncryptionAlgorithm.AES_CBC,
}
HASH: dict[int, HashAlgorithm] = {
    IntegId.HMAC_MD5_96: HashAlgorithm.MD5,
    IntegId.HMAC_SHA1_96: HashAlgorithm.SHA,
    IntegId.HMAC_SHA2_256_128: HashAlgorithm.SHA2_256,
    IntegId.HMAC_SHA2_384_192: HashAlgorithm.SHA2_384,
    IntegId.HMAC_SHA2_512_256: HashAlgorithm.SHA2_512,
}
"""The hash of phase 1 by the integrity algorithm whose word names it; its HMAC is the PRF."""

ESP_ENCR: dict[int, EspTransform] = {
    EncrId.DES_CBC: EspTransform.DES,
    EncrId.TRIPLE_DES_CBC: EspTransform.TRIPLE_DES,
    EncrId.NULL: EspTransform.NULL,
    EncrId.AES_CBC: EspTransform.AES_CBC,
    EncrId.AES_CTR: EspTransform.AES_CTR,
    EncrId.AES_CCM_8: EspTransform.AES_CCM_8,
    EncrId.AES_CCM_12: EspTransform.AES_CCM_12,
    EncrId.AES_CCM_16: EspTransform.AES_CCM_16,
    EncrId.AES_GCM_8: EspTransform.AES_GCM_8,
    EncrId.AES_GCM_12: EspTransform.AES_GCM_12,
    EncrId.AES_GCM_16: EspTransform.AES_GCM_16,
}
INTEG_AUTH: dict[int, AuthAlgorithm] = {
    IntegId.HMAC_MD5_96: AuthAlgorithm.HMAC_MD5,
    IntegId.HMAC_SHA1_96: AuthAlgorithm.HMAC_SHA,
    IntegId.AES_XCBC_96: AuthAlgorithm.AES_XCBC_MAC,
    IntegId.HMAC_SHA2_256_128: AuthAlgorithm.HMAC_SHA2_256,
    IntegId.HMAC_SHA2_384_192: AuthAlgorithm.HMAC_SHA2_384,
    IntegId.HMAC_SHA2_512_256: AuthAlgorithm.HMAC_SHA2_512,
}
AH: dict[int, AhTransform] = {
    IntegId.HMAC_MD5_96: AhTransform.MD5,
    IntegId.HMAC_SHA1_96: AhTransform.SHA,
    IntegId.AES_XCBC_96: AhTransform.AES_XCBC_MAC,
    IntegId.HMAC_SHA2_256_128: AhTransform.SHA2_256,
    IntegId.HMAC_SHA2_384_192: AhTransform.SHA2_384,
    IntegId.HMAC_SHA2_512_256: AhTransform.SHA2_512,
}

IKE_ENCR_OF: dict[int, int] = {number: encr for encr, number in IKE_ENCR.items()}
HASH_OF: dict[int, int] = {number: integ for integ, number in HASH.items()}
ESP_ENCR_OF: dict[int, int] = {number: encr for encr, number in ESP_ENCR.items()}
INTEG_AUTH_OF: dict[int, int] = {number: integ for integ, number in INTEG_AUTH.items()}
AH_OF: dict[int, int] = {number: integ for integ, number in AH.items()}
"""The same the other way round."""


def prf_of(integ_id: int) -> PrfId:
    """The PRF that comes with a hash: its HMAC version (RFC 2409 section 4)."""
    return INTEG[integ_id].prf
