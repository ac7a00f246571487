"""docs/reference/cli.md, from the parser of the command line."""

from __future__ import annotations

from argparse import Action, ArgumentParser, _HelpAction
from collections.abc import Iterator

from docs.pages.markup import table
from ikeengine.cli.parser import build_parser

_INTRODUCTION = """\
# Command line

This page is generated from the parser of the command line (`make docs`); `ikeengine COMMAND --help` prints the same.

The role `engine` installs the command as `/opt/ikeengine/current/bin/ikeengine`; with systemd,
`/usr/local/bin/ikeengine` is a link to it. The commands other than `run` and `check` talk to the daemon over its
control socket. That takes root, the user of the daemon, or a member of its group. Every command takes `--socket PATH`
(default `/run/ikeengine/ikeengine.vici`). With `--json`, commands print JSON for programs. Tables are in colour on a
terminal and plain elsewhere; `NO_COLOR=1` switches colours off.

| Exit code | Meaning |
| --- | --- |
| 0 | Done. |
| 1 | The operation failed; the reason is on stderr. |
| 2 | Wrong usage, or an invalid configuration. |
| 3 | The daemon cannot be reached. |
"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_INTRODUCTION, *_lines(build_parser())]).rstrip() + "\n"


def _lines(parser: ArgumentParser) -> Iterator[str]:
    commands = _commands(parser)
    rows = ((f"[{name}](#{name})", command.description or "") for name, command in commands.items())
    yield from table(("Command", "Meaning"), rows)
    for name, command in commands.items():
        yield f"## {name}"
        yield ""
        yield command.description or ""
        yield ""
        yield from table(("Argument", "Meaning"), map(_row, _arguments(command)))
        examples = (command.epilog or "").partition("\n")[2]
        yield "```console\n" + "\n".join(f"$ {line.strip()}" for line in examples.splitlines()) + "\n```"
        yield ""


def _commands(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    """The sub-commands; argparse has no public way to list them."""
    groups = (action for action in parser._actions if isinstance(action.choices, dict))
    return {name: command for group in groups for name, command in group.choices.items()}


def _arguments(parser: ArgumentParser) -> Iterator[Action]:
    for action in parser._actions:
        if not isinstance(action, _HelpAction) and "--socket" not in action.option_strings:
            yield action


def _row(action: Action) -> tuple[str, str]:
    metavar = str(action.metavar or "")
    value = f" {metavar}" if metavar and action.option_strings else metavar
    names = ", ".join(f"`{option}{value}`" for option in action.option_strings) or f"`{value}`"
    required = " Required." if action.required and action.option_strings else ""
    text = action.help or ""
    return names, f"{text[0].upper()}{text[1:]}.{required}"
