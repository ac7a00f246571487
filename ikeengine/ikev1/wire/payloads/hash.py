"""Hash payload (RFC 2408 section 3.11)."""

from __future__ import annotations

from typing import ClassVar, Self

from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader


@immutable
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
