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


MAX_USED = 16384
"""Exchanges that one ISAKMP SA may have in its life. After half of them it is rekeyed."""


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
    is_answered: bool = False
    """Whether our last message answers it. Only then it is sent again for it: else both sides would do so for ever."""
    tries: int = 0
    """How often our last message was repeated."""

    @property
    def timer(self) -> int:
        """The number under which its timers run: never that of a Child SA."""
        return ~self.message_id


@dataclass(slots=True)
class Conversations:
    """The exchanges of an ISAKMP SA by message ID, the oldest first.

    A message ID is never used again (RFC 2408 section 3.1): nothing else tells a new message from one that somebody has
    recorded.
    """

    _by_id: dict[int, Conversation] = field(default_factory=dict)
    _used: set[int] = field(default_factory=set)
    """The message IDs of those that are forgotten."""

    def get(self, message_id: int) -> Conversation | None:
        """The exchange with this message ID."""
        return self._by_id.get(message_id)

    def add(self, conversation: Conversation) -> bool:
        """Take one in. False if there are too many that are not over yet, or there were too many."""
        if len(self._used) >= MAX_USED or (len(self._by_id) > MAX_REMEMBERED and not self._forget_one()):
            return False
        self._by_id[conversation.message_id] = conversation
        return True

    def forget(self, conversation: Conversation) -> None:
        """Leave one as if its first message had not come; the peer may repeat it."""
        self._by_id.pop(conversation.message_id, None)

    def _forget_one(self) -> bool:
        over = (c.message_id for c in self._by_id.values() if c.exchange is None and c.message_id != PHASE_1)
        oldest = next(over, None)
        if oldest is not None:
            del self._by_id[oldest]
            self._used.add(oldest)
        return oldest is not None

    def __iter__(self) -> Iterator[Conversation]:
        return iter(list(self._by_id.values()))

    def __contains__(self, message_id: int) -> bool:
        """Whether a message ID has been used."""
        return message_id in self._by_id or message_id in self._used

    @property
    def are_over(self) -> bool:
        """Whether nothing is waited for in any of them."""
        return all(conversation.exchange is None for conversation in self._by_id.values())

    @property
    def are_many(self) -> bool:
        """Whether it is time for another ISAKMP SA."""
        return len(self._used) >= MAX_USED // 2
