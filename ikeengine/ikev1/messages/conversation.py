"""One exchange of messages with its message ID (RFC 2408 section 3.1). Several may go on at the same time.

Message IDs say nothing about order in IKEv1, and a message does not say whether it is a request. So each exchange
remembers the message that it has taken last and the one that it has sent last: the same message again is answered with
the same message again, and whoever waits for an answer repeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ikeengine.registry import ExchangeType

if TYPE_CHECKING:
    from ikeengine.ikev1.exchange import Exchange

PHASE_1 = 0
"""The message ID of phase 1."""

MAX_REMEMBERED = 32
"""Exchanges after phase 1 that one ISAKMP SA remembers; those that are over make room first."""


@dataclass(slots=True)
class Conversation:
    """One exchange."""

    message_id: int
    type: ExchangeType
    is_ours: bool
    """Whether we have begun it."""
    exchange: Exchange | None = None
    """What it is for, and what the next message does; None if no other one is expected."""
    sent: tuple[bytes, ...] = ()
    """Our last message, in one datagram or in fragments."""
    taken: bytes = b""
    """The peer's last message, as it came."""
    tries: int = 0
    """How often our last message was repeated."""

    @property
    def timer(self) -> int:
        """The number under which its timers run: never that of a Child SA."""
        return ~self.message_id


@dataclass(slots=True)
class Conversations:
    """The exchanges of an ISAKMP SA by message ID, the oldest first."""

    _by_id: dict[int, Conversation] = field(default_factory=dict)

    def get(self, message_id: int) -> Conversation | None:
        """The exchange with this message ID."""
        return self._by_id.get(message_id)

    def add(self, conversation: Conversation) -> bool:
        """Take one in. False if there are too many that are not over yet."""
        if len(self._by_id) > MAX_REMEMBERED and not self._forget_one():
            return False
        self._by_id[conversation.message_id] = conversation
        return True

    def _forget_one(self) -> bool:
        over = (c.message_id for c in self._by_id.values() if c.exchange is None and c.message_id != PHASE_1)
        oldest = next(over, None)
        if oldest is not None:
            del self._by_id[oldest]
        return oldest is not None

    def __iter__(self) -> Iterator[Conversation]:
        return iter(list(self._by_id.values()))

    def __contains__(self, message_id: int) -> bool:
        return message_id in self._by_id
