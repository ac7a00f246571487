"""The private keys. The core knows only their key identifiers and asks for signatures (design D3)."""

from __future__ import annotations

from ikeengine.crypto.sign import PrivateKey
from ikeengine.errors import LocalMisuse


class KeyStore:
    """Private keys by key identifier (SHA-1 of the SubjectPublicKeyInfo)."""

    def __init__(self) -> None:
        self._keys: dict[bytes, PrivateKey] = {}

    def add(self, key: PrivateKey) -> bytes:
        """Keep a key; its identifier."""
        self._keys[key.key_id] = key
        return key.key_id

    def remove(self, key_id: bytes) -> None:
        """Forget a key; one that is not there is fine."""
        self._keys.pop(key_id, None)

    def __contains__(self, key_id: bytes) -> bool:
        return key_id in self._keys

    def sign(self, key_id: bytes, scheme: str, data: bytes) -> bytes:
        """A signature. Raises LocalMisuse if there is no such key or it cannot do this scheme."""
        key = self._keys.get(key_id)
        if key is None:
            raise LocalMisuse(f"there is no private key {key_id.hex()}")
        return key.sign(scheme, data)
