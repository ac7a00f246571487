"""Data attributes (RFC 2408 section 3.3), as transforms, mode config and RESPONDER-LIFETIME have them."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Final

from ikeengine.errors import InvalidSyntax
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader

_ATTRIBUTE = Struct("!HH")
_BASIC: Final = 0x8000
"""The AF bit: the attribute's value takes the place of its length."""
_TYPE_MASK: Final = 0x7FFF

MAX_NUMBER: Final = 8
"""Octets of the longest value that is read as a number; a lifetime has four."""


@immutable
class Attribute:
    """One attribute. What `kind` means depends on where it is.

    A `value` that is a number was or is to be sent in two octets (TV), octets with a length before them (TLV).

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |A|       Attribute Type        |    AF=0  Attribute Length     |
    |F|                             |    AF=1  Attribute Value      |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                   AF=0  Attribute Value                       ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    kind: int
    value: int | bytes

    @property
    def number(self) -> int:
        """The value as an unsigned number, however it was sent. Raises InvalidSyntax if it is none of sensible size."""
        if isinstance(self.value, int):
            return self.value
        if not 0 < len(self.value) <= MAX_NUMBER:
            raise InvalidSyntax(f"attribute {self.kind} is a number of {len(self.value)} octets")
        return int.from_bytes(self.value, "big")

    @property
    def octets(self) -> bytes:
        """The value as octets, however it was sent."""
        return self.value.to_bytes(2, "big") if isinstance(self.value, int) else self.value


def numeric(kind: int, number: int) -> Attribute:
    """An attribute in the shortest form that holds the number: two octets, or four with a length (RFC 2407 4.5)."""
    return Attribute(kind, number if number < 0x10000 else number.to_bytes(4, "big"))


def read_attributes(body: Reader, limit: int) -> tuple[Attribute, ...]:
    """All attributes up to the end of the body. Raises InvalidSyntax, also for more than `limit`."""
    attributes: list[Attribute] = []
    while body.remaining:
        if len(attributes) == limit:
            raise InvalidSyntax(f"more than {limit} attributes")
        kind, value = body.unpack(_ATTRIBUTE)
        attributes.append(Attribute(kind & _TYPE_MASK, value if kind & _BASIC else body.take(value)))
    return tuple(attributes)


def write_attributes(attributes: Iterable[Attribute]) -> bytes:
    """Encode attributes one behind the other."""
    return b"".join(map(_write_attribute, attributes))


def _write_attribute(attribute: Attribute) -> bytes:
    value = attribute.value
    if isinstance(value, int):
        return _ATTRIBUTE.pack(_BASIC | attribute.kind, value)
    return _ATTRIBUTE.pack(attribute.kind, len(value)) + value
