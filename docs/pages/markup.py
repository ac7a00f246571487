"""The markup of Ansible's documentation as Markdown, and Markdown tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

COLLECTION = "keymesh.ike."
PAGES = {"module": "modules.md", "filter": "plugins.md", "lookup": "plugins.md", "role": "roles.md"}

_MACRO = re.compile(r"\b(?P<macro>RV|[BCEILMOPUV])\((?P<text>(?:[^()\\]|\\.)*)\)")
_FOREIGN = re.compile(r"(?P<plugin>[\w.]+)#(?P<type>\w+):(?P<name>.*)")


def markdown(text: str | Sequence[str]) -> str:
    """A description, one paragraph or several, as one line of Markdown."""
    paragraphs = [text] if isinstance(text, str) else text
    return " ".join(_MACRO.sub(_macro, " ".join(str(paragraph).split())) for paragraph in paragraphs)


def _macro(match: re.Match[str]) -> str:
    text = re.sub(r"\\(.)", r"\1", match["text"])
    match match["macro"]:
        case "B":
            return f"**{text}**"
        case "I":
            return f"*{text}*"
        case "L":
            label, _, address = text.partition(",")
            return f"[{label.strip()}]({address.strip()})"
        case "U":
            return f"<{text}>"
        case "M":
            return _reference(text, "module")
        case "P":
            name, _, kind = text.partition("#")
            return _reference(name, kind)
        case "O" | "RV":
            return _name(text)
    return f"`{text}`"


def _name(text: str) -> str:
    """An option or a return value, perhaps of another plugin."""
    foreign = _FOREIGN.fullmatch(text)
    if foreign is None:
        return f"`{text}`"
    return f"`{foreign['name']}` of {_reference(foreign['plugin'], foreign['type'])}"


def _reference(name: str, kind: str) -> str:
    if not name.startswith(COLLECTION):
        return f"`{name}`"
    short = name.removeprefix(COLLECTION)
    return f"[{short}]({PAGES[kind]}#{short})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table, with an empty line after it; nothing if there are no rows."""
    lines = [_row([cell.replace("|", "\\|") for cell in row]) for row in rows]
    return [_row(head), _row(["---"] * len(head)), *lines, ""] if lines else []


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
