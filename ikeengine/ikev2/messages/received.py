"""A message that passed every check, as the exchanges read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

from ikeengine.errors import InvalidSyntax
from ikeengine.model.path import Path
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.wire.payloads import Notify, Payload

PayloadT = TypeVar("PayloadT")


class Received:
    """The payloads of one message, with the (first) datagram they came in; authenticated, but for IKE_SA_INIT.

    `content` is what was inside the Encrypted payload, decrypted and joined.
    """

    __slots__ = ("_first_notify", "_first_of_type", "content", "data", "exchange", "is_response", "path", "payloads")

    def __init__(
        self,
        exchange: ExchangeType,
        is_response: bool,
        payloads: Sequence[Payload],
        data: bytes,
        path: Path,
        content: bytes = b"",
    ) -> None:
        self.exchange = exchange
        self.is_response = is_response
        self.payloads = payloads
        self.data = data
        self.path = path
        self.content = content
        self._first_of_type: dict[type, Payload] = {}
        self._first_notify: dict[NotifyType, Notify] = {}
        for payload in payloads:
            self._first_of_type.setdefault(type(payload), payload)
            if isinstance(payload, Notify):
                self._first_notify.setdefault(payload.kind, payload)

    def find(self, kind: type[PayloadT]) -> PayloadT | None:
        """The first payload of a kind, or None."""
        return cast("PayloadT | None", self._first_of_type.get(kind))

    def require(self, kind: type[PayloadT]) -> PayloadT:
        """The first payload of a kind. Raises InvalidSyntax if there is none."""
        payload = self.find(kind)
        if payload is None:
            raise InvalidSyntax(f"{self.describe()} has no {kind.__name__} payload")
        return payload

    def all(self, kind: type[PayloadT]) -> list[PayloadT]:
        """Every payload of a kind, in order."""
        return [payload for payload in self.payloads if isinstance(payload, kind)]

    def notify(self, kind: NotifyType) -> Notify | None:
        """The first Notify of a type, or None."""
        return self._first_notify.get(kind)

    def error(self) -> Notify | None:
        """The first Notify that reports an error, or None."""
        for payload in self.payloads:
            if isinstance(payload, Notify) and payload.kind < NotifyType.INITIAL_CONTACT:
                return payload
        return None

    def describe(self) -> str:
        """Such as `IKE_AUTH response`, for people."""
        return f"{self.exchange.name} {'response' if self.is_response else 'request'}"
