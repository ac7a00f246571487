"""`initiate`, `terminate` and `rekey`: they show the log lines of the daemon until the end."""

from __future__ import annotations

import sys
from argparse import Namespace

from rich.console import Console

from ikeengine.cli import explain
from ikeengine.cli.client import Client
from ikeengine.cli.errors import CommandFailed, Exit, UsageError
from ikeengine.cli.output import complain, print_json
from ikeengine.cli.text import json_ready, printable, string
from ikeengine.daemon.vici.codec import Message

GRACE = 5.0
"""Seconds that the daemon has to report its own timeout."""
_NO_WAIT = -1


def initiate(arguments: Namespace) -> int:
    """Establish a Child SA or an IKE SA."""
    return _steer(arguments, "initiate", {}, "established")


def terminate(arguments: Namespace) -> int:
    """Close SAs."""
    return _steer(arguments, "terminate", {"force": "yes"} if arguments.force else {}, "closed")


def rekey(arguments: Namespace) -> int:
    """Give SAs new keys."""
    return _steer(arguments, "rekey", {"reauth": "yes"} if arguments.reauth else {}, "rekeyed")


def _steer(arguments: Namespace, command: str, extra: dict[str, object], done: str) -> int:
    message = _target(arguments) | extra | _waiting(arguments)
    try:
        with Client(arguments.socket) as client:
            for event in client.stream(command, "control-log", message, arguments.timeout + GRACE):
                if not (arguments.quiet or arguments.json):
                    complain(_line(event))
    except CommandFailed as error:
        _tell_failure(error, as_json=arguments.json)
        raise
    if arguments.json:
        print_json({"success": True})
    else:
        print(f"{_name(arguments)}: {done if arguments.timeout else 'asked for, not waiting'}")
    return Exit.DONE


def _target(arguments: Namespace) -> dict[str, object]:
    named = {"child": arguments.child, "ike": arguments.ike}
    numbered = {"child-id": getattr(arguments, "child_id", 0), "ike-id": getattr(arguments, "ike_id", 0)}
    target: dict[str, object] = {key: value for key, value in {**named, **numbered}.items() if value}
    if not target:
        options = "--child or --ike" if "child_id" not in arguments else "--child, --ike, --child-id or --ike-id"
        raise UsageError(f"name what is meant with {options}")
    return target


def _waiting(arguments: Namespace) -> dict[str, object]:
    if arguments.timeout < 0:
        raise UsageError("--timeout cannot be negative; 0 does not wait")
    milliseconds = round(arguments.timeout * 1000)
    return {"timeout": milliseconds or _NO_WAIT, "loglevel": arguments.loglevel}


def _line(event: Message) -> str:
    return f"[{string(event, 'group')}] {printable(string(event, 'msg'))}"


def _name(arguments: Namespace) -> str:
    if arguments.child:
        return f"child {arguments.child}"
    if getattr(arguments, "child_id", 0):
        return f"child #{arguments.child_id}"
    return f"connection {arguments.ike}" if arguments.ike else f"IKE SA #{arguments.ike_id}"


def _tell_failure(error: CommandFailed, *, as_json: bool) -> None:
    """The failure record, if the daemon sent one with its refusal."""
    if as_json:
        print_json({"errmsg": str(error), **json_ready(error.answer), "success": False})
    elif string(error.answer, "reason"):
        explain.show(error.answer, Console(file=sys.stderr))
