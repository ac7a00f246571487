"""Encapsulating Security Payload: one packet at a time, in memory (RFC 4303 section 2).

SPI (4 octets) | sequence number (4) | IV | payload | padding | pad length (1) | next header (1) | ICV
               `----------- encrypted from the payload to the next header -----------------'
`---------------- authenticated, with the high half of an extended sequence number --------------'
"""

from __future__ import annotations

from functools import cache
from struct import Struct

from ikeengine.crypto.cipher import EncryptThenMac, PacketCipher, packet_cipher
from ikeengine.crypto.rng import Rng
from ikeengine.datapath.userspace.packet import MalformedPacket
from ikeengine.datapath.userspace.replay import ReplayWindow
from ikeengine.errors import DatapathError, LocalMisuse, PeerMisbehaved
from ikeengine.model.sa import IpsecSa

HEADER_LENGTH = 8
LAST_SEQUENCE = (1 << 32) - 1
LAST_EXTENDED_SEQUENCE = (1 << 64) - 1

_ALIGNMENT = 4
_TRAILER_LENGTH = 2
_LOW = 0xFFFFFFFF

_HEADER = Struct(">II")
_EXTENDED_HEADER = Struct(">IQ")
_WORD = Struct(">I")

_PADDING = bytes(range(1, 256))


class Replayed(PeerMisbehaved):
    """A sequence number that arrived already, or is older than the window. Dropped in silence."""

    notify = None


class SequenceExhausted(DatapathError):
    """The last sequence number is used; the SA must never send again (RFC 4303 section 3.3.3)."""


@cache
def _trailers(next_header: int) -> tuple[bytes, ...]:
    """Padding, pad length and next header, for each pad length."""
    return tuple(_PADDING[:length] + bytes((length, next_header)) for length in range(256))


class EspSender:
    """Encapsulates the packets of one outbound SA. `sequence` is the number of the last packet, 0 before the first."""

    __slots__ = ("_align", "_extended", "_last", "_next_iv", "_rng", "_seal", "_spi", "_trailer_follows", "sequence")

    def __init__(self, sa: IpsecSa, rng: Rng) -> None:
        cipher = _cipher(sa)
        self.sequence = 0
        self._spi = sa.spi
        self._rng = rng
        self._seal = cipher.seal
        self._next_iv = cipher.next_iv
        self._align = max(cipher.block, _ALIGNMENT)
        self._extended = sa.esn
        self._trailer_follows = isinstance(cipher, EncryptThenMac)
        self._last = LAST_EXTENDED_SEQUENCE if sa.esn else LAST_SEQUENCE

    def seal(self, payload: bytes, next_header: int) -> bytes:
        """The ESP packet, from SPI to ICV, with the next sequence number. Raises SequenceExhausted."""
        if self.sequence >= self._last:
            raise SequenceExhausted("the sequence numbers of an SA are used up")
        self.sequence = sequence = self.sequence + 1
        iv = self._next_iv(sequence, self._rng)
        plaintext = payload + _trailers(next_header)[-(len(payload) + _TRAILER_LENGTH) % self._align]
        if not self._extended:
            header = _HEADER.pack(self._spi, sequence)
            return header + iv + self._seal(header, iv, plaintext)
        header = _HEADER.pack(self._spi, sequence & _LOW)
        if self._trailer_follows:
            return header + iv + self._seal(header, iv, plaintext, _WORD.pack(sequence >> 32))
        return header + iv + self._seal(_EXTENDED_HEADER.pack(self._spi, sequence), iv, plaintext)


class EspReceiver:
    """Verifies and decapsulates the packets of one inbound SA."""

    __slots__ = ("_block", "_extended", "_iv_end", "_least", "_open", "_spi", "_trailer_follows", "window")

    def __init__(self, sa: IpsecSa) -> None:
        cipher = _cipher(sa)
        self.window = ReplayWindow(sa.replay_window)
        self._spi = sa.spi
        self._open = cipher.open
        self._block = cipher.block
        self._extended = sa.esn
        self._trailer_follows = isinstance(cipher, EncryptThenMac)
        self._iv_end = HEADER_LENGTH + cipher.iv_length
        self._least = self._iv_end + cipher.icv_length + _TRAILER_LENGTH

    def open(self, packet: bytes) -> tuple[bytes, int]:
        """The payload and the next header of an ESP packet.

        Raises Replayed, IntegrityFailed or MalformedPacket. Only a packet of proven integrity moves the window.
        """
        if len(packet) < self._least or (len(packet) - self._least + _TRAILER_LENGTH) % self._block:
            raise MalformedPacket(f"ESP packet of {len(packet)} octets")
        sequence = _HEADER.unpack_from(packet)[1]
        if self._extended:
            sequence = self.window.extend(sequence)
        if not self.window.is_fresh(sequence):
            raise Replayed("sequence number is not fresh")
        plaintext = self._decrypt(packet, sequence)
        self.window.accept(sequence)
        return _without_padding(plaintext)

    def _decrypt(self, packet: bytes, sequence: int) -> bytes:
        end = self._iv_end
        iv, sealed = packet[HEADER_LENGTH:end], packet[end:]
        if not self._extended:
            return self._open(packet[:HEADER_LENGTH], iv, sealed)
        if self._trailer_follows:
            return self._open(packet[:HEADER_LENGTH], iv, sealed, _WORD.pack(sequence >> 32))
        return self._open(_EXTENDED_HEADER.pack(self._spi, sequence), iv, sealed)


def _without_padding(plaintext: bytes) -> tuple[bytes, int]:
    length = plaintext[-2]
    end = len(plaintext) - _TRAILER_LENGTH - length
    if end < 0 or plaintext[end:-2] != _PADDING[:length]:
        raise MalformedPacket("wrong padding")
    return plaintext[:end], plaintext[-1]


def _cipher(sa: IpsecSa) -> PacketCipher:
    if sa.encr is None:
        raise DatapathError("the userspace datapath has no AH")
    try:
        return packet_cipher(sa.encr, sa.encr_key.reveal(), sa.integ, sa.integ_key.reveal())
    except LocalMisuse as error:
        raise DatapathError(str(error)) from error
