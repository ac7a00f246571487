"""Events of the core as text for people and as flat dicts for machines. No event carries a secret into either."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NamedTuple

from ikeengine.model.failure import FailureRecord
from ikeengine.model.identity import Identity
from ikeengine.model.status import ChildStatus, IkeStatus
from ikeengine.negotiate.identities import format_identity
from ikeengine.negotiate.selectors import format_selector
from ikeengine.outputs import (
    ChildRekeyed,
    ChildUpdown,
    Dropped,
    Event,
    Failed,
    IkeMoved,
    IkeRekeyed,
    IkeUpdown,
    LeaseChanged,
    LogLine,
    StateChanged,
)

Fields = dict[str, str | int | list[str]]


class Story(NamedTuple):
    """An event ready for the log: where it belongs, what it says, and its parts."""

    name: str
    group: str
    level: int
    text: str
    fields: Fields
    connection: str = ""
    ike_id: int = 0


class Told(NamedTuple):
    """In which groups and at which level the events of one kind are told, known before the telling."""

    groups: tuple[str, ...]
    level: int


def story(event: Event) -> Story | None:
    """What the log has to say about an event; None for events that are only counted or are secret."""
    tell = _TELL.get(type(event))
    return tell(event) if tell is not None else None


def _log_line(event: LogLine) -> Story:
    return Story("log", event.group, event.level, event.text, {}, event.connection, event.ike_id)


def _lease_changed(event: LeaseChanged) -> Story:
    lease = event.lease
    address, identity = str(ip_address(lease.address)), format_identity(lease.identity)
    verb, preposition = ("assigned", "to") if lease.online else ("took back", "from")
    text = f"{verb} virtual IP {address} of pool {lease.pool} {preposition} {identity}"
    fields: Fields = {"pool": lease.pool, "address": address, "identity": identity}
    return Story("lease", "IKE", 1, text, fields, event.connection, event.ike_id)


def _dropped(event: Dropped) -> Story:
    reason = event.reason.value
    text = f"dropped a datagram from {event.path.remote}[{event.path.remote_port}]: {reason}"
    if event.detail:
        text += f" ({event.detail})"
    fields: Fields = {"reason": reason, "path": str(event.path), "detail": event.detail}
    return Story("dropped", "NET", 1, text, fields)


def _state_changed(event: StateChanged) -> Story:
    if event.child_id:
        group, what = "CHD", f"CHILD_SA {event.child}{{{event.child_id}}}"
    else:
        group, what = "IKE", f"IKE_SA {event.connection}[{event.ike_id}]"
    text = f"{what} state change: {event.old} => {event.new}"
    if event.story:
        text += f" ({event.story})"
    fields: Fields = {
        "child": event.child,
        "child-id": event.child_id,
        "old": event.old,
        "new": event.new,
        "story": event.story,
    }
    return Story("state", group, 2, text, fields, event.connection, event.ike_id)


def _ike_updown(event: IkeUpdown) -> Story:
    ike = event.ike
    text = f"IKE_SA {ike.name}[{ike.unique_id}] {'established' if event.up else 'closed'} between {_ends(ike)}"
    return Story("ike-updown", "IKE", 0, text, {"up": _yes_no(event.up)} | _ike(ike), ike.name, ike.unique_id)


def _child_updown(event: ChildUpdown) -> Story:
    ike, child = event.ike, event.child
    what = "established" if event.up else "closed"
    text = f"CHILD_SA {child.name}{{{child.unique_id}}} {what} with SPIs {_spis(child)} and TS {_selectors(child)}"
    fields = {"up": _yes_no(event.up)} | _ike(ike) | _child(child)
    return Story("child-updown", "CHD", 0, text, fields, ike.name, ike.unique_id)


def _ike_rekeyed(event: IkeRekeyed) -> Story:
    old, new = event.old, event.new
    text = f"IKE_SA {old.name}[{old.unique_id}] rekeyed to [{new.unique_id}] between {_ends(new)}"
    return Story("ike-rekey", "IKE", 0, text, {"old-id": old.unique_id} | _ike(new), new.name, new.unique_id)


def _ike_moved(event: IkeMoved) -> Story:
    ike = event.ike
    text = f"IKE_SA {ike.name}[{ike.unique_id}] moves from {ike.path} to {event.path}"
    fields = _ike(ike) | {"new-path": str(event.path)}
    return Story("ike-update", "IKE", 1, text, fields, ike.name, ike.unique_id)


def _child_rekeyed(event: ChildRekeyed) -> Story:
    old, new = event.old, event.new
    text = (
        f"CHILD_SA {old.name}{{{old.unique_id}}} rekeyed to {{{new.unique_id}}} with SPIs {_spis(new)} "
        f"and TS {_selectors(new)}"
    )
    fields = {"old-child-id": old.unique_id} | _ike(event.ike) | _child(new)
    return Story("child-rekey", "CHD", 0, text, fields, event.ike.name, event.ike.unique_id)


def _failed(event: Failed) -> Story:
    return Story("alert", "IKE", 0, failure_text(event.record), failure_fields(event.record), event.record.connection)


def failure_text(record: FailureRecord) -> str:
    """One line for people: what failed where, and what to do about it."""
    parts = [f"{record.phase}: {record.reason} [{record.alert.value}, {record.side.value}]"]
    if record.nearest:
        parts.append(f"nearest: {record.nearest}")
    if record.advice:
        parts.append(f"advice: {record.advice}")
    return "; ".join(parts)


def failure_fields(record: FailureRecord) -> Fields:
    """The whole record, in the words of the `failures` command. Times are added by whoever knows a clock."""
    return {
        "alert": record.alert.value,
        "side": record.side.value,
        "phase": record.phase,
        "reason": record.reason,
        "connection": record.connection,
        "child": record.child,
        "peer": record.peer,
        "offered": list(record.offered),
        "accepted": list(record.accepted),
        "nearest": record.nearest,
        "advice": record.advice,
    }


def _ike(ike: IkeStatus) -> Fields:
    return {"path": str(ike.path), "spi-i": ike.spi_i.hex(), "spi-r": ike.spi_r.hex(), "state": ike.state}


def _child(child: ChildStatus) -> Fields:
    return {
        "child": child.name,
        "child-id": child.unique_id,
        "child-state": child.state,
        "spi-in": f"{child.spi_in:08x}",
        "spi-out": f"{child.spi_out:08x}",
    }


def _ends(ike: IkeStatus) -> str:
    return f"{ike.path.local}[{_identity(ike.local_id)}]...{ike.path.remote}[{_identity(ike.remote_id)}]"


def _identity(identity: Identity | None) -> str:
    return "%any" if identity is None else format_identity(identity)


def _selectors(child: ChildStatus) -> str:
    local = " ".join(format_selector(ts) for ts in child.local_ts)
    return f"{local} === {' '.join(format_selector(ts) for ts in child.remote_ts)}"


def _spis(child: ChildStatus) -> str:
    return f"{child.spi_in:08x}_i {child.spi_out:08x}_o"


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


# Counted goes to the counters and keys into the key log only: neither has a story.
_TELL: dict[type, Callable[[Any], Story]] = {
    LogLine: _log_line,
    Dropped: _dropped,
    StateChanged: _state_changed,
    IkeUpdown: _ike_updown,
    ChildUpdown: _child_updown,
    IkeRekeyed: _ike_rekeyed,
    IkeMoved: _ike_moved,
    ChildRekeyed: _child_rekeyed,
    LeaseChanged: _lease_changed,
    Failed: _failed,
}
TOLD = {
    LogLine: Told(("",), -1),
    Dropped: Told(("NET",), 1),
    StateChanged: Told(("IKE", "CHD"), 2),
    IkeUpdown: Told(("IKE",), 0),
    ChildUpdown: Told(("CHD",), 0),
    IkeRekeyed: Told(("IKE",), 0),
    IkeMoved: Told(("IKE",), 1),
    ChildRekeyed: Told(("CHD",), 0),
    LeaseChanged: Told(("IKE",), 1),
    Failed: Told(("IKE",), 0),
}
"""Most events are not wanted: this table saves their stories from being written. A LogLine has its own group."""
