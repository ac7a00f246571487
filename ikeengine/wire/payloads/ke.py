"""Key Exchange payload (RFC 7296 section 3.4)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Self

from ikeengine.model.immutable import immutable
from ikeengine.registry import PayloadType
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!H2x")


@immutable
class Ke:
    """The public value of a key exchange method (a `KeId`). Whether the value is valid, the method itself judges.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |   Diffie-Hellman Group Num    |           RESERVED            |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                       Key Exchange Data                       ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.KE

    group: int
    data: bytes

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax."""
        (group,), data = body.unpack_all(_LAYOUT)
        return cls(group, data)

    def write(self) -> bytes:
        """Encode the body."""
        return _LAYOUT.pack(self.group) + self.data
