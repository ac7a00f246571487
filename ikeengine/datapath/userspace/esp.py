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
TRAILER_LENGTH = 2
_LOW = 0xFFFFFFFF

_HEADER = Struct(">II")
_EXTENDED_HEADER = Struct(">IQ")
_WORD = Struct(">I")

_PADDING_AND_LENGTH = tuple(bytes(range(1, length + 1)) + bytes((length,)) for length in range(256))


class Replayed(PeerMisbehaved):
    """A sequence number that arrived already, or is older than the window. Dropped in silence."""

    notify = None


class SequenceExhausted(DatapathError):
    """The last sequence number is used; the SA must never send again (RFC 4303 section 3.3.3)."""


class EspSender:
    """Encapsulates the packets of one outbound SA. `sequence` is the number of the last packet, 0 before the first."""

    __slots__ = (
        "_align", "_extended", "_last", "_next_iv", "_rng", "_seal", "_spi", "_trailer_follows", "_trailers",
        "sequence",
    )  # fmt: skip

    def __init__(self, sa: IpsecSa, rng: Rng) -> None:
        cipher = _cipher(sa)
        self.sequence = 0
        self._spi = sa.spi
        self._rng = rng
        self._seal = cipher.seal
        self._next_iv = cipher.next_iv
        self._align = max(cipher.block, _ALIGNMENT)
        self._trailers = _all_trailers(self._align)
        self._extended = sa.esn
        self._trailer_follows = isinstance(cipher, EncryptThenMac)
        self._last = LAST_EXTENDED_SEQUENCE if sa.esn else LAST_SEQUENCE

    def seal(self, payload: bytes, next_header: int) -> bytes:
        """The ESP packet, from SPI to ICV, with the next sequence number. Raises SequenceExhausted."""
        if self.sequence >= self._last:
            raise SequenceExhausted("the sequence numbers of an SA are used up")
        self.sequence = sequence = self.sequence + 1
        iv = self._next_iv(sequence, self._rng)
        plaintext = payload + self._trailers[next_header][-(len(payload) + TRAILER_LENGTH) % self._align]
        if not self._extended:
            header = _HEADER.pack(self._spi, sequence)
            return header + iv + self._seal(header, iv, plaintext)
        header = _HEADER.pack(self._spi, sequence & _LOW)
        if self._trailer_follows:
            return header + iv + self._seal(header, iv, plaintext, _WORD.pack(sequence >> 32))
        return header + iv + self._seal(_EXTENDED_HEADER.pack(self._spi, sequence), iv, plaintext)


@cache
def _all_trailers(align: int) -> tuple[tuple[bytes, ...], ...]:
    """Padding, pad length and next header: by next header and pad length."""
    return tuple(
        tuple(padding + bytes((next_header,)) for padding in _PADDING_AND_LENGTH[:align]) for next_header in range(256)
    )


class EspReceiver:
    """Verifies and decapsulates the packets of one inbound SA."""

    __slots__ = (
        "__weakref__", "_block", "_extended", "_iv_end", "_least", "_open", "_spi", "_trailer_follows", "window",
    )  # fmt: skip

    def __init__(self, sa: IpsecSa) -> None:
        cipher = _cipher(sa)
        self.window = ReplayWindow(sa.replay_window)
        self._spi = sa.spi
        self._open = cipher.open
        self._block = cipher.block
        self._extended = sa.esn
        self._trailer_follows = isinstance(cipher, EncryptThenMac)
        self._iv_end = HEADER_LENGTH + cipher.iv_length
        self._least = self._iv_end + cipher.icv_length + TRAILER_LENGTH

    def open(self, packet: bytes) -> tuple[bytes, int]:
        """The payload and the next header of an ESP packet.

        Raises Replayed, IntegrityFailed or MalformedPacket. Only a packet of proven integrity moves the window.
        """
        if len(packet) < self._least or (len(packet) - self._least + TRAILER_LENGTH) % self._block:
            raise MalformedPacket(f"ESP packet of {len(packet)} octets")
        window, iv_end = self.window, self._iv_end
        header = packet[:HEADER_LENGTH]
        sequence = _HEADER.unpack(header)[1]
        if self._extended:
            sequence = window.extend(sequence)
        if not window.is_fresh(sequence):
            raise Replayed("sequence number is not fresh")
        iv, sealed = packet[HEADER_LENGTH:iv_end], packet[iv_end:]
        if not self._extended:
            plaintext = self._open(header, iv, sealed)
        elif self._trailer_follows:
            plaintext = self._open(header, iv, sealed, _WORD.pack(sequence >> 32))
        else:
            plaintext = self._open(_EXTENDED_HEADER.pack(self._spi, sequence), iv, sealed)
        window.accept(sequence)
        return _without_padding(plaintext)


def _without_padding(plaintext: bytes) -> tuple[bytes, int]:
    padding = _PADDING_AND_LENGTH[plaintext[-2]]
    if not plaintext.endswith(padding, 0, -1):
        raise MalformedPacket("wrong padding")
    return plaintext[: -1 - len(padding)], plaintext[-1]


def shape(sa: IpsecSa) -> tuple[int, int, int]:
    """Octets of the IV, of what packets are aligned to, and of the ICV. Raises DatapathError."""
    cipher = _cipher(sa)
    return cipher.iv_length, max(cipher.block, _ALIGNMENT), cipher.icv_length


def _cipher(sa: IpsecSa) -> PacketCipher:
    if sa.encr is None:
        raise DatapathError("the userspace datapath has no AH")
    try:
        return packet_cipher(sa.encr, sa.encr_key.reveal(), sa.integ, sa.integ_key.reveal())
    except LocalMisuse as error:
        raise DatapathError(str(error)) from error
