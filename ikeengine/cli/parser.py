"""The arguments of every sub-command, with help texts and examples."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ikeengine import __version__

DEFAULT_RUN_DIR = Path("/run/ikeengine")
DEFAULT_SOCKET = DEFAULT_RUN_DIR / "ikeengine.vici"
DEFAULT_WAIT = 60.0
"""Seconds that `initiate`, `terminate` and `rekey` wait for the end."""

_EPILOG = """\
exit codes: 0 done, 1 the operation failed, 2 wrong usage or invalid configuration, 3 the daemon cannot be reached

examples:
  ikeengine check --config /etc/ikeengine         is the configuration sound?
  ikeengine status                                how are my tunnels?
  ikeengine initiate --child net                  bring a tunnel up
  ikeengine explain site-b                        why did it fail?
"""


@dataclass(frozen=True, slots=True)
class _Command:
    """One sub-command. `handler` is `module:function`, imported when it runs."""

    name: str
    help: str
    handler: str
    examples: str
    arguments: Callable[[ArgumentParser], None]
    json: bool = True


def build_parser() -> ArgumentParser:
    """The parser of the whole command line."""
    parser = ArgumentParser(
        prog="ikeengine",
        description="An IKEv2 daemon, and the tool to ask and steer it.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ikeengine {__version__}")
    _add_socket(parser, None)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for command in _COMMANDS:
        sub = commands.add_parser(
            command.name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            epilog=f"examples:\n{command.examples}",
            formatter_class=RawDescriptionHelpFormatter,
        )
        sub.set_defaults(handler=f"ikeengine.cli.commands.{command.handler}")
        _add_socket(sub, SUPPRESS)
        if command.json:
            sub.add_argument("--json", action="store_true", help="print JSON for programs")
        command.arguments(sub)
    return parser


def _add_socket(parser: ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "--socket",
        type=Path,
        default=default,
        metavar="PATH",
        help=f"control socket of the daemon (default {DEFAULT_SOCKET})",
    )


def _no_arguments(parser: ArgumentParser) -> None:
    """A command without arguments of its own."""


def _config(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE_OR_DIR", help="configuration file, or directory of *.yml"
    )


def _apply(parser: ArgumentParser) -> None:
    _config(parser)
    parser.add_argument("--dry-run", action="store_true", help="only show what would change, as `plan` does")


def _run(parser: ArgumentParser) -> None:
    _config(parser)
    parser.add_argument(
        "--run-dir",
        type=Path,
        default=DEFAULT_RUN_DIR,
        metavar="DIR",
        help=f"directory of the control socket (default {DEFAULT_RUN_DIR})",
    )


def _check(parser: ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, metavar="FILE_OR_DIR", help="configuration file, or directory of *.yml")
    what.add_argument("--schema", action="store_true", help="print the JSON Schema of configuration files")


def _connection(parser: ArgumentParser) -> None:
    parser.add_argument("connection", nargs="?", default="", metavar="CONNECTION", help="only this connection")


def _pools(parser: ArgumentParser) -> None:
    parser.add_argument("pool", nargs="?", default="", metavar="POOL", help="only this pool")
    parser.add_argument("--leases", action="store_true", help="show every address with its user")


def _counters(parser: ArgumentParser) -> None:
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


def _initiate(parser: ArgumentParser) -> None:
    _target(parser, ids=False)


def _terminate(parser: ArgumentParser) -> None:
    _target(parser, ids=True)
    parser.add_argument("--force", action="store_true", help="do not wait for the peer's answer")


def _rekey(parser: ArgumentParser) -> None:
    _target(parser, ids=True)
    parser.add_argument("--reauth", action="store_true", help="authenticate again with a new IKE SA")


def _policy(parser: ArgumentParser) -> None:
    parser.add_argument("--child", required=True, metavar="NAME", help="the child whose policies are meant")
    parser.add_argument("--ike", default="", metavar="NAME", help="its connection, if several have such a child")


def _events(parser: ArgumentParser) -> None:
    parser.add_argument(
        "event", nargs="*", metavar="EVENT", help="only these: ike-updown, child-updown, ike-rekey, alert, log, ..."
    )


_COMMANDS = (
    _Command(
        "run",
        "run the daemon in the foreground",
        "run:run",
        "  ikeengine run --config /etc/ikeengine\n  ikeengine run --config test.yml --run-dir /tmp/ike",
        _run,
        json=False,
    ),
    _Command(
        "check",
        "validate a configuration and tell every problem at once",
        "check:check",
        "  ikeengine check --config /etc/ikeengine\n  ikeengine check --schema > ikeengine.schema.json",
        _check,
    ),
    _Command(
        "plan",
        "show what a reload of the configuration would change",
        "plan:plan",
        "  ikeengine plan --config /etc/ikeengine",
        _config,
    ),
    _Command(
        "apply",
        "reload the configuration; unchanged connections keep their SAs",
        "plan:apply",
        "  ikeengine apply --config /etc/ikeengine\n  ikeengine apply --config /etc/ikeengine --dry-run --json",
        _apply,
    ),
    _Command(
        "status",
        "show all connections and tunnels on one screen, also those that are down",
        "status:status",
        "  ikeengine status\n  ikeengine status site-b\n  ikeengine status --json | jq '.[] | select(.up | not)'",
        _connection,
    ),
    _Command(
        "sas",
        "show the SAs with their algorithms; as JSON, the messages of VICI's list-sas",
        "queries:sas",
        "  ikeengine sas\n  ikeengine sas --json site-b",
        _connection,
    ),
    _Command(
        "conns",
        "show the loaded connections; as JSON, the messages of VICI's list-conns",
        "queries:conns",
        "  ikeengine conns\n  ikeengine conns --json site-b",
        _connection,
    ),
    _Command(
        "pools",
        "show the pools of virtual IP addresses, and who has which address",
        "pools:pools",
        "  ikeengine pools\n  ikeengine pools --leases roadwarriors\n  ikeengine pools --json --leases",
        _pools,
    ),
    _Command("certs", "show the loaded certificates", "certificates:certs", "  ikeengine certs --json", _no_arguments),
    _Command("algs", "show the algorithms of this daemon", "queries:algs", "  ikeengine algs", _no_arguments),
    _Command(
        "counters",
        "show how many IKE messages of each kind came and went",
        "queries:counters",
        "  ikeengine counters\n  ikeengine counters --name site-b\n  ikeengine counters --all --json",
        _counters,
    ),
    _Command("stats", "show uptime and load of the daemon", "queries:stats", "  ikeengine stats", _no_arguments),
    _Command(
        "initiate",
        "establish a tunnel (--child) or only its IKE SA (--ike)",
        "control:initiate",
        "  ikeengine initiate --child net\n  ikeengine initiate --ike site-b --child net --timeout 10",
        _initiate,
    ),
    _Command(
        "terminate",
        "close SAs",
        "control:terminate",
        "  ikeengine terminate --ike site-b\n  ikeengine terminate --child-id 7 --force",
        _terminate,
    ),
    _Command(
        "rekey",
        "give SAs new keys now",
        "control:rekey",
        "  ikeengine rekey --child net\n  ikeengine rekey --ike site-b --reauth",
        _rekey,
    ),
    _Command(
        "install",
        "set the trap of a child, or put its pass or drop policy into force",
        "policies:install",
        "  ikeengine install --child net\n  ikeengine install --ike site-b --child net",
        _policy,
    ),
    _Command(
        "uninstall",
        "take a trap, pass or drop policy back; SAs that are up stay",
        "policies:uninstall",
        "  ikeengine uninstall --child net",
        _policy,
    ),
    _Command(
        "pols",
        "show the trap, pass and drop policies that are in force; as JSON, the messages of VICI's list-policies",
        "policies:pols",
        "  ikeengine pols\n  ikeengine pols --json",
        _no_arguments,
    ),
    _Command(
        "explain",
        "explain why negotiations failed: whose side, offered versus accepted, what to do",
        "failures:failures",
        "  ikeengine explain\n  ikeengine explain site-b",
        _connection,
    ),
    _Command(
        "events",
        "print events as they happen",
        "events:events",
        "  ikeengine events\n  ikeengine events --json alert child-updown",
        _events,
    ),
    _Command(
        "version", "show the versions of tool and daemon", "queries:version", "  ikeengine version", _no_arguments
    ),
)
