"""What the Authentication Header covers of the IP headers before it (RFC 4302 section 3.3.3.1 and appendix A).

Fields that routers change count as zero.
"""

from __future__ import annotations

from ikeengine.datapath.userspace.packet import (
    DESTINATION_OPTIONS,
    HOP_BY_HOP,
    IPV4_HEADER,
    IPV6_HEADER,
    IPV6_ROUTING,
    MalformedPacket,
)

AH = 51

_END_OF_OPTIONS, _NO_OPERATION = 0, 1
_IMMUTABLE_OPTIONS = (130, 133, 134, 148, 149)
"""Security, Extended and Commercial Security, Router Alert, Sender Directed Multi-Destination Delivery."""

_PAD1 = 0
_MAY_CHANGE = 0x20
"""The bit of an IPv6 option type that says that routers change the option (RFC 8200 section 4.2)."""

_EXTENSION_HEADERS = (HOP_BY_HOP, IPV6_ROUTING, DESTINATION_OPTIONS)
_MOST_EXTENSION_HEADERS = 8


def split_headers(packet: bytes) -> tuple[bytes, bytes]:
    """The IP headers of a packet and the rest, which begins with the Authentication Header. Raises MalformedPacket."""
    end = _end_of_v4(packet) if packet[:1] and packet[0] >> 4 == 4 else _end_of_v6(packet)
    return packet[:end], packet[end:]


def covered(headers: bytes) -> bytes:
    """IP headers with zeros where routers may have changed something. Raises MalformedPacket."""
    return _covered_v4(headers) if headers[0] >> 4 == 4 else _covered_v6(headers)


def _end_of_v4(packet: bytes) -> int:
    end = (packet[0] & 0x0F) * 4
    if end < IPV4_HEADER or len(packet) < end or packet[9] != AH:
        raise MalformedPacket("not AH in IPv4")
    return end


def _end_of_v6(packet: bytes) -> int:
    if len(packet) < IPV6_HEADER:
        raise MalformedPacket("IPv6 header is cut off")
    kind, end = packet[6], IPV6_HEADER
    for _unused in range(_MOST_EXTENSION_HEADERS):
        if kind == AH:
            return end
        if kind not in _EXTENSION_HEADERS or len(packet) < end + 8:
            break
        kind, end = packet[end], end + 8 + packet[end + 1] * 8
    raise MalformedPacket("not AH in IPv6")


def _covered_v4(header: bytes) -> bytes:
    """Type of service, flags and fragment offset, time to live and checksum are mutable."""
    fixed = header[:1] + b"\0" + header[2:6] + b"\0\0" + b"\0" + header[9:10] + b"\0\0" + header[12:IPV4_HEADER]
    return fixed + _covered_options_v4(header[IPV4_HEADER:])


def _covered_options_v4(options: bytes) -> bytes:
    found, at = bytearray(options), 0
    while at < len(options) and options[at] != _END_OF_OPTIONS:
        if options[at] == _NO_OPERATION:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2 or at + length > len(options):
            raise MalformedPacket("wrong length of an IPv4 option")
        if options[at] not in _IMMUTABLE_OPTIONS:
            found[at : at + length] = bytes(length)
        at += length
    return bytes(found)


def _covered_v6(headers: bytes) -> bytes:
    """Traffic class, flow label and hop limit are mutable, and of the options those that say so."""
    parts = [b"\x60\0\0\0", headers[4:7], b"\0", headers[8:IPV6_HEADER]]
    kind, at = headers[6], IPV6_HEADER
    while at < len(headers):
        extension = headers[at : at + 8 + headers[at + 1] * 8]
        parts.append(extension if kind == IPV6_ROUTING else _covered_options_v6(extension))
        kind, at = extension[0], at + len(extension)
    return b"".join(parts)


def _covered_options_v6(extension: bytes) -> bytes:
    found, at = bytearray(extension), 2
    while at < len(extension):
        if extension[at] == _PAD1:
            at += 1
            continue
        length = extension[at + 1] if at + 1 < len(extension) else len(extension)
        if at + 2 + length > len(extension):
            raise MalformedPacket("wrong length of an IPv6 option")
        if extension[at] & _MAY_CHANGE:
            found[at + 2 : at + 2 + length] = bytes(length)
        at += 2 + length
    return bytes(found)
