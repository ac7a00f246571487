"""IKEv2 messages: the header, the chain of payloads, and where the encrypted part begins.

What was received is never written again: AUTH and the integrity check cover the octets as they came.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Final

from ikeengine.errors import InvalidSyntax, LocalMisuse, UnsupportedCriticalPayload
from ikeengine.model.immutable import immutable
from ikeengine.registry import PayloadType
from ikeengine.wire.caps import MAX_BODY, MAX_FRAGMENTS, MAX_MESSAGE, MAX_PAYLOADS
from ikeengine.wire.codepoints import PAYLOAD_TYPES
from ikeengine.wire.header import HEADER_LAYOUT, HEADER_LENGTH, VERSION_2, Header, read_header
from ikeengine.wire.payloads import READERS, KnownPayload, Payload, UnknownPayload
from ikeengine.wire.reader import Reader

GENERIC_HEADER: Final = Struct("!BBH")
"""Next Payload, the critical bit and seven reserved ones, Payload Length (RFC 7296 section 3.2)."""
GENERIC_LENGTH: Final = GENERIC_HEADER.size
FRAGMENT_HEADER: Final = Struct("!HH")
"""Fragment Number and Total Fragments (RFC 7383 section 2.5)."""

_CRITICAL: Final = 0x80
_CHAIN_ENDS: Final = frozenset({PayloadType.NONE, PayloadType.SK, PayloadType.SKF})

CLEAR_READERS: Final[dict[int, Callable[[Reader], KnownPayload]]] = {
    kind: READERS[kind]
    for kind in (
        PayloadType.SA,
        PayloadType.KE,
        PayloadType.NONCE,
        PayloadType.NOTIFY,
        PayloadType.VENDOR_ID,
        PayloadType.CERTREQ,
    )
}
"""The payloads of IKE_SA_INIT. No exchange has others outside SK, so their readers never see what anybody may send."""


@immutable
class EncryptedBody:
    """The SK or SKF payload of a message. `start` is the offset of its IV in the message.

    `fragment` is (Fragment Number, Total Fragments) of an SKF payload, None for SK.
    """

    first_payload: int
    start: int
    fragment: tuple[int, int] | None


@immutable
class ParsedMessage:
    """A message whose clear part is decoded and whose encrypted part, if any, is located."""

    header: Header
    payloads: tuple[Payload, ...]
    encrypted: EncryptedBody | None


def parse(data: bytes, header: Header | None = None) -> ParsedMessage:
    """Decode the clear part of an IKEv2 message. `header` saves reading the header again.

    Raises InvalidSyntax, or UnsupportedCriticalPayload for an unknown critical payload. Nothing here is authenticated
    yet, so none of it may change an SA.
    """
    if header is None:
        header = read_header(data)
    if header.major != 2:
        raise InvalidSyntax(f"IKE version {header.major}.{header.minor} is not IKEv2")
    if len(data) > MAX_MESSAGE:
        raise InvalidSyntax(f"a message of {len(data)} octets")
    body = Reader(data, HEADER_LENGTH)
    payloads, last = _read_payloads(header.next_payload, body, CLEAR_READERS)
    encrypted = _read_encrypted(last, body) if last else None
    body.finish()
    return ParsedMessage(header, payloads, encrypted)


def read_chain(first_type: int, body: bytes, *, protected: bool) -> tuple[Payload, ...]:
    """Decode a chain of payloads: the content of an SK payload (`protected`), or a clear chain without SK.

    Raises InvalidSyntax or UnsupportedCriticalPayload.
    """
    reader = Reader(body)
    payloads, last = _read_payloads(first_type, reader, READERS if protected else CLEAR_READERS)
    if last:
        raise InvalidSyntax("an encrypted payload where none can be")
    reader.finish()
    return payloads


def write_chain(payloads: Sequence[Payload]) -> tuple[int, bytes]:
    """The type of the first payload and all payloads encoded. Raises LocalMisuse for what does not fit the format."""
    parts: list[bytes] = []
    following = int(PayloadType.NONE)
    for payload in reversed(payloads):
        try:
            body = payload.write()
        except struct.error as error:
            raise LocalMisuse(f"a field of payload {payload.type.name} is out of range: {error}") from error
        length = len(body)
        if length > MAX_BODY:
            raise LocalMisuse(f"payload {payload.type.name} of {length} octets does not fit")
        critical = _CRITICAL if isinstance(payload, UnknownPayload) and payload.critical else 0
        parts += body, GENERIC_HEADER.pack(following, critical, length + GENERIC_LENGTH)
        following = payload.type
    parts.reverse()
    return following, b"".join(parts)


def write_message(
    spi_i: bytes, spi_r: bytes, exchange: int, flags: int, message_id: int, payloads: Sequence[Payload]
) -> bytes:
    """A message without encryption. Raises LocalMisuse if it is too long."""
    first, chain = write_chain(payloads)
    length = HEADER_LENGTH + len(chain)
    if length > MAX_MESSAGE:
        raise LocalMisuse(f"a message of {length} octets")
    return HEADER_LAYOUT.pack(spi_i, spi_r, first, VERSION_2, exchange, flags, message_id, length) + chain


def _read_payloads(
    kind: int, body: Reader, readers: Mapping[int, Callable[[Reader], KnownPayload]]
) -> tuple[tuple[Payload, ...], int]:
    """The payloads up to the end of the chain or to an encrypted payload, and the type of the latter (or 0)."""
    payloads: list[Payload] = []
    while kind not in _CHAIN_ENDS:
        if len(payloads) == MAX_PAYLOADS:
            raise InvalidSyntax(f"more than {MAX_PAYLOADS} payloads")
        (following, flags, _length), part = body.structure(GENERIC_HEADER)
        read = readers.get(kind)
        if read is None:
            payloads.append(_read_unknown(kind, flags, part))
        else:
            try:
                payloads.append(read(part))
                part.finish()
            except InvalidSyntax as error:
                raise InvalidSyntax(f"payload {PAYLOAD_TYPES[kind].name}: {error}") from None
        kind = following
    return tuple(payloads), kind


def _read_unknown(kind: int, flags: int, part: Reader) -> UnknownPayload:
    if kind in READERS:
        raise InvalidSyntax(f"payload {PAYLOAD_TYPES[kind].name} outside the encrypted payload")
    if flags & _CRITICAL:
        raise UnsupportedCriticalPayload(kind)
    return UnknownPayload(kind, False, part.rest())


def _read_encrypted(kind: int, body: Reader) -> EncryptedBody:
    (first, _flags, _length), part = body.structure(GENERIC_HEADER)
    fragment = _read_fragment(first, part) if kind == PayloadType.SKF else None
    return EncryptedBody(first, part.offset, fragment)


def _read_fragment(first: int, part: Reader) -> tuple[int, int]:
    """RFC 7383 section 2.6: the checks that need no other fragment."""
    number, total = part.unpack(FRAGMENT_HEADER)
    if not 1 <= number <= total <= MAX_FRAGMENTS:
        raise InvalidSyntax(f"fragment {number} of {total}")
    if number > 1 and first != PayloadType.NONE:
        raise InvalidSyntax(f"fragment {number} names a first payload")
    return number, total
