"""Ciphers without integrity: AES-CBC (RFC 3602), AES-CTR (RFC 3686, RFC 5930), 3DES-CBC (RFC 2451), NULL (RFC 2410).

DES-CBC (RFC 2405) is here for IKEv1 peers that know nothing else. All are combined with an integrity algorithm
(`cipher.EncryptThenMac`), except where they encrypt messages of IKEv1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ikeengine.crypto.cbc import Cbc
from ikeengine.model.immutable import immutable
from ikeengine.registry import EncrId

_FIRST_COUNTER = b"\0\0\0\x01"


class Classic(Protocol):
    """A cipher with its key set."""

    def encrypt(self, iv: bytes, data: bytes) -> bytes:
        """Ciphertext as long as the data, which must fill whole blocks."""

    def decrypt(self, iv: bytes, data: bytes) -> bytes:
        """Plaintext as long as the data, which must fill whole blocks."""


@immutable
class ClassicAlgorithm:
    """One cipher with one key length."""

    id: EncrId
    key_length: int | None
    """The Key Length attribute in bits; None where it must be absent."""
    keyword: str
    key_octets: int
    """Octets of key material, including the nonce of AES-CTR."""
    iv_length: int
    block: int
    counter_iv: bool
    """Whether the IV is a counter; otherwise it must be unpredictable."""
    load: Callable[[bytes], Classic]
    aliases: tuple[str, ...] = ()
    esp_only: bool = False
    aead: ClassVar[bool] = False
    icv_length: ClassVar[int] = 0


class AesCtr:
    """AES in counter mode: the counter block is nonce, IV and a counter from 1 (RFC 3686 section 4)."""

    __slots__ = ("_algorithm", "_nonce")

    def __init__(self, key: bytes) -> None:
        self._algorithm = algorithms.AES(key[:-4])
        self._nonce = key[-4:]

    def encrypt(self, iv: bytes, data: bytes) -> bytes:
        """XOR with the key stream of this IV."""
        return Cipher(self._algorithm, modes.CTR(self._nonce + iv + _FIRST_COUNTER)).encryptor().update(data)

    decrypt = encrypt


class Null:
    """No encryption at all (RFC 2410): ESP that only authenticates."""

    __slots__ = ()

    def __init__(self, key: bytes) -> None:
        del key

    def encrypt(self, iv: bytes, data: bytes) -> bytes:
        """The data itself."""
        del iv
        return data

    decrypt = encrypt


def _aes_cbc(key: bytes) -> Cbc:
    return Cbc(algorithms.AES(key))


def _triple_des_cbc(key: bytes) -> Cbc:
    return Cbc(TripleDES(key))


def _des_cbc(key: bytes) -> Cbc:
    """3DES with the same key three times encrypts, decrypts and encrypts: what is left is DES."""
    return Cbc(TripleDES(key * 3))


CLASSIC_ALGORITHMS: tuple[ClassicAlgorithm, ...] = (
    *(
        ClassicAlgorithm(
            id=EncrId.AES_CBC,
            key_length=bits,
            keyword=f"aes{bits}",
            key_octets=bits // 8,
            iv_length=16,
            block=16,
            counter_iv=False,
            load=_aes_cbc,
            aliases=("aes",) if bits == 128 else (),
        )
        for bits in (128, 192, 256)
    ),
    *(
        ClassicAlgorithm(
            id=EncrId.AES_CTR,
            key_length=bits,
            keyword=f"aes{bits}ctr",
            key_octets=bits // 8 + 4,
            iv_length=8,
            block=1,
            counter_iv=True,
            load=AesCtr,
        )
        for bits in (128, 192, 256)
    ),
    ClassicAlgorithm(
        id=EncrId.TRIPLE_DES_CBC,
        key_length=None,
        keyword="3des",
        key_octets=24,
        iv_length=8,
        block=8,
        counter_iv=False,
        load=_triple_des_cbc,
    ),
    ClassicAlgorithm(
        id=EncrId.DES_CBC,
        key_length=None,
        keyword="des",
        key_octets=8,
        iv_length=8,
        block=8,
        counter_iv=False,
        load=_des_cbc,
    ),
    ClassicAlgorithm(
        id=EncrId.NULL,
        key_length=None,
        keyword="null",
        key_octets=0,
        iv_length=0,
        block=1,
        counter_iv=False,
        load=Null,
        esp_only=True,
    ),
)
