from __future__ import annotations

import json
from io import StringIO
from typing import Any

from rich.console import Console

from ikeengine.cli import explain

GOLDEN = """\
Connection site-c failed
  what        the peer accepts none of our proposals
  whose side  the peer refused
  where       IKE_SA_INIT request with 198.51.100.3[500]
  when        1m 35s ago
  check       proposal-mismatch-ike
  offered     aes256gcm16-prfsha384-x25519
  nearest     aes256gcm16-prfsha384-ecp384: key exchange x25519 not offered
  advice      add ecp384 to connections.site-c.proposals
"""


def test_a_failure_is_explained(busy: Any, run: Any) -> None:
    outcome = run("explain", "site-c")
    assert (outcome.code, outcome.out) == (0, GOLDEN)
    assert busy.requests == [("failures", {"connection": b"site-c"})]


def test_several_failures_have_a_line_between_them(busy: Any, run: Any) -> None:
    record = busy.answers["failures"][1]["failures"]["1"]
    busy.answers["failures"] = ((), {"failures": {"1": record, "2": record}})
    assert run("explain").out == f"{GOLDEN}\n{GOLDEN}"
    assert len(json.loads(run("explain", "--json").out)) == 2


def test_no_failures(daemon: Any, run: Any) -> None:
    daemon.answers["failures"] = ((), {"failures": {}})
    assert run("explain").out == "no failed negotiations on record\n"
    assert run("explain", "site-b").out == "no failed negotiations of site-b on record\n"
    assert json.loads(run("explain", "--json").out) == []


def test_what_a_peer_caused_cannot_play_with_the_terminal() -> None:
    lines = explain.plain({"reason": b"\x1b[2Jevil", "child": b"a\nb"})
    assert lines == [
        "A negotiation without a matching connection failed",
        "  what        ?[2Jevil",
        "  where       for child a?b",
    ]


def test_a_terminal_gets_colours_and_the_same_words() -> None:
    out = StringIO()
    explain.show(
        {"reason": b"refused", "advice": b"do this"}, Console(file=out, force_terminal=True, color_system="standard")
    )
    assert "\x1b[" in out.getvalue()
    assert "do this" in out.getvalue()
