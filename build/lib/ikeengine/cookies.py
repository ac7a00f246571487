"""Stateless cookies against floods of IKE_SA_INIT from forged addresses (RFC 7296 section 2.6)."""

from __future__ import annotations

import hmac

from ikeengine.crypto.rng import Rng
from ikeengine.model.path import Path, packed

SECRET_LIFETIME = 120.0
"""Seconds until a new secret is made; the one before it stays valid for another such time."""

_VERSION_OCTETS = 1


class CookieJar:
    """Cookies: version | HMAC-SHA256(secret; Ni, address, port, SPIi). Exactly two secrets are valid."""

    __slots__ = ("_made_at", "_rng", "_secrets", "_version")

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._secrets: dict[int, bytes] = {}
        self._version = 0
        self._made_at = float("-inf")

    def make(self, nonce: bytes, spi_i: bytes, path: Path, now: float) -> bytes:
        """The cookie that the sender of this request must return."""
        self._rotate(now)
        return self._cookie(self._version, nonce, spi_i, path)

    def check(self, cookie: bytes, nonce: bytes, spi_i: bytes, path: Path, now: float) -> bool:
        """Whether we made this cookie, for this sender and this request, recently."""
        self._rotate(now)
        if not cookie or cookie[0] not in self._secrets:
            return False
        return hmac.compare_digest(cookie, self._cookie(cookie[0], nonce, spi_i, path))

    def _cookie(self, version: int, nonce: bytes, spi_i: bytes, path: Path) -> bytes:
        bound_to = nonce + packed(path.remote) + path.remote_port.to_bytes(2, "big") + spi_i
        return version.to_bytes(_VERSION_OCTETS, "big") + hmac.digest(self._secrets[version], bound_to, "sha256")

    def _rotate(self, now: float) -> None:
        age = now - self._made_at
        if age < SECRET_LIFETIME:
            return
        old = {} if age >= 2 * SECRET_LIFETIME else {self._version: self._secrets[self._version]}
        self._version = (self._version + 1) % 256
        self._secrets = {**old, self._version: self._rng.bytes(32)}
        self._made_at = now
