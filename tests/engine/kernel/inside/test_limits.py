"""Replay protection, volume and time limits, counters, and what is copied between inner and outer headers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.errors import DatapathError
from ikeengine.model.commands import SaExpired
from ikeengine.model.sa import Limits
from tests.engine.kernel.inside.gateways import (
    CBC_SHA256,
    LEFT,
    LEFT_INSIDE,
    RIGHT,
    RIGHT_INSIDE,
    Pair,
)


def ping(pair: Pair, *options: str, count: int = 1) -> bool:
    return pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, *options, count=count)


@pytest.mark.parametrize(
    ("window", "esn", "shown"),
    [
        (32, False, "replay-window 32"),
        (8, False, "replay-window 8"),
        (128, False, "replay_window 128, bitmap-length 4"),
        (1000, False, "replay_window 1024, bitmap-length 32"),
        (32, True, "replay_window 32, bitmap-length 1"),
        (4096, True, "replay_window 4096, bitmap-length 128"),
    ],
)
def test_replayed_packets_are_dropped_and_counted(pair: Pair, window: int, esn: bool, shown: str):
    tunnel = pair.connect(CBC_SHA256, replay_window=window, esn=esn)
    with pair.sniff("esp") as esp:
        assert ping(pair, count=3)
        packets = esp.packets()
    pair.left.send_again(packets)
    pair.right.wait_for_usage(tunnel.out.id, packets=3, replay_drops=3)
    assert shown in pair.right.xfrm("state")
    assert ping(pair)


def test_a_window_of_nothing_lets_replays_through(pair: Pair):
    tunnel = pair.connect(replay_window=0)
    with pair.sniff("esp") as esp:
        assert ping(pair)
        pair.left.send_again(esp.packets())
    pair.right.wait_for_usage(tunnel.out.id, packets=2, replay_drops=0)


def test_a_window_beyond_the_kernels_is_refused(pair: Pair):
    with pytest.raises(DatapathError, match="4096"):
        pair.connect(replay_window=4097)
    assert pair.left.xfrm("state") == ""


def test_a_forged_packet_is_counted(pair: Pair):
    tunnel = pair.connect(CBC_SHA256)
    with pair.sniff("esp") as esp:
        assert ping(pair)
        (packet,) = esp.packets()
    forged = bytearray(packet)
    forged[27] += 1  # the sequence number
    pair.left.send_again([bytes(forged)])
    pair.right.wait_for_usage(tunnel.out.id, packets=1, integrity_failures=1)


@pytest.mark.parametrize(
    "limits",
    [Limits(soft_packets=2, hard_packets=4), Limits(soft_bytes=150, hard_bytes=300)],
    ids=["packets", "octets"],
)
def test_volume_limits_are_reported_and_enforced(pair: Pair, limits: Limits):
    """The kernel checks when the next packet comes, so the third one meets the soft limit and the fifth the hard one.

    The right gateway has no limits: it would stop to answer before the left one stops to ask.
    """
    tunnel = pair.tunnel()
    pair.protect("10.1.0.0/16", "10.2.0.0/16")
    for sa in tunnel.on_right():
        pair.right.datapath.install_sa(sa)
    for sa in tunnel.on_left():
        pair.left.datapath.install_sa(replace(sa, limits=limits))
    assert ping(pair, count=2)
    assert pair.left.no_event()
    assert ping(pair, count=2)
    events = {pair.left.wait_for_event(), pair.left.wait_for_event()}
    assert events == {SaExpired(tunnel.out.id, hard=False), SaExpired(tunnel.back.id, hard=False)}
    assert not pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, wait=0.2)
    assert pair.left.wait_for_event() == SaExpired(tunnel.out.id, hard=True)
    assert pair.left.datapath.usage(tunnel.out.id) is None
    pair.left.datapath.delete_sa(tunnel.out.id)


def test_the_safety_net_removes_an_sa_that_nobody_looks_after(pair: Pair):
    tunnel = pair.connect(limits=Limits(hard_seconds=3))
    assert pair.left.datapath.usage(tunnel.out.id) is not None
    events = {pair.left.wait_for_event(), pair.left.wait_for_event()}
    assert events == {SaExpired(tunnel.out.id, hard=True), SaExpired(tunnel.back.id, hard=True)}
    assert pair.left.xfrm("state") == ""


def test_an_expired_foreign_sa_is_not_our_business(pair: Pair):
    key = "0x" + "11" * 20
    command = f"state add src {LEFT} dst {RIGHT} proto esp spi 0x99 mode tunnel aead rfc4106(gcm(aes)) {key} 128"
    pair.left.xfrm(*command.split(), "limit", "time-hard", "1")
    assert pair.left.no_event(2.5)


def test_counters_of_an_unused_sa(pair: Pair):
    tunnel = pair.connect()
    usage = pair.left.datapath.usage(tunnel.out.id)
    assert usage is not None
    assert (usage.bytes, usage.packets, usage.last_use) == (0, 0, None)


def test_last_use_grows_old(pair: Pair):
    tunnel = pair.connect()
    assert ping(pair)
    pair.left.ns.run("sleep", "2")
    for sa in (tunnel.out.id, tunnel.back.id):
        usage = pair.left.datapath.usage(sa)
        assert usage is not None
        assert usage.last_use is not None
        assert 1 <= usage.last_use < 100


@pytest.mark.parametrize(("copy_dscp", "outer"), [("out", 0xB8), ("yes", 0xB8), ("in", 0), ("no", 0)])
def test_dscp_of_the_outer_header(pair: Pair, copy_dscp: str, outer: int):
    pair.connect(copy_dscp=copy_dscp)
    with pair.sniff("esp") as esp:
        assert ping(pair, "-Q", "0xb8")
        (packet,) = esp.packets()
    assert packet[1] == outer


@pytest.mark.parametrize(("copy_df", "df"), [(True, 0x40), (False, 0)])
def test_df_of_the_outer_header(pair: Pair, copy_df: bool, df: int):
    pair.connect(copy_df=copy_df)
    with pair.sniff("esp") as esp:
        assert ping(pair, "-M", "do")
        (packet,) = esp.packets()
    assert packet[6] & 0x40 == df


@pytest.mark.parametrize(("copy_ecn", "outer"), [(True, 2), (False, 0)])
def test_ecn_of_the_outer_header(pair: Pair, copy_ecn: bool, outer: int):
    pair.connect(copy_ecn=copy_ecn)
    with pair.sniff("esp") as esp:
        assert ping(pair, "-Q", "0x02")
        (packet,) = esp.packets()
    assert packet[1] & 3 == outer
