"""A type for secret octets, so that they cannot slip into a log, a diff or a traceback (design D13)."""

from __future__ import annotations

import hmac
from typing import final


@final
class Secret:
    """Octets that do not show themselves. Use `reveal()` where the octets are really needed, and nowhere else."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def reveal(self) -> bytes:
        """The secret octets."""
        return self._octets

    def __len__(self) -> int:
        return len(self._octets)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._octets, other._octets)

    def __hash__(self) -> int:
        return hash(len(self._octets))

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__


EMPTY = Secret(b"")
