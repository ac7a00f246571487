"""NAT original address payload (RFC 3947 section 5.2)."""

from __future__ import annotations

from struct import Struct
from typing import Final, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.numbers import IdType, PayloadType
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!B3x")

_LENGTHS: Final[dict[int, int]] = {IdType.ID_IPV4_ADDR: 4, IdType.ID_IPV6_ADDR: 16}
_KINDS: Final = {length: kind for kind, length in _LENGTHS.items()}


@immutable
class NatOa:
    """An address as its host knows it, in transport mode: NAT-OAi first, then NAT-OAr.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |   ID Type     |   RESERVED    |           RESERVED            |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~           IPv4 (4 octets) or IPv6 address (16 octets)         ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    address: bytes
    type: PayloadType = PayloadType.NAT_OA
    """Or that of the drafts."""

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax, also for anything that is not an address."""
        return cls(_read_address(body))

    @classmethod
    def read_draft(cls, body: Reader) -> Self:
        """Decode the body of a payload as the drafts number it; raises InvalidSyntax."""
        return cls(_read_address(body), PayloadType.NAT_OA_DRAFT)

    def write(self) -> bytes:
        """Encode the body."""
        return _LAYOUT.pack(_KINDS[len(self.address)]) + self.address


def _read_address(body: Reader) -> bytes:
    (kind,) = body.unpack(_LAYOUT)
    address = body.rest()
    if _LENGTHS.get(kind) != len(address):
        raise InvalidSyntax(f"an original address of type {kind} and {len(address)} octets")
    return address
