"""Where the core gets its randomness: injected, so that a run can be replayed from its seed."""

from __future__ import annotations

import hashlib
from typing import Protocol


class Rng(Protocol):
    """A source of random octets. The daemon passes the operating system's, tests pass `SeededRng`."""

    def bytes(self, count: int) -> bytes:
        """`count` random octets."""


class SeededRng:
    """Deterministic octets from a seed, for tests and replays. Never for production."""

    def __init__(self, seed: int | str) -> None:
        self._stream = hashlib.shake_256(str(seed).encode())
        self._counter = 0

    def bytes(self, count: int) -> bytes:
        """`count` octets, the same ones for the same seed and the same sequence of calls."""
        block = self._stream.copy()
        block.update(self._counter.to_bytes(8, "big"))
        self._counter += 1
        return block.digest(count)


def fraction(rng: Rng) -> float:
    """A uniform number in [0, 1), for jitter."""
    return int.from_bytes(rng.bytes(7), "big") / (1 << 56)
