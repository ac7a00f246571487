"""Who has registered for which event, and the raising of events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ikeengine.daemon.vici.codec import Packet, PacketType, encode_packet

STREAMED = ("list-sa", "list-policy", "list-conn", "list-cert", "list-authority", "control-log")
"""Events that answer a command; only its client gets them."""
RAISED = ("log", "ike-updown", "ike-rekey", "ike-update", "child-updown", "child-rekey", "alert")
"""Events that everybody gets who has registered."""
EVENTS = frozenset(STREAMED + RAISED)


class Subscriber(Protocol):
    """A client's session, seen from the hub."""

    def push(self, frame: bytes) -> None:
        """Send now, or not at all: must neither block nor raise."""


class EventHub:
    """Subscriptions by event. An event nobody wants costs one look-up."""

    def __init__(self) -> None:
        self._subscribers: dict[str, list[Subscriber]] = {}
        self.wanted: frozenset[str] = frozenset()
        """Events that somebody has registered for."""
        self.changed: Callable[[], None] = _nothing
        """Called after each registration and unregistration."""

    def register(self, event: str, subscriber: Subscriber) -> None:
        """From now on `subscriber` gets `event`."""
        subscribers = self._subscribers.setdefault(event, [])
        if subscriber not in subscribers:
            subscribers.append(subscriber)
        self._update()

    def unregister(self, event: str, subscriber: Subscriber) -> bool:
        """The contrary; False if it was not registered."""
        subscribers = self._subscribers.get(event, [])
        if subscriber not in subscribers:
            return False
        subscribers.remove(subscriber)
        self._update()
        return True

    def forget(self, subscriber: Subscriber) -> None:
        """Unregister a client from everything."""
        for event in self._subscribers:
            self.unregister(event, subscriber)

    def wants(self, event: str) -> bool:
        """Whether it is worth building the message of an event."""
        return event in self.wanted

    def _update(self) -> None:
        self.wanted = frozenset(event for event, subscribers in self._subscribers.items() if subscribers)
        self.changed()

    def raise_event(self, event: str, message: Mapping[str, object]) -> None:
        """Send an event to all who have registered for it."""
        subscribers = self._subscribers.get(event)
        if not subscribers:
            return
        frame = encode_packet(Packet(PacketType.EVENT, event, message))
        for subscriber in tuple(subscribers):
            subscriber.push(frame)


def _nothing() -> None:
    """Until somebody cares."""
