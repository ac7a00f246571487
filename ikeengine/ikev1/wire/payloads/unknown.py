"""A payload of a type that we do not know."""

from __future__ import annotations

from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.immutable import immutable


@immutable
class UnknownPayload:
    """Kept as received and otherwise skipped."""

    type: PayloadType
    body: bytes

    def write(self) -> bytes:
        """Encode the body."""
        return self.body
