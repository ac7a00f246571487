"""IP payload compression with DEFLATE (RFC 3173, RFC 2394), between the mode and the protection of an SA.

 0                   1                   2                   3
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|  Next Header  |     Flags     | Compression Parameter Index   |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

The history is that of one packet, so that a lost packet harms no other. What compression does not make smaller is sent
as it is, and what arrives uncompressed is accepted.
"""

from __future__ import annotations

import zlib
from struct import Struct

from ikeengine.datapath.userspace.packet import MalformedPacket

IPCOMP = 108
"""Protocol number of the IPComp header."""

SMALLEST_PAYLOAD = 90
"""Shorter payloads hardly ever get smaller (RFC 2394 section 2.3.1)."""

_HEADER = Struct(">BBH")
_WINDOW_BITS = -15
_LEVEL = 6
_BIGGEST = 65535


def compress(payload: bytes, next_header: int, cpi: int) -> tuple[bytes, int]:
    """The payload behind an IPComp header, and what comes next now; both unchanged if that would not be smaller."""
    if len(payload) < SMALLEST_PAYLOAD:
        return payload, next_header
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS)
    compressed = deflate.compress(payload) + deflate.flush()
    if _HEADER.size + len(compressed) >= len(payload):
        return payload, next_header
    return _HEADER.pack(next_header, 0, cpi) + compressed, IPCOMP


def expand(payload: bytes, cpi: int) -> tuple[bytes, int]:
    """The payload that was compressed, and what it is. Raises MalformedPacket, also for what would be too large."""
    if len(payload) <= _HEADER.size:
        raise MalformedPacket("the IPComp header is cut off")
    next_header, _unused, index = _HEADER.unpack_from(payload)
    if index != cpi or next_header == IPCOMP:
        raise MalformedPacket(f"IPComp with index {index:04x} and next header {next_header}")
    inflate = zlib.decompressobj(_WINDOW_BITS)
    try:
        expanded = inflate.decompress(payload[_HEADER.size :], _BIGGEST)
    except zlib.error as error:
        raise MalformedPacket(f"compressed payload: {error}") from error
    if not inflate.eof:
        raise MalformedPacket("the compressed payload is cut off, or larger than a packet can be")
    return expanded, next_header
