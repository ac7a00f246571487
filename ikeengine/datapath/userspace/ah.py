"""Authentication Header: one packet at a time, in memory (RFC 4302 section 2).

+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
| Next Header   |  Payload Len  |          RESERVED             |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|                 Security Parameters Index (SPI)               |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|                    Sequence Number Field                      |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
~                Integrity Check Value-ICV (variable)           ~
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

The ICV covers the IP header too (`ah_header`), so it is made when that is known, by `AhSender.sign`.
"""

from __future__ import annotations

from hmac import compare_digest
from struct import Struct

from ikeengine.crypto.integ import INTEG, IntegAlgorithm
from ikeengine.crypto.mac import Mac
from ikeengine.datapath.userspace.ah_header import covered, split_headers
from ikeengine.datapath.userspace.esp import LAST_EXTENDED_SEQUENCE, LAST_SEQUENCE, Replayed, SequenceExhausted
from ikeengine.datapath.userspace.packet import MalformedPacket
from ikeengine.datapath.userspace.replay import ReplayWindow
from ikeengine.errors import DatapathError, IntegrityFailed, LocalMisuse
from ikeengine.model.sa import IpsecSa

FIXED_LENGTH = 12
SPI_AT = 4

_FIXED = Struct(">BBHII")
_WORD = Struct(">I")
_LOW = 0xFFFFFFFF
_LENGTH_OFFSET = 2
"""Payload Len counts words of 4 octets, less two."""


class AhSender:
    """Authenticates the packets of one outbound SA. `sequence` is the number of the last packet, 0 before the first."""

    __slots__ = ("_blank", "_icv", "_last", "_length", "_mac", "_spi", "sequence")

    def __init__(self, sa: IpsecSa) -> None:
        algorithm, self._mac = _keyed(sa)
        self.sequence = 0
        self._spi = sa.spi
        self._icv = algorithm.icv_octets
        self._blank = bytes(_aligned(FIXED_LENGTH + self._icv, sa.destination) - FIXED_LENGTH)
        self._length = (FIXED_LENGTH + len(self._blank)) // 4 - _LENGTH_OFFSET
        self._last = LAST_EXTENDED_SEQUENCE if sa.esn else LAST_SEQUENCE

    def seal(self, payload: bytes, next_header: int) -> bytes:
        """The Authentication Header with the next sequence number and the payload, unsigned. SequenceExhausted."""
        if self.sequence >= self._last:
            raise SequenceExhausted("the sequence numbers of an SA are used up")
        self.sequence += 1
        fixed = _FIXED.pack(next_header, self._length, 0, self._spi, self.sequence & _LOW)
        return fixed + self._blank + payload

    def sign(self, headers: bytes, sealed: bytes) -> bytes:
        """What `seal` has made last, with the ICV for the IP headers that it is sent with."""
        high = _WORD.pack(self.sequence >> 32) if self._last == LAST_EXTENDED_SEQUENCE else b""
        icv = self._mac(covered(headers) + sealed + high)[: self._icv]
        return sealed[:FIXED_LENGTH] + icv + sealed[FIXED_LENGTH + self._icv :]


class AhReceiver:
    """Verifies the packets of one inbound SA."""

    __slots__ = ("_extended", "_icv", "_mac", "window")

    def __init__(self, sa: IpsecSa) -> None:
        algorithm, self._mac = _keyed(sa)
        self.window = ReplayWindow(sa.replay_window)
        self._icv = algorithm.icv_octets
        self._extended = sa.esn

    def open(self, packet: bytes) -> tuple[bytes, int]:
        """The payload and the next header of a whole IP packet with AH.

        Raises Replayed, IntegrityFailed or MalformedPacket. Only a packet of proven integrity moves the window.
        """
        headers, rest = split_headers(packet)
        if len(rest) < FIXED_LENGTH:
            raise MalformedPacket("AH is cut off")
        next_header, words, _unused, _unused, sequence = _FIXED.unpack_from(rest)
        end, icv_end = (words + _LENGTH_OFFSET) * 4, FIXED_LENGTH + self._icv
        if not icv_end <= end <= len(rest):
            raise MalformedPacket(f"AH of {end} octets")
        if self._extended:
            sequence = self.window.extend(sequence)
        if not self.window.is_fresh(sequence):
            raise Replayed("sequence number is not fresh")
        high = _WORD.pack(sequence >> 32) if self._extended else b""
        blank = rest[:FIXED_LENGTH] + bytes(self._icv) + rest[icv_end:]
        expected = self._mac(covered(headers) + blank + high)[: self._icv]
        if not compare_digest(expected, rest[FIXED_LENGTH:icv_end]):
            raise IntegrityFailed("the integrity check value does not match")
        self.window.accept(sequence)
        return rest[end:], next_header


def header_length(sa: IpsecSa) -> int:
    """Octets of the Authentication Header with its ICV. Raises DatapathError."""
    return _aligned(FIXED_LENGTH + _keyed(sa)[0].icv_octets, sa.destination)


def _keyed(sa: IpsecSa) -> tuple[IntegAlgorithm, Mac]:
    algorithm = None if sa.integ is None else INTEG.get(sa.integ.id)
    if algorithm is None:
        raise DatapathError("the userspace datapath does not have this integrity algorithm for AH")
    try:
        return algorithm, algorithm.keyed(sa.integ_key.reveal())
    except LocalMisuse as error:
        raise DatapathError(str(error)) from error


def _aligned(length: int, destination: str) -> int:
    """AH fills words of 4 octets in IPv4 and of 8 in IPv6 (RFC 4302 section 3.3.3.2.1)."""
    unit = 8 if ":" in destination else 4
    return -(-length // unit) * unit
