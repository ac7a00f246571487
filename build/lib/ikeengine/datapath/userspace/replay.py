"""The anti-replay window of an inbound SA and the sequence numbers it lets through (RFC 4303 section 3.4.3)."""

from __future__ import annotations

SMALLEST_WINDOW = 64
"""RFC 4303 section 3.4.3 recommends 64; smaller configured windows are widened to it."""

_LOW = 0xFFFFFFFF


class ReplayWindow:
    """Remembers which of the last `size` sequence numbers have arrived. Size 0 accepts everything.

    `seen` is a bit map: bit n stands for the sequence number `top - n`.
    """

    __slots__ = ("_mask", "seen", "size", "top")

    def __init__(self, size: int) -> None:
        self.size = max(size, SMALLEST_WINDOW) if size else 0
        self.top = 0
        self.seen = 0
        self._mask = (1 << self.size) - 1

    def is_fresh(self, sequence: int) -> bool:
        """Whether a packet with this (64-bit) sequence number is worth an integrity check."""
        if not self.size:
            return sequence >= 0
        behind = self.top - sequence
        if behind < 0:
            return True
        return behind < self.size and sequence > 0 and not self.seen >> behind & 1

    def accept(self, sequence: int) -> None:
        """Note the sequence number of a packet whose integrity is proven."""
        ahead = sequence - self.top
        if ahead > 0:
            self.seen = (self.seen << ahead | 1) & self._mask if ahead < self.size else 1
            self.top = sequence
        elif -ahead < self.size:
            self.seen |= 1 << -ahead

    def extend(self, low: int) -> int:
        """The 64-bit sequence number that the low 32 bits of a packet stand for (RFC 4303 appendix A2.2).

        Negative if they lie before the first packet of the SA or after its last one.
        """
        high = self.top >> 32
        bottom = (self.top & _LOW) - (self.size or SMALLEST_WINDOW) + 1
        if bottom >= 0:
            high += low < bottom
        else:
            high -= low >= bottom & _LOW
        return high << 32 | low if high <= _LOW else -1
