"""Turns events of the core into VICI events, but only those that somebody has registered for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ikeengine.daemon.service import Service
from ikeengine.daemon.vici.hub import EventHub
from ikeengine.daemon.vici.messages import Section, child_section, ike_section, sa_section
from ikeengine.observe.events import failure_fields, story
from ikeengine.outputs import (
    ChildRekeyed,
    ChildUpdown,
    Event,
    Failed,
    IkeMoved,
    IkeRekeyed,
    IkeUpdown,
    LogLine,
    StateChanged,
)

LOG_LEVEL = 1
"""Highest level of the `log` event, as in strongSwan."""

PROGRESS_LEVEL = 1
"""Level of a state change for these events: who waits for a command wants to see its steps."""

Tap = Callable[[LogLine], None]


class EventBridge:
    """A listener of the Observer. `taps` also get every log line: commands that stream control-log events."""

    def __init__(self, service: Service, hub: EventHub) -> None:
        self.taps: list[Tap] = []
        self._service = service
        self._hub = hub
        self._build: dict[type, tuple[str, Callable[[Any], Section]]] = {
            IkeUpdown: ("ike-updown", self._ike_updown),
            ChildUpdown: ("child-updown", self._child_updown),
            IkeRekeyed: ("ike-rekey", self._ike_rekeyed),
            IkeMoved: ("ike-update", self._ike_moved),
            ChildRekeyed: ("child-rekey", self._child_rekeyed),
            Failed: ("alert", failure_section),
        }
        hub.changed = self._subscriptions_changed

    def __call__(self, event: Event) -> None:
        """Raise the VICI event, if there is one and somebody wants it."""
        wanted = self._hub.wanted
        if not (wanted or self.taps):
            return
        if self.taps or "log" in wanted:
            self._log(event)
        entry = self._build.get(type(event))
        if entry is not None and entry[0] in wanted:
            self._hub.raise_event(entry[0], entry[1](event))

    def _subscriptions_changed(self) -> None:
        self._service.keep_final_usage = self._hub.wants("child-updown")

    def _log(self, event: Event) -> None:
        told = story(event)
        if told is None:
            return
        level = PROGRESS_LEVEL if isinstance(event, StateChanged) else told.level
        line = LogLine(level, told.group, told.text, told.connection, told.ike_id)
        for tap in tuple(self.taps):
            tap(line)
        if level <= LOG_LEVEL:
            self._hub.raise_event("log", {"thread": 0} | log_section(line))

    def _ike_updown(self, event: IkeUpdown) -> Section:
        section: Section = {"up": "yes"} if event.up else {}
        return section | {event.ike.name: ike_section(event.ike, self._service.now())}

    def _child_updown(self, event: ChildUpdown) -> Section:
        section: Section = {"up": "yes"} if event.up else {}
        return section | sa_section(event.ike, [event.child], self._service.usage, self._service.now())

    def _ike_rekeyed(self, event: IkeRekeyed) -> Section:
        now = self._service.now()
        return {event.new.name: {"old": ike_section(event.old, now), "new": ike_section(event.new, now)}}

    def _ike_moved(self, event: IkeMoved) -> Section:
        path = event.path
        section: Section = {"local-host": path.local, "local-port": path.local_port}
        section |= {"remote-host": path.remote, "remote-port": path.remote_port}
        return section | {event.ike.name: ike_section(event.ike, self._service.now())}

    def _child_rekeyed(self, event: ChildRekeyed) -> Section:
        now, usage_of = self._service.now(), self._service.usage
        pair = {"old": child_section(event.old, usage_of, now), "new": child_section(event.new, usage_of, now)}
        return {event.ike.name: ike_section(event.ike, now) | {"child-sas": {event.new.name: pair}}}


def log_section(line: LogLine) -> Section:
    """The message of a log or control-log event."""
    section: Section = {"group": line.group, "level": line.level}
    if line.ike_id:
        section |= {"ikesa-name": line.connection, "ikesa-uniqueid": line.ike_id}
    return section | {"msg": line.text}


def failure_section(event: Failed) -> Section:
    """The message of an alert event: strongSwan's `type`, and what we know besides."""
    fields: Section = dict(failure_fields(event.record))
    return {"type": fields.pop("alert")} | {key: value for key, value in fields.items() if value}
