"""Puts fragments together that a policy can only judge as a whole (RFC 4301 section 7, RFC 791, RFC 8200 section 4.5).

The host fragments what is bigger than the MTU of the TUN device before we see it. Policies for certain ports cannot
tell to which flow a later fragment belongs, and transport mode protects whole datagrams only.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from time import monotonic

from ikeengine.datapath.userspace.headers import with_header_checksum
from ikeengine.datapath.userspace.packet import IPV6_FRAGMENT, IPV6_HEADER, MalformedPacket

MOST_DATAGRAMS = 64
"""Datagrams in the making; the oldest has to go for one more."""
MOST_PIECES = 256
"""Fragments of one datagram; 64 KiB over a path of 576 octets need 120."""
LONGEST_WAIT = 30.0
"""Seconds after which an incomplete datagram is given up."""

_BIGGEST = 65535
_FRAGMENT_HEADER = 8
_SHORT = Struct(">H")


class _Datagram:
    __slots__ = ("born", "end", "head", "pieces")

    def __init__(self, born: float) -> None:
        self.born = born
        self.head = b""
        self.end: int | None = None
        self.pieces: dict[int, bytes] = {}

    def is_complete(self) -> bool:
        return self.end is not None and sum(map(len, self.pieces.values())) >= self.end

    def payload(self) -> bytes:
        """Raises MalformedPacket for fragments that overlap (RFC 5722)."""
        joined = bytearray()
        for offset, piece in sorted(self.pieces.items()):
            if offset != len(joined):
                raise MalformedPacket("fragments overlap")
            joined += piece
        return bytes(joined)


class Reassembly:
    """The datagrams in the making."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._datagrams: dict[bytes, _Datagram] = {}

    def add(self, packet: bytes) -> bytes | None:
        """Take a fragment; the whole packet once nothing is missing. Raises MalformedPacket."""
        take = _take_v4 if packet[0] >> 4 == 4 else _take_v6
        key, head, offset, piece, more = take(packet)
        if offset + len(piece) > _BIGGEST or (more and len(piece) % 8):
            raise MalformedPacket("a fragment that cannot be")
        datagram = self._datagram(key)
        if len(datagram.pieces) >= MOST_PIECES:
            raise MalformedPacket("too many fragments")
        datagram.pieces[offset] = piece
        datagram.head = head if offset == 0 else datagram.head
        datagram.end = datagram.end if more else offset + len(piece)
        if not datagram.is_complete():
            return None
        del self._datagrams[key]
        return _whole(datagram.head, datagram.payload())

    def _datagram(self, key: bytes) -> _Datagram:
        now = self._clock()
        found = self._datagrams.get(key)
        if found is not None and now - found.born <= LONGEST_WAIT:
            return found
        self._datagrams.pop(key, None)
        if len(self._datagrams) >= MOST_DATAGRAMS:
            del self._datagrams[next(iter(self._datagrams))]
        new = self._datagrams[key] = _Datagram(now)
        return new


_Fragment = tuple[bytes, bytes, int, bytes, bool]
"""What names the datagram, its header without the marks of a fragment, offset, data, whether more follows."""


def is_fragment(packet: bytes) -> bool:
    """Whether a packet, whose header is complete, is a part of a datagram."""
    if packet[0] >> 4 == 4:
        return bool(packet[6] & 0x3F or packet[7])
    return packet[6] == IPV6_FRAGMENT


def _take_v4(packet: bytes) -> _Fragment:
    start = (packet[0] & 0x0F) * 4
    flags = _SHORT.unpack_from(packet, 6)[0]
    key = packet[4:6] + packet[9:10] + packet[12:20]
    head = packet[:6] + b"\0\0" + packet[8:start]
    return key, head, (flags & 0x1FFF) * 8, packet[start:], bool(flags & 0x2000)


def _take_v6(packet: bytes) -> _Fragment:
    start = IPV6_HEADER + _FRAGMENT_HEADER
    if len(packet) < start:
        raise MalformedPacket("fragment header is cut off")
    field = _SHORT.unpack_from(packet, IPV6_HEADER + 2)[0]
    head = packet[:6] + packet[40:41] + packet[7:IPV6_HEADER]
    return packet[44:48] + packet[8:40], head, field & 0xFFF8, packet[start:], bool(field & 1)


def _whole(head: bytes, payload: bytes) -> bytes:
    if not head:
        raise MalformedPacket("fragments overlap")
    if head[0] >> 4 == 4:
        length = len(head) + len(payload)
        if length > _BIGGEST:
            raise MalformedPacket("a datagram that cannot be")
        return with_header_checksum(head[:2] + _SHORT.pack(length) + head[4:]) + payload
    return head[:4] + _SHORT.pack(len(payload)) + head[6:] + payload
