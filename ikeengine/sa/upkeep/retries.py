"""When to try again: pauses that grow, with a limit, and a random part so that peers do not keep step."""

from __future__ import annotations

from ikeengine.crypto.rng import fraction
from ikeengine.sa.context import Context

JITTER = 0.2
"""Largest part of a pause between two initiations that is left out by chance."""

SHORTEST = 1.0
"""Seconds between two initiations where `retry_initiate_interval` says nothing, but giving up is no choice."""

BUSY_SECONDS = (5.0, 15.0)
"""How long to wait after a TEMPORARY_FAILURE: random between these (RFC 7296 section 2.25), the first time."""

BUSY_LIMIT = 120.0
"""Longest pause, in seconds, before a peer that is busy or refuses is asked again."""

_DOUBLINGS = 16
"""More of them exceed every limit, and soon every float."""


def initiate_delay(ctx: Context, failed: int, spent: float = 0.0) -> float:
    """Seconds until a connection is initiated again after `failed` tries, the last of which took `spent` seconds.

    `retry_initiate_interval`, doubled each time up to `retry_initiate_limit`, is what a try takes at least, so that
    one that has used up its retransmissions is followed by the next at once.
    """
    least = ctx.settings.retry_initiate_interval or SHORTEST
    limit = max(least, ctx.settings.retry_initiate_limit)
    pause = min(least * 2.0 ** min(max(0, failed - 1), _DOUBLINGS), limit)
    return max(0.0, pause * (1 - JITTER * fraction(ctx.rng)) - spent)


def busy_delay(ctx: Context, refused: int = 0) -> float:
    """Seconds until something is tried again that the peer would not do just now, after so many refusals before."""
    least, most = BUSY_SECONDS
    pause = least + (most - least) * fraction(ctx.rng)
    return pause if not refused else min(pause * 2.0 ** min(refused, _DOUBLINGS), BUSY_LIMIT)
