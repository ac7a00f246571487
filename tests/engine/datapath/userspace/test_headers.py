import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6

from ikeengine.datapath.userspace.headers import (
    CongestionLost,
    checksum,
    has_df,
    ipv4_header,
    ipv6_header,
    merge_traffic_class,
    outer_traffic_class,
    traffic_class,
    tunnelled,
    with_header_checksum,
    with_traffic_class,
    with_upper_checksum,
)
from ikeengine.datapath.userspace.packet import MalformedPacket
from tests.engine.datapath.userspace.samples import LEFT6_HOST, LEFT_HOST, RIGHT6_HOST, RIGHT_HOST, packed, udp_packet

L4, R4, L6, R6 = packed(LEFT_HOST), packed(RIGHT_HOST), packed(LEFT6_HOST), packed(RIGHT6_HOST)


def test_ipv4_header_as_scapy_writes_it():
    ours = with_header_checksum(ipv4_header(L4, R4, 50, 100, tos=0xB8, df=True))
    theirs = IP(src=LEFT_HOST, dst=RIGHT_HOST, proto=50, len=120, tos=0xB8, flags="DF", id=0, ttl=64)
    assert ours == bytes(theirs)


def test_ipv6_header_as_scapy_writes_it():
    assert ipv6_header(L6, R6, 50, 100, tos=0xB8) == bytes(
        IPv6(src=LEFT6_HOST, dst=RIGHT6_HOST, nh=50, plen=100, tc=0xB8, hlim=64)
    )


def sum_of_words(data: bytes) -> int:
    """RFC 1071, word by word."""
    if len(data) % 2:
        data += b"\0"
    total = 0
    for i in range(0, len(data), 2):
        total += int.from_bytes(data[i : i + 2], "big")
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


@given(st.binary(max_size=200))
def test_checksum(data):
    assert int.from_bytes(checksum(data), "big") == sum_of_words(data)


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\xff\xff", b"\xff\xff\xff\xff", b"\xff\xfe\0\1"])
def test_checksum_at_its_edges(data):
    assert int.from_bytes(checksum(data), "big") == sum_of_words(data)


@pytest.mark.parametrize(
    "packet",
    [
        IP(src=LEFT_HOST, dst=RIGHT_HOST) / TCP(sport=1, dport=2) / b"odd",
        IP(src=LEFT_HOST, dst=RIGHT_HOST) / UDP(sport=1, dport=2) / b"even",
        IPv6(src=LEFT6_HOST, dst=RIGHT6_HOST) / TCP(sport=1, dport=2) / b"odd",
        IPv6(src=LEFT6_HOST, dst=RIGHT6_HOST) / UDP(sport=1, dport=2) / b"even",
        IPv6(src=LEFT6_HOST, dst=RIGHT6_HOST) / ICMPv6EchoRequest(data=b"ping"),
        IP(src=LEFT_HOST, dst=RIGHT_HOST) / ICMP() / b"icmp has no pseudo header",
    ],
)
def test_upper_checksums_as_scapy_writes_them(packet):
    raw = bytes(packet)
    start = 20 if raw[0] == 0x45 else 40
    protocol = raw[9] if raw[0] == 0x45 else raw[6]
    addresses = (L4, R4) if raw[0] == 0x45 else (L6, R6)
    at = {6: 16, 17: 6, 58: 2}.get(protocol)
    damaged = raw[start:] if at is None else raw[start : start + at] + b"\x12\x34" + raw[start + at + 2 :]
    assert with_upper_checksum(damaged, protocol, *addresses) == raw[start:]


def test_udp_without_a_checksum_stays_so_over_ipv4():
    payload = b"\0\1\0\2\0\x0c\0\0data"
    assert with_upper_checksum(payload, 17, L4, R4) == payload
    assert with_upper_checksum(payload, 17, L6, R6) != payload


def test_a_udp_checksum_of_zero_is_written_as_ones():
    payload = b"\0\0\0\0\0\x0a\1\1"
    for word in range(0x10000):
        message = payload + word.to_bytes(2, "big")
        pseudo = L4 + R4 + len(message).to_bytes(4, "big") + (17).to_bytes(4, "big")
        if checksum(pseudo + message[:6] + b"\0\0" + message[8:]) == b"\0\0":
            break
    assert with_upper_checksum(message, 17, L4, R4)[6:8] == b"\xff\xff"


def test_messages_too_short_for_a_checksum_stay_as_they_are():
    assert with_upper_checksum(b"\0\1", 6, L4, R4) == b"\0\1"


def test_tfc_padding_is_cut_off():
    v4, v6 = udp_packet(), udp_packet(LEFT6_HOST, RIGHT6_HOST)
    assert tunnelled(v4 + bytes(50), 4) == v4
    assert tunnelled(v6 + bytes(50), 41) == v6
    assert tunnelled(v4, 4) is v4


@pytest.mark.parametrize(
    ("payload", "next_header"),
    [
        (udp_packet()[:-1], 4),
        (udp_packet(), 41),
        (udp_packet(LEFT6_HOST, RIGHT6_HOST), 4),
        (udp_packet(LEFT6_HOST, RIGHT6_HOST)[:-1], 41),
        (udp_packet(), 17),
        (b"\x45" + bytes(30), 4),
        (b"", 4),
        (b"", 41),
        (b"\x60" + bytes(38), 41),
    ],
)
def test_what_is_no_packet_in_a_tunnel(payload, next_header):
    with pytest.raises(MalformedPacket):
        tunnelled(payload, next_header)


@pytest.mark.parametrize("ends", [(LEFT_HOST, RIGHT_HOST), (LEFT6_HOST, RIGHT6_HOST)])
@given(old=st.integers(0, 255), new=st.integers(0, 255))
def test_traffic_class(ends, old, new):
    packet = udp_packet(*ends, tos=old)
    assert traffic_class(packet) == old
    assert with_traffic_class(packet, new) == udp_packet(*ends, tos=new)


def test_df():
    assert has_df(udp_packet(df=True))
    assert not has_df(udp_packet())
    assert has_df(udp_packet(LEFT6_HOST, RIGHT6_HOST))


@pytest.mark.parametrize(
    ("copy_ecn", "copy_dscp", "outer"),
    [(True, "out", 0xBA), (True, "yes", 0xBA), (True, "in", 0x02), (False, "out", 0xB8), (False, "no", 0)],
)
def test_outer_traffic_class(copy_ecn, copy_dscp, outer):
    assert outer_traffic_class(udp_packet(tos=0xBA), copy_ecn=copy_ecn, copy_dscp=copy_dscp) == outer


@pytest.mark.parametrize(
    ("inner", "outer", "copy_dscp", "result"),
    [
        (0x00, 0xB8, "out", 0x00),
        (0x00, 0xB8, "in", 0xB8),
        (0x00, 0xB8, "yes", 0xB8),
        (0x22, 0x03, "out", 0x23),
        (0x21, 0xBB, "in", 0xBB),
        (0x23, 0x02, "out", 0x23),
        (0x21, 0x02, "out", 0x21),
    ],
)
def test_merging_follows_rfc_6040(inner, outer, copy_dscp, result):
    merged = merge_traffic_class(udp_packet(tos=inner), outer, copy_ecn=True, copy_dscp=copy_dscp)
    assert merged == udp_packet(tos=result)


def test_congestion_is_not_hidden_from_a_transport_without_ecn():
    with pytest.raises(CongestionLost):
        merge_traffic_class(udp_packet(), 0x03, copy_ecn=True, copy_dscp="out")


def test_without_ecn_copying_the_outer_mark_is_ignored():
    packet = udp_packet(tos=2)
    assert merge_traffic_class(packet, 0x03, copy_ecn=False, copy_dscp="out") is packet
