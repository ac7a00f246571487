"""Hash payload (RFC 2408 section 3.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.wire.reader import Reader


@dataclass(frozen=True, slots=True)
class Hash:
    """HASH_I and HASH_R of phase 1, HASH(1) to HASH(3) of phase 2.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                           Hash Data                           ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.HASH

    data: bytes

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Take the whole body."""
        return cls(body.rest())

    def write(self) -> bytes:
        """Encode the body."""
        return self.data
