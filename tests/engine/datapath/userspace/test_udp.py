from dataclasses import replace

import pytest

from ikeengine.datapath.base import OuterFields
from ikeengine.datapath.userspace.headers import with_header_checksum, with_traffic_class
from ikeengine.datapath.userspace.segments import MOST_SEGMENTS
from ikeengine.datapath.userspace.udp import UdpCarrier
from ikeengine.errors import DatapathError
from ikeengine.model.path import Path
from ikeengine.model.sa import UdpEncap
from tests.engine.datapath.userspace.samples import LEFT, RIGHT, make_sa, udp_packet

INNER = udp_packet()
PATH = Path(LEFT, 4500, RIGHT, 40123)
SA = make_sa(encap=UdpEncap(4500, 40123))


class Host:
    def __init__(self) -> None:
        self.calls: list[tuple[object, Path]] = []
        self.outers: list[OuterFields] = []

    def send_encapsulated(self, packet, path, outer=None) -> None:
        self.calls.append((packet, path))


class Batching(Host):
    def send_encapsulated_batch(self, packets, path, outer=None) -> None:
        self.calls.append((list(packets), path))
        self.outers.append(outer)


def carrier(host) -> tuple[UdpCarrier, list]:
    flushes: list = []
    return UdpCarrier(SA, host, flushes.append), flushes


def test_packets_are_collected_until_the_flush():
    host = Batching()
    carry, flushes = carrier(host)
    for packet in (b"one", b"two"):
        carry(packet, INNER)
    assert host.calls == []
    assert len(flushes) == 1
    flushes[0]()
    flushes[0]()
    assert host.calls == [([b"one", b"two"], PATH)]


def test_each_collection_asks_for_one_flush():
    host = Batching()
    carry, flushes = carrier(host)
    for packet in (b"one", b"two"):
        carry(packet, INNER)
        carry.flush()
    assert len(flushes) == 2
    assert [packets for packets, _ in host.calls] == [[b"one"], [b"two"]]


def test_a_full_train_leaves_at_once():
    host = Batching()
    carry, _ = carrier(host)
    for _ in range(MOST_SEGMENTS + 1):
        carry(b"x", INNER)
    assert [len(packets) for packets, _ in host.calls] == [MOST_SEGMENTS]
    carry.flush()
    assert [len(packets) for packets, _ in host.calls] == [MOST_SEGMENTS, 1]


def test_a_host_without_batches_gets_them_one_by_one():
    host = Host()
    carry, _ = carrier(host)
    carry(b"one", INNER)
    carry(b"two", INNER)
    carry.flush()
    assert host.calls == [(b"one", PATH), (b"two", PATH)]


def test_an_sa_without_ports():
    with pytest.raises(DatapathError):
        UdpCarrier(replace(SA, encap=None), Host(), lambda flush: None)


def with_df(packet: bytes) -> bytes:
    return with_header_checksum(packet[:6] + b"\x40\0" + packet[8:20]) + packet[20:]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [OuterFields(0xB9, False), OuterFields(0, True)]),
        ({"copy_dscp": "no", "copy_df": False}, [OuterFields(0x01, False), OuterFields(0, False)]),
        ({"copy_ecn": False, "copy_dscp": "yes"}, [OuterFields(0xB8, False), OuterFields(0, True)]),
    ],
)
def test_outer_header_follows_the_packet_inside(options, expected):
    """RFC 4301 section 5.1.2: DSCP, ECN and DF are copied as configured; what differs is not sent together."""
    host = Batching()
    carry = UdpCarrier(replace(SA, **options), host, lambda flush: None)
    marked = with_traffic_class(INNER, 0xB9)
    for packet in (marked, marked, with_df(INNER)):
        carry(b"x", packet)
    carry.flush()
    assert host.outers == expected
    assert [len(packets) for packets, _ in host.calls] == [2, 1]
