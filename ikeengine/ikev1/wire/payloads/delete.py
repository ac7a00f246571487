"""Delete payload (RFC 2408 section 3.15)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine.errors import InvalidSyntax, LocalMisuse
from ikeengine.ikev1.wire.caps import MAX_DELETE_SPIS
from ikeengine.ikev1.wire.numbers import Doi, PayloadType, ProtocolId
from ikeengine.ikev1.wire.payloads.notify import DOIS
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!IBBH")

SPI_LENGTHS: Final[dict[int, frozenset[int]]] = {
    ProtocolId.ISAKMP: frozenset({16}),
    ProtocolId.AH: frozenset({4}),
    ProtocolId.ESP: frozenset({4}),
    ProtocolId.IPCOMP: frozenset({2, 4}),
}


@immutable
class Delete:
    """SAs that the sender no longer has: ISAKMP SAs by their cookies, others by the sender's inbound SPIs.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |              Domain of Interpretation  (DOI)                  |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |  Protocol-Id  |   SPI Size    |           # of SPIs           |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~               Security Parameter Index(es) (SPI)              ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.DELETE

    protocol: ProtocolId
    spis: tuple[bytes, ...]
    """At least one, all of the same length."""
    doi: Doi = Doi.IPSEC

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax, also if protocol, SPI size, count and length do not fit each other."""
        doi, protocol, spi_size, count = body.unpack(_LAYOUT)
        if doi not in DOIS:
            raise InvalidSyntax(f"DOI {doi} is not supported")
        if spi_size not in SPI_LENGTHS.get(protocol, ()) or not count:
            raise InvalidSyntax(f"{count} SPIs of {spi_size} octets for protocol {protocol}")
        if count > MAX_DELETE_SPIS:
            raise InvalidSyntax(f"more than {MAX_DELETE_SPIS} SPIs")
        octets = body.take(count * spi_size)
        spis = tuple(octets[at : at + spi_size] for at in range(0, len(octets), spi_size))
        return cls(ProtocolId(protocol), spis, Doi(doi))

    def write(self) -> bytes:
        """Encode the body. Raises LocalMisuse if there is nothing to delete."""
        if not self.spis:
            raise LocalMisuse("a Delete payload without SPIs")
        return _LAYOUT.pack(self.doi, self.protocol, len(self.spis[0]), len(self.spis)) + b"".join(self.spis)
