"""Nonce payload (RFC 2408 section 3.13)."""

from __future__ import annotations

from typing import ClassVar, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.caps import MAX_NONCE, MIN_NONCE
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader


@immutable
class Nonce:
    """Random octets, 8 to 256 of them (RFC 2409 section 5).

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                            Nonce Data                         ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.NONCE

    data: bytes

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax."""
        data = body.rest()
        if not MIN_NONCE <= len(data) <= MAX_NONCE:
            raise InvalidSyntax(f"a nonce of {len(data)} octets")
        return cls(data)

    def write(self) -> bytes:
        """Encode the body."""
        return self.data
