"""`checkpoint`, `confirm`, `rollback`: changes that go away again unless somebody confirms them."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ikeengine.cli import guard
from ikeengine.cli.client import Client
from ikeengine.cli.errors import CommandFailed, DaemonUnreachable, Exit, UsageError
from ikeengine.cli.output import print_json
from ikeengine.cli.text import printable
from ikeengine.config.checkpoint import Checkpoint

_Result = TypeVar("_Result")


def checkpoint(arguments: Namespace) -> int:
    """Copy the configuration as it is now, unless a change is under way, and set the deadline for its confirmation."""
    point = _directory(arguments.config)
    taken, by = _on_files(lambda: _arm(point, arguments.confirm, arguments.restart, arguments.socket))
    what = "copied" if taken else "already copied"
    text = f"{point.config} is {what}; without `ikeengine confirm` it is restored in {arguments.confirm} s (by a {by})"
    _tell(arguments, text, taken=taken, guard=by, seconds=arguments.confirm)
    return Exit.DONE


def _arm(point: Checkpoint, seconds: int, restart: str, socket: Path | None) -> tuple[bool, str]:
    old = point.pending()
    if old is not None and old.is_due:
        guard.roll_back(point, socket)
    taken = point.take()
    old = point.pending()
    pending = point.arm(seconds, tuple(shlex.split(restart)) or (old.restart if old else ()))
    by = guard.set_up(point, pending, socket)
    if old is not None:
        guard.dismiss(old)
    return taken, by


def rearm(config: Path, seconds: int, socket: Path | None) -> bool:
    """Give a change of a directory with a checkpoint `seconds` from now. False if there is no checkpoint."""
    point = Checkpoint(config)
    if point.pending() is None:
        return False
    _on_files(lambda: _arm(point, seconds, "", socket))
    return True


def confirm(arguments: Namespace) -> int:
    """Keep the configuration that is in force."""
    point = _directory(arguments.config)
    kept = _on_files(lambda: _keep(point))
    kept = _tell_daemon(arguments.socket) or kept
    _tell(arguments, "the configuration is confirmed" if kept else "nothing waits for a confirmation", confirmed=kept)
    return Exit.DONE


def _tell_daemon(socket: Path | None) -> bool:
    """Whether the daemon had a configuration on trial. One that does not run, or knows no trials, has none."""
    try:
        with Client(socket) as client:
            client.request("confirm")
    except (CommandFailed, DaemonUnreachable):
        return False
    return True


def _keep(point: Checkpoint) -> bool:
    """Raises CommandFailed if it is too late."""
    try:
        with point.locked():
            pending = point.pending()
            if pending is not None and not pending.is_due:
                point.discard()
                guard.dismiss(pending)
                return True
    except FileNotFoundError:
        pending = None
    if pending is not None or point.rolled_back():
        raise CommandFailed(f"too late: the configuration was {point.rolled_back() or 'not confirmed in time'}")
    return False


def rollback(arguments: Namespace) -> int:
    """Go back if the deadline has passed."""
    point = _directory(arguments.config)
    done = _on_files(lambda: guard.roll_back(point, arguments.socket, at_once=arguments.now))
    _tell(arguments, done or "there is nothing to roll back", rolled_back=bool(done))
    return Exit.DONE


def _directory(config: Path) -> Checkpoint:
    if config.is_file():
        raise UsageError(f"{config} is a file; changes that must be confirmed need a configuration directory")
    return Checkpoint(config)


def _on_files(action: Callable[[], _Result]) -> _Result:
    try:
        return action()
    except OSError as error:
        raise CommandFailed(f"{error.filename or 'the checkpoint'}: {error.strerror}; run this as root") from error


def _tell(arguments: Namespace, text: str, **fields: object) -> None:
    if arguments.json:
        print_json(fields)
    else:
        print(printable(text))
