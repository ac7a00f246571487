"""Signature payload (RFC 2408 section 3.12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.wire.reader import Reader


@dataclass(frozen=True, slots=True)
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
