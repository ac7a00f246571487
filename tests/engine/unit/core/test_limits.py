"""Half-open counters and the bucket for stateless replies (D01, D03, D06, R07)."""

from __future__ import annotations

from ikeengine.limits import (
    FRAGMENTS_IN_ALL,
    FRAGMENTS_OF_SOURCE,
    FragmentMemory,
    HalfOpenLimits,
    TokenBucket,
    source_prefix,
)


def test_sources() -> None:
    assert source_prefix("192.0.2.1") != source_prefix("192.0.2.2")
    assert source_prefix("2001:db8::1") == source_prefix("2001:db8:0:0:ffff::9")
    assert source_prefix("2001:db8::1") != source_prefix("2001:db8:0:1::1")


def test_counts_return_to_zero() -> None:
    limits = HalfOpenLimits()
    for address in ("192.0.2.1", "192.0.2.1", "2001:db8::1"):
        limits.opened(address)
    assert (limits.total, limits.of_source("192.0.2.1"), limits.of_source("2001:db8::2")) == (3, 2, 1)
    assert limits.of_source("192.0.2.9") == 0
    for address in ("192.0.2.1", "192.0.2.1", "2001:db8::f"):
        limits.closed(address)
    assert limits.total == 0
    assert not limits._by_source


def test_bucket() -> None:
    bucket = TokenBucket(rate=2.0, burst=3.0)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(10.5) for _ in range(2)] == [True, False]
    assert [bucket.take(1000.0) for _ in range(4)] == [True, True, True, False]


def test_r07_bucket_and_a_clock_that_jumps_back() -> None:
    bucket = TokenBucket(rate=2.0, burst=3.0)
    for _ in range(3):
        bucket.take(1000.0)
    assert not bucket.take(-86400.0)
    assert bucket.take(-86399.0), "the time goes on from there"


def test_d05_fragments_of_a_source() -> None:
    memory = FragmentMemory()
    assert memory.take("2001:db8::1", FRAGMENTS_OF_SOURCE)
    assert not memory.take("2001:db8::2", 1), "the same /64"
    assert memory.take("192.0.2.1", 1)
    memory.release("2001:db8::1", 100)
    assert memory.take("2001:db8::2", 100)
    memory.release("2001:db8::1", FRAGMENTS_OF_SOURCE)
    memory.release("192.0.2.1", 1)
    assert (memory.total, memory._by_source) == (0, {})


def test_d05_fragments_of_everybody() -> None:
    memory = FragmentMemory()
    sources = FRAGMENTS_IN_ALL // FRAGMENTS_OF_SOURCE
    assert all(memory.take(f"198.51.100.{number}", FRAGMENTS_OF_SOURCE) for number in range(sources))
    assert not memory.take("192.0.2.1", 1)
