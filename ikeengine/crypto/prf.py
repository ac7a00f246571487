"""Pseudo-random functions, transform type 2 (RFC 7296 sections 2.13 and 3.3.2)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ikeengine.crypto import mac
from ikeengine.crypto.mac import Mac
from ikeengine.errors import LocalMisuse
from ikeengine.registry import PrfId

_MAX_BLOCKS = 255
"""prf+ counts its blocks in one octet (RFC 7296 section 2.13)."""
_COUNTERS = tuple(bytes([number]) for number in range(1, _MAX_BLOCKS + 1))


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
        if length > _MAX_BLOCKS * self.output_octets:
            raise LocalMisuse(f"prf+ cannot make {length} octets with {self.id.name}")
        return self._expand(key, seed, length)

    @abstractmethod
    def _expand(self, key: bytes, seed: bytes, length: int) -> bytes:
        """T1 | T2 | T3 | ..., where T1 = prf(K, S | 0x01), T2 = prf(K, T1 | S | 0x02), and so on."""


class HmacPrf(PrfAlgorithm):
    """PRF_HMAC_* (RFC 2104, RFC 4868 section 2.2): the preferred key length is that of the hash."""

    def __init__(self, prf_id: PrfId, keyword: str, algorithm: hashes.HashAlgorithm) -> None:
        super().__init__(prf_id, keyword, algorithm.digest_size, algorithm.digest_size)
        self._algorithm = algorithm
        self._hash_name = algorithm.name

    def keyed(self, key: bytes) -> Mac:
        """HMAC with its key set."""
        return mac.hmac(self._hash_name, key)

    def compute(self, key: bytes, data: bytes) -> bytes:
        """prf(key, data)."""
        return mac.hmac_once(self._hash_name, key, data)

    def _expand(self, key: bytes, seed: bytes, length: int) -> bytes:
        """HKDF has taken its second half from prf+ (RFC 5869 section 2.3)."""
        return HKDFExpand(self._algorithm, length, seed).derive(key)

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

    def _expand(self, key: bytes, seed: bytes, length: int) -> bytes:
        prf = self.keyed(key)
        block = b""
        stream = b""
        for counter in _COUNTERS:
            if len(stream) >= length:
                break
            block = prf(block + seed + counter)
            stream += block
        return stream[:length]

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
        HmacPrf(PrfId.PRF_HMAC_MD5, "prfmd5", hashes.MD5()),  # noqa: S303  as HMAC, and only if configured
        HmacPrf(PrfId.PRF_HMAC_SHA1, "prfsha1", hashes.SHA1()),  # noqa: S303
        AesPrf(PrfId.PRF_AES128_XCBC, "prfaesxcbc", mac.aes_xcbc, pads_short_keys=True),
        HmacPrf(PrfId.PRF_HMAC_SHA2_256, "prfsha256", hashes.SHA256()),
        HmacPrf(PrfId.PRF_HMAC_SHA2_384, "prfsha384", hashes.SHA384()),
        HmacPrf(PrfId.PRF_HMAC_SHA2_512, "prfsha512", hashes.SHA512()),
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
