"""Just enough DER (ITU-T X.690) to take a certificate apart and to read and write distinguished names.

Only definite, minimal lengths and one-octet tags are accepted, which is all that X.509 uses. Everything is linear in
the input and nothing recurses, so hostile nesting costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

INTEGER = 0x02
BIT_STRING = 0x03
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
UTF8_STRING = 0x0C
SEQUENCE = 0x30
SET = 0x31
NUMERIC_STRING = 0x12
PRINTABLE_STRING = 0x13
TELETEX_STRING = 0x14
IA5_STRING = 0x16
VISIBLE_STRING = 0x1A
UNIVERSAL_STRING = 0x1C
BMP_STRING = 0x1E

_DOTTED = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40}){1,30}")
_MAX_OID_OCTETS = 64


class DerError(ValueError):
    """The octets are not the DER that was expected. Never leaves the modules that read DER."""


def read(data: bytes, offset: int = 0) -> tuple[int, int, int]:
    """The tag at `offset`, and where its value starts and ends. Raises DerError."""
    if offset + 2 > len(data):
        raise DerError("the header of an element is cut off")
    tag, length, start = data[offset], data[offset + 1], offset + 2
    if tag & 0x1F == 0x1F:
        raise DerError("multi-octet tags are not used in X.509")
    if length >= 0x80:
        length, start = _long_length(data, start, length & 0x7F)
    if start + length > len(data):
        raise DerError("an element is longer than its surroundings")
    return tag, start, start + length


def _long_length(data: bytes, start: int, octets: int) -> tuple[int, int]:
    if not 1 <= octets <= 4 or start + octets > len(data):
        raise DerError("a length is indefinite, too large or cut off")
    length = int.from_bytes(data[start : start + octets], "big")
    if length < 0x80 or length >> (8 * (octets - 1)) == 0:
        raise DerError("a length is not minimal")
    return length, start + octets


def only(data: bytes, tag: int) -> bytes:
    """The value of the single element that `data` must be. Raises DerError."""
    found, start, end = read(data)
    if found != tag or end != len(data):
        raise DerError(f"expected a single element with tag {tag:#04x}")
    return data[start:end]


def elements(value: bytes) -> Iterator[tuple[int, bytes]]:
    """The (tag, value) pairs inside a constructed value. Raises DerError."""
    offset = 0
    while offset < len(value):
        tag, start, end = read(value, offset)
        yield tag, value[start:end]
        offset = end


def encoded_elements(value: bytes) -> Iterator[bytes]:
    """The elements inside a constructed value, each with its header. Raises DerError."""
    offset = 0
    while offset < len(value):
        end = read(value, offset)[2]
        yield value[offset:end]
        offset = end


def element(tag: int, value: bytes) -> bytes:
    """One element, encoded."""
    length = len(value)
    if length < 0x80:
        return bytes((tag, length)) + value
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + value


def object_identifier(dotted: str) -> bytes:
    """The encoded OBJECT IDENTIFIER of a dotted text such as `2.5.4.3`. Raises DerError."""
    if not _DOTTED.fullmatch(dotted):
        raise DerError(f"`{dotted}` is not an object identifier")
    first, second, *rest = map(int, dotted.split("."))
    if first > 2 or (first < 2 and second > 39):
        raise DerError(f"`{dotted}` is not an object identifier")
    return element(OBJECT_IDENTIFIER, b"".join(map(_base128, (40 * first + second, *rest))))


def _base128(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(0x80 | (arc & 0x7F))
    return bytes(reversed(octets))


def dotted_text(value: bytes) -> str:
    """The dotted text of the value octets of an OBJECT IDENTIFIER. Raises DerError."""
    if not value or value[-1] & 0x80 or len(value) > _MAX_OID_OCTETS:
        raise DerError("an object identifier is cut off or too long")
    arcs, arc = [], 0
    for octet in value:
        arc = (arc << 7) | (octet & 0x7F)
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
