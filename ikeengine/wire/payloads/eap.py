"""EAP payload (RFC 7296 section 3.16, RFC 3748 section 4)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.model.immutable import field, immutable
from ikeengine.registry import EapCode, PayloadType
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!BBH")
_WITH_TYPE: Final = frozenset({EapCode.REQUEST, EapCode.RESPONSE})
_WITHOUT_TYPE: Final = frozenset({EapCode.SUCCESS, EapCode.FAILURE})


@immutable
class Eap:
    """One whole EAP message in `data`, its own header included.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |     Code      | Identifier    |           Length              |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |     Type      | Type_Data...
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
    """

    type: ClassVar[PayloadType] = PayloadType.EAP

    data: bytes = field(repr=False)
    """Never shown: some methods send passwords in it."""

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax if the EAP header does not fit the payload."""
        data = body.data[body.offset : body.end]
        code, _unused, length = body.unpack(_LAYOUT)
        if length != len(data):
            raise InvalidSyntax(f"an EAP message says {length} octets, the payload has {len(data)}")
        if (code in _WITH_TYPE and length == _LAYOUT.size) or (code in _WITHOUT_TYPE and length != _LAYOUT.size):
            raise InvalidSyntax(f"an EAP message of code {code} cannot have {length} octets")
        body.rest()
        return cls(data)

    @property
    def code(self) -> EapCode:
        """Request, Response, Success or Failure."""
        return EapCode(self.data[0])

    @property
    def identifier(self) -> int:
        """Matches a Response to its Request."""
        return self.data[1]

    def write(self) -> bytes:
        """Encode the body."""
        return self.data
