# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads DER (ITU-T X.690), as much of it as certificates need. Private to the collection."""

from __future__ import annotations

import datetime
import typing as t

INTEGER = 0x02
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
_TEXTS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be", 0x1C: "utf-32-be"}


class DerError(ValueError):
    """The octets are not DER."""


class Element(t.NamedTuple):
    """One element: its tag, its content, and all its octets."""

    tag: int
    content: bytes
    octets: bytes

    def children(self) -> t.List[Element]:
        """The elements in a constructed one."""
        return list(elements(self.content))

    def child(self, index: int) -> Element:
        """One of them. Raises DerError if there are fewer."""
        children = self.children()
        if index >= len(children):
            raise DerError(f"an element with tag {self.tag:#04x} has only {len(children)} parts")
        return children[index]

    def text(self) -> str:
        """A string of any kind."""
        return self.content.decode(_TEXTS.get(self.tag, "latin-1"), "backslashreplace")

    def number(self) -> int:
        """An INTEGER."""
        return int.from_bytes(self.content, "big", signed=True)

    def oid(self) -> str:
        """An OBJECT IDENTIFIER with dots."""
        if not self.content:
            raise DerError("an object identifier is empty")
        numbers = []
        value = 0
        for octet in self.content:
            value = value << 7 | octet & 0x7F
            if not octet & 0x80:
                numbers.append(value)
                value = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))

    def time(self) -> datetime.datetime:
        """A UTCTime or GeneralizedTime. Raises DerError."""
        form = "%y%m%d%H%M%SZ" if self.tag == UTC_TIME else "%Y%m%d%H%M%SZ"
        try:
            found = datetime.datetime.strptime(self.content.decode("ascii", "replace"), form)
        except ValueError as error:
            raise DerError(f"{self.content!r} is not a time") from error
        # RFC 5280 section 4.1.2.5.1: the turn of the century of UTCTime is in 2050, that of Python in 2069.
        if self.tag == UTC_TIME and found.year >= 2050:
            found = found.replace(year=found.year - 100)
        return found.replace(tzinfo=datetime.timezone.utc)


def elements(data: bytes) -> t.Iterator[Element]:
    """The elements that follow each other. Raises DerError."""
    offset = 0
    while offset < len(data):
        element = read(data, offset)
        offset += len(element.octets)
        yield element


def read(data: bytes, start: int = 0) -> Element:
    """The element at an offset. Raises DerError."""
    try:
        tag, length = data[start], data[start + 1]
    except IndexError as error:
        raise DerError("an element is cut off") from error
    offset = start + 2
    if tag & 0x1F == 0x1F or length == 0x80:
        raise DerError("an element has a long tag or no length")
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[offset : offset + size], "big")
        offset += size
    if offset + length > len(data):
        raise DerError("an element is cut off")
    return Element(tag, data[offset : offset + length], data[start : offset + length])
