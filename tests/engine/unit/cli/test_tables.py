from __future__ import annotations

from io import StringIO

import pytest

from ikeengine.cli.tables import Cell, Report, plain, show, state


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def report() -> Report:
    report = Report(("name", "bytes"), right=("bytes",), title="Title")
    report.add(Cell("net", "good"), "1")
    report.add("a\x1b[2Jb", "1000000")
    return report


def test_plain_tables_are_aligned(report: Report) -> None:
    assert plain(report) == [
        "Title",
        "name      bytes",
        "net           1",
        "a?[2Jb  1000000",
    ]


def test_a_pipe_gets_the_plain_table(report: Report) -> None:
    out = StringIO()
    show(report, out)
    assert out.getvalue() == "\n".join(plain(report)) + "\n"


def test_a_terminal_gets_colours_and_no_tricks(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    out = Terminal()
    show(report, out)
    assert "\x1b[32mnet" in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()
    assert "1000000" in out.getvalue()


def test_an_empty_table_says_so() -> None:
    out = StringIO()
    show(Report(("a",), empty="nothing here"), out)
    assert out.getvalue() == "nothing here\n"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("ESTABLISHED", Cell("established", "good")),
        ("INSTALLED", Cell("installed", "good")),
        ("down", Cell("down", "bad")),
        ("REKEYING", Cell("rekeying", "busy")),
    ],
)
def test_states_have_colours(text: str, cell: Cell) -> None:
    assert state(text) == cell
