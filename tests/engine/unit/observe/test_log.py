"""The log: levels per group, owners, escaping of peer text, rate limits, JSON, and no secrets."""

from __future__ import annotations

import json
import logging

import pytest

from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.model.secret import Secret
from ikeengine.observe.events import TOLD, story
from ikeengine.observe.limiter import MAX_REASONS, RateLimiter
from ikeengine.observe.log import EngineLog, LogSettings, printable, set_up
from ikeengine.outputs import (
    ChildRekeyed,
    ChildUpdown,
    Counted,
    Dropped,
    DropReason,
    Failed,
    IkeKeys,
    IkeRekeyed,
    IkeUpdown,
    LogLine,
    StateChanged,
)
from tests.engine.unit.daemon.fakes import ENCR_CBC, INTEG, PATH, LogCapture, child_status, ike_status

SECRET = b"correct horse battery staple"
RECORD = FailureRecord(
    Alert.PROPOSAL_MISMATCH_IKE,
    Side.LOCAL,
    "IKE_SA_INIT request",
    "no proposal chosen",
    at=5.0,
    connection="gw-gw",
    peer="192.0.2.2[500]",
    offered=("aes128-sha256-ecp256",),
    accepted=("aes128-sha256-x25519",),
    nearest="aes128-sha256-x25519: key exchange ecp256 not offered",
    advice="add ecp256 to `proposals`",
)
KEYS = IkeKeys(bytes(8), bytes(8), *(Secret(SECRET) for _ in range(4)), ENCR_CBC, INTEG)
EVENTS = [
    LogLine(1, "IKE", "hello", "gw-gw", 1),
    Dropped(DropReason.INTEGRITY, PATH, "ICV"),
    StateChanged("gw-gw", 1, 0, "CONNECTING", "ESTABLISHED", "the peer is authenticated"),
    StateChanged("gw-gw", 1, 3, "CREATED", "INSTALLED", "", child="net-net"),
    IkeUpdown(True, ike_status()),
    ChildUpdown(False, ike_status(), child_status()),
    IkeRekeyed(ike_status(), ike_status(unique_id=2)),
    ChildRekeyed(ike_status(), child_status(), child_status(unique_id=4)),
    Failed(RECORD),
    Counted("invalid"),
    KEYS,
]


@pytest.mark.parametrize("json_lines", [False, True])
def test_every_event_at_the_highest_level_without_any_secret(json_lines: bool) -> None:
    capture = LogCapture(LogSettings(default=4, json=json_lines))
    for event in EVENTS:
        capture.log.event(event)
    assert len(capture.lines) == len(EVENTS) - 2
    for spelling in (SECRET.decode(), SECRET.hex(), repr(SECRET)):
        assert spelling not in capture.text


def test_words_of_the_events() -> None:
    texts = [told.text for event in EVENTS if (told := story(event))]
    assert texts == [
        "hello",
        "dropped a datagram from 192.0.2.2[4500]: integrity (ICV)",
        "IKE_SA gw-gw[1] state change: CONNECTING => ESTABLISHED (the peer is authenticated)",
        "CHILD_SA net-net{3} state change: CREATED => INSTALLED",
        "IKE_SA gw-gw[1] established between 192.0.2.1[gw1.example.com]...192.0.2.2[gw2.example.com]",
        "CHILD_SA net-net{3} closed with SPIs 9568f927_i 77f6b86f_o and TS 10.1.0.0/16 === 10.2.0.0/16",
        "IKE_SA gw-gw[1] rekeyed to [2] between 192.0.2.1[gw1.example.com]...192.0.2.2[gw2.example.com]",
        "CHILD_SA net-net{3} rekeyed to {4} with SPIs 9568f927_i 77f6b86f_o and TS 10.1.0.0/16 === 10.2.0.0/16",
        "IKE_SA_INIT request: no proposal chosen [proposal-mismatch-ike, local]; "
        "nearest: aes128-sha256-x25519: key exchange ecp256 not offered; advice: add ecp256 to `proposals`",
    ]


def test_the_table_of_levels_agrees_with_the_stories() -> None:
    for event in EVENTS:
        told = story(event)
        assert (told is None) is (type(event) not in TOLD)
        if told is not None and not isinstance(event, LogLine):
            assert told.group in TOLD[type(event)].groups
            assert told.level == TOLD[type(event)].level


def test_plain_lines_name_group_and_owner() -> None:
    capture = LogCapture()
    capture.log.event(LogLine(1, "IKE", "hello", "gw-gw", 1))
    capture.log.line("DMN", 0, "started")
    assert [line.split(" ", 1)[1] for line in capture.lines] == ["[IKE] <gw-gw|1> hello", "[DMN] started"]


def test_json_lines() -> None:
    capture = LogCapture(LogSettings(default=4, json=True))
    capture.log.event(Failed(RECORD))
    entry = json.loads(capture.text)
    assert entry["event"] == "alert"
    assert entry["ikesa-name"] == "gw-gw"
    assert entry["alert"] == "proposal-mismatch-ike"
    assert entry["offered"] == ["aes128-sha256-ecp256"]
    assert "child" not in entry


def test_levels_per_group() -> None:
    capture = LogCapture(LogSettings(default=1, levels={"ike": 2, "net": -1}))
    for group, level in (("IKE", 2), ("IKE", 3), ("CHD", 1), ("CHD", 2), ("NET", 0), ("XYZ", 1)):
        capture.log.event(LogLine(level, group, f"{group}{level}", "gw-gw", 1))
    assert [line.split()[-1] for line in capture.lines] == ["IKE2", "CHD1", "XYZ1"]
    capture.log.configure(LogSettings(default=-1))
    capture.log.event(LogLine(0, "IKE", "no", "gw-gw", 1))
    assert len(capture.lines) == 3


def test_nothing_is_formatted_for_a_line_that_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = LogCapture(LogSettings(default=0))
    monkeypatch.setattr("ikeengine.observe.log.story", lambda event: pytest.fail("formatted"))
    capture.log.event(LogLine(1, "IKE", "no", "gw-gw", 1))
    capture.log.event(StateChanged("gw-gw", 1, 0, "CONNECTING", "ESTABLISHED", ""))
    capture.log.event(Dropped(DropReason.INTEGRITY, PATH, ""))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain ä", "plain ä"),
        ("a\nb [IKE] forged", "a\\nb [IKE] forged"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("nul\0", "nul\\x00"),
        ("rtl \u202e", "rtl \\u202e"),
        ("line\u2028", "line\\u2028"),
    ],
)
def test_peer_text_is_escaped(raw: str, shown: str) -> None:
    assert printable(raw) == shown
    capture = LogCapture()
    capture.log.event(LogLine(1, "IKE", raw, "gw-gw", 1))
    assert capture.lines == [capture.lines[0]]
    assert capture.lines[0].endswith(shown)


def test_a_flood_of_one_reason_does_not_hide_another() -> None:
    now = [0.0]
    capture = LogCapture(clock=lambda: now[0])
    for _ in range(1000):
        capture.log.event(Dropped(DropReason.UNKNOWN_SPI, PATH, ""))
    capture.log.event(Dropped(DropReason.INTEGRITY, PATH, ""))
    assert len(capture.lines) == 6
    now[0] = 10.0
    capture.log.event(Dropped(DropReason.UNKNOWN_SPI, PATH, ""))
    assert capture.lines[-1].endswith("(995 similar suppressed)")


def test_lines_of_an_sa_and_our_own_are_never_suppressed_but_those_of_strangers_are() -> None:
    capture = LogCapture()
    for number in range(50):
        capture.log.event(LogLine(1, "IKE", "of an SA", "gw-gw", 1))
        capture.log.event(LogLine(1, "CFG", f"loaded connection {number}"))
        capture.log.event(LogLine(1, "NET", "of a stranger"))
    assert capture.text.count("of an SA") == capture.text.count("loaded connection") == 50
    assert capture.text.count("of a stranger") == 5


def test_limiter_refills_at_its_rate() -> None:
    limiter = RateLimiter(rate=5, burst=5)
    assert [limiter.admit("a", 0.0) for _ in range(7)] == [0, 0, 0, 0, 0, None, None]
    assert limiter.admit("a", 0.1) is None
    assert limiter.admit("a", 0.21) == 3
    assert limiter.admit("b", 0.21) == 0
    assert sum(limiter.admit("a", 100.0) is not None for _ in range(10)) == 5


def test_limiter_remembers_a_bounded_number_of_reasons() -> None:
    limiter = RateLimiter()
    for reason in range(10 * MAX_REASONS):
        assert limiter.admit(reason, 0.0) == 0
    assert len(limiter._buckets) <= MAX_REASONS


def test_records_of_other_modules_obey_the_levels_too() -> None:
    capture = LogCapture(LogSettings(default=1, levels={"knl": 0}))
    logging.getLogger("ikeengine.somewhere").info("started")
    logging.getLogger("ikeengine.somewhere").debug("detail")
    logging.getLogger("ikeengine.datapath.xfrm.sad").info("removing an SA")
    logging.getLogger("ikeengine.datapath.xfrm.sad").warning("no %s", "route")
    assert [line.split(" ", 1)[1] for line in capture.lines] == ["[DMN] started", "[KNL] no route"]
    capture.log.configure(LogSettings(default=2))
    logging.getLogger("ikeengine.datapath.xfrm.sad").debug("detail of the kernel")
    assert capture.lines[-1].endswith("[KNL] detail of the kernel")


def test_exceptions_come_with_their_traceback() -> None:
    capture = LogCapture()
    try:
        raise ValueError("bad thing")
    except ValueError:
        logging.getLogger("ikeengine.somewhere").exception("it %s", "broke")
    assert "[DMN] it broke" in capture.text
    assert "ValueError: bad thing" in capture.text


def test_under_the_journal_there_is_no_time_stamp(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    set_up(LogSettings())
    EngineLog(LogSettings(), lambda: 0.0).line("DMN", 0, "started")
    assert capsys.readouterr().err == "[DMN] started\n"
