"""What the policies need to know of an IP packet: its flow (RFC 791, RFC 8200, RFC 4301 section 4.4.1.1)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from ikeengine.errors import PeerMisbehaved

HOP_BY_HOP = 0
ICMP = 1
IPIP = 4
TCP = 6
UDP = 17
IPV6 = 41
IPV6_ROUTING = 43
IPV6_FRAGMENT = 44
ICMPV6 = 58
NO_NEXT_HEADER = 59
DESTINATION_OPTIONS = 60
MOBILITY = 135

IPV4_HEADER = 20
IPV6_HEADER = 40

NO_PORT = -1
"""In place of a port that a packet does not have or does not show (other protocols, later fragments)."""

_PORT_PROTOCOLS = (TCP, UDP, 33, 132, 136)  # and DCCP, SCTP, UDP-Lite
_TYPE_PROTOCOLS = (ICMP, ICMPV6)
_OPTION_HEADERS = (HOP_BY_HOP, IPV6_ROUTING, DESTINATION_OPTIONS)
_EXTENSION_HEADERS = (*_OPTION_HEADERS, IPV6_FRAGMENT)
_MOST_EXTENSION_HEADERS = 16
_ICMP_ERRORS = (3, 4, 5, 11, 12)
_ICMPV6_ERRORS = (1, 2, 3, 4)

_PORTS = Struct(">HH")
_SHORT = Struct(">H")


class MalformedPacket(PeerMisbehaved):
    """A packet whose headers contradict themselves. Dropped in silence."""

    notify = None


class Flow(NamedTuple):
    """What a policy looks at. For ICMP both ports hold `type << 8 | code` (RFC 7296 section 3.13.1)."""

    source: bytes
    destination: bytes
    protocol: int
    source_port: int
    destination_port: int

    def reversed(self) -> Flow:
        """The flow of the answers."""
        return Flow(self.destination, self.source, self.protocol, self.destination_port, self.source_port)


def _key_ends(addresses_end: int) -> tuple[int, ...]:
    ends = [addresses_end] * 256
    for protocol in _PORT_PROTOCOLS:
        ends[protocol] = addresses_end + 4
    for protocol in _TYPE_PROTOCOLS:
        ends[protocol] = addresses_end + 2
    ends[MOBILITY] = addresses_end + 3
    return tuple(ends)


_KEY_END_V4 = _key_ends(IPV4_HEADER)
_KEY_END_V6 = _key_ends(IPV6_HEADER)


def flow_key(packet: bytes) -> bytes | None:
    """Octets that are equal only for packets of the same flow; None for what only `parse_flow` can tell.

    This runs for each packet: the plain headers of nearly all packets are taken as they lie.
    """
    if len(packet) < IPV4_HEADER:
        return None
    first = packet[0]
    if first == 0x45:
        if packet[6] & 0x3F or packet[7]:
            return None
        return packet[9:10] + packet[12 : _KEY_END_V4[packet[9]]]
    if first >> 4 == 6 and len(packet) >= IPV6_HEADER and packet[6] not in _EXTENSION_HEADERS:
        return packet[6:7] + packet[8 : _KEY_END_V6[packet[6]]]
    return None


def parse_flow(packet: bytes) -> Flow:
    """The flow of an IP packet. Raises MalformedPacket."""
    source, destination, protocol, start = _parse(packet)
    if start is None:
        return Flow(source, destination, protocol, NO_PORT, NO_PORT)
    return Flow(source, destination, protocol, *_ports(packet, protocol, start))


def enclosed_flow(packet: bytes) -> Flow | None:
    """The flow of the packet that an ICMP error message reports on, None if this is not one.

    Raises MalformedPacket.
    """
    _unused, _unused, protocol, start = _parse(packet)
    if start is None or len(packet) < start + 8:
        return None
    errors = {ICMP: _ICMP_ERRORS, ICMPV6: _ICMPV6_ERRORS}.get(protocol, ())
    return parse_flow(packet[start + 8 :]) if packet[start] in errors else None


def _parse(packet: bytes) -> tuple[bytes, bytes, int, int | None]:
    """Source, destination, upper-layer protocol, and where that starts: None in all but the first fragment."""
    version = packet[0] >> 4 if packet else 0
    if version == 4:
        return _parse_v4(packet)
    if version == 6:
        return _parse_v6(packet)
    raise MalformedPacket(f"IP version {version}")


def _parse_v4(packet: bytes) -> tuple[bytes, bytes, int, int | None]:
    start = (packet[0] & 0x0F) * 4
    if start < IPV4_HEADER or len(packet) < start:
        raise MalformedPacket("IPv4 header is cut off")
    later_fragment = _SHORT.unpack_from(packet, 6)[0] & 0x1FFF
    return packet[12:16], packet[16:20], packet[9], None if later_fragment else start


def _parse_v6(packet: bytes) -> tuple[bytes, bytes, int, int | None]:
    if len(packet) < IPV6_HEADER:
        raise MalformedPacket("IPv6 header is cut off")
    source, destination, protocol, start = packet[8:24], packet[24:40], packet[6], IPV6_HEADER
    for _unused in range(_MOST_EXTENSION_HEADERS):
        if protocol not in _EXTENSION_HEADERS:
            return source, destination, protocol, start
        if len(packet) < start + 8:
            raise MalformedPacket("IPv6 extension header is cut off")
        if protocol == IPV6_FRAGMENT and _SHORT.unpack_from(packet, start + 2)[0] & 0xFFF8:
            return source, destination, packet[start], None
        length = 8 if protocol == IPV6_FRAGMENT else 8 + packet[start + 1] * 8
        protocol, start = packet[start], start + length
    raise MalformedPacket("too many IPv6 extension headers")


def _ports(packet: bytes, protocol: int, start: int) -> tuple[int, int]:
    if protocol in _PORT_PROTOCOLS and len(packet) >= start + 4:
        source_port, destination_port = _PORTS.unpack_from(packet, start)
        return source_port, destination_port
    if protocol in _TYPE_PROTOCOLS and len(packet) >= start + 2:
        type_and_code = _SHORT.unpack_from(packet, start)[0]
        return type_and_code, type_and_code
    if protocol == MOBILITY and len(packet) >= start + 3:
        return packet[start + 2] << 8, packet[start + 2] << 8
    return NO_PORT, NO_PORT
