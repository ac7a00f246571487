import pytest

from ikeengine.datapath.userspace import volume
from ikeengine.datapath.userspace.volume import Volume
from ikeengine.model.sa import Limits, Usage


def run(limits: Limits, lengths: list[int]) -> list[tuple[int, bool]]:
    """After which packet (from 1) which kind of limit was reported."""
    events: list[tuple[int, bool]] = []
    counter = Volume(limits, lambda hard: events.append((counter.packets, hard)))
    for length in lengths:
        counter.count(length)
    return events


@pytest.mark.parametrize(
    ("limits", "events"),
    [
        (Limits(), []),
        (Limits(soft_packets=3), [(3, False)]),
        (Limits(hard_packets=3), [(3, True)]),
        (Limits(soft_packets=2, hard_packets=4), [(2, False), (4, True)]),
        (Limits(soft_bytes=150), [(2, False)]),
        (Limits(hard_bytes=400), [(4, True)]),
        (Limits(soft_bytes=100, hard_bytes=500), [(1, False), (5, True)]),
        (Limits(soft_bytes=300, soft_packets=2), [(2, False)]),
        (Limits(soft_packets=9, hard_bytes=300), [(3, True)]),
        (Limits(soft_packets=3, hard_packets=3), [(3, True)]),
    ],
)
def test_limits_are_reported_once(limits, events):
    assert run(limits, [100] * 20) == events


def test_a_big_packet_may_pass_both_limits_at_once():
    assert run(Limits(soft_bytes=10, hard_bytes=20), [1000, 1000]) == [(1, True)]


def test_usage(monkeypatch):
    now = 100.0
    monkeypatch.setattr(volume, "monotonic", lambda: now)
    counter = Volume(Limits(), lambda hard: None)
    assert counter.usage() == Usage(bytes=0, packets=0, last_use=None)
    counter.count(10)
    counter.count(5)
    now = 103.5
    assert counter.usage(replay_drops=1, integrity_failures=2) == Usage(15, 2, 3.5, 1, 2)
