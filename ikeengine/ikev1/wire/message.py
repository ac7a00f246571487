"""IKEv1 messages: the header, the chain of payloads, and what is encrypted.

HASH payloads cover octets as they were received, with reserved bits and all: `Chain` keeps them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Final, TypeVar

from ikeengine.errors import InvalidSyntax, LocalMisuse
from ikeengine.ikev1.wire.caps import MAX_TRAILING
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import READERS, KnownPayload, Payload, UnknownPayload
from ikeengine.model.immutable import immutable
from ikeengine.wire.caps import MAX_BODY, MAX_MESSAGE, MAX_PAYLOADS
from ikeengine.wire.header import HEADER_LAYOUT, HEADER_LENGTH, Header, read_header
from ikeengine.wire.reader import Reader

FLAG_ENCRYPTION: Final = 0x01
FLAG_COMMIT: Final = 0x02
FLAG_AUTHENTICATION: Final = 0x04
"""RFC 2408 section 3.1."""

VERSION_1: Final = 0x10
"""The version octet that we send: major 1, minor 0."""

GENERIC_HEADER: Final = Struct("!BBH")
"""Next Payload, RESERVED, Payload Length (RFC 2408 section 3.2)."""
GENERIC_LENGTH: Final = GENERIC_HEADER.size

_NESTED: Final = frozenset({PayloadType.PROPOSAL, PayloadType.TRANSFORM})
"""Never a link of the chain itself."""
_ONLY_ENCRYPTED: Final = frozenset({PayloadType.ATTRIBUTES, PayloadType.NAT_OA, PayloadType.NAT_OA_DRAFT})

CLEAR_READERS: Final[Mapping[int, Callable[[Reader], KnownPayload]]] = {
    kind: read for kind, read in READERS.items() if kind not in _ONLY_ENCRYPTED
}
"""The payloads of phase 1. What belongs to phase 2 has readers that never see what anybody may send."""

_P = TypeVar("_P", bound=Payload)


@immutable
class Chain:
    """Payloads with the octets that they came as."""

    payloads: tuple[Payload, ...] = ()
    octets: bytes = b""
    """All of the chain, and what came behind it."""
    offsets: tuple[int, ...] = (0,)
    """Where the generic header of each payload begins, and where the chain ends."""

    def first(self, kind: type[_P]) -> _P | None:
        """The first payload of a kind."""
        return next((payload for payload in self.payloads if isinstance(payload, kind)), None)

    def all(self, kind: type[_P]) -> list[_P]:
        """The payloads of a kind in their order."""
        return [payload for payload in self.payloads if isinstance(payload, kind)]

    def body(self, payload: Payload) -> bytes:
        """A payload of this chain without its generic header, as in SAi_b and IDii_b (RFC 2409 section 3.2)."""
        at = self._index(payload)
        return self.octets[self.offsets[at] + GENERIC_LENGTH : self.offsets[at + 1]]

    def after(self, payload: Payload) -> bytes:
        """All payloads behind one with their headers, but no padding: what HASH(1) covers (RFC 2409 section 5.5)."""
        return self.octets[self.offsets[self._index(payload) + 1] : self.offsets[-1]]

    @property
    def trailing(self) -> bytes:
        """What came behind the last payload: padding (RFC 2409 appendix B)."""
        return self.octets[self.offsets[-1] :]

    def _index(self, payload: Payload) -> int:
        return next(at for at, candidate in enumerate(self.payloads) if candidate is payload)


@immutable
class ParsedMessage:
    """A message whose payloads are decoded, or which is encrypted: then `ciphertext` is all behind the header."""

    header: Header
    chain: Chain
    ciphertext: bytes = b""

    @property
    def is_encrypted(self) -> bool:
        """Whether the payloads are encrypted (flag E). Fragments never are, whatever racoon says in its flags."""
        return is_encrypted(self.header)

    @property
    def has_commit_bit(self) -> bool:
        """Whether the sender says CONNECTED later (RFC 2408 section 3.1)."""
        return self.header.flags & FLAG_COMMIT != 0


def is_encrypted(header: Header) -> bool:
    """Whether what follows a header is encrypted."""
    return header.flags & FLAG_ENCRYPTION != 0 and header.next_payload != PayloadType.FRAGMENT


def parse(data: bytes, header: Header | None = None) -> ParsedMessage:
    """Decode an IKEv1 message as far as it is not encrypted. `header` saves reading the header again.

    Raises InvalidSyntax. Nothing here is authenticated yet, so none of it may change an SA.
    """
    if header is None:
        header = read_header(data)
    if header.major != 1:
        raise InvalidSyntax(f"IKE version {header.major}.{header.minor} is not IKEv1")
    if len(data) > MAX_MESSAGE:
        raise InvalidSyntax(f"a message of {len(data)} octets")
    content = data[HEADER_LENGTH:]
    if is_encrypted(header):
        return ParsedMessage(header, Chain(), content)
    return ParsedMessage(header, read_chain(header.next_payload, content, protected=False))


def read_chain(first_type: int, octets: bytes, *, protected: bool) -> Chain:
    """Decode a chain of payloads: what was decrypted (`protected`), or what follows the header in the clear.

    Raises InvalidSyntax.
    """
    readers = READERS if protected else CLEAR_READERS
    body = Reader(octets)
    payloads: list[Payload] = []
    offsets = [0]
    kind = first_type
    while kind != PayloadType.NONE:
        if len(payloads) == MAX_PAYLOADS:
            raise InvalidSyntax(f"more than {MAX_PAYLOADS} payloads")
        following, _reserved, length = body.unpack(GENERIC_HEADER)
        payloads.append(_read_payload(kind, body.sub(length - GENERIC_LENGTH), readers))
        offsets.append(body.offset)
        kind = following
    if body.remaining > MAX_TRAILING:
        raise InvalidSyntax(f"{body.remaining} octets left over")
    return Chain(tuple(payloads), octets, tuple(offsets))


def write_chain(payloads: Sequence[Payload]) -> tuple[int, bytes]:
    """The type of the first payload and all payloads encoded. Raises LocalMisuse for what does not fit the format."""
    parts: list[bytes] = []
    following = int(PayloadType.NONE)
    for payload in reversed(payloads):
        try:
            body = payload.write()
        except struct.error as error:
            raise LocalMisuse(f"a field of payload {payload.type.name} is out of range: {error}") from error
        if len(body) > MAX_BODY:
            raise LocalMisuse(f"payload {payload.type.name} of {len(body)} octets does not fit")
        parts += body, GENERIC_HEADER.pack(following, 0, len(body) + GENERIC_LENGTH)
        following = payload.type
    parts.reverse()
    return following, b"".join(parts)


def write_message(
    spi_i: bytes, spi_r: bytes, exchange: int, flags: int, message_id: int, payloads: Sequence[Payload]
) -> bytes:
    """A message without encryption. Raises LocalMisuse if it is too long."""
    first, chain = write_chain(payloads)
    return frame(spi_i, spi_r, exchange, flags, message_id, first, chain)


def frame(spi_i: bytes, spi_r: bytes, exchange: int, flags: int, message_id: int, first: int, content: bytes) -> bytes:
    """A header in front of an encoded chain, or of its ciphertext. Raises LocalMisuse if that is too long."""
    length = HEADER_LENGTH + len(content)
    if length > MAX_MESSAGE:
        raise LocalMisuse(f"a message of {length} octets")
    return HEADER_LAYOUT.pack(spi_i, spi_r, first, VERSION_1, exchange, flags, message_id, length) + content


def _read_payload(kind: int, part: Reader, readers: Mapping[int, Callable[[Reader], KnownPayload]]) -> Payload:
    read = readers.get(kind)
    name = PayloadType(kind).name
    if read is None:
        if kind in READERS or kind in _NESTED:
            raise InvalidSyntax(f"payload {name} {'outside an SA' if kind in _NESTED else 'in the clear'}")
        return UnknownPayload(PayloadType(kind), part.rest())
    try:
        payload = read(part)
        part.finish()
    except InvalidSyntax as error:
        raise InvalidSyntax(f"payload {name}: {error}") from None
    return payload
