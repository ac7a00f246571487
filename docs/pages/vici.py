"""docs/reference/vici.md, from the tables of the control socket."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from docs.pages.markup import table
from ikeengine.daemon.vici.commands import COMMANDS
from ikeengine.daemon.vici.hub import RAISED, STREAMED

OWN = ("plan", "apply", "confirm", "failures")
STRONGSWAN = (
    "version", "stats", "reload-settings", "initiate", "terminate", "rekey", "redirect", "install", "uninstall",
    "list-sas", "list-policies", "list-conns", "get-conns", "list-certs", "list-authorities", "get-authorities",
    "load-conn", "unload-conn", "load-cert", "load-key", "unload-key", "get-keys", "load-token", "load-shared",
    "unload-shared", "get-shared", "flush-certs", "clear-creds", "load-authority", "unload-authority", "load-pool",
    "unload-pool", "get-pools", "get-algorithms", "get-counters", "reset-counters",
)  # fmt: skip
"""The commands of strongSwan 5.9 and 6.0 (src/libcharon/plugins/vici/README.md)."""

_INTRODUCTION = """\
# VICI: commands and events

This page is generated from the daemon's tables (`make docs`). The messages are those of
[strongSwan's VICI](https://docs.strongswan.org/docs/latest/plugins/vici.html). How to use `swanctl` with ikeengine is
in the [guide](../guide/strongswan.md).

The control socket is `<run-dir>/ikeengine.vici`, usually `/run/ikeengine/ikeengine.vici`.

## Commands
"""
_EVENTS = {
    "log": "Every log line up to level 1.",
    "ike-updown": "An IKE SA is up or down.",
    "ike-rekey": "An IKE SA has new keys; old and new one.",
    "ike-update": "An IKE SA moves: `local-host` and so on are new, its section has the old ones.",
    "child-updown": "A Child SA is up or down.",
    "child-rekey": "A Child SA has new keys; old and new one.",
    "alert": "A negotiation failed. Besides strongSwan's `type`: `reason`, `side`, `phase`, `offered`, `accepted`, "
    "`nearest`, `advice`.",
}


def page() -> str:
    """The text of the page."""
    missing = [name for name in STRONGSWAN if name not in COMMANDS]
    lines = [
        _INTRODUCTION,
        *table(("Command", "Meaning"), ((f"`{name}`", _first_line(name)) for name in COMMANDS if name not in OWN)),
        f"Commands of strongSwan that ikeengine does not have: {_names(missing)}.",
        "",
        "Commands that strongSwan does not have:",
        "",
        *table(("Command", "Meaning"), ((f"`{name}`", _first_line(name)) for name in OWN)),
        "## Events",
        "",
        *table(("Event", "Meaning"), ((f"`{name}`", _EVENTS[name]) for name in RAISED)),
        f"These answer a command, and only its client gets them: {_names(STREAMED)}.",
    ]
    return "\n".join(lines) + "\n"


def _first_line(name: str) -> str:
    return (inspect.getdoc(COMMANDS[name]) or "").split("\n\n")[0].replace("\n", " ")


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
