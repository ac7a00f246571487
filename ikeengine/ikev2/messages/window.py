"""Message IDs and the cached response: a window of one each way (RFC 7296 sections 2.1 to 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ikeengine.registry import ExchangeType
from ikeengine.wire.payloads import Payload


class Arrival(Enum):
    """What a message ID says about a message."""

    NEW_REQUEST = "new request"
    REPEATED_REQUEST = "repeated request"
    AWAITED_RESPONSE = "awaited response"
    OUT_OF_WINDOW = "out of window"


@dataclass(slots=True)
class Window:
    """The two message counters of an IKE SA."""

    next_request: int = 0
    """Message ID of our next request."""
    expected_request: int = 0
    """Message ID of the peer's next request."""
    request: tuple[bytes, ...] | None = None
    """Our outstanding request, in one datagram or in fragments, retransmitted octet for octet."""
    content: tuple[ExchangeType, tuple[Payload, ...]] | None = None
    """What it carries, to cut it into smaller fragments; None if it cannot be fragmented."""
    tries: int = 0
    """How often it was retransmitted."""
    answered: bytes | None = None
    """The peer's last request that we have answered, or are answering; its first fragment, if it came in several."""
    response: tuple[bytes, ...] | None = None
    """Our response to it; None while we are still working on it."""

    def classify(self, message_id: int, is_response: bool) -> Arrival:
        """Where a message ID stands. Changes nothing, because the message is not authenticated yet."""
        if is_response:
            outstanding = self.request is not None and message_id == self.next_request
            return Arrival.AWAITED_RESPONSE if outstanding else Arrival.OUT_OF_WINDOW
        if message_id == self.expected_request and not self.is_answering:
            return Arrival.NEW_REQUEST
        if message_id == self.expected_request - 1 or message_id == self.expected_request:
            return Arrival.REPEATED_REQUEST
        return Arrival.OUT_OF_WINDOW

    @property
    def is_answering(self) -> bool:
        """Whether a request of the peer is accepted but not answered yet."""
        return self.answered is not None and self.response is None

    def begin_answer(self, request: bytes) -> None:
        """A new request passed every check."""
        self.answered = request
        self.response = None

    def finish_answer(self, response: tuple[bytes, ...]) -> None:
        """The response to the accepted request is on its way."""
        self.response = response
        self.expected_request += 1

    def send(self, request: tuple[bytes, ...], content: tuple[ExchangeType, tuple[Payload, ...]] | None = None) -> None:
        """Our next request is on its way."""
        self.request = request
        self.content = content
        self.tries = 0

    def close_request(self) -> None:
        """Our outstanding request was answered."""
        self.request = self.content = None
        self.tries = 0
        self.next_request += 1
