"""A message that passed every check, as the exchanges read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from ikeengine.errors import InvalidSyntax
from ikeengine.model.path import Path
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.wire.payloads import Notify, Payload

PayloadT = TypeVar("PayloadT")


class Received:
    """The payloads of one message, with the (first) datagram they came in; authenticated, but for IKE_SA_INIT.

    `content` is what was inside the Encrypted payload, decrypted and joined.
    """

    __slots__ = ("_by_type", "_first_notify", "content", "data", "exchange", "is_response", "path", "payloads")

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
        self._sort()

    def _sort(self) -> None:
        self._by_type: dict[type, list[Any]] = {}
        for payload in self.payloads:
            self._by_type.setdefault(type(payload), []).append(payload)
        self._first_notify: dict[NotifyType, Notify] = {one.kind: one for one in reversed(self.all(Notify))}

    def put(self, payload: Payload, instead_of: Payload) -> None:
        """Put a payload in the place of another one."""
        self.payloads = tuple(payload if one is instead_of else one for one in self.payloads)
        self._sort()

    def find(self, kind: type[PayloadT]) -> PayloadT | None:
        """The first payload of a kind, or None."""
        found = self.all(kind)
        return found[0] if found else None

    def require(self, kind: type[PayloadT]) -> PayloadT:
        """The first payload of a kind. Raises InvalidSyntax if there is none."""
        payload = self.find(kind)
        if payload is None:
            raise InvalidSyntax(f"{self.describe()} has no {kind.__name__} payload")
        return payload

    def all(self, kind: type[PayloadT]) -> Sequence[PayloadT]:
        """Every payload of a kind, in order."""
        found: Sequence[PayloadT] = self._by_type.get(kind, ())
        return found

    def notify(self, kind: NotifyType) -> Notify | None:
        """The first Notify of a type, or None."""
        return self._first_notify.get(kind)

    def error(self) -> Notify | None:
        """The first Notify that reports an error, or None."""
        return next((notify for notify in self.all(Notify) if notify.kind < NotifyType.INITIAL_CONTACT), None)

    def describe(self) -> str:
        """Such as `IKE_AUTH response`, for people."""
        return f"{self.exchange.name} {'response' if self.is_response else 'request'}"
