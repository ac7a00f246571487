"""Notification payload (RFC 2408 section 3.14)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.numbers import Doi, NotifyType, PayloadType, ProtocolId
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!IBBH")

DOIS: Final = frozenset({Doi.ISAKMP, Doi.IPSEC})


@immutable
class Notify:
    """An error or a status about the SA that `protocol` and `spi` name.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |              Domain of Interpretation  (DOI)                  |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |  Protocol-ID  |   SPI Size    |      Notify Message Type      |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                Security Parameter Index (SPI)                 ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                       Notification Data                       ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.NOTIFY

    kind: NotifyType
    data: bytes = b""
    protocol: ProtocolId = ProtocolId.ISAKMP
    spi: bytes = b""
    doi: Doi = Doi.IPSEC

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax, also for a DOI that we do not know."""
        doi, protocol, spi_size, kind = body.unpack(_LAYOUT)
        if doi not in DOIS:
            raise InvalidSyntax(f"DOI {doi} is not supported")
        spi = body.take(spi_size)
        return cls(NotifyType(kind), body.rest(), ProtocolId(protocol), spi, Doi(doi))

    def write(self) -> bytes:
        """Encode the body."""
        return _LAYOUT.pack(self.doi, self.protocol, len(self.spi), self.kind) + self.spi + self.data
