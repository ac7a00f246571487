"""A token bucket per reason, so that a flood of packets cannot become a flood of log lines (RFC 8019 section 4)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

MAX_REASONS = 1024
"""Reasons remembered. They come from a fixed vocabulary; the cap is for the case that one day they do not."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float
    suppressed: int = 0


class RateLimiter:
    """Lets `burst` events of a reason through at once and `rate` per second after that."""

    def __init__(self, rate: float = 5.0, burst: int = 5) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[Hashable, _Bucket] = {}

    def admit(self, reason: Hashable, now: float) -> int | None:
        """None: say nothing. Else how many events of this reason were suppressed since the last one admitted."""
        bucket = self._buckets.get(reason)
        if bucket is None:
            if len(self._buckets) >= MAX_REASONS:
                self._buckets.clear()
            bucket = self._buckets[reason] = _Bucket(float(self._burst), now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_at) * self._rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            bucket.suppressed += 1
            return None
        bucket.tokens -= 1
        suppressed, bucket.suppressed = bucket.suppressed, 0
        return suppressed
