from __future__ import annotations

import json
from typing import Any

import pytest

from ikeengine.cli.client import Client
from ikeengine.cli.commands import events as module

IKE = {"uniqueid": 3, "local-host": "192.0.2.1", "remote-host": "192.0.2.2"}
CHILD = {"name": "net", "uniqueid": 7, "local-ts": ["10.1.0.0/16"], "remote-ts": ["10.2.0.0/16"]}
EVENTS = [
    ("ike-updown", {"up": "yes", "site-b": IKE}),
    ("child-updown", {"site-b": {**IKE, "child-sas": {"net-7": CHILD}}}),
    ("ike-rekey", {"site-b": {"old": {"uniqueid": 3}, "new": {"uniqueid": 4}}}),
    ("child-rekey", {"site-b": {**IKE, "child-sas": {"net": {"old": {"uniqueid": 7}, "new": {"uniqueid": 8}}}}}),
    ("alert", {"type": "peer-auth-failed", "connection": "site-b", "reason": "wrong key\x1b", "advice": "fix it"}),
]


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_now", lambda: "T")


def test_events_are_printed_as_they_come(daemon: Any, run: Any) -> None:
    daemon.raised = EVENTS
    outcome = run("events")
    assert outcome.out.splitlines() == [
        "T ike-updown: site-b[3] 192.0.2.1 - 192.0.2.2 up",
        "T child-updown: site-b[3] 192.0.2.1 - 192.0.2.2 net{7} 10.1.0.0/16 === 10.2.0.0/16 down",
        "T ike-rekey: site-b: #3 is now #4",
        "T child-rekey: net: #7 is now #8",
        "T alert: site-b: wrong key? (fix it)",
    ]
    assert daemon.registered == ["ike-updown", "ike-rekey", "ike-update", "child-updown", "child-rekey", "alert"]
    assert (outcome.code, outcome.err) == (3, "ikeengine: the daemon has ended\n")


def test_events_as_json_are_one_a_line(daemon: Any, run: Any) -> None:
    daemon.raised = EVENTS[:1]
    outcome = run("events", "--json", "ike-updown")
    assert [json.loads(line) for line in outcome.out.splitlines()] == [
        {
            "time": "T",
            "event": "ike-updown",
            "up": "yes",
            "site-b": {"uniqueid": "3", "local-host": "192.0.2.1", "remote-host": "192.0.2.2"},
        }
    ]


def test_the_log_and_unknown_events_are_printed_too(daemon: Any, run: Any) -> None:
    daemon.raised = [("log", {"group": "IKE", "ikesa-name": "site-b", "msg": "hello"}), ("other", {"a": "b"})]
    assert run("events", "log", "other").out.splitlines() == ["T log: [IKE] <site-b> hello", "T other: {'a': 'b'}"]


def test_an_event_that_the_daemon_does_not_know_is_an_error(daemon: Any, run: Any) -> None:
    daemon.unknown_events = ("weather",)
    outcome = run("events", "weather")
    assert (outcome.code, outcome.err) == (1, "ikeengine: the daemon does not know the event `weather`\n")


def test_ctrl_c_is_a_good_end(daemon: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "events", interrupt)
    assert run("events").code == 0


def test_times_are_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert module._now().endswith("Z")
