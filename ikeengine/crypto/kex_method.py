"""What a key exchange method is; the methods register themselves here (RFC 7296 section 3.4)."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ikeengine.crypto.rng import Rng
from ikeengine.errors import InvalidSyntax
from ikeengine.registry import KeId


class KeyExchange(ABC):
    """One side's state of one key exchange. Holds the private value; picklable, so that an SA can be handed over."""

    __slots__ = ("public",)

    public: bytes
    """Our public value as it goes into the KE payload."""

    @abstractmethod
    def shared(self, peer_public: bytes) -> bytes:
        """The shared secret, g^ir in RFC words. InvalidSyntax if the peer's value is bad (RFC 6989)."""


class KeyExchangeMethod(ABC):
    """One key exchange method. `public_length` is the exact length of KE payload data in octets."""

    def __init__(self, ke_id: KeId, keyword: str, public_length: int, aliases: tuple[str, ...] = ()) -> None:
        self.id = ke_id
        self.keyword = keyword
        self.public_length = public_length
        self.aliases = aliases

    def __repr__(self) -> str:
        return f"<{self.id.name}>"

    @abstractmethod
    def generate(self, rng: Rng) -> KeyExchange:
        """A fresh private value from `rng` and its public value."""

    def answer(self, rng: Rng, peer_public: bytes) -> tuple[bytes, bytes]:
        """The responder's whole part: our public value and the shared secret. Raises InvalidSyntax like `shared`."""
        ours = self.generate(rng)
        return ours.public, ours.shared(peer_public)

    def check_length(self, peer_public: bytes) -> None:
        """Raise InvalidSyntax unless the peer's value has the only length allowed."""
        if len(peer_public) != self.public_length:
            raise InvalidSyntax(
                f"a {self.keyword} public value has {self.public_length} octets, not {len(peer_public)}"
            )


KEX: dict[int, KeyExchangeMethod] = {}
"""Every key exchange method by its transform ID. Import it from `kex`, which loads them all."""


def register(method: KeyExchangeMethod) -> None:
    """Add a method to `KEX`."""
    KEX[method.id] = method
