"""Delete payload (RFC 7296 section 3.11)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.model.immutable import immutable
from ikeengine.registry import PayloadType, Protocol
from ikeengine.wire.codepoints import PROTOCOLS
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!BBH")

SPI_LENGTH: Final[dict[int, int]] = {Protocol.IKE: 0, Protocol.AH: 4, Protocol.ESP: 4}


@immutable
class Delete:
    """SAs that the sender no longer has: the IKE SA itself (no SPIs), or Child SAs by the sender's inbound SPIs.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | Protocol ID   |   SPI Size    |          Num of SPIs          |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~               Security Parameter Index(es) (SPI)              ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.DELETE

    protocol: Protocol
    spis: tuple[bytes, ...] = ()

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax, also if protocol, SPI size and count do not fit each other."""
        protocol, spi_size, count = body.unpack(_LAYOUT)
        if SPI_LENGTH.get(protocol) != spi_size or (count and not spi_size):
            raise InvalidSyntax(f"{count} SPIs of {spi_size} octets for protocol {protocol}")
        spis = body.take(count * spi_size)
        return cls(PROTOCOLS[protocol], tuple(spis[at : at + 4] for at in range(0, len(spis), 4)))

    def write(self) -> bytes:
        """Encode the body."""
        spi_size = len(self.spis[0]) if self.spis else SPI_LENGTH.get(self.protocol, 0)
        return _LAYOUT.pack(self.protocol, spi_size, len(self.spis)) + b"".join(self.spis)
