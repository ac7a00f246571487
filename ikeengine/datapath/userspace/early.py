"""Packets that overtake the IKE message which tells us of their SA: the peer may send right behind its answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

MOST_PACKETS = 64
LONGEST_WAIT = 1.0
"""Seconds. An answer that is later than that was lost, and these packets with it."""

Packet = tuple[bytes, int | None]
"""A packet and the traffic class of its outer header."""


class EarlyPackets:
    """The last few packets with an unknown SPI. Anybody can send such, so they are few and soon forgotten."""

    __slots__ = ("_clock", "_kept")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kept: deque[tuple[float, int, Packet]] = deque(maxlen=MOST_PACKETS)

    def keep(self, spi: int, packet: bytes, traffic_class: int | None) -> None:
        """A packet whose SA may come."""
        if spi:
            self._kept.append((self._clock(), spi, (packet, traffic_class)))

    def take(self, spi: int) -> list[Packet]:
        """What has come for an SA that is there now, in order."""
        oldest = self._clock() - LONGEST_WAIT
        found = [packet for at, kept, packet in self._kept if kept == spi and at >= oldest]
        if self._kept:
            rest = (entry for entry in self._kept if entry[0] >= oldest and entry[1] != spi)
            self._kept = deque(rest, maxlen=MOST_PACKETS)
        return found
