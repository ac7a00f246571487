"""Queries that show what the daemon has: SAs, connections, algorithms, counters, statistics, versions."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator

from ikeengine import __version__
from ikeengine.cli.client import Client
from ikeengine.cli.digest import suite
from ikeengine.cli.errors import DaemonUnreachable, Exit
from ikeengine.cli.output import complain, print_json
from ikeengine.cli.tables import Cell, Report, show, state
from ikeengine.cli.text import duration, json_ready, number, sections, string, strings, subsections
from ikeengine.daemon.vici.codec import Message, Value


def _stream(arguments: Namespace, command: str, event: str) -> list[Message]:
    only = {"ike": arguments.connection} if getattr(arguments, "connection", "") else {}
    with Client(arguments.socket) as client:
        return list(client.stream(command, event, only))


def _request(arguments: Namespace, command: str, message: dict[str, object] | None = None) -> Message:
    with Client(arguments.socket) as client:
        return client.request(command, message)


def sas(arguments: Namespace) -> int:
    """Show SAs with identities, SPIs and algorithms."""
    messages = _stream(arguments, "list-sas", "list-sa")
    if arguments.json:
        print_json([json_ready(message) for message in messages])
        return Exit.DONE
    report = Report(
        ("sa", "state", "from", "to", "spis", "algorithms", "rekey in"), right=("rekey in",), empty="no SAs"
    )
    for message in messages:
        for name, ike in sections(message).items():
            report.add(*_ike_row(name, ike))
            for child in subsections(ike, "child-sas").values():
                report.add(*_child_row(child))
    show(report, sys.stdout)
    return Exit.DONE


def _ike_row(name: str, ike: Message) -> list[Cell | str]:
    ends = [f"{string(ike, f'{side}-id')} {string(ike, f'{side}-host')}" for side in ("local", "remote")]
    spis = f"{string(ike, 'initiator-spi')}_i {string(ike, 'responder-spi')}_r"
    name_cell = Cell(f"{name}[{string(ike, 'uniqueid')}]", "name")
    return [name_cell, state(string(ike, "state")), *ends, spis, suite(ike), duration(number(ike, "rekey-time"))]


def _child_row(child: Message) -> list[Cell | str]:
    ends = [" ".join(strings(child, f"{side}-ts")) for side in ("local", "remote")]
    spis = f"{string(child, 'spi-in')}_i {string(child, 'spi-out')}_o"
    around = f" within AH {string(child, 'ah-integ-alg')}" if string(child, "ah-spi-in") else ""
    if around:
        spis += f", AH {string(child, 'ah-spi-in')}_i {string(child, 'ah-spi-out')}_o"
    encap = " in UDP" if string(child, "encap") == "yes" else ""
    algorithms = f"{string(child, 'protocol')}{encap} {string(child, 'mode').lower()} {suite(child)}{around}"
    name = Cell(f"  {string(child, 'name')}{{{string(child, 'uniqueid')}}}", "name")
    return [name, state(string(child, "state")), *ends, spis, algorithms, duration(number(child, "rekey-time"))]


def conns(arguments: Namespace) -> int:
    """Show loaded connections."""
    messages = _stream(arguments, "list-conns", "list-conn")
    if arguments.json:
        print_json([json_ready(message) for message in messages])
        return Exit.DONE
    report = Report(("connection", "version", "local", "remote", "auth", "children"), empty="no connections are loaded")
    for message in messages:
        for name, section in sections(message).items():
            report.add(*_connection_row(name, section))
    show(report, sys.stdout)
    for message in messages:
        for name, section in sections(message).items():
            for warning in strings(section, "warnings"):
                complain(f"warning: {name}: {warning}")
    return Exit.DONE


def _connection_row(name: str, section: Message) -> list[Cell | str]:
    rounds = {key: part for key, part in sections(section).items() if key != "children"}
    auth = ", ".join(f"{key.partition('-')[0]} {string(part, 'class')}" for key, part in rounds.items())
    children = ", ".join(_child_text(child, part) for child, part in subsections(section, "children").items())
    ends = [" ".join([*strings(section, f"{side}_addrs"), *_identity(rounds, side)]) for side in ("local", "remote")]
    return [Cell(name, "name"), string(section, "version"), *ends, auth, children]


def _identity(rounds: dict[str, Message], side: str) -> Iterator[str]:
    for key, part in rounds.items():
        if key.startswith(side) and string(part, "id"):
            yield f"({string(part, 'id')})"


def _child_text(name: str, child: Message) -> str:
    return f"{name}: {' '.join(strings(child, 'local-ts'))} === {' '.join(strings(child, 'remote-ts'))}"


def algs(arguments: Namespace) -> int:
    """Show the algorithms."""
    answer = _request(arguments, "get-algorithms")
    if arguments.json:
        print_json(json_ready(answer))
        return Exit.DONE
    report = Report(("type", "algorithms"))
    for kind, names in sections(answer).items():
        report.add(Cell(kind, "name"), ", ".join(names))
    show(report, sys.stdout)
    return Exit.DONE


def counters(arguments: Namespace) -> int:
    """Show or reset counters."""
    message: dict[str, object] = {"all": "yes"} if arguments.all else {}
    if arguments.name:
        message["name"] = arguments.name
    answer = _request(arguments, "reset-counters" if arguments.reset else "get-counters", message)
    if arguments.json:
        print_json(json_ready(answer))
        return Exit.DONE
    if arguments.reset:
        return Exit.DONE
    report = Report(("connection", "counter", "value"), right=("value",), empty="nothing was counted yet")
    for name, values in subsections(answer, "counters").items():
        for counter in values:
            report.add(Cell(name or "(all)", "name"), counter, string(values, counter))
    show(report, sys.stdout)
    return Exit.DONE


def stats(arguments: Namespace) -> int:
    """Show uptime and load."""
    answer = _request(arguments, "stats")
    if arguments.json:
        print_json(json_ready(answer))
        return Exit.DONE
    report = Report(("what", "value"))
    for name, value in _flat(answer):
        report.add(Cell(name, "name"), value)
    show(report, sys.stdout)
    return Exit.DONE


def _flat(section: Message, prefix: str = "") -> Iterator[tuple[str, str]]:
    value: Value
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", ", ".join(strings(section, key))
        else:
            yield f"{prefix}{key}", string(section, key)


def version(arguments: Namespace) -> int:
    """Show the version of this tool, and of the daemon if it runs."""
    try:
        answer = _request(arguments, "version")
    except DaemonUnreachable:
        answer = {}
    if arguments.json:
        print_json({"version": __version__, "daemon": json_ready(answer) or None})
        return Exit.DONE
    print(f"ikeengine {__version__}")
    if answer:
        words = (string(answer, key) for key in ("daemon", "version", "sysname", "release", "machine"))
        print(f"daemon: {' '.join(word for word in words if word)}")
    else:
        print("daemon: not running, or not reachable")
    return Exit.DONE
