"""strongSwan's 21 counters."""

from __future__ import annotations

from ikeengine.observe.counters import NAMES, Counters


def test_names_are_complete_and_start_at_zero() -> None:
    assert len(NAMES) == len(set(NAMES)) == 21
    counters = Counters()
    assert counters.get() == dict.fromkeys(NAMES, 0)
    assert counters.get("gw") is None
    assert counters.connections() == []


def test_counting_and_resetting() -> None:
    counters = Counters()
    counters.count("child-rekey", "a")
    counters.count("child-rekey", "b")
    counters.count("invalid")
    assert counters.get()["child-rekey"] == 2
    assert counters.get("a")["child-rekey"] == 1
    assert counters.get("a")["invalid"] == 0
    counters.reset("a")
    assert counters.get("a") is None
    assert counters.get()["child-rekey"] == 2
    counters.reset()
    assert counters.get()["child-rekey"] == 0
    assert counters.connections() == ["b"]
    counters.count("invalid")
    counters.reset_all()
    assert counters.connections() == []
    assert counters.get()["invalid"] == 1


def test_copies_are_not_the_counters() -> None:
    counters = Counters()
    counters.get()["invalid"] = 99
    assert counters.get()["invalid"] == 0
