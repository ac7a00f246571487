"""The IKE header (RFC 7296 section 3.1)."""

from __future__ import annotations

from struct import Struct
from typing import Final

from ikeengine.errors import InvalidSyntax
from ikeengine.model.immutable import immutable
from ikeengine.registry import ExchangeType
from ikeengine.wire.codepoints import EXCHANGES

FLAG_INITIATOR: Final = 0x08
FLAG_VERSION: Final = 0x10
FLAG_RESPONSE: Final = 0x20

VERSION_2: Final = 0x20
"""The version octet that we send: major 2, minor 0."""
HEADER_LENGTH: Final = 28

HEADER_LAYOUT: Final = Struct("!8s8sBBBBII")
"""SPIi, SPIr, Next Payload, versions, Exchange Type, Flags, Message ID, Length."""


@immutable
class Header:
    """The fields of the IKE header. `length` is that of the whole message in octets.

                         1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                       IKE SA Initiator's SPI                  |
    |                                                               |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                       IKE SA Responder's SPI                  |
    |                                                               |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |  Next Payload | MjVer | MnVer | Exchange Type |     Flags     |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                          Message ID                           |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                            Length                             |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    spi_i: bytes
    spi_r: bytes
    next_payload: int
    major: int
    minor: int
    exchange: ExchangeType
    flags: int
    message_id: int
    length: int

    @property
    def is_initiator(self) -> bool:
        """Whether the sender is the original initiator of the IKE SA (flag I)."""
        return self.flags & FLAG_INITIATOR != 0

    @property
    def is_response(self) -> bool:
        """Whether the message answers one with the same Message ID (flag R)."""
        return self.flags & FLAG_RESPONSE != 0


def read_header(data: bytes) -> Header:
    """The header of a datagram that holds one whole IKE message of any version.

    Raises InvalidSyntax if it is shorter than a header or if the Length field differs from the datagram's length.
    """
    size = len(data)
    if size < HEADER_LENGTH:
        raise InvalidSyntax(f"{size} octets are too short for an IKE header")
    spi_i, spi_r, next_payload, version, exchange, flags, message_id, length = HEADER_LAYOUT.unpack_from(data)
    if length != size:
        raise InvalidSyntax(f"the header says {length} octets, the datagram has {size}")
    return Header(
        spi_i, spi_r, next_payload, version >> 4, version & 15, EXCHANGES[exchange], flags, message_id, length
    )
