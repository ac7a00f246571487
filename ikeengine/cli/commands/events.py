"""`events`: prints events as they happen, until the daemon ends or somebody presses Ctrl-C."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime

from ikeengine.cli.client import Client
from ikeengine.cli.errors import DaemonUnreachable, Exit
from ikeengine.cli.output import print_json_line
from ikeengine.cli.text import json_ready, printable, sections, string, strings, subsections
from ikeengine.daemon.vici.codec import Message

DEFAULT_EVENTS = ("ike-updown", "ike-rekey", "ike-update", "child-updown", "child-rekey", "alert")


def events(arguments: Namespace) -> int:
    """Print events, one a line."""
    names = tuple(arguments.event) or DEFAULT_EVENTS
    try:
        with Client(arguments.socket) as client:
            for name, message in client.events(names):
                if arguments.json:
                    print_json_line({"time": _now(), "event": name, **json_ready(message)})
                else:
                    print(f"{_now()} {name}: {printable(_TELL.get(name, _other)(message))}", flush=True)
    except KeyboardInterrupt:
        return Exit.DONE
    raise DaemonUnreachable("the daemon has ended")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _updown(message: Message) -> str:
    word = "up" if string(message, "up") == "yes" else "down"
    return "; ".join(f"{_ike(name, ike)}{_children(ike)} {word}" for name, ike in sections(message).items())


def _ike(name: str, ike: Message) -> str:
    return f"{name}[{string(ike, 'uniqueid')}] {string(ike, 'local-host')} - {string(ike, 'remote-host')}"


def _children(ike: Message) -> str:
    parts = []
    for child in subsections(ike, "child-sas").values():
        networks = f"{' '.join(strings(child, 'local-ts'))} === {' '.join(strings(child, 'remote-ts'))}"
        parts.append(f" {string(child, 'name')}{{{string(child, 'uniqueid')}}} {networks}")
    return ",".join(parts)


def _ike_rekey(message: Message) -> str:
    return "; ".join(f"{name}: {_from_to(pair)}" for name, pair in sections(message).items())


def _ike_update(message: Message) -> str:
    ends = f"{string(message, 'local-host')} - {string(message, 'remote-host')}"
    return "; ".join(f"{_ike(name, ike)} is now {ends}" for name, ike in sections(message).items())


def _child_rekey(message: Message) -> str:
    pairs = [pair for ike in sections(message).values() for pair in subsections(ike, "child-sas").items()]
    return "; ".join(f"{name}: {_from_to(pair)}" for name, pair in pairs)


def _from_to(pair: Message) -> str:
    old, new = (string(sections(pair).get(key, {}), "uniqueid") for key in ("old", "new"))
    return f"#{old} is now #{new}"


def _alert(message: Message) -> str:
    about = string(message, "connection")
    reason = string(message, "reason") or string(message, "type")
    advice = string(message, "advice")
    return f"{about + ': ' if about else ''}{reason}{f' ({advice})' if advice else ''}"


def _log(message: Message) -> str:
    name = string(message, "ikesa-name")
    return f"[{string(message, 'group')}] {f'<{name}> ' if name else ''}{string(message, 'msg')}"


def _other(message: Message) -> str:
    return str(json_ready(message))


_TELL: dict[str, Callable[[Message], str]] = {
    "ike-updown": _updown,
    "child-updown": _updown,
    "ike-rekey": _ike_rekey,
    "ike-update": _ike_update,
    "child-rekey": _child_rekey,
    "alert": _alert,
    "log": _log,
}
