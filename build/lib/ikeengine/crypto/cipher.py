"""Sealing and opening packets: the Encrypted payload of IKE (RFC 7296 section 3.14, RFC 5282) and ESP (RFC 4303)."""

from __future__ import annotations

from hmac import compare_digest

from cryptography.exceptions import InvalidTag

from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.encr_aead import AeadAlgorithm
from ikeengine.crypto.encr_classic import ClassicAlgorithm
from ikeengine.crypto.integ import INTEG, IntegAlgorithm
from ikeengine.crypto.rng import Rng
from ikeengine.errors import IntegrityFailed, LocalMisuse
from ikeengine.model.proposal import Transform


class AeadCipher:
    """A combined-mode cipher for one direction of one SA. The nonce is the salt followed by the IV."""

    __slots__ = ("_aead", "_salt", "block", "icv_length", "iv_length")

    def __init__(self, algorithm: AeadAlgorithm, key: bytes) -> None:
        self.iv_length = algorithm.iv_length
        self.icv_length = algorithm.icv_length
        self.block = algorithm.block
        self._aead = algorithm.load(key[: algorithm.cipher_key_octets])
        self._salt = key[algorithm.cipher_key_octets :]

    def seal(self, aad: bytes, iv: bytes, plaintext: bytes, trailer: bytes = b"") -> bytes:
        """Ciphertext followed by the ICV. The IV must never repeat under one key."""
        if trailer:
            raise LocalMisuse("a combined-mode cipher takes everything it authenticates in front of the packet")
        return self._aead.encrypt(self._salt + iv, plaintext, aad)

    def open(self, aad: bytes, iv: bytes, data: bytes, trailer: bytes = b"") -> bytes:
        """The plaintext of ciphertext and ICV. Raises IntegrityFailed."""
        if trailer:
            raise LocalMisuse("a combined-mode cipher takes everything it authenticates in front of the packet")
        try:
            return self._aead.decrypt(self._salt + iv, data, aad)
        except (InvalidTag, ValueError):
            raise IntegrityFailed("the integrity check value does not match") from None

    def next_iv(self, counter: int, rng: Rng) -> bytes:
        """The counter itself, which makes the nonce unique (RFC 5282 section 3.1, RFC 4106 section 3.1)."""
        del rng
        return counter.to_bytes(8, "big")


class EncryptThenMac:
    """A classic cipher and an integrity algorithm for one direction of one SA.

    The ICV covers header, IV, ciphertext and trailer. The trailer is the high half of an extended sequence number,
    which is authenticated but not sent (RFC 4303 section 2.2.1).
    """

    __slots__ = ("_cipher", "_counter_iv", "_mac", "block", "icv_length", "iv_length")

    def __init__(self, algorithm: ClassicAlgorithm, key: bytes, integ: IntegAlgorithm, integ_key: bytes) -> None:
        self.iv_length = algorithm.iv_length
        self.icv_length = integ.icv_octets
        self.block = algorithm.block
        self._counter_iv = algorithm.counter_iv
        self._cipher = algorithm.load(key)
        self._mac = integ.keyed(integ_key)

    def seal(self, aad: bytes, iv: bytes, plaintext: bytes, trailer: bytes = b"") -> bytes:
        """Ciphertext followed by the ICV. The plaintext must fill whole blocks."""
        ciphertext = self._cipher.encrypt(iv, plaintext)
        return ciphertext + self._mac(aad + iv + ciphertext + trailer)[: self.icv_length]

    def open(self, aad: bytes, iv: bytes, data: bytes, trailer: bytes = b"") -> bytes:
        """The plaintext of ciphertext and ICV, which is verified first. Raises IntegrityFailed."""
        split = len(data) - self.icv_length
        if split < 0 or split % self.block or len(iv) != self.iv_length:
            raise IntegrityFailed("the packet is too short or does not fill whole blocks")
        ciphertext = data[:split]
        icv = self._mac(aad + iv + ciphertext + trailer)[: self.icv_length]
        if not compare_digest(icv, data[split:]):
            raise IntegrityFailed("the integrity check value does not match")
        return self._cipher.decrypt(iv, ciphertext)

    def next_iv(self, counter: int, rng: Rng) -> bytes:
        """The counter for AES-CTR (RFC 3686 section 4), otherwise unpredictable octets (RFC 3602 section 3)."""
        return counter.to_bytes(8, "big") if self._counter_iv else rng.bytes(self.iv_length)


PacketCipher = AeadCipher | EncryptThenMac


def packet_cipher(
    encr: Transform, encr_key: bytes, integ: Transform | None = None, integ_key: bytes = b""
) -> PacketCipher:
    """The cipher of one direction of an SA, from its transforms and key material (salts included).

    `integ` is None for combined modes. Raises LocalMisuse for transforms or keys that do not fit together.
    """
    algorithm = ENCR.get((encr.id, encr.key_length))
    if algorithm is None:
        raise LocalMisuse(f"there is no encryption algorithm {encr.id} with a key length of {encr.key_length}")
    if len(encr_key) != algorithm.key_octets:
        raise LocalMisuse(f"{algorithm.keyword} needs {algorithm.key_octets} octets of key material")
    if isinstance(algorithm, AeadAlgorithm):
        return AeadCipher(algorithm, encr_key)
    if integ is None or integ.id not in INTEG:
        raise LocalMisuse(f"{algorithm.keyword} needs an integrity algorithm")
    return EncryptThenMac(algorithm, encr_key, INTEG[integ.id], integ_key)
