"""Packets that come before their SA: few, for a short time, and in their order."""

from __future__ import annotations

from ikeengine.datapath.userspace.early import LONGEST_WAIT, MOST_PACKETS, EarlyPackets


def test_they_come_back_in_order_and_once():
    early = EarlyPackets(clock=lambda: 5.0)
    early.keep(1, b"a", None)
    early.keep(2, b"other", 3)
    early.keep(1, b"b", 7)
    assert early.take(1) == [(b"a", None), (b"b", 7)]
    assert early.take(1) == []
    assert early.take(2) == [(b"other", 3)]


def test_the_oldest_are_forgotten():
    early = EarlyPackets(clock=lambda: 5.0)
    for number in range(MOST_PACKETS + 3):
        early.keep(1, b"%d" % number, None)
    kept = early.take(1)
    assert len(kept) == MOST_PACKETS
    assert kept[0] == (b"3", None)


def test_none_is_kept_for_long():
    now = [5.0]
    early = EarlyPackets(clock=lambda: now[0])
    early.keep(1, b"late", None)
    now[0] += LONGEST_WAIT + 0.1
    early.keep(1, b"fresh", None)
    assert early.take(1) == [(b"fresh", None)]


def test_what_has_no_spi_is_not_kept():
    early = EarlyPackets()
    early.keep(0, b"cut off", None)
    assert early.take(0) == []
