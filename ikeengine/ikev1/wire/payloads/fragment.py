"""Fragment payload: a piece of a message, as Cisco, Microsoft, racoon and strongSwan send it; no RFC has it."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader

LAYOUT = Struct("!HBB")

_LAST_FRAGMENT: Final = 1


@immutable
class Fragment:
    """Octets `number`, counted from 1, of a message whose fragments all have the same `id`.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |         Fragment ID           |  Fragment Num |     Flags     |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                         Fragment Data                         ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.FRAGMENT

    id: int
    number: int
    is_last: bool
    data: bytes

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax, also for number 0 and a fragment of nothing."""
        fragment_id, number, flags = body.unpack(LAYOUT)
        data = body.rest()
        if not number or not data:
            raise InvalidSyntax(f"fragment {number} of {len(data)} octets")
        return cls(fragment_id, number, flags & _LAST_FRAGMENT != 0, data)

    def write(self) -> bytes:
        """Encode the body."""
        return LAYOUT.pack(self.id, self.number, _LAST_FRAGMENT if self.is_last else 0) + self.data
