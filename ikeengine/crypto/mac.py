"""Message authentication codes with the key already set, the shared ground of PRFs and integrity algorithms.

Every maker takes a key and returns a function from octets to the whole, untruncated code. HMAC (RFC 2104) is done
with two prepared hash states that are copied for each message: less than half the cost of `hmac.digest` in CPython
3.11, which sets up an OpenSSL context every time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from ikeengine.crypto.cbc import Cbc

Mac = Callable[[bytes], bytes]
"""A message authentication code whose key is set."""

_INNER_PAD = bytes(octet ^ 0x36 for octet in range(256))
_OUTER_PAD = bytes(octet ^ 0x5C for octet in range(256))


_HASHES: dict[str, Callable[[bytes], hashlib._Hash]] = {
    "md5": partial(hashlib.md5, usedforsecurity=False),  # a host in FIPS mode has it for IKEv1 peers that ask for it
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}
_BLOCK_OCTETS = {name: maker(b"").block_size for name, maker in _HASHES.items()}

_AES_BLOCK = 16
_XCBC_CONSTANTS = b"\x01" * _AES_BLOCK + b"\x02" * _AES_BLOCK + b"\x03" * _AES_BLOCK
_ZERO_BLOCK = bytes(_AES_BLOCK)


def digest(hash_name: str, data: bytes) -> bytes:
    """The plain hash that an HMAC is made of."""
    return _HASHES[hash_name](data).digest()


def hmac(hash_name: str, key: bytes) -> Mac:
    """HMAC with a hash of `hashlib` (RFC 2104). Keys of any length."""
    new = _HASHES[hash_name]
    key = _hmac_key(hash_name, key)
    inner = new(key.translate(_INNER_PAD))
    outer = new(key.translate(_OUTER_PAD))

    def compute(data: bytes) -> bytes:
        first = inner.copy()
        first.update(data)
        second = outer.copy()
        second.update(first.digest())
        return second.digest()

    return compute


def hmac_once(hash_name: str, key: bytes, data: bytes) -> bytes:
    """HMAC of a single message: cheaper than `hmac(...)(data)` if the key is not used again."""
    new = _HASHES[hash_name]
    key = _hmac_key(hash_name, key)
    return new(key.translate(_OUTER_PAD) + new(key.translate(_INNER_PAD) + data).digest()).digest()


def _hmac_key(hash_name: str, key: bytes) -> bytes:
    """The key as one block of the hash: hashed if it is longer, padded with zeros if it is shorter."""
    block = _BLOCK_OCTETS[hash_name]
    if len(key) > block:
        key = _HASHES[hash_name](key).digest()
    return key.ljust(block, b"\0")


def aes_cmac(key: bytes) -> Mac:
    """AES-CMAC (RFC 4493) with a key of 16 octets."""
    keyed = CMAC(algorithms.AES(key))

    def compute(data: bytes) -> bytes:
        state = keyed.copy()
        state.update(data)
        return state.finalize()

    return compute


def aes_xcbc(key: bytes) -> Mac:
    """AES-XCBC-MAC (RFC 3566 section 4, whole 16 octets) with a key of 16 octets."""
    # ECB is what the RFC says: each constant is encrypted on its own.
    derived = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(_XCBC_CONSTANTS)  # noqa: S305
    chain = Cbc(algorithms.AES(derived[:16]))
    whole_mask = int.from_bytes(derived[16:32], "big")
    padded_mask = int.from_bytes(derived[32:48], "big")

    def compute(data: bytes) -> bytes:
        split = max(0, (len(data) - 1) // _AES_BLOCK * _AES_BLOCK)
        last, mask = data[split:], whole_mask
        if len(last) != _AES_BLOCK:
            last, mask = (last + b"\x80").ljust(_AES_BLOCK, b"\0"), padded_mask
        masked = (int.from_bytes(last, "big") ^ mask).to_bytes(_AES_BLOCK, "big")
        return chain.encrypt(_ZERO_BLOCK, data[:split] + masked)[-_AES_BLOCK:]

    return compute
