"""Identification payload (RFC 2407 section 4.6.2)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine import registry
from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.numbers import IdType, PayloadType
from ikeengine.model.identity import Identity
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!BBH")

LENGTHS: Final[dict[int, int]] = {
    IdType.ID_IPV4_ADDR: 4,
    IdType.ID_IPV4_ADDR_SUBNET: 8,
    IdType.ID_IPV4_ADDR_RANGE: 8,
    IdType.ID_IPV6_ADDR: 16,
    IdType.ID_IPV6_ADDR_SUBNET: 32,
    IdType.ID_IPV6_ADDR_RANGE: 32,
}
"""Octets of an address, of an address and its mask, of the first and the last address."""


@immutable
class Id:
    """Who the sender is (phase 1), or for which traffic an SA is (phase 2).

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |   ID Type     |  Protocol ID  |             Port              |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                     Identification Data                       ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.ID

    kind: IdType
    data: bytes
    protocol: int = 0
    """An IP protocol, 0 for any."""
    port: int = 0
    """0 for any."""

    @property
    def identity(self) -> Identity:
        """The identity that the payload states in phase 1."""
        return Identity(registry.IdType(int(self.kind)), self.data)

    @classmethod
    def of(cls, identity: Identity) -> Self:
        """The payload of phase 1 that states an identity."""
        return cls(IdType(int(identity.type)), identity.data)

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax, also for addresses of the wrong length."""
        kind, protocol, port = body.unpack(_LAYOUT)
        data = body.rest()
        if len(data) != LENGTHS.get(kind, len(data)):
            raise InvalidSyntax(f"{len(data)} octets for an identity of type {IdType(kind).name}")
        return cls(IdType(kind), data, protocol, port)

    def write(self) -> bytes:
        """Encode the body, which is IDii_b or IDir_b (RFC 2409 section 3.2)."""
        return _LAYOUT.pack(self.kind, self.protocol, self.port) + self.data
