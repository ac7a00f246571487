"""Weak keys of DES (RFC 2409 appendix A, RFC 2405 section 2.3).

With a weak key encrypting twice gives the plaintext back; of a pair of semi-weak keys one decrypts what the other
encrypted.
"""

from __future__ import annotations

_WEAK_KEYS = "0101010101010101 1f1f1f1f0e0e0e0e e0e0e0e0f1f1f1f1 fefefefefefefefe"
_AS_PRINTED = "1f1f1f1fe0e0e0e0 e0e0e0e01f1f1f1f"
"""Two of them as RFC 2409 prints them, and as a peer may check them: harmless, but it says so."""
_SEMI_WEAK_KEYS = (
    "01fe01fe01fe01fe 1fe01fe00ef10ef1 01e001e001f101f1 1ffe1ffe0efe0efe 011f011f010e010e e0fee0fef1fef1fe "
    "fe01fe01fe01fe01 e01fe01ff10ef10e e001e001f101f101 fe1ffe1ffe0efe0e 1f011f010e010e01 fee0fee0fef1fef1"
)
_WITHOUT_PARITY = bytes(octet & 0xFE for octet in range(256))
_WEAK = frozenset(
    bytes.fromhex(key).translate(_WITHOUT_PARITY) for key in f"{_WEAK_KEYS} {_AS_PRINTED} {_SEMI_WEAK_KEYS}".split()
)


def is_weak(key: bytes) -> bool:
    """Whether these 8 octets are a weak or semi-weak key. Parity bits do not matter."""
    return key.translate(_WITHOUT_PARITY) in _WEAK
