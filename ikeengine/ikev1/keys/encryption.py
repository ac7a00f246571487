"""Encrypting and decrypting messages of IKEv1: CBC, padded with zeros to whole blocks (RFC 2409 appendix B).

Nothing here says whether a message is genuine: that is what its HASH payload is for. What was decrypted is junk until
the hash is right, and only then the caller commits the next IV.
"""

from __future__ import annotations

from typing import NamedTuple

from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.encr_classic import ClassicAlgorithm
from ikeengine.errors import InvalidSyntax, LocalMisuse
from ikeengine.model.proposal import Transform
from ikeengine.model.secret import Secret


class Processed(NamedTuple):
    """What came out of the cipher, and the IV of the next message of this exchange."""

    octets: bytes
    next_iv: bytes


class MessageCipher:
    """The cipher of an ISAKMP SA, for both directions. IVs come from `ivs.IvState`."""

    __slots__ = ("_cipher", "block")

    def __init__(self, encr: Transform, key: Secret) -> None:
        algorithm = ENCR.get((encr.id, encr.key_length))
        if not isinstance(algorithm, ClassicAlgorithm) or algorithm.counter_iv or algorithm.esp_only:
            raise LocalMisuse(f"encryption algorithm {encr.id} cannot encrypt messages of IKEv1")
        self.block = algorithm.block
        self._cipher = algorithm.load(key.reveal())

    def encrypt(self, iv: bytes, payloads: bytes) -> Processed:
        """The ciphertext of the payloads of one message. The length of the header counts the padding."""
        padded = payloads + bytes(-len(payloads) % self.block)
        ciphertext = self._cipher.encrypt(iv, padded)
        return Processed(ciphertext, ciphertext[-self.block :])

    def decrypt(self, iv: bytes, ciphertext: bytes) -> Processed:
        """The payloads of one message with their padding. InvalidSyntax unless there are whole blocks."""
        if not ciphertext or len(ciphertext) % self.block:
            raise InvalidSyntax(f"{len(ciphertext)} octets of ciphertext are not whole blocks of {self.block}")
        return Processed(self._cipher.decrypt(iv, ciphertext), ciphertext[-self.block :])
