"""The arguments of each sub-command."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

DEFAULT_RUN_DIR = Path("/run/ikeengine")
DEFAULT_SOCKET = DEFAULT_RUN_DIR / "ikeengine.vici"
DEFAULT_CONFIG = Path("/etc/ikeengine")
DEFAULT_WAIT = 60.0
"""Seconds that `initiate`, `terminate` and `rekey` wait for the end."""
DEFAULT_CONFIRM = 900
"""Seconds that a checkpoint waits for its change to be applied."""


def no_arguments(parser: ArgumentParser) -> None:
    """A command without arguments of its own."""


def config(parser: ArgumentParser) -> None:
    """What `check`, `plan` and others read."""
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE_OR_DIR", help="configuration file, or directory of *.yml"
    )


def apply(parser: ArgumentParser) -> None:
    """Of `apply`."""
    config(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only show what would change, as `plan` does")
    how.add_argument(
        "--confirm",
        type=int,
        metavar="SECONDS",
        help="go back to the configuration before, unless `ikeengine confirm` comes within this time",
    )


def changed_config(parser: ArgumentParser) -> None:
    """Of what deals with a change of the daemon's own directory."""
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="DIR",
        help=f"configuration directory of the daemon (default {DEFAULT_CONFIG})",
    )


def checkpoint(parser: ArgumentParser) -> None:
    """Of `checkpoint`."""
    changed_config(parser)
    parser.add_argument(
        "--confirm",
        type=int,
        default=DEFAULT_CONFIRM,
        metavar="SECONDS",
        help=f"roll back unless `ikeengine confirm` comes within this time (default {DEFAULT_CONFIRM})",
    )
    parser.add_argument(
        "--restart", default="", metavar="COMMAND", help="how to restart the daemon, if a rollback needs that"
    )


def rollback(parser: ArgumentParser) -> None:
    """Of `rollback`."""
    changed_config(parser)
    parser.add_argument("--now", action="store_true", help="do not wait for the deadline")


def run(parser: ArgumentParser) -> None:
    """Of `run`."""
    config(parser)
    parser.add_argument(
        "--run-dir",
        type=Path,
        default=DEFAULT_RUN_DIR,
        metavar="DIR",
        help=f"directory of the control socket (default {DEFAULT_RUN_DIR})",
    )


def check(parser: ArgumentParser) -> None:
    """Of `check`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, metavar="FILE_OR_DIR", help="configuration file, or directory of *.yml")
    what.add_argument("--schema", action="store_true", help="print the JSON Schema of configuration files")


def connection(parser: ArgumentParser) -> None:
    """One connection or all."""
    parser.add_argument("connection", nargs="?", default="", metavar="CONNECTION", help="only this connection")


def pools(parser: ArgumentParser) -> None:
    """Of `pools`."""
    parser.add_argument("pool", nargs="?", default="", metavar="POOL", help="only this pool")
    parser.add_argument("--leases", action="store_true", help="show every address with its user")


def counters(parser: ArgumentParser) -> None:
    """Of `counters`."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--name", default="", metavar="CONNECTION", help="the counters of one connection")
    which.add_argument("--all", action="store_true", help="the counters of every connection")
    parser.add_argument("--reset", action="store_true", help="set them to zero")


def _target(parser: ArgumentParser, *, ids: bool) -> None:
    parser.add_argument("--child", default="", metavar="NAME", help="a Child SA by the name of its configuration")
    parser.add_argument("--ike", default="", metavar="NAME", help="an IKE SA by the name of its connection")
    if ids:
        parser.add_argument("--child-id", type=int, default=0, metavar="N", help="a Child SA by its unique number")
        parser.add_argument("--ike-id", type=int, default=0, metavar="N", help="an IKE SA by its unique number")
    parser.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_WAIT,
        metavar="SECONDS",
        help=f"how long to wait for the end (default {DEFAULT_WAIT:g}; 0 does not wait)",
    )
    parser.add_argument("--loglevel", type=int, default=1, metavar="N", choices=range(-1, 5), help="log lines to show")
    parser.add_argument("-q", "--quiet", action="store_true", help="show no log lines")


def initiate(parser: ArgumentParser) -> None:
    """Of `initiate`."""
    _target(parser, ids=False)


def terminate(parser: ArgumentParser) -> None:
    """Of `terminate`."""
    _target(parser, ids=True)
    parser.add_argument("--force", action="store_true", help="do not wait for the peer's answer")


def rekey(parser: ArgumentParser) -> None:
    """Of `rekey`."""
    _target(parser, ids=True)
    parser.add_argument("--reauth", action="store_true", help="authenticate again with a new IKE SA")


def policy(parser: ArgumentParser) -> None:
    """Of `install` and `uninstall`."""
    parser.add_argument("--child", required=True, metavar="NAME", help="the child whose policies are meant")
    parser.add_argument("--ike", default="", metavar="NAME", help="its connection, if several have such a child")


def events(parser: ArgumentParser) -> None:
    """Of `events`."""
    parser.add_argument(
        "event", nargs="*", metavar="EVENT", help="only these: ike-updown, child-updown, ike-rekey, alert, log, ..."
    )
