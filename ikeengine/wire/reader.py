"""A bounded cursor over received octets: it never reads past its end, and its owner checks that nothing is left."""

from __future__ import annotations

from struct import Struct
from typing import Any

from ikeengine.errors import InvalidSyntax


class Reader:
    """A window `[offset, end)` of `data` that is consumed from the front.

    Every method raises `InvalidSyntax` instead of leaving the window. Whoever makes a reader for a structure calls
    `finish()` when the structure is read, so that lengths that lie are found at the innermost place.
    """

    __slots__ = ("data", "end", "offset")

    def __init__(self, data: bytes, offset: int = 0, end: int | None = None) -> None:
        self.data = data
        self.offset = offset
        self.end = len(data) if end is None else end

    @property
    def remaining(self) -> int:
        """Octets not yet consumed."""
        return self.end - self.offset

    def unpack(self, layout: Struct) -> tuple[Any, ...]:
        """The fields of a fixed layout."""
        offset = self.offset
        after = offset + layout.size
        if after > self.end:
            raise self._short(layout.size)
        self.offset = after
        return layout.unpack_from(self.data, offset)

    def unpack_all(self, layout: Struct) -> tuple[tuple[Any, ...], bytes]:
        """The fields of a fixed layout, and all that is left behind them."""
        offset = self.offset
        after = offset + layout.size
        end = self.end
        if after > end:
            raise self._short(layout.size)
        self.offset = end
        return layout.unpack_from(self.data, offset), self.data[after:end]

    def structure(self, header: Struct) -> tuple[tuple[Any, ...], Reader]:
        """The fields of a header, the last of which is the length of header and body, and a reader for the body.

        The whole structure counts as consumed here.
        """
        start = self.offset
        body = start + header.size
        if body > self.end:
            raise self._short(header.size)
        self.offset = body
        fields = header.unpack_from(self.data, start)
        end = start + fields[-1]
        if not body <= end <= self.end:
            raise self._short(end - body)
        self.offset = end
        return fields, Reader(self.data, body, end)

    def take(self, length: int) -> bytes:
        """The next `length` octets. A negative length is a length field that lies."""
        offset = self.offset
        after = offset + length
        if length < 0 or after > self.end:
            raise self._short(length)
        self.offset = after
        return self.data[offset:after]

    def rest(self) -> bytes:
        """All that is left."""
        offset = self.offset
        self.offset = self.end
        return self.data[offset : self.end]

    def sub(self, length: int) -> Reader:
        """A reader for the next `length` octets, which count as consumed here."""
        offset = self.offset
        after = offset + length
        if length < 0 or after > self.end:
            raise self._short(length)
        self.offset = after
        return Reader(self.data, offset, after)

    def finish(self) -> None:
        """Raise `InvalidSyntax` unless everything was consumed."""
        if self.offset != self.end:
            raise InvalidSyntax(f"{self.remaining} octets left over")

    def _short(self, wanted: int) -> InvalidSyntax:
        if wanted < 0:
            return InvalidSyntax("a length is smaller than its own header")
        return InvalidSyntax(f"{wanted} octets wanted, {self.remaining} left")
