"""A payload of a type that we do not know (RFC 7296 section 2.5)."""

from __future__ import annotations

from ikeengine.model.immutable import immutable
from ikeengine.registry import PayloadType
from ikeengine.wire.codepoints import PAYLOAD_TYPES


@immutable
class UnknownPayload:
    """Kept as received and otherwise skipped. The codec never returns one whose critical bit is set."""

    payload_type: int
    critical: bool
    body: bytes

    @property
    def type(self) -> PayloadType:
        """The number as an open enum."""
        return PAYLOAD_TYPES[self.payload_type]

    def write(self) -> bytes:
        """Encode the body."""
        return self.body
