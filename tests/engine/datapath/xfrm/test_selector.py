"""Traffic selectors become prefixes and port masks, and match neither more nor less."""

from __future__ import annotations

import socket
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.datapath.xfrm.selector import (
    ANY_PORT,
    MOST_EXACT_SELECTORS,
    NO_PORT,
    KernelSelector,
    PortMask,
    any_selector,
    kernel_selectors,
    read_selector,
    traffic_selectors,
    write_selector,
)
from ikeengine.model.path import packed
from ikeengine.model.selector import OPAQUE_PORTS, TrafficSelector
from tests.engine.datapath.xfrm.samples import ts

NET1, NET2 = ts("10.1.0.0/16"), ts("10.2.0.0/16")


class Packet(NamedTuple):
    source: bytes
    destination: bytes
    protocol: int
    sport: int
    dport: int


def matches(selector: KernelSelector, packet: Packet) -> bool:
    """What `xfrm_selector_match` does."""

    def same_prefix(address: bytes, network: bytes, prefix: int) -> bool:
        shift = len(address) * 8 - prefix
        return int.from_bytes(address, "big") >> shift == int.from_bytes(network, "big") >> shift

    return (
        same_prefix(packet.source, selector.source, selector.source_prefix)
        and same_prefix(packet.destination, selector.destination, selector.destination_prefix)
        and not (packet.sport ^ selector.source_port.port) & selector.source_port.mask
        and not (packet.dport ^ selector.destination_port.port) & selector.destination_port.mask
        and selector.protocol in (0, packet.protocol)
    )


def test_two_networks_are_one_selector():
    (selector,) = kernel_selectors(NET1, NET2)
    assert selector == KernelSelector(packed("10.1.0.0"), 16, packed("10.2.0.0"), 16)
    assert selector.family == socket.AF_INET
    assert str(selector) == "src 10.1.0.0/16 dst 10.2.0.0/16"


def test_ipv6_and_everything():
    (selector,) = kernel_selectors(ts("::/0"), ts("2001:db8::/32"))
    assert (selector.source_prefix, selector.destination_prefix) == (0, 32)
    assert selector.family == socket.AF_INET6


def test_a_range_is_made_of_prefixes():
    ragged = TrafficSelector(packed("10.0.0.1"), packed("10.0.0.6"))
    selectors = kernel_selectors(ragged, NET2)
    assert [str(s).split()[1] for s in selectors] == ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (0, 65535, [ANY_PORT]),
        (80, 80, [PortMask(80, 0xFFFF)]),
        (1024, 65535, [PortMask(1 << n, 0xFFFF << n & 0xFFFF) for n in range(10, 16)]),
        (*OPAQUE_PORTS, [NO_PORT]),
        (90, 80, []),
    ],
)
def test_port_ranges(first: int, last: int, expected: list[PortMask]):
    selectors = kernel_selectors(ts("10.1.0.0/16", 6, first, last), NET2)
    assert [s.source_port for s in selectors] == expected
    selectors = kernel_selectors(NET2, ts("10.1.0.0/16", 6, first, last))
    assert [s.destination_port for s in selectors] == expected


def test_one_side_may_leave_the_protocol_open():
    (selector,) = kernel_selectors(NET1, ts("10.2.0.0/16", 17, 53, 53))
    assert selector.protocol == 17
    assert str(selector) == "src 10.1.0.0/16 dst 10.2.0.0/16 proto 17 dport 53/0xffff"


def test_different_protocols_have_nothing_in_common():
    assert kernel_selectors(ts("10.1.0.0/16", 6), ts("10.2.0.0/16", 17)) == ()


@pytest.mark.parametrize(
    ("first", "last", "kind", "code"),
    [
        (0, 65535, ANY_PORT, ANY_PORT),
        (8 << 8, 8 << 8 | 255, PortMask(8, 0xFFFF), ANY_PORT),
        (3 << 8 | 4, 3 << 8 | 4, PortMask(3, 0xFFFF), PortMask(4, 0xFFFF)),
        (8 << 8, 9 << 8 | 255, PortMask(8, 0xFFFE), ANY_PORT),
    ],
)
def test_icmp_type_and_code_are_ports_in_both_directions(first: int, last: int, kind: PortMask, code: PortMask):
    echo = ts("10.1.0.0/16", 1, first, last)
    for source, destination in ((echo, NET2), (NET2, echo)):
        (selector,) = kernel_selectors(source, destination)
        assert (selector.source_port, selector.destination_port) == (kind, code)


def test_contradicting_icmp_types_have_nothing_in_common():
    assert kernel_selectors(ts("10.1.0.0/16", 1, 0, 255), ts("10.2.0.0/16", 1, 8 << 8, 8 << 8)) == ()


def test_a_very_ragged_pair_is_rounded_up():
    ragged = TrafficSelector(packed("0.0.0.1"), packed("255.255.255.254"), 6, 1, 65534)
    (selector,) = kernel_selectors(ragged, ragged)
    assert (selector.source_prefix, selector.destination_prefix) == (0, 0)
    assert (selector.source_port, selector.destination_port) == (ANY_PORT, ANY_PORT)


def test_rounding_up_does_not_invent_selectors():
    ragged = TrafficSelector(packed("0.0.0.1"), packed("255.255.255.254"), 6, 1, 65534)
    nothing = TrafficSelector(packed("10.0.0.9"), packed("10.0.0.1"))
    assert kernel_selectors(ragged, nothing) == ()


def test_the_octets_are_those_of_the_kernel():
    """As printed by a C program that fills in `struct xfrm_selector` on x86-64."""
    (selector,) = kernel_selectors(ts("10.1.0.0/16", 6), ts("10.2.3.4/32", 6, 443, 443))
    octets = write_selector(selector)
    assert len(octets) == 56
    assert octets[:4] == packed("10.2.3.4")
    assert octets[16:20] == packed("10.1.0.0")
    assert octets[32:40] == bytes.fromhex("01bb ffff 0000 0000".replace(" ", ""))
    assert octets[42:45] == bytes([32, 16, 6])
    assert read_selector(octets) == selector


def test_a_selector_for_every_packet():
    assert read_selector(any_selector(socket.AF_INET6)) == KernelSelector(bytes(16), 0, bytes(16), 0)


def test_the_selectors_of_a_packet():
    packet = KernelSelector(
        packed("10.1.0.1"), 32, packed("10.2.0.1"), 32, 6, PortMask(40000, 0xFFFF), PortMask(80, 0xFFFF)
    )
    assert traffic_selectors(packet) == (ts("10.1.0.1/32", 6, 40000, 40000), ts("10.2.0.1/32", 6, 80, 80))


@pytest.mark.parametrize(
    ("kind", "code", "ports"),
    [
        (ANY_PORT, ANY_PORT, (0, 65535)),
        (PortMask(8, 0xFFFF), ANY_PORT, (0x800, 0x8FF)),
        (PortMask(8, 0xFFFF), PortMask(0, 0xFFFF), (0x800, 0x800)),
    ],
)
def test_the_selectors_of_an_icmp_packet(kind: PortMask, code: PortMask, ports: tuple[int, int]):
    packet = KernelSelector(packed("10.1.0.1"), 32, packed("10.2.0.0"), 16, 1, kind, code)
    assert traffic_selectors(packet) == (ts("10.1.0.1/32", 1, *ports), ts("10.2.0.0/16", 1, *ports))


addresses = st.integers(0, 255).map(lambda n: bytes([10, 0, 0, n]))
ports = st.tuples(st.integers(0, 300), st.integers(0, 300)).map(sorted)
ranges = st.builds(
    lambda two, protocol, span: TrafficSelector(min(two), max(two), protocol, *span),
    st.tuples(addresses, addresses),
    st.sampled_from([0, 6, 17]),
    ports,
)


def covers(selector: TrafficSelector, address: bytes, protocol: int, port: int) -> bool:
    return (
        selector.first <= address <= selector.last
        and selector.protocol in (0, protocol)
        and selector.first_port <= port <= selector.last_port
    )


port_numbers = st.integers(0, 310)


@given(ranges, ranges, st.builds(Packet, addresses, addresses, st.sampled_from([6, 17]), port_numbers, port_numbers))
def test_exactly_the_same_packets_match(source: TrafficSelector, destination: TrafficSelector, packet: Packet):
    selectors = kernel_selectors(source, destination)
    wanted = covers(source, packet.source, packet.protocol, packet.sport)
    wanted = wanted and covers(destination, packet.destination, packet.protocol, packet.dport)
    hits = sum(matches(selector, packet) for selector in selectors)
    assert len(selectors) <= MOST_EXACT_SELECTORS
    if len(selectors) > 1:
        assert hits == int(wanted)
    else:
        assert hits >= int(wanted)


@given(ranges, ranges)
def test_selectors_survive_the_way_through_the_kernel(source, destination):
    for selector in kernel_selectors(source, destination):
        assert read_selector(write_selector(selector)) == selector
