"""Our half of a key exchange that is under way, with the method that it is for."""

from __future__ import annotations

from ikeengine.crypto.kex import ADDITIONAL_KEX, KeyExchange
from ikeengine.crypto.rng import Rng
from ikeengine.model.immutable import immutable


@immutable
class OwnKe:
    """`group` is the key exchange method (transform type 4), `public` goes into our KE payload."""

    group: int
    exchange: KeyExchange

    @property
    def public(self) -> bytes:
        """Our public value."""
        return self.exchange.public

    def shared(self, peer_public: bytes) -> bytes:
        """The shared secret g^ir. Raises InvalidSyntax if the peer's value is bad (RFC 6989)."""
        return self.exchange.shared(peer_public)


def answer(group: int, rng: Rng, peer_public: bytes) -> tuple[bytes, bytes]:
    """The responder's whole part: our public value and the shared secret. Raises InvalidSyntax like `shared`."""
    return ADDITIONAL_KEX[group].answer(rng, peer_public)


def generate(group: int, rng: Rng) -> OwnKe:
    """A fresh private value."""
    return OwnKe(group, ADDITIONAL_KEX[group].generate(rng))
