"""`install`, `uninstall` and `pols`: policies that wait for packets, let them pass, or drop them."""

from __future__ import annotations

import sys
from argparse import Namespace

from ikeengine.cli.client import Client
from ikeengine.cli.errors import Exit
from ikeengine.cli.output import print_json
from ikeengine.cli.tables import Cell, Report, show
from ikeengine.cli.text import json_ready, sections, string, strings

_EFFECTS = {
    "PASS": "passes unprotected",
    "DROP": "is dropped",
    "TUNNEL": "brings up a tunnel",
    "TRANSPORT": "brings up an SA in transport mode",
}
_ALL = {"trap": "yes", "pass": "yes", "drop": "yes"}


def install(arguments: Namespace) -> int:
    """Set a trap, or put a shunt into force."""
    return _change(arguments, "install", "installed")


def uninstall(arguments: Namespace) -> int:
    """Take a trap or shunt back."""
    return _change(arguments, "uninstall", "uninstalled")


def _change(arguments: Namespace, command: str, done: str) -> int:
    message = {"child": arguments.child} | ({"ike": arguments.ike} if arguments.ike else {})
    with Client(arguments.socket) as client:
        client.request(command, message)
    if arguments.json:
        print_json({"success": True})
    else:
        print(f"child {arguments.child}: {done}")
    return Exit.DONE


def pols(arguments: Namespace) -> int:
    """Show the policies that are in force without an SA."""
    with Client(arguments.socket) as client:
        messages = list(client.stream("list-policies", "list-policy", _ALL))
    if arguments.json:
        print_json([json_ready(message) for message in messages])
        return Exit.DONE
    report = Report(("policy", "mode", "a packet", "local", "remote"), empty="no policies are installed")
    for message in messages:
        for name, policy in sections(message).items():
            mode = string(policy, "mode")
            ends = [" ".join(strings(policy, f"{side}-ts")) for side in ("local", "remote")]
            report.add(Cell(name, "name"), mode.lower(), _EFFECTS.get(mode, ""), *ends)
    show(report, sys.stdout)
    return Exit.DONE
