"""RSA signatures of IKEv1: PKCS #1 v1.5 padding around the bare hash, without its DigestInfo (RFC 2409 section 5.1)."""

from __future__ import annotations

from hmac import compare_digest

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_FEWEST_PADDING_OCTETS = 8
"""RFC 8017 section 9.2."""


def verify_bare(key: RSAPublicKey, signature: bytes, digest: bytes) -> None:
    """Raise InvalidSignature unless the signature is that of the hash.

    What it must hold is encoded and compared (RFC 8017 section 8.2.2), because parsing what it holds has been got wrong
    so often. The library verifies so only what has a DigestInfo.
    """
    numbers = key.public_numbers()
    octets = (key.key_size + 7) // 8
    value = int.from_bytes(signature, "big")
    padding = octets - len(digest) - 3
    if len(signature) != octets or value >= numbers.n or padding < _FEWEST_PADDING_OCTETS:
        raise InvalidSignature
    expected = b"\0\x01" + b"\xff" * padding + b"\0" + digest
    if not compare_digest(pow(value, numbers.e, numbers.n).to_bytes(octets, "big"), expected):
        raise InvalidSignature
