"""Identification payloads (RFC 7296 section 3.5)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.model.identity import Identity
from ikeengine.model.immutable import immutable
from ikeengine.registry import IdType, PayloadType
from ikeengine.wire.codepoints import ID_TYPES
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!B3s")

ADDRESS_LENGTH: Final[dict[int, int]] = {IdType.ID_IPV4_ADDR: 4, IdType.ID_IPV6_ADDR: 16}


@immutable
class Identification:
    """What IDi and IDr share.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |   ID Type     |                 RESERVED                      |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                   Identification Data                         ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    identity: Identity
    reserved: bytes = b"\0\0\0"
    """Kept as received, because the AUTH payload covers it."""

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax, also for an address of the wrong length."""
        (kind, reserved), data = body.unpack_all(_LAYOUT)
        if len(data) != ADDRESS_LENGTH.get(kind, len(data)):
            raise InvalidSyntax(f"an address identity of {len(data)} octets")
        return cls(Identity(ID_TYPES[kind], data), reserved)

    @property
    def body(self) -> bytes:
        """RestOfInitIDPayload / RestOfRespIDPayload of RFC 7296 section 2.15: exactly what was received."""
        return _LAYOUT.pack(self.identity.type, self.reserved) + self.identity.data

    def write(self) -> bytes:
        """Encode the body."""
        return self.body


@immutable
class IdInitiator(Identification):
    """IDi: who the initiator says it is."""

    type: ClassVar[PayloadType] = PayloadType.IDI


@immutable
class IdResponder(Identification):
    """IDr: who the responder says it is, or in a request, whom the initiator wants to talk to."""

    type: ClassVar[PayloadType] = PayloadType.IDR
