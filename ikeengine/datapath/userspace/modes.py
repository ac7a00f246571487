"""Tunnel and transport mode: what of a packet goes into ESP, and how it comes out again (RFC 4303 section 3.1).

In transport mode the IP header of the arriving packet is made anew from the addresses of the SA, so that it is the
same for native and UDP-encapsulated ESP.
"""

from __future__ import annotations

from ikeengine.datapath.userspace.headers import (
    ipv4_header,
    ipv6_header,
    tunnelled,
    with_header_checksum,
    with_upper_checksum,
)
from ikeengine.datapath.userspace.packet import (
    HOP_BY_HOP,
    IPIP,
    IPV4_HEADER,
    IPV6,
    IPV6_FRAGMENT,
    IPV6_HEADER,
    IPV6_ROUTING,
)
from ikeengine.errors import PeerMisbehaved
from ikeengine.model.connection import Mode
from ikeengine.model.path import packed
from ikeengine.model.sa import IpsecSa

_OUTSIDE_ESP = (HOP_BY_HOP, IPV6_ROUTING, IPV6_FRAGMENT)


class Untransportable(PeerMisbehaved):
    """A packet that transport mode cannot carry: a fragment (RFC 4303 section 3.3.4), or with options in its header.

    Fragments made by this host are whole again when they get here; see `reassembly`.
    """

    notify = None


class Tunnel:
    """The whole IP packet is the payload."""

    __slots__ = ()

    def wrap(self, packet: bytes) -> tuple[bytes, int]:
        """Payload and next header for a packet from this host."""
        return packet, IPIP if packet[0] < 0x50 else IPV6

    def unwrap(self, payload: bytes, next_header: int, traffic_class: int) -> bytes:
        """The packet in a payload. Raises MalformedPacket."""
        return tunnelled(payload, next_header)


class Transport:
    """What follows the IP header is the payload."""

    __slots__ = ("_destination", "_nat", "_source")

    def __init__(self, sa: IpsecSa) -> None:
        self._source = packed(sa.source)
        self._destination = packed(sa.destination)
        self._nat = sa.encap is not None

    def wrap(self, packet: bytes) -> tuple[bytes, int]:
        """Payload and next header for a packet from this host. Raises Untransportable."""
        if packet[0] >> 4 == 4:
            if packet[0] != 0x45 or packet[6] & 0x3F or packet[7]:
                raise Untransportable("an IPv4 fragment or IPv4 options")
            return packet[IPV4_HEADER:], packet[9]
        if packet[6] in _OUTSIDE_ESP:
            raise Untransportable("an IPv6 fragment or hop-by-hop or routing headers")
        return packet[IPV6_HEADER:], packet[6]

    def unwrap(self, payload: bytes, next_header: int, traffic_class: int) -> bytes:
        """The packet that a payload belongs to."""
        if self._nat:
            payload = with_upper_checksum(payload, next_header, self._source, self._destination)
        addresses = self._source, self._destination
        if len(self._source) == 4:
            header = ipv4_header(*addresses, next_header, len(payload), tos=traffic_class)
            return with_header_checksum(header) + payload
        return ipv6_header(*addresses, next_header, len(payload), tos=traffic_class) + payload


def mode_of(sa: IpsecSa) -> Tunnel | Transport:
    """How an SA wraps its packets."""
    return Transport(sa) if sa.mode is Mode.TRANSPORT else Tunnel()
