"""Integrity algorithms, transform type 3 (RFC 7296 section 3.3.2; RFC 2403, 2404, 3566, 4494, 4868)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ikeengine.crypto import mac
from ikeengine.crypto.mac import Mac
from ikeengine.errors import LocalMisuse
from ikeengine.model.immutable import immutable
from ikeengine.registry import IntegId, PrfId


@immutable
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
    offered: bool = True
    """Whether proposals can name it; if not, it takes the place of another one that was negotiated."""

    def keyed(self, key: bytes) -> Mac:
        """The untruncated code with its key set. LocalMisuse if the key has the wrong length."""
        if len(key) != self.key_octets:
            raise LocalMisuse(f"{self.id.name} needs a key of {self.key_octets} octets, not {len(key)}")
        return self.maker(key)

    def compute(self, key: bytes, data: bytes) -> bytes:
        """The integrity check value of `data`: `icv_octets` octets."""
        return self.keyed(key)(data)[: self.icv_octets]


def _hmac(integ_id: IntegId, hash_name: str, alias: str, prf: PrfId, *, key: int, icv: int) -> IntegAlgorithm:
    aliases = (alias,) if alias else ()
    return IntegAlgorithm(integ_id, hash_name, key, icv, prf, partial(mac.hmac, hash_name), aliases)


_SHA256_96 = IntegAlgorithm(
    IntegId.HMAC_SHA2_256_96, "sha256_96", 32, 12, PrfId.PRF_HMAC_SHA2_256, partial(mac.hmac, "sha256"), offered=False
)


INTEG: dict[int, IntegAlgorithm] = {
    integ.id: integ
    for integ in (
        _hmac(IntegId.HMAC_MD5_96, "md5", "", PrfId.PRF_HMAC_MD5, key=16, icv=12),
        _hmac(IntegId.HMAC_SHA1_96, "sha1", "sha", PrfId.PRF_HMAC_SHA1, key=20, icv=12),
        IntegAlgorithm(IntegId.AES_XCBC_96, "aesxcbc", 16, 12, PrfId.PRF_AES128_XCBC, mac.aes_xcbc),
        IntegAlgorithm(IntegId.AES_CMAC_96, "aescmac", 16, 12, PrfId.PRF_AES128_CMAC, mac.aes_cmac),
        _hmac(IntegId.HMAC_SHA2_256_128, "sha256", "sha2_256", PrfId.PRF_HMAC_SHA2_256, key=32, icv=16),
        _hmac(IntegId.HMAC_SHA2_384_192, "sha384", "sha2_384", PrfId.PRF_HMAC_SHA2_384, key=48, icv=24),
        _hmac(IntegId.HMAC_SHA2_512_256, "sha512", "sha2_512", PrfId.PRF_HMAC_SHA2_512, key=64, icv=32),
        _SHA256_96,
    )
}
"""Every integrity algorithm by its transform ID. NONE is not among them."""
