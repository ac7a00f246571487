from dataclasses import replace

import pytest

from ikeengine.datapath.userspace.segments import MOST_SEGMENTS
from ikeengine.datapath.userspace.udp import UdpCarrier
from ikeengine.errors import DatapathError
from ikeengine.model.path import Path
from ikeengine.model.sa import UdpEncap
from tests.engine.datapath.userspace.samples import LEFT, RIGHT, make_sa

PATH = Path(LEFT, 4500, RIGHT, 40123)
SA = make_sa(encap=UdpEncap(4500, 40123))


class Host:
    def __init__(self) -> None:
        self.calls: list[tuple[object, Path]] = []

    def send_encapsulated(self, packet, path) -> None:
        self.calls.append((packet, path))


class Batching(Host):
    def send_encapsulated_batch(self, packets, path) -> None:
        self.calls.append((list(packets), path))


def carrier(host) -> tuple[UdpCarrier, list]:
    flushes: list = []
    return UdpCarrier(SA, host, flushes.append), flushes


def test_packets_are_collected_until_the_flush():
    host = Batching()
    carry, flushes = carrier(host)
    for packet in (b"one", b"two"):
        carry(packet, b"inner")
    assert host.calls == []
    assert len(flushes) == 1
    flushes[0]()
    flushes[0]()
    assert host.calls == [([b"one", b"two"], PATH)]


def test_each_collection_asks_for_one_flush():
    host = Batching()
    carry, flushes = carrier(host)
    for packet in (b"one", b"two"):
        carry(packet, b"")
        carry.flush()
    assert len(flushes) == 2
    assert [packets for packets, _ in host.calls] == [[b"one"], [b"two"]]


def test_a_full_train_leaves_at_once():
    host = Batching()
    carry, _ = carrier(host)
    for _ in range(MOST_SEGMENTS + 1):
        carry(b"x", b"")
    assert [len(packets) for packets, _ in host.calls] == [MOST_SEGMENTS]
    carry.flush()
    assert [len(packets) for packets, _ in host.calls] == [MOST_SEGMENTS, 1]


def test_a_host_without_batches_gets_them_one_by_one():
    host = Host()
    carry, _ = carrier(host)
    carry(b"one", b"")
    carry(b"two", b"")
    carry.flush()
    assert host.calls == [(b"one", PATH), (b"two", PATH)]


def test_an_sa_without_ports():
    with pytest.raises(DatapathError):
        UdpCarrier(replace(SA, encap=None), Host(), lambda flush: None)
