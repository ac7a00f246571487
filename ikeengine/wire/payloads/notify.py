"""Notify payload (RFC 7296 section 3.10)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Self

from ikeengine.model.immutable import immutable
from ikeengine.registry import NotifyType, PayloadType, Protocol
from ikeengine.wire.codepoints import PROTOCOLS, notify_type
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!BBH")


@immutable
class Notify:
    """An error or a status. `protocol` means nothing where `spi` is empty; it is kept as received.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |  Protocol ID  |   SPI Size    |      Notify Message Type      |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                Security Parameter Index (SPI)                 ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                       Notification Data                       ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.NOTIFY

    kind: NotifyType
    data: bytes = b""
    protocol: Protocol = Protocol.NONE
    spi: bytes = b""

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax."""
        protocol, spi_size, kind = body.unpack(_LAYOUT)
        spi = body.take(spi_size)
        return cls(notify_type(kind), body.rest(), PROTOCOLS[protocol], spi)

    def write(self) -> bytes:
        """Encode the body."""
        return _LAYOUT.pack(self.protocol, len(self.spi), self.kind) + self.spi + self.data
