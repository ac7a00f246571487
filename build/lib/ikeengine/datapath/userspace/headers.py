"""The IP header fields that tunnels read and write: DF, DSCP, ECN, lengths and checksums (RFC 4301 section 5.1.2).

TTL and hop limit are not touched here: the host's IP stack counts a packet down when it forwards it into or out of
the TUN device, and the outer header starts with the host's default, which is what RFC 4301 section 5.1.2.1 asks for.
"""

from __future__ import annotations

from struct import Struct

from ikeengine.datapath.userspace.packet import (
    ICMPV6,
    IPIP,
    IPV4_HEADER,
    IPV6,
    IPV6_HEADER,
    TCP,
    UDP,
    MalformedPacket,
)
from ikeengine.errors import PeerMisbehaved

DONT_FRAGMENT = 0x4000
HOP_LIMIT = 64

_DSCP = 0xFC
_ECN = 0x03
_CE = 0x03

_IPV4 = Struct(">BBHHHBBH4s4s")
_IPV6 = Struct(">IHBB16s16s")
_SHORT = Struct(">H")
_CHECKSUM_AT = {TCP: 16, UDP: 6, ICMPV6: 2}


class CongestionLost(PeerMisbehaved):
    """A router marked congestion on a packet whose sender does not understand it (RFC 6040 section 4.2)."""

    notify = None


def ipv4_header(
    source: bytes, destination: bytes, protocol: int, payload_length: int, *, tos: int = 0, df: bool = False
) -> bytes:
    """An IPv4 header without options. Checksum and identification are left for the kernel to fill in."""
    flags = DONT_FRAGMENT if df else 0
    total = IPV4_HEADER + payload_length
    return _IPV4.pack(0x45, tos, total, 0, flags, HOP_LIMIT, protocol, 0, source, destination)


def with_header_checksum(header: bytes) -> bytes:
    """An IPv4 header with its checksum."""
    blank = header[:10] + b"\0\0" + header[12:]
    return blank[:10] + checksum(blank) + blank[12:]


def ipv6_header(source: bytes, destination: bytes, protocol: int, payload_length: int, *, tos: int = 0) -> bytes:
    """An IPv6 header. `tos` is the traffic class."""
    return _IPV6.pack(6 << 28 | tos << 20, payload_length, protocol, HOP_LIMIT, source, destination)


def checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071)."""
    odd = data + b"\0" if len(data) & 1 else data
    total = int.from_bytes(odd, "big")
    # 2**16 is 1 modulo 65535, so that the remainder is the ones' complement sum of the 16-bit words.
    folded = total % 0xFFFF or (0xFFFF if total else 0)
    return _SHORT.pack(0xFFFF - folded)


def tunnelled(payload: bytes, next_header: int) -> bytes:
    """The IP packet inside a tunnel mode payload, without traffic flow confidentiality padding (RFC 4303 section 2.7).

    Raises MalformedPacket if it is not the kind of packet that the next header says.
    """
    if next_header == IPIP:
        if len(payload) < IPV4_HEADER or payload[0] >> 4 != 4:
            raise MalformedPacket("not an IPv4 packet in a tunnel")
        length, least = payload[2] << 8 | payload[3], IPV4_HEADER
    elif next_header == IPV6:
        if len(payload) < IPV6_HEADER or payload[0] >> 4 != 6:
            raise MalformedPacket("not an IPv6 packet in a tunnel")
        length, least = IPV6_HEADER + (payload[4] << 8 | payload[5]), IPV6_HEADER
    else:
        raise MalformedPacket(f"next header {next_header} in a tunnel")
    if length == len(payload):
        return payload
    if not least <= length < len(payload):
        raise MalformedPacket(f"IP length {length} in {len(payload)} octets")
    return payload[:length]


def traffic_class(packet: bytes) -> int:
    """The type of service or traffic class octet: DSCP and ECN."""
    if packet[0] >> 4 == 4:
        return packet[1]
    return (packet[0] << 4 | packet[1] >> 4) & 0xFF


def with_traffic_class(packet: bytes, value: int) -> bytes:
    """The packet with another type of service or traffic class octet."""
    if packet[0] >> 4 == 4:
        start = (packet[0] & 0x0F) * 4
        return with_header_checksum(packet[:1] + bytes((value,)) + packet[2:start]) + packet[start:]
    return bytes((0x60 | value >> 4, (value & 0x0F) << 4 | packet[1] & 0x0F)) + packet[2:]


def has_df(packet: bytes) -> bool:
    """Whether a packet must not be fragmented: always so for IPv6."""
    return packet[0] >> 4 != 4 or bool(packet[6] & 0x40)


def outer_traffic_class(inner: bytes, *, copy_ecn: bool, copy_dscp: str) -> int:
    """The octet for the outer header. `copy_dscp` is `out`, `in`, `yes` or `no`."""
    value = traffic_class(inner)
    dscp = value & _DSCP if copy_dscp in ("out", "yes") else 0
    return dscp | (value & _ECN if copy_ecn else 0)


def merge_traffic_class(inner: bytes, outer: int, *, copy_ecn: bool, copy_dscp: str) -> bytes:
    """The inner packet with what the outer octet adds to it (RFC 6040 section 4.2). Raises CongestionLost."""
    value = old = traffic_class(inner)
    if copy_dscp in ("in", "yes"):
        value = outer & _DSCP | value & _ECN
    if copy_ecn and outer & _ECN == _CE:
        if not value & _ECN:
            raise CongestionLost("congestion experienced by a transport without ECN")
        value |= _CE
    return inner if value == old else with_traffic_class(inner, value)


def with_upper_checksum(payload: bytes, protocol: int, source: bytes, destination: bytes) -> bytes:
    """A TCP, UDP or ICMPv6 message with its checksum made anew, because a NAT has changed addresses.

    RFC 3948 section 3.1.2. A UDP checksum of zero over IPv4 stays zero.
    """
    at = _CHECKSUM_AT.get(protocol)
    if at is None or len(payload) < at + 2:
        return payload
    if protocol == UDP and len(source) == 4 and payload[at : at + 2] == b"\0\0":
        return payload
    pseudo = source + destination + len(payload).to_bytes(4, "big") + protocol.to_bytes(4, "big")
    value = checksum(pseudo + payload[:at] + b"\0\0" + payload[at + 2 :])
    if protocol == UDP and value == b"\0\0":
        value = b"\xff\xff"
    return payload[:at] + value + payload[at + 2 :]
