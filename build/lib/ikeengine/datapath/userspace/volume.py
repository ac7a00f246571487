"""What an SA has carried, and the volume limits it may reach (RFC 4301 section 4.4.2.1)."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import monotonic

from ikeengine.model.sa import Limits, Usage


class Volume:
    """Counts packets and the octets of the protected IP packets. Calls `expired(hard)` once at each kind of limit."""

    __slots__ = ("_byte_alarm", "_expired", "_limits", "_packet_alarm", "bytes", "last_use", "packets")

    def __init__(self, limits: Limits, expired: Callable[[bool], None]) -> None:
        self.bytes = 0
        self.packets = 0
        self.last_use: float | None = None
        self._limits = limits
        self._expired = expired
        self._byte_alarm = min(limits.soft_bytes or inf, limits.hard_bytes or inf)
        self._packet_alarm = min(limits.soft_packets or inf, limits.hard_packets or inf)

    def count(self, length: int) -> None:
        """Add one packet."""
        self.packets += 1
        self.bytes += length
        self.last_use = monotonic()
        if self.packets >= self._packet_alarm or self.bytes >= self._byte_alarm:
            self._alarm()

    def usage(self, *, replay_drops: int = 0, integrity_failures: int = 0) -> Usage:
        """The counters for the core."""
        idle = None if self.last_use is None else monotonic() - self.last_use
        return Usage(self.bytes, self.packets, idle, replay_drops, integrity_failures)

    def _alarm(self) -> None:
        limits = self._limits
        hard_bytes, hard_packets = limits.hard_bytes or inf, limits.hard_packets or inf
        hard = self.bytes >= hard_bytes or self.packets >= hard_packets
        self._byte_alarm = inf if hard else hard_bytes
        self._packet_alarm = inf if hard else hard_packets
        self._expired(hard)
