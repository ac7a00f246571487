"""Writes docs/reference/configuration.md from the schema: `python -m ikeengine.config.reference FILE`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ikeengine.config.options.root import ROOT
from ikeengine.config.schema import Fixed, Option, Section

_INTRODUCTION = """\
# Configuration reference

This page is generated from the schema (`python -m ikeengine.config.reference docs/reference/configuration.md`);
`ikeengine check --schema` prints the same schema for editors.

The configuration is one YAML file, or a directory whose `*.yml` and `*.yaml` files are read in the order of their names
and joined. Its words are those of swanctl.conf(5), so what is written about strongSwan helps here too.
`ikeengine check --config FILE_OR_DIR` tells every problem at once, with file, line and key.

- **Durations** are numbers with `s`, `m`, `h` or `d` (`30m`); a bare number counts seconds.
- **Volumes** are bytes; `k`, `m` and `g` count in 1024.
- **Lists** are YAML lists, or one text with commas.
- **yes or no** may also be written `true`, `on`, `enabled`, `1` and their opposites.
- `<suffix>` stands for any ending, as in `ike-site-b`; `<conn>`, `<child>` and `<name>` for names of your choice.
- YAML anchors and merge keys (`<<: *defaults`) work, so that common settings are written once.
- A file that holds a secret must have mode 0600, belong to root or to the user of the engine, and not be a link.
"""


def reference() -> str:
    """The text of the page."""
    return "\n".join([_INTRODUCTION, *_sections(ROOT)]).rstrip() + "\n"


def _sections(section: Section) -> Iterator[str]:
    if section.path:
        yield from _page_part(section)
    elif section.fixed:
        yield _not_yet(section.fixed)
    for part in section.sections:
        yield from _sections(part.section)


def _page_part(section: Section) -> Iterator[str]:
    yield f"## `{section.path}`\n\n{section.help}\n"
    if section.options:
        yield "| Option | Type | Default | Meaning |\n| --- | --- | --- | --- |"
        yield from (_row(option) for option in section.options)
        if section.numbered is not None:
            yield _row(section.numbered)
        yield ""
    if section.fixed:
        yield _not_yet(section.fixed)


def _row(option: Option[Any]) -> str:
    name = f"{option.name}<suffix>" if option.suffixed else option.name
    cells = (f"`{name}`", _type(option), _default(option), option.help)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _type(option: Option[Any]) -> str:
    label = option.kind.label
    return f"{label} ({option.unit})" if option.unit and label == "number" else label


def _default(option: Option[Any]) -> str:
    if option.derived:
        return option.derived
    return f"`{option.default}`" if option.default else "none"


def _not_yet(fixed: tuple[Fixed, ...]) -> str:
    lines = ["Options of swanctl that are not supported yet, and the only value that is accepted:\n"]
    for part in fixed:
        name = f"{part.name}<suffix>" if part.suffixed else part.name
        accepted = "leave it out" if part.accepted is None else f"`{part.accepted}`"
        lines.append(f"- `{name}` ({part.topic}): {accepted}")
    return "\n".join([*lines, ""])


def main(arguments: list[str]) -> int:
    """Write the page to the file named on the command line."""
    if len(arguments) != 1:
        print("usage: python -m ikeengine.config.reference FILE", file=sys.stderr)
        return 2
    target = Path(arguments[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(reference(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
