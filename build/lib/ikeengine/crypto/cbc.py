"""Cipher block chaining with one long-lived context for each direction.

Setting up a context costs ten times as much as encrypting a short packet with it, so one is kept, and each message is
started by what chaining itself offers:

    to decrypt, the IV goes in as the block before the first one, and what comes out for it is dropped
    to encrypt, the first block is XORed with the IV and with the last block that the context put out,
    which cancels the block that the context is going to chain
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, CipherContext, modes

from ikeengine.errors import LocalMisuse


class Cbc:
    """A block cipher in CBC mode (NIST SP 800-38A section 6.2), without padding.

    Mostly used in one direction only, so each context is made when it is first needed.
    """

    __slots__ = ("_block", "_cipher", "_decryptor", "_encryptor", "_last")

    def __init__(self, algorithm: BlockCipherAlgorithm) -> None:
        self._block = algorithm.block_size // 8
        self._last = bytes(self._block)
        self._cipher = Cipher(algorithm, modes.CBC(self._last))
        self._encryptor: CipherContext | None = None
        self._decryptor: CipherContext | None = None

    def encrypt(self, iv: bytes, data: bytes) -> bytes:
        """The ciphertext of one message under its IV. LocalMisuse unless IV and data fill whole blocks."""
        block = self._block
        if len(iv) != block or len(data) % block or not data:
            raise LocalMisuse(f"CBC needs an IV of {block} octets and whole blocks of data")
        if self._encryptor is None:
            self._encryptor = self._cipher.encryptor()
        first = _number(iv) ^ _number(self._last) ^ _number(data[:block])
        ciphertext = self._encryptor.update(first.to_bytes(block, "big") + data[block:])
        self._last = ciphertext[-block:]
        return ciphertext

    def decrypt(self, iv: bytes, data: bytes) -> bytes:
        """The plaintext of one message under its IV. LocalMisuse unless IV and data fill whole blocks."""
        block = self._block
        if len(iv) != block or len(data) % block:
            raise LocalMisuse(f"CBC needs an IV of {block} octets and whole blocks of data")
        if self._decryptor is None:
            self._decryptor = self._cipher.decryptor()
        return self._decryptor.update(iv + data)[block:]


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")
