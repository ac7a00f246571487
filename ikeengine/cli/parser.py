"""The arguments of every sub-command, with help texts and examples."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path

from ikeengine import __version__
from ikeengine.cli import arguments
from ikeengine.cli.arguments import DEFAULT_SOCKET
from ikeengine.model.immutable import immutable

_EPILOG = """\
exit codes: 0 done, 1 the operation failed, 2 wrong usage or invalid configuration, 3 the daemon cannot be reached

examples:
  ikeengine check --config /etc/ikeengine         is the configuration sound?
  ikeengine status                                how are my tunnels?
  ikeengine initiate --child net                  bring a tunnel up
  ikeengine explain site-b                        why did it fail?
"""


@immutable
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
        description="An IKE daemon, and the tool to ask and steer it.",
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


_COMMANDS = (
    _Command(
        "run",
        "run the daemon in the foreground",
        "run:run",
        "  ikeengine run --config /etc/ikeengine\n  ikeengine run --config test.yml --run-dir /tmp/ike",
        arguments.run,
        json=False,
    ),
    _Command(
        "check",
        "validate a configuration and tell every problem at once",
        "check:check",
        "  ikeengine check --config /etc/ikeengine\n  ikeengine check --schema > ikeengine.schema.json",
        arguments.check,
    ),
    _Command(
        "plan",
        "show what a reload of the configuration would change",
        "plan:plan",
        "  ikeengine plan --config /etc/ikeengine",
        arguments.config,
    ),
    _Command(
        "apply",
        "reload the configuration; unchanged connections keep their SAs",
        "plan:apply",
        "  ikeengine apply --config /etc/ikeengine\n  ikeengine apply --config /etc/ikeengine --dry-run --json\n"
        "  ikeengine apply --config /etc/ikeengine --confirm 120",
        arguments.apply,
    ),
    _Command(
        "checkpoint",
        "keep a copy of the configuration, and roll the changes after it back unless they are confirmed",
        "rollback:checkpoint",
        "  ikeengine checkpoint --confirm 600",
        arguments.checkpoint,
    ),
    _Command(
        "confirm",
        "keep the configuration that `apply --confirm` has put into force",
        "rollback:confirm",
        "  ikeengine confirm",
        arguments.changed_config,
    ),
    _Command(
        "rollback",
        "go back to the configuration before, if nobody has confirmed the change in time",
        "rollback:rollback",
        "  ikeengine rollback\n  ikeengine rollback --now",
        arguments.rollback,
    ),
    _Command(
        "status",
        "show all connections and tunnels on one screen, also those that are down",
        "status:status",
        "  ikeengine status\n  ikeengine status site-b\n  ikeengine status --json | jq '.[] | select(.up | not)'",
        arguments.connection,
    ),
    _Command(
        "sas",
        "show the SAs with their algorithms; as JSON, the messages of VICI's list-sas",
        "queries:sas",
        "  ikeengine sas\n  ikeengine sas --json site-b",
        arguments.connection,
    ),
    _Command(
        "conns",
        "show the loaded connections; as JSON, the messages of VICI's list-conns",
        "queries:conns",
        "  ikeengine conns\n  ikeengine conns --json site-b",
        arguments.connection,
    ),
    _Command(
        "pools",
        "show the pools of virtual IP addresses, and who has which address",
        "pools:pools",
        "  ikeengine pools\n  ikeengine pools --leases roadwarriors\n  ikeengine pools --json --leases",
        arguments.pools,
    ),
    _Command(
        "certs",
        "show the loaded certificates",
        "certificates:certs",
        "  ikeengine certs --json",
        arguments.no_arguments,
    ),
    _Command("algs", "show the algorithms of this daemon", "queries:algs", "  ikeengine algs", arguments.no_arguments),
    _Command(
        "counters",
        "show how many IKE messages of each kind came and went",
        "queries:counters",
        "  ikeengine counters\n  ikeengine counters --name site-b\n  ikeengine counters --all --json",
        arguments.counters,
    ),
    _Command(
        "stats", "show uptime and load of the daemon", "queries:stats", "  ikeengine stats", arguments.no_arguments
    ),
    _Command(
        "initiate",
        "establish a tunnel (--child) or only its IKE SA (--ike)",
        "control:initiate",
        "  ikeengine initiate --child net\n  ikeengine initiate --ike site-b --child net --timeout 10",
        arguments.initiate,
    ),
    _Command(
        "terminate",
        "close SAs",
        "control:terminate",
        "  ikeengine terminate --ike site-b\n  ikeengine terminate --child-id 7 --force",
        arguments.terminate,
    ),
    _Command(
        "rekey",
        "give SAs new keys now",
        "control:rekey",
        "  ikeengine rekey --child net\n  ikeengine rekey --ike site-b --reauth",
        arguments.rekey,
    ),
    _Command(
        "install",
        "set the trap of a child, or put its pass or drop policy into force",
        "policies:install",
        "  ikeengine install --child net\n  ikeengine install --ike site-b --child net",
        arguments.policy,
    ),
    _Command(
        "uninstall",
        "take a trap, pass or drop policy back; SAs that are up stay",
        "policies:uninstall",
        "  ikeengine uninstall --child net",
        arguments.policy,
    ),
    _Command(
        "pols",
        "show the trap, pass and drop policies that are in force; as JSON, the messages of VICI's list-policies",
        "policies:pols",
        "  ikeengine pols\n  ikeengine pols --json",
        arguments.no_arguments,
    ),
    _Command(
        "explain",
        "explain why negotiations failed: whose side, offered versus accepted, what to do",
        "failures:failures",
        "  ikeengine explain\n  ikeengine explain site-b",
        arguments.connection,
    ),
    _Command(
        "events",
        "print events as they happen",
        "events:events",
        "  ikeengine events\n  ikeengine events --json alert child-updown",
        arguments.events,
    ),
    _Command(
        "version",
        "show the versions of tool and daemon",
        "queries:version",
        "  ikeengine version",
        arguments.no_arguments,
    ),
)
