"""`explain`: why negotiations failed."""

from __future__ import annotations

import sys
from argparse import Namespace

from rich.console import Console

from ikeengine.cli import explain
from ikeengine.cli.client import Client
from ikeengine.cli.errors import Exit
from ikeengine.cli.output import print_json
from ikeengine.cli.text import json_ready, subsections


def failures(arguments: Namespace) -> int:
    """Print what seems wrong with tunnels that are up, and the failure records, the latest first."""
    message = {"connection": arguments.connection} if arguments.connection else {}
    with Client(arguments.socket) as client:
        answer = client.request("failures", message)
    records = [*subsections(answer, "hints").values(), *subsections(answer, "failures").values()]
    if arguments.json:
        print_json([json_ready(record) for record in records])
        return Exit.DONE
    console = Console(file=sys.stdout)
    for number, record in enumerate(records):
        if number:
            print()
        explain.show(record, console)
    if not records:
        about = f" of {arguments.connection}" if arguments.connection else ""
        print(f"no failed negotiations{about} on record")
    return Exit.DONE
