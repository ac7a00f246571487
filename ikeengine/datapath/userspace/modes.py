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
from ikeengine.datapath.userspace.ipcomp import IPCOMP, compress, expand
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
from ikeengine.model.connection import TFC_PAD_TO_MTU, Mode
from ikeengine.model.path import packed
from ikeengine.model.sa import IpsecSa
from ikeengine.registry import Protocol

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


class Compressed:
    """Another mode with IPComp inside (RFC 3173)."""

    __slots__ = ("_cpi", "_mode")

    def __init__(self, mode: Tunnel | Transport, cpi: int) -> None:
        self._mode = mode
        self._cpi = cpi

    def wrap(self, packet: bytes) -> tuple[bytes, int]:
        """Payload and next header for a packet from this host, compressed if that helps. Raises Untransportable."""
        return compress(*self._mode.wrap(packet), self._cpi)

    def unwrap(self, payload: bytes, next_header: int, traffic_class: int) -> bytes:
        """The packet in a payload, compressed or not. Raises MalformedPacket."""
        if next_header == IPCOMP:
            payload, next_header = expand(payload, self._cpi)
        return self._mode.unwrap(payload, next_header, traffic_class)


class Padded:
    """Tunnel mode with traffic flow confidentiality padding (RFC 4303 section 2.7)."""

    __slots__ = ("_length", "_mode")

    def __init__(self, mode: Tunnel, length: int) -> None:
        self._mode = mode
        self._length = length

    def wrap(self, packet: bytes) -> tuple[bytes, int]:
        """Payload and next header; the payload is at least as long as wanted."""
        payload, next_header = self._mode.wrap(packet)
        return payload.ljust(self._length, b"\0"), next_header

    def unwrap(self, payload: bytes, next_header: int, traffic_class: int) -> bytes:
        """As without padding: a tunnel takes any."""
        return self._mode.unwrap(payload, next_header, traffic_class)


ModeOfSa = Tunnel | Transport | Compressed | Padded


def mode_of(sa: IpsecSa, mtu: int = 0) -> ModeOfSa:
    """How an SA wraps its packets, none of which is longer than `mtu` octets."""
    mode = Transport(sa) if sa.mode is Mode.TRANSPORT else Tunnel()
    if sa.cpi:
        return Compressed(mode, sa.cpi)
    if sa.tfc_padding and sa.protocol is Protocol.ESP and isinstance(mode, Tunnel):
        return Padded(mode, mtu if sa.tfc_padding == TFC_PAD_TO_MTU else min(sa.tfc_padding, mtu))
    return mode
