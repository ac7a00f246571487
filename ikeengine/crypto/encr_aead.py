"""Combined-mode ciphers (AEAD): AES-GCM (RFC 4106), AES-CCM (RFC 4309), ChaCha20-Poly1305 (RFC 7634); RFC 5282 for IKE.

The nonce of a packet is a salt, the last octets of the key material, followed by the IV that travels in the packet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from ikeengine.model.immutable import immutable
from ikeengine.registry import EncrId

_IV_OCTETS = 8
_GCM_TAG = 16


class Aead(Protocol):
    """The interface of `cryptography`'s AEAD classes. `decrypt` raises InvalidTag."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Ciphertext followed by the tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """The plaintext of ciphertext and tag."""


@immutable
class AeadAlgorithm:
    """One combined-mode cipher with one key length."""

    id: EncrId
    key_length: int | None
    """The Key Length attribute in bits; None where it must be absent."""
    keyword: str
    cipher_key_octets: int
    salt_octets: int
    icv_length: int
    load: Callable[[bytes], Aead]
    """Makes the cipher from a key without the salt."""
    aliases: tuple[str, ...] = ()
    aead: ClassVar[bool] = True
    iv_length: ClassVar[int] = _IV_OCTETS
    block: ClassVar[int] = 1
    esp_only: ClassVar[bool] = False

    @property
    def key_octets(self) -> int:
        """Octets of key material, including the salt."""
        return self.cipher_key_octets + self.salt_octets


class TruncatedGcm:
    """AES-GCM with a tag of 8 or 12 octets (RFC 4106 section 6), which `AESGCM` cannot check by itself."""

    __slots__ = ("_aes", "_gcm", "_tag_octets")

    def __init__(self, tag_octets: int, key: bytes) -> None:
        self._gcm = AESGCM(key)
        self._aes = algorithms.AES(key)
        self._tag_octets = tag_octets

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Ciphertext followed by the first octets of the tag."""
        return self._gcm.encrypt(nonce, data, associated_data)[: self._tag_octets - _GCM_TAG]

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """The plaintext. Raises InvalidTag."""
        tag = data[-self._tag_octets :]
        if len(tag) != self._tag_octets:
            raise InvalidTag
        mode = modes.GCM(nonce, tag, min_tag_length=self._tag_octets)
        decryptor = Cipher(self._aes, mode).decryptor()
        decryptor.authenticate_additional_data(associated_data or b"")
        return decryptor.update(data[: -self._tag_octets]) + decryptor.finalize()


def _ccm(tag_octets: int, key: bytes) -> AESCCM:
    return AESCCM(key, tag_octets)


def _aes_family(
    mode: str, salt_octets: int, members: dict[int, tuple[EncrId, Callable[[bytes], Aead]]]
) -> tuple[AeadAlgorithm, ...]:
    """An AES mode with the three key lengths and three tag lengths; its keywords count octets or bits of the tag."""
    return tuple(
        AeadAlgorithm(
            id=encr_id,
            key_length=bits,
            keyword=f"aes{bits}{mode}{icv}",
            cipher_key_octets=bits // 8,
            salt_octets=salt_octets,
            icv_length=icv,
            load=load,
            aliases=(f"aes{bits}{mode}{icv * 8}",) + ((f"aes{bits}{mode}",) if icv == 16 else ()),
        )
        for icv, (encr_id, load) in members.items()
        for bits in (128, 192, 256)
    )


AEAD_ALGORITHMS: tuple[AeadAlgorithm, ...] = (
    *_aes_family(
        "gcm",
        salt_octets=4,
        members={
            16: (EncrId.AES_GCM_16, AESGCM),
            12: (EncrId.AES_GCM_12, partial(TruncatedGcm, 12)),
            8: (EncrId.AES_GCM_8, partial(TruncatedGcm, 8)),
        },
    ),
    *_aes_family(
        "ccm",
        salt_octets=3,
        members={
            16: (EncrId.AES_CCM_16, partial(_ccm, 16)),
            12: (EncrId.AES_CCM_12, partial(_ccm, 12)),
            8: (EncrId.AES_CCM_8, partial(_ccm, 8)),
        },
    ),
    AeadAlgorithm(
        id=EncrId.CHACHA20_POLY1305,
        key_length=None,
        keyword="chacha20poly1305",
        cipher_key_octets=32,
        salt_octets=4,
        icv_length=16,
        load=ChaCha20Poly1305,
    ),
)
