"""Signature payload (RFC 2408 section 3.12)."""

from __future__ import annotations

from typing import ClassVar, Self

from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader


@immutable
class Signature:
    """SIG_I or SIG_R: a signature over HASH_I or HASH_R.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                         Signature Data                        ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.SIG

    data: bytes

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Take the whole body."""
        return cls(body.rest())

    def write(self) -> bytes:
        """Encode the body."""
        return self.data
