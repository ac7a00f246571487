import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.datapath.userspace.headers import ipv6_header
from ikeengine.datapath.userspace.packet import (
    NO_PORT,
    Flow,
    MalformedPacket,
    enclosed_flow,
    flow_key,
    parse_flow,
)
from tests.engine.datapath.userspace.samples import (
    LEFT6_HOST,
    LEFT_HOST,
    RIGHT6_HOST,
    RIGHT_HOST,
    ip_packet,
    packed,
    udp_packet,
)

L4, R4, L6, R6 = packed(LEFT_HOST), packed(RIGHT_HOST), packed(LEFT6_HOST), packed(RIGHT6_HOST)
FAMILIES = [(LEFT_HOST, RIGHT_HOST), (LEFT6_HOST, RIGHT6_HOST)]


@pytest.mark.parametrize("ends", FAMILIES)
@pytest.mark.parametrize("protocol", [6, 17, 33, 132, 136])
def test_ports(ends, protocol):
    packet = ip_packet(b"\x12\x34\x00\x50" + bytes(20), protocol, *ends)
    assert parse_flow(packet) == Flow(packed(ends[0]), packed(ends[1]), protocol, 0x1234, 80)


@pytest.mark.parametrize("ends", FAMILIES)
@pytest.mark.parametrize("protocol", [1, 58])
def test_icmp_type_and_code_stand_in_both_ports(ends, protocol):
    flow = parse_flow(ip_packet(b"\x03\x04" + bytes(6), protocol, *ends))
    assert (flow.source_port, flow.destination_port) == (0x0304, 0x0304)


@pytest.mark.parametrize("ends", FAMILIES)
def test_protocols_without_ports(ends):
    flow = parse_flow(ip_packet(bytes(20), 47, *ends))
    assert flow[2:] == (47, NO_PORT, NO_PORT)


def test_mobility_header_type():
    packet = ip_packet(b"\x3b\x01\x05\x00" + bytes(12), 135, LEFT6_HOST, RIGHT6_HOST)
    assert parse_flow(packet).source_port == 0x0500


def test_ipv4_options_are_skipped():
    packet = udp_packet(ports=(7, 8))
    with_options = bytes([0x46]) + packet[1:20] + b"\1\1\1\1" + packet[20:]
    assert parse_flow(with_options)[3:] == (7, 8)
    assert flow_key(with_options) is None


def fragment(packet: bytes, offset: int, *, more: bool) -> bytes:
    return packet[:6] + ((offset // 8) | (0x2000 if more else 0)).to_bytes(2, "big") + packet[8:]


def test_ipv4_fragments_show_ports_only_in_the_first():
    packet = udp_packet(ports=(7, 8))
    assert parse_flow(fragment(packet, 0, more=True))[3:] == (7, 8)
    assert parse_flow(fragment(packet, 8, more=True))[3:] == (NO_PORT, NO_PORT)
    assert parse_flow(fragment(packet, 2048, more=False))[2:] == (17, NO_PORT, NO_PORT)


def test_fragments_have_no_key():
    """Otherwise the data of a later fragment could pass for the ports of another flow."""
    packet = udp_packet()
    assert flow_key(packet) is not None
    for offset, more in ((0, True), (8, True), (2048, False)):
        assert flow_key(fragment(packet, offset, more=more)) is None


def extended(headers: list[tuple[int, bytes]], protocol: int, upper: bytes) -> bytes:
    """An IPv6 packet with extension headers, given as (type, octets with the next header left out)."""
    types = [kind for kind, _ in headers] + [protocol]
    body = b"".join(bytes([following]) + rest for following, (_, rest) in zip(types[1:], headers, strict=True))
    return ipv6_header(L6, R6, types[0], len(body + upper)) + body + upper


def test_ipv6_extension_headers_are_skipped():
    padding = b"\x00\x01\x04" + bytes(4)
    longer = b"\x01\x01\x0c" + bytes(12)
    packet = extended([(0, padding), (43, padding), (60, longer)], 17, b"\x00\x07\x00\x08" + bytes(8))
    assert parse_flow(packet) == Flow(L6, R6, 17, 7, 8)
    assert flow_key(packet) is None


def test_ipv6_fragments():
    first = extended([(44, b"\0" + b"\x00\x01" + bytes(4))], 17, b"\x00\x07\x00\x08" + bytes(8))
    later = extended([(44, b"\0" + b"\x00\x08" + bytes(4))], 17, b"\x00\x07\x00\x08" + bytes(8))
    assert parse_flow(first)[2:] == (17, 7, 8)
    assert parse_flow(later)[2:] == (17, NO_PORT, NO_PORT)


def test_endless_ipv6_extension_headers():
    padding = b"\x00\x01\x04" + bytes(4)
    with pytest.raises(MalformedPacket):
        parse_flow(extended([(60, padding)] * 17, 17, bytes(8)))


@pytest.mark.parametrize(
    "packet", [b"", b"\x45", b"\x44" + bytes(40), b"\x4f" + bytes(30), b"\x60" + bytes(30), b"\x75"]
)
def test_cut_off_headers(packet):
    with pytest.raises(MalformedPacket):
        parse_flow(packet)


def test_cut_off_extension_header():
    packet = extended([(60, b"\x00\x01\x04" + bytes(4))], 60, b"\x11\x00")
    with pytest.raises(MalformedPacket):
        parse_flow(packet)


@pytest.mark.parametrize("ends", FAMILIES)
def test_a_packet_too_short_for_ports_has_none(ends):
    for protocol in (17, 1, 135):
        assert parse_flow(ip_packet(b"\x01", protocol, *ends))[3:] == (NO_PORT, NO_PORT)


@given(st.binary(max_size=120))
def test_garbage_is_parsed_or_malformed(data):
    for function in (parse_flow, enclosed_flow):
        with contextlib.suppress(MalformedPacket):
            function(data)


@given(st.sampled_from([0x45, 0x46, 0x60]), st.binary(min_size=19, max_size=90))
def test_garbage_behind_a_good_first_octet(first, rest):
    packet = bytes([first]) + rest
    try:
        flow = parse_flow(packet)
    except MalformedPacket:
        return
    assert len(flow.source) == len(flow.destination)


flows = st.tuples(
    st.sampled_from(FAMILIES),
    st.sampled_from([1, 6, 17, 47, 50, 58, 132, 135]),
    st.binary(min_size=0, max_size=8),
)


@given(flows, flows, st.integers(1, 255))
def test_equal_keys_mean_equal_flows(one, other, ttl):
    """The property that makes the flow cache safe."""
    packets = [ip_packet(payload, protocol, *ends) for ends, protocol, payload in (one, other)]
    if len(packets[0]) > 8 and packets[0][0] == 0x45:
        packets[0] = packets[0][:8] + bytes([ttl]) + packets[0][9:]
    keys = [flow_key(packet) for packet in packets]
    if None not in keys and keys[0] == keys[1]:
        assert parse_flow(packets[0]) == parse_flow(packets[1])


def test_the_key_ignores_what_changes_within_a_flow():
    assert flow_key(udp_packet(data=b"a")) == flow_key(udp_packet(data=b"other", tos=4))
    echo = [ip_packet(b"\x08\x00" + bytes([0, 0, 1, n]), 1) for n in range(2)]
    assert flow_key(echo[0]) == flow_key(echo[1])


def test_reversed():
    assert Flow(L4, R4, 17, 1, 2).reversed() == Flow(R4, L4, 17, 2, 1)


@pytest.mark.parametrize(
    ("protocol", "kind", "is_error"), [(1, 3, True), (1, 11, True), (1, 8, False), (58, 2, True), (58, 128, False)]
)
def test_what_an_icmp_error_reports_on(protocol, kind, is_error):
    ends = FAMILIES[0] if protocol == 1 else FAMILIES[1]
    inside = udp_packet(ends[1], ends[0], ports=(53, 4000))
    flow = enclosed_flow(ip_packet(bytes([kind]) + bytes(7) + inside, protocol, *ends))
    assert flow == (parse_flow(inside) if is_error else None)


def test_other_packets_report_on_nothing():
    assert enclosed_flow(udp_packet()) is None
    assert enclosed_flow(ip_packet(b"\x03", 1)) is None
