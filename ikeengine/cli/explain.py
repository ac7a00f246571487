"""Failure records in words: what happened, whose decision it was, offered versus accepted, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from ikeengine.cli.text import duration, number, printable, string, strings
from ikeengine.daemon.vici.codec import Message

_SIDES = {
    "local": "this host refused",
    "peer": "the peer refused",
    "network": "nobody answered",
}
_WIDTH = 10


def explain(record: Message) -> list[tuple[str, str]]:
    """The parts of a record as (name, text), in the order of reading."""
    return [(name, printable(text)) for name, text in _parts(record) if text]


def _parts(record: Message) -> Iterator[tuple[str, str]]:
    yield "what", string(record, "reason")
    yield "whose side", _SIDES.get(string(record, "side"), string(record, "side"))
    yield "where", _where(record)
    yield "when", _when(record)
    yield "check", string(record, "alert") or string(record, "type")
    yield "offered", ", ".join(strings(record, "offered"))
    yield "accepted", ", ".join(strings(record, "accepted"))
    yield "nearest", string(record, "nearest")
    yield "advice", string(record, "advice")


def _where(record: Message) -> str:
    child = string(record, "child")
    parts = (
        string(record, "phase"),
        f"with {string(record, 'peer')}" if string(record, "peer") else "",
        f"for child {child}" if child else "",
    )
    return " ".join(part for part in parts if part)


def _when(record: Message) -> str:
    age = number(record, "age")
    return "" if age is None else f"{duration(age)} ago"


def heading(record: Message) -> str:
    """The line above a record."""
    connection = printable(string(record, "connection"))
    if string(record, "alert") == "esp-blocked":
        return f"Connection {connection} is up, but nothing comes through"
    return f"Connection {connection} failed" if connection else "A negotiation without a matching connection failed"


def plain(record: Message) -> list[str]:
    """The lines of one record."""
    return [heading(record), *(f"  {name.ljust(_WIDTH)}  {text}" for name, text in explain(record))]


def show(record: Message, console: Console) -> None:
    """Print one record, with the advice in colour on a terminal."""
    if not console.is_terminal:
        console.file.write("\n".join(plain(record)) + "\n")
        return
    console.print(Text(heading(record), "bold red"))
    for name, text in explain(record):
        style = "bold green" if name == "advice" else ""
        console.print(Text.assemble((f"  {name.ljust(_WIDTH)}  ", "dim"), (text, style)), soft_wrap=True)
