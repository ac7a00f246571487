"""Curve25519 and Curve448 (RFC 8031, RFC 7748)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from ikeengine.crypto.kex_method import KeyExchange, KeyExchangeMethod, register
from ikeengine.crypto.rng import Rng
from ikeengine.errors import InvalidSyntax
from ikeengine.registry import KeId


class XdhMethod(KeyExchangeMethod):
    """A Montgomery curve. Private values, public values and shared secrets all have the same length."""

    def __init__(
        self,
        ke_id: KeId,
        keyword: str,
        alias: str,
        octets: int,
        *,
        private: type[X25519PrivateKey] | type[X448PrivateKey],
        public: type[X25519PublicKey] | type[X448PublicKey],
    ) -> None:
        super().__init__(ke_id, keyword, octets, (alias,))
        self.private_type = private
        self.public_type = public

    def generate(self, rng: Rng) -> KeyExchange:
        """A private value is any string of octets: the curve functions clamp it (RFC 7748 section 5)."""
        return XdhExchange(self, rng.bytes(self.public_length))


class XdhExchange(KeyExchange):
    """One exchange on a Montgomery curve."""

    __slots__ = ("_key", "_method", "_private")

    def __init__(self, method: XdhMethod, private: bytes) -> None:
        self._method = method
        self._private = private
        self._key = method.private_type.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()

    def shared(self, peer_public: bytes) -> bytes:
        """The shared secret. An all-zero result is refused (RFC 8031 section 3.2)."""
        self._method.check_length(peer_public)
        try:
            secret: bytes = self._key.exchange(self._method.public_type.from_public_bytes(peer_public))  # type: ignore[arg-type]
        except ValueError:
            raise InvalidSyntax(f"the {self._method.keyword} public value has a low order") from None
        return secret

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self._method.id, self._private)


def _restore(ke_id: int, private: bytes) -> XdhExchange:
    return XdhExchange(_METHODS[ke_id], private)


_METHODS: dict[int, XdhMethod] = {
    method.id: method
    for method in (
        XdhMethod(KeId.CURVE_25519, "x25519", "curve25519", 32, private=X25519PrivateKey, public=X25519PublicKey),
        XdhMethod(KeId.CURVE_448, "x448", "curve448", 56, private=X448PrivateKey, public=X448PublicKey),
    )
}
for _method in _METHODS.values():
    register(_method)
