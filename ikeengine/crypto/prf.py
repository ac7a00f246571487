"""Pseudo-random functions, transform type 2 (RFC 7296 sections 2.13 and 3.3.2)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

from ikeengine.crypto import mac
from ikeengine.crypto.mac import Mac
from ikeengine.errors import LocalMisuse
from ikeengine.registry import PrfId

_MAX_BLOCKS = 255
"""prf+ counts its blocks in one octet (RFC 7296 section 2.13)."""
_COUNTERS = tuple(bytes([number]) for number in range(_MAX_BLOCKS + 1))


class PrfAlgorithm(ABC):
    """One PRF. `key_octets` is the preferred key length, that of SK_d, SK_pi and SK_pr (RFC 7296 section 2.14)."""

    def __init__(self, prf_id: PrfId, keyword: str, key_octets: int, output_octets: int) -> None:
        self.id = prf_id
        self.keyword = keyword
        self.key_octets = key_octets
        self.output_octets = output_octets

    def __repr__(self) -> str:
        return f"<{self.id.name}>"

    @abstractmethod
    def keyed(self, key: bytes) -> Mac:
        """The function with its key set, for several calls with one key. Keys of any length."""

    def compute(self, key: bytes, data: bytes) -> bytes:
        """prf(key, data)."""
        return self.keyed(key)(data)

    def skeyseed_key(self, ni: bytes, nr: bytes) -> bytes:
        """The key that the nonces make for SKEYSEED (RFC 7296 section 2.14)."""
        return ni + nr

    def plus(self, key: bytes, seed: bytes, length: int) -> bytes:
        """prf+(key, seed): `length` octets (RFC 7296 section 2.13). LocalMisuse beyond 255 blocks."""
        blocks = -(-length // self.output_octets)
        if blocks > _MAX_BLOCKS:
            raise LocalMisuse(f"prf+ cannot make {length} octets with {self.id.name}")
        prf = self.keyed(key)
        block = b""
        stream = []
        for number in range(1, blocks + 1):
            block = prf(block + seed + _COUNTERS[number])
            stream.append(block)
        return b"".join(stream)[:length]


class HmacPrf(PrfAlgorithm):
    """PRF_HMAC_* (RFC 2104, RFC 4868 section 2.2): the preferred key length is that of the hash."""

    def __init__(self, prf_id: PrfId, keyword: str, hash_name: str, output_octets: int) -> None:
        super().__init__(prf_id, keyword, output_octets, output_octets)
        self._hash_name = hash_name

    def keyed(self, key: bytes) -> Mac:
        """HMAC with its key set."""
        return mac.hmac(self._hash_name, key)

    def compute(self, key: bytes, data: bytes) -> bytes:
        """prf(key, data)."""
        return mac.hmac_once(self._hash_name, key, data)

    def hash(self, data: bytes) -> bytes:
        """The plain hash of `data` by the hash algorithm of this PRF, as negotiated in IKEv1."""
        return mac.digest(self._hash_name, data)


class AesPrf(PrfAlgorithm):
    """PRFs made of an AES-128 based MAC, whose key is brought to 16 octets first.

    RFC 4434 and RFC 4615: a longer key is replaced by its own MAC under the zero key; a shorter one is padded with
    zeros (XCBC) or treated like a longer one (CMAC).
    """

    def __init__(self, prf_id: PrfId, keyword: str, maker: Callable[[bytes], Mac], *, pads_short_keys: bool) -> None:
        super().__init__(prf_id, keyword, 16, 16)
        self._maker = maker
        self._pads_short_keys = pads_short_keys

    def keyed(self, key: bytes) -> Mac:
        """The MAC with its key set."""
        return self._maker(self._fixed_key(key))

    def skeyseed_key(self, ni: bytes, nr: bytes) -> bytes:
        """Only the first 64 bits of each nonce (RFC 7296 section 2.14, for backward compatibility)."""
        return ni[:8] + nr[:8]

    def _fixed_key(self, key: bytes) -> bytes:
        if len(key) == self.key_octets:
            return key
        if len(key) < self.key_octets and self._pads_short_keys:
            return key.ljust(self.key_octets, b"\0")
        return self._zero_keyed(key)

    @cached_property
    def _zero_keyed(self) -> Mac:
        return self._maker(bytes(self.key_octets))


PRF: dict[int, PrfAlgorithm] = {
    prf.id: prf
    for prf in (
        HmacPrf(PrfId.PRF_HMAC_MD5, "prfmd5", "md5", 16),
        HmacPrf(PrfId.PRF_HMAC_SHA1, "prfsha1", "sha1", 20),
        AesPrf(PrfId.PRF_AES128_XCBC, "prfaesxcbc", mac.aes_xcbc, pads_short_keys=True),
        HmacPrf(PrfId.PRF_HMAC_SHA2_256, "prfsha256", "sha256", 32),
        HmacPrf(PrfId.PRF_HMAC_SHA2_384, "prfsha384", "sha384", 48),
        HmacPrf(PrfId.PRF_HMAC_SHA2_512, "prfsha512", "sha512", 64),
        AesPrf(PrfId.PRF_AES128_CMAC, "prfaescmac", mac.aes_cmac, pads_short_keys=False),
    )
}
"""Every PRF by its transform ID."""


def hash_prf(prf_id: int) -> HmacPrf:
    """The HMAC version of a hash algorithm, the only kind of PRF in IKEv1 (RFC 2409 section 4). Else LocalMisuse."""
    prf = PRF.get(prf_id)
    if not isinstance(prf, HmacPrf):
        raise LocalMisuse(f"{PrfId(prf_id).name} is not made of a hash algorithm")
    return prf
