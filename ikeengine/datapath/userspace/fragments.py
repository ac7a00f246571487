"""Cutting IP packets into fragments (RFC 791 section 3.2, RFC 8200 section 4.5), where the kernel does not do it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from struct import Struct

from ikeengine.datapath.userspace.headers import with_header_checksum
from ikeengine.datapath.userspace.packet import IPV6_FRAGMENT, IPV6_HEADER

MTU = 1280
"""Every link carries packets of this size (RFC 8200 section 5); IPv4 links hardly ever less."""

_UNIT = 8
_MORE_V4 = 0x2000
_MORE_V6 = 1
_SHORT = Struct(">H")
_FRAGMENT = Struct(">BBHI")


def fragments(packet: bytes) -> Iterator[bytes]:
    """The fragments of a packet that has no fragment header and, in IPv6, no extension headers."""
    return _fragments_v4(packet) if packet[0] >> 4 == 4 else _fragments_v6(packet)


def _fragments_v4(packet: bytes) -> Iterator[bytes]:
    start = (packet[0] & 0x0F) * 4
    header, payload = packet[:start], packet[start:]
    for offset, piece, more in _pieces(payload, MTU - start):
        flags = offset // _UNIT | (_MORE_V4 if more else 0)
        total = _SHORT.pack(start + len(piece))
        yield with_header_checksum(header[:2] + total + header[4:6] + _SHORT.pack(flags) + header[8:]) + piece


def _fragments_v6(packet: bytes) -> Iterator[bytes]:
    header, payload = packet[:IPV6_HEADER], packet[IPV6_HEADER:]
    identification = secrets.randbits(32)
    for offset, piece, more in _pieces(payload, MTU - IPV6_HEADER - _FRAGMENT.size):
        fragment = _FRAGMENT.pack(header[6], 0, offset | (_MORE_V6 if more else 0), identification)
        length = _SHORT.pack(_FRAGMENT.size + len(piece))
        yield header[:4] + length + bytes([IPV6_FRAGMENT]) + header[7:] + fragment + piece


def _pieces(payload: bytes, room: int) -> Iterator[tuple[int, bytes, bool]]:
    """Offset, octets and whether more follow."""
    size = room // _UNIT * _UNIT
    for offset in range(0, len(payload), size):
        yield offset, payload[offset : offset + size], offset + size < len(payload)
