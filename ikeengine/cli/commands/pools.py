"""`pools`: the pools of virtual IP addresses and their leases."""

from __future__ import annotations

import sys
from argparse import Namespace

from ikeengine.cli.client import Client
from ikeengine.cli.errors import CommandFailed, Exit
from ikeengine.cli.output import print_json
from ikeengine.cli.tables import Cell, Report, show, state
from ikeengine.cli.text import json_ready, sections, string, subsections
from ikeengine.daemon.vici.codec import Message


def pools(arguments: Namespace) -> int:
    """Show the pools."""
    message: dict[str, object] = {"name": arguments.pool} if arguments.pool else {}
    with Client(arguments.socket) as client:
        answer = client.request("get-pools", message | ({"leases": "yes"} if arguments.leases else {}))
    if arguments.pool and not answer:
        raise CommandFailed(f"there is no pool `{arguments.pool}`")
    if arguments.json:
        print_json(json_ready(answer))
    elif arguments.leases:
        show(_leases(answer), sys.stdout)
    else:
        show(_pools(answer), sys.stdout)
    return Exit.DONE


def _pools(answer: Message) -> Report:
    columns = ("pool", "base", "size", "online", "offline")
    report = Report(columns, right=columns[2:], empty="no pools are loaded")
    for name, pool in sections(answer).items():
        report.add(Cell(name, "name"), *(string(pool, column) for column in columns[1:]))
    return report


def _leases(answer: Message) -> Report:
    report = Report(("pool", "address", "state", "identity"), empty="no address was given to anybody")
    for name, pool in sections(answer).items():
        for lease in subsections(pool, "leases").values():
            status = state(string(lease, "status"))
            report.add(Cell(name, "name"), string(lease, "address"), status, string(lease, "identity"))
    return report
