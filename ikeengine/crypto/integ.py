"""Integrity algorithms, transform type 3 (RFC 7296 section 3.3.2; RFC 2404, 3566, 4494, 4868)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ikeengine.crypto import mac
from ikeengine.crypto.mac import Mac
from ikeengine.errors import LocalMisuse
from ikeengine.registry import IntegId, PrfId


@dataclass(frozen=True, slots=True)
class IntegAlgorithm:
    """One integrity algorithm. `key_octets` is fixed; the code is truncated to `icv_octets`."""

    id: IntegId
    keyword: str
    key_octets: int
    icv_octets: int
    prf: PrfId
    """The PRF that follows from this algorithm where a proposal names none."""
    maker: Callable[[bytes], Mac]
    aliases: tuple[str, ...] = ()

    def keyed(self, key: bytes) -> Mac:
        """The untruncated code with its key set. LocalMisuse if the key has the wrong length."""
        if len(key) != self.key_octets:
            raise LocalMisuse(f"{self.id.name} needs a key of {self.key_octets} octets, not {len(key)}")
        return self.maker(key)

    def compute(self, key: bytes, data: bytes) -> bytes:
        """The integrity check value of `data`: `icv_octets` octets."""
        return self.keyed(key)(data)[: self.icv_octets]


def _sha(integ_id: IntegId, hash_name: str, key_octets: int, icv_octets: int, prf: PrfId, alias: str) -> IntegAlgorithm:
    maker = partial(mac.hmac, hash_name)
    return IntegAlgorithm(integ_id, hash_name, key_octets, icv_octets, prf, maker, (alias,))


INTEG: dict[int, IntegAlgorithm] = {
    integ.id: integ
    for integ in (
        _sha(IntegId.HMAC_SHA1_96, "sha1", 20, 12, PrfId.PRF_HMAC_SHA1, "sha"),
        IntegAlgorithm(IntegId.AES_XCBC_96, "aesxcbc", 16, 12, PrfId.PRF_AES128_XCBC, mac.aes_xcbc),
        IntegAlgorithm(IntegId.AES_CMAC_96, "aescmac", 16, 12, PrfId.PRF_AES128_CMAC, mac.aes_cmac),
        _sha(IntegId.HMAC_SHA2_256_128, "sha256", 32, 16, PrfId.PRF_HMAC_SHA2_256, "sha2_256"),
        _sha(IntegId.HMAC_SHA2_384_192, "sha384", 48, 24, PrfId.PRF_HMAC_SHA2_384, "sha2_384"),
        _sha(IntegId.HMAC_SHA2_512_256, "sha512", 64, 32, PrfId.PRF_HMAC_SHA2_512, "sha2_512"),
    )
}
"""Every integrity algorithm by its transform ID. NONE and the MD5 ones are not among them."""
