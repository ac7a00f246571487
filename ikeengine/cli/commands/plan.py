"""`plan` and `apply`: what a reload changes, and doing it."""

from __future__ import annotations

import sys
from argparse import Namespace

from ikeengine.cli.client import Client
from ikeengine.cli.commands.check import sound
from ikeengine.cli.commands.rollback import rearm
from ikeengine.cli.errors import CommandFailed, Exit, UsageError
from ikeengine.cli.guard import RELOAD_TIMEOUT
from ikeengine.cli.output import complain, print_json
from ikeengine.cli.tables import Cell, Report, show
from ikeengine.cli.text import duration, json_ready, number, printable, string, strings, subsections
from ikeengine.daemon.vici.codec import Message

MAX_CONFIRM = 86400
"""Seconds that a configuration can wait for its confirmation."""

_MEANINGS = {"unchanged": "dim", "child": "busy", "replace": "busy", "add": "good", "remove": "bad"}
_EFFECTS = {
    "unchanged": "keeps its SAs",
    "child": "keeps its IKE SA",
    "replace": "is closed and established again",
    "add": "is new",
    "remove": "is closed",
}


def plan(arguments: Namespace) -> int:
    """Show what a reload would change."""
    return _reload(arguments, "plan")


def apply(arguments: Namespace) -> int:
    """Reload the configuration, and show what changed."""
    if arguments.confirm is not None and not 0 < arguments.confirm <= MAX_CONFIRM:
        raise UsageError(f"--confirm takes 1 to {MAX_CONFIRM} seconds")
    return _reload(arguments, "plan" if arguments.dry_run else "apply", arguments.confirm)


def _reload(arguments: Namespace, command: str, confirm: int | None = None) -> int:
    if not sound(arguments.config, as_json=arguments.json):
        return Exit.USAGE
    options: dict[str, object] = {"path": str(arguments.config.resolve())}
    if confirm is not None:
        rearm(arguments.config, confirm, arguments.socket)
        options["confirm-within"] = confirm
    try:
        with Client(arguments.socket) as client:
            answer = client.request(command, options, RELOAD_TIMEOUT)
    except CommandFailed as error:
        if errors := strings(error.answer, "errors"):
            return _refused(errors)
        raise
    if arguments.json:
        print_json(json_ready(answer))
    else:
        _show(answer)
        if confirm is not None:
            print(f"without `ikeengine confirm` this is undone in {confirm} s")
    return Exit.DONE


def _refused(errors: list[str]) -> int:
    """The daemon sees problems that we do not see, such as files that only it cannot read."""
    for line in errors:
        complain(printable(line))
    complain("ikeengine: the daemon refuses the configuration; nothing of it is used")
    return Exit.USAGE


def _show(answer: Message) -> None:
    report = Report(("connection", "action", "effect", "details"), empty="no connections, before and after")
    for name, entry in sorted(subsections(answer, "connections").items()):
        action = string(entry, "action")
        cell = Cell(action, _MEANINGS.get(action, ""))
        report.add(Cell(name, "name"), cell, _EFFECTS.get(action, ""), "; ".join(strings(entry, "details")))
    show(report, sys.stdout)
    for line in strings(answer, "others"):
        print(printable(line))
    _show_drops(answer)


def _show_drops(answer: Message) -> None:
    """The SAs that go, with their peers and ages."""
    drops = list(subsections(answer, "drops").values())
    if not drops:
        return
    print()
    report = Report(("SA that drops", "peer", "identity", "up for", "afterwards"))
    for drop in drops:
        name = string(drop, "connection")
        child, children = string(drop, "child"), ", ".join(strings(drop, "children"))
        which = f"{name}/{child}" if child else f"{name} ({children})" if children else name
        afterwards = "is established again" if string(drop, "again") == "yes" else "is gone"
        age = duration(number(drop, "established"))
        peer = (string(drop, "remote-host"), string(drop, "remote-id"))
        report.add(Cell(which, "name"), *peer, age, Cell(afterwards, "bad"))
    show(report, sys.stdout)
    unnamed = (number(answer, "drop-count") or 0) - len(drops)
    if unnamed > 0:
        print(f"and {unnamed} more")
