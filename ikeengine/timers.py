"""Deadlines: a small table per SA, and one queue for the whole endpoint (design D7). Times are `now`, in seconds."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from enum import Enum
from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class Timer(Enum):
    """What can fall due on an IKE SA. The Child SA timers are set once per Child SA."""

    # Members are singletons. An Enum hashes its name, in Python, and these are keys on the hot path.
    __hash__ = object.__hash__

    RETRANSMIT = "retransmit the outstanding request"
    GRACE = "an unauthenticated error had its time to be contradicted"
    HALF_OPEN = "the initiator did not come back with IKE_AUTH"
    IKE_REKEY = "rekey the IKE SA"
    IKE_REAUTH = "authenticate again with a new IKE SA"
    SUPERSEDED = "the last packets for an IKE SA that is authenticated again have arrived"
    IKE_EXPIRE = "the IKE SA is over its lifetime"
    DPD = "nothing heard from the peer"
    DPD_TIMEOUT = "the peer has not answered for too long"
    KEEPALIVE = "keep the NAT mapping alive"
    LINGER = "a replaced IKE SA was not deleted by its peer"
    FORGET = "a rival IKE SA that lost was not deleted by its peer"
    FOLLOWUP = "the peer did not go on with its additional key exchanges"
    FRAGMENTS = "a message in fragments did not become complete"
    CHILD_REKEY = "rekey a Child SA"
    CHILD_EXPIRE = "a Child SA is over its lifetime"
    CHILD_LINGER = "the last packets of a replaced Child SA have arrived"
    CHILD_DRAIN = "what was sent on a Child SA of an older configuration has arrived"
    CHILD_IDLE = "a Child SA may have been unused for too long"
    CHILD_RETRY = "the peer asked us to try again later"
    CHILD_SEND = "the peer surely has the Child SA that it has asked for"


class TimerTable:
    """The deadlines of one SA, by timer and Child SA number (0 for the IKE SA itself)."""

    __slots__ = ("_deadlines",)

    def __init__(self) -> None:
        self._deadlines: dict[tuple[Timer, int], float] = {}

    def set(self, timer: Timer, deadline: float, child: int = 0) -> None:
        """Start a timer, or move it."""
        self._deadlines[timer, child] = deadline

    def stop(self, timer: Timer, child: int = 0) -> None:
        """Stop a timer; one that is not running is fine."""
        self._deadlines.pop((timer, child), None)

    def stop_child(self, child: int) -> None:
        """Stop every timer of a Child SA."""
        for key in [key for key in self._deadlines if key[1] == child]:
            del self._deadlines[key]

    def of_child(self, child: int) -> dict[Timer, float]:
        """The deadlines of a Child SA."""
        return {timer: deadline for (timer, owner), deadline in self._deadlines.items() if owner == child}

    def clear(self) -> None:
        """Stop everything."""
        self._deadlines.clear()

    def get(self, timer: Timer, child: int = 0) -> float | None:
        """The deadline of a running timer."""
        return self._deadlines.get((timer, child))

    def next_deadline(self) -> float | None:
        """The earliest deadline."""
        return min(self._deadlines.values(), default=None)

    def take_expired(self, now: float) -> list[tuple[Timer, int]]:
        """Stop and return the timers that have fallen due, the earliest first."""
        due = sorted((deadline, key[0].name, key) for key, deadline in self._deadlines.items() if deadline <= now)
        for _deadline, _name, key in due:
            del self._deadlines[key]
        return [key for _deadline, _name, key in due]

    def __iter__(self) -> Iterator[tuple[Timer, int]]:
        return iter(self._deadlines)

    def __len__(self) -> int:
        return len(self._deadlines)


OUTRUN_ENTRIES = 64
"""How many outrun entries a DeadlineQueue holds at least before it throws them away."""


class DeadlineQueue(Generic[Owner]):
    """Owners by their next deadline. An entry that its owner has outrun is skipped when it comes up."""

    __slots__ = ("_count", "_heap", "_scheduled")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Owner]] = []
        self._scheduled: dict[Owner, float] = {}
        self._count = 0

    def schedule(self, owner: Owner, deadline: float | None) -> None:
        """Wake `owner` at `deadline`, instead of at any time said before. None: not at all."""
        if deadline is None:
            self._scheduled.pop(owner, None)
        elif self._scheduled.get(owner) != deadline:
            self._scheduled[owner] = deadline
            self._count += 1
            heapq.heappush(self._heap, (deadline, self._count, owner))
            if len(self._heap) > 2 * len(self._scheduled) + OUTRUN_ENTRIES:
                self._compact()

    def _compact(self) -> None:
        """Deadlines move with every message, so most entries are soon outrun."""
        self._heap = [(deadline, count, owner) for count, (owner, deadline) in enumerate(self._scheduled.items())]
        heapq.heapify(self._heap)

    def next_deadline(self) -> float | None:
        """The earliest deadline of all owners."""
        while self._heap:
            deadline, _unused, owner = self._heap[0]
            if self._scheduled.get(owner) == deadline:
                return deadline
            heapq.heappop(self._heap)
        return None

    def take_due(self, now: float) -> Owner | None:
        """Remove and return one owner whose deadline has come, or None."""
        deadline = self.next_deadline()
        if deadline is None or deadline > now:
            return None
        owner = heapq.heappop(self._heap)[2]
        del self._scheduled[owner]
        return owner

    def __len__(self) -> int:
        return len(self._scheduled)
