"""Tables: in colour with lines for a terminal, plain and aligned for everything else (pipes, logs, tests)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ikeengine.cli.text import printable
from ikeengine.model.immutable import immutable

STYLES = {"good": "green", "bad": "bold red", "busy": "yellow", "dim": "dim", "name": "bold", "": ""}
_GAP = "  "


@immutable
class Cell:
    """A text and what it means: `good`, `bad`, `busy`, `dim`, `name` or nothing."""

    text: str
    meaning: str = ""


@dataclass(slots=True)
class Report:
    """A table to be shown. `right` holds the columns of numbers."""

    columns: Sequence[str]
    rows: list[Sequence[Cell | str]] = field(default_factory=list)
    right: Sequence[str] = ()
    title: str = ""
    empty: str = "nothing to show"

    def add(self, *cells: Cell | str) -> None:
        """Add a row."""
        self.rows.append(cells)


def show(report: Report, out: TextIO) -> None:
    """Print a table as it suits the place it goes to."""
    if not report.rows:
        print(report.empty, file=out)
    elif out.isatty():
        Console(file=out).print(_rich(report))
    else:
        print("\n".join(plain(report)), file=out)


def _rich(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=report.title or None, title_justify="left", pad_edge=False)
    for column in report.columns:
        table.add_column(column, justify="right" if column in report.right else "left", overflow="fold")
    for row in report.rows:
        table.add_row(*(Text(printable(cell.text), STYLES[cell.meaning]) for cell in map(_cell, row)))
    return table


def plain(report: Report) -> list[str]:
    """The lines of a table without colours and lines, each column as wide as its longest cell."""
    texts = [list(report.columns)] + [[printable(_cell(cell).text) for cell in row] for row in report.rows]
    widths = [max(len(row[index]) for row in texts) for index in range(len(report.columns))]
    right = [column in report.right for column in report.columns]
    lines = [
        _GAP.join(
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in texts
    ]
    return [report.title, *lines] if report.title else lines


def _cell(cell: Cell | str) -> Cell:
    return cell if isinstance(cell, Cell) else Cell(cell)


def state(text: str) -> Cell:
    """The cell of an SA's state."""
    if text in ("ESTABLISHED", "INSTALLED", "PASS", "DROP", "policies"):
        return Cell(text.lower(), "good")
    return Cell(text.lower(), "bad" if text in ("down", "FAILED") else "busy")
