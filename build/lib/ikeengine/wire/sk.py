"""The Encrypted payload SK (RFC 7296 section 3.14) and its fragments SKF (RFC 7383). Knows the layout, not the keys.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | Next Payload  |C|  RESERVED   |         Payload Length        |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |        Fragment Number        |        Total Fragments        |  SKF only
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                     Initialization Vector                     |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                    Encrypted IKE Payloads                     ~
    +               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |               |             Padding (0-255 octets)            |
    +-+-+-+-+-+-+-+-+                               +-+-+-+-+-+-+-+-+
    |                                               |  Pad Length   |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                    Integrity Checksum Data                    ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

Everything before the IV is authenticated but not encrypted. Nothing inside is looked at before the integrity check
has passed; until then every fault is an `IntegrityFailed`, which is never answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final, NamedTuple, Protocol

from ikeengine.errors import IntegrityFailed, InvalidSyntax, LocalMisuse
from ikeengine.registry import PayloadType
from ikeengine.wire.caps import MAX_FRAGMENTS, MAX_MESSAGE
from ikeengine.wire.header import HEADER_LENGTH, VERSION_2
from ikeengine.wire.message import FRAGMENT_HEADER, GENERIC_LENGTH, ParsedMessage, read_chain, write_chain
from ikeengine.wire.payloads import Payload

_PREFIX = Struct("!8s8sBBBBIIBxH")
"""The IKE header followed by the generic header of SK or SKF."""
_PADDINGS: Final = tuple(bytes(count) + bytes((count,)) for count in range(256))
"""Padding and Pad Length, by the length of the padding."""


class PacketCipher(Protocol):
    """One direction of an IKE SA's protection, as `crypto.cipher` makes it."""

    @property
    def iv_length(self) -> int:
        """Octets of the explicit IV."""

    @property
    def icv_length(self) -> int:
        """Octets of the integrity check value."""

    @property
    def block(self) -> int:
        """Content, padding and Pad Length together are a multiple of this."""

    def seal(self, aad: bytes, iv: bytes, plaintext: bytes) -> bytes:
        """Ciphertext and integrity check value."""

    def open(self, aad: bytes, iv: bytes, data: bytes) -> bytes:
        """The plaintext of ciphertext and integrity check value; raises IntegrityFailed."""


class Head(NamedTuple):
    """The fields of the IKE header that every message and fragment of an exchange shares."""

    spi_i: bytes
    spi_r: bytes
    exchange: int
    flags: int
    message_id: int


def seal_message(
    spi_i: bytes,
    spi_r: bytes,
    exchange: int,
    flags: int,
    message_id: int,
    payloads: Sequence[Payload],
    cipher: PacketCipher,
    iv: bytes,
) -> bytes:
    """A message that consists of one SK payload. Raises LocalMisuse if it is too long."""
    first, content = write_chain(payloads)
    return seal_content(Head(spi_i, spi_r, exchange, flags, message_id), first, content, cipher, iv)


def seal_content(
    head: Head, first: int, content: bytes, cipher: PacketCipher, iv: bytes, *, fragment: tuple[int, int] | None = None
) -> bytes:
    """A message with one SK payload around an encoded chain that starts with payload type `first`.

    With `fragment` (number, total) it is an SKF payload around a part of the chain. Raises LocalMisuse if too long.
    """
    plaintext = content + _PADDINGS[-(len(content) + 1) % cipher.block]
    length = GENERIC_LENGTH + len(iv) + len(plaintext) + cipher.icv_length
    kind = PayloadType.SK
    numbers = b""
    if fragment:
        kind = PayloadType.SKF
        numbers = FRAGMENT_HEADER.pack(*fragment)
        length += len(numbers)
    total = HEADER_LENGTH + length
    if total > MAX_MESSAGE:
        raise LocalMisuse(f"a message of {total} octets")
    spi_i, spi_r, exchange, flags, message_id = head
    aad = _PREFIX.pack(spi_i, spi_r, kind, VERSION_2, exchange, flags, message_id, total, first, length) + numbers
    return aad + iv + cipher.seal(aad, iv, plaintext)


def seal_fragments(
    spi_i: bytes,
    spi_r: bytes,
    exchange: int,
    flags: int,
    message_id: int,
    payloads: Sequence[Payload],
    cipher: PacketCipher,
    next_iv: Callable[[], bytes],
    size: int,
) -> tuple[bytes, ...]:
    """The messages that carry `payloads`, none longer than `size` octets: one SK, or if that is too long, several SKF.

    `next_iv` is called once for each message. Raises LocalMisuse if more than 255 fragments were needed.
    """
    head = Head(spi_i, spi_r, exchange, flags, message_id)
    first, content = write_chain(payloads)
    room = size - HEADER_LENGTH - GENERIC_LENGTH - cipher.iv_length - cipher.icv_length
    if len(content) <= _capacity(room, cipher.block):
        return (seal_content(head, first, content, cipher, next_iv()),)
    step = _capacity(room - FRAGMENT_HEADER.size, cipher.block)
    if step < 1 or len(content) > step * MAX_FRAGMENTS:
        raise LocalMisuse(f"{len(content)} octets do not fit into {MAX_FRAGMENTS} fragments of {size} octets")
    chunks = [content[at : at + step] for at in range(0, len(content), step)]
    return tuple(
        seal_content(
            head,
            first if number == 1 else PayloadType.NONE,
            chunk,
            cipher,
            next_iv(),
            fragment=(number, len(chunks)),
        )
        for number, chunk in enumerate(chunks, 1)
    )


def open_message(data: bytes, parsed: ParsedMessage, cipher: PacketCipher) -> tuple[Payload, ...]:
    """The payloads inside the SK payload of a message.

    Raises IntegrityFailed, or once the integrity check has passed, InvalidSyntax or UnsupportedCriticalPayload.
    """
    encrypted = parsed.encrypted
    if encrypted is None or encrypted.fragment:
        raise LocalMisuse("open_message is for messages with an SK payload")
    return read_chain(encrypted.first_payload, open_content(data, parsed, cipher), protected=True)


def open_fragment(data: bytes, parsed: ParsedMessage, cipher: PacketCipher) -> bytes:
    """This fragment's part of the chain. All parts joined go to `read_chain` with the first fragment's first payload.

    Raises IntegrityFailed, or once the integrity check has passed, InvalidSyntax.
    """
    if parsed.encrypted is None or not parsed.encrypted.fragment:
        raise LocalMisuse("open_fragment is for messages with an SKF payload")
    return open_content(data, parsed, cipher)


def open_content(data: bytes, parsed: ParsedMessage, cipher: PacketCipher) -> bytes:
    """The octets inside an SK or SKF payload, without padding.

    Raises IntegrityFailed, or once the integrity check has passed, InvalidSyntax.
    """
    if parsed.encrypted is None:
        raise LocalMisuse("nothing is encrypted in this message")
    start = parsed.encrypted.start
    sealed = start + cipher.iv_length
    size = len(data) - sealed - cipher.icv_length
    if size < 1 or size % cipher.block:
        raise IntegrityFailed(f"{len(data) - start} octets cannot be IV, ciphertext and integrity check value")
    plaintext = cipher.open(data[:start], data[start:sealed], data[sealed:])
    end = len(plaintext) - plaintext[-1] - 1
    if end < 0:
        raise InvalidSyntax(f"{plaintext[-1]} octets of padding in {len(plaintext)}")
    return plaintext[:end]


def _capacity(room: int, block: int) -> int:
    """Octets of content that fit into `room` octets of ciphertext, beside padding and Pad Length."""
    return room // block * block - 1
