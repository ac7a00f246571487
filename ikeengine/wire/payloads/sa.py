"""Security Association payload (RFC 7296 section 3.3)."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.model.immutable import immutable
from ikeengine.model.proposal import Proposal, Transform
from ikeengine.registry import PayloadType, Protocol, TransformAttribute
from ikeengine.wire.caps import MAX_ATTRIBUTES, MAX_CACHED_TRANSFORMS, MAX_PROPOSALS, MAX_TRANSFORMS
from ikeengine.wire.codepoints import PROTOCOLS, TRANSFORM_TYPES
from ikeengine.wire.reader import Reader

_PROPOSAL = Struct("!BxHBBBB")
_SUBSTRUCTURE = Struct("!BxH")
_TRANSFORM = Struct("!BxHBxH")
_TRANSFORM_BODY = Struct("!BxH")
_ATTRIBUTE = Struct("!HH")

_LAST: Final = 0
_MORE_PROPOSALS: Final = 2
_MORE_TRANSFORMS: Final = 3

_FIXED_FORMAT: Final = 0x8000
"""The AF bit: the attribute's value takes the place of its length."""
_KEY_LENGTH: Final = _FIXED_FORMAT | TransformAttribute.KEY_LENGTH

SPI_LENGTHS: Final[dict[int, tuple[int, ...]]] = {Protocol.IKE: (0, 8), Protocol.AH: (4,), Protocol.ESP: (4,)}


@immutable
class Sa:
    """Proposals, the most preferred first; in an answer the chosen one alone.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | Last Substruc |   RESERVED    |         Proposal Length       |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | Proposal Num  |  Protocol ID  |    SPI Size   |Num  Transforms|
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                        SPI (variable)                         ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | Last Substruc |   RESERVED    |        Transform Length       |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |Transform Type |   RESERVED    |          Transform ID         |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                      Transform Attributes                     ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.SA

    proposals: tuple[Proposal, ...]

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax."""
        proposals: list[Proposal] = []
        transforms = 0
        more = True
        while more:
            proposal, more = _read_proposal(body)
            proposals.append(proposal)
            transforms += len(proposal.transforms)
            if len(proposals) > MAX_PROPOSALS or transforms > MAX_TRANSFORMS:
                raise InvalidSyntax("more proposals or transforms than anybody needs")
        _check_numbers(proposals)
        return cls(tuple(proposals))

    def write(self) -> bytes:
        """Encode the body."""
        last = len(self.proposals) - 1
        return b"".join(
            [_write_proposal(p, _LAST if at == last else _MORE_PROPOSALS) for at, p in enumerate(self.proposals)]
        )


def _read_proposal(body: Reader) -> tuple[Proposal, bool]:
    marker, length, number, protocol, spi_size, count = body.unpack(_PROPOSAL)
    if marker not in (_LAST, _MORE_PROPOSALS):
        raise InvalidSyntax(f"{marker} instead of a proposal")
    if protocol in SPI_LENGTHS and spi_size not in SPI_LENGTHS[protocol]:
        raise InvalidSyntax(f"an SPI of {spi_size} octets for protocol {protocol}")
    part = body.sub(length - _PROPOSAL.size)
    spi = part.take(spi_size)
    octets = part.rest()
    transforms = (_cached_transforms if len(octets) <= MAX_CACHED_TRANSFORMS else _read_transforms)(octets, count)
    return Proposal(PROTOCOLS[protocol], transforms, spi, number), marker == _MORE_PROPOSALS


def _read_transforms(octets: bytes, count: int) -> tuple[Transform, ...]:
    if not count:
        raise InvalidSyntax("a proposal without transforms")
    body = Reader(octets)
    transforms: list[Transform] = []
    for left in range(count - 1, -1, -1):
        (marker, _length), part = body.structure(_SUBSTRUCTURE)
        if marker != (_MORE_TRANSFORMS if left else _LAST):
            raise InvalidSyntax(f"a proposal says {count} transforms, its chain says otherwise")
        transforms.append(_read_transform(part))
    body.finish()
    return tuple(transforms)


_cached_transforms = lru_cache(maxsize=256)(_read_transforms)
"""Most peers offer and accept what others did before them."""


def _read_transform(body: Reader) -> Transform:
    (kind, number), attributes = body.unpack_all(_TRANSFORM_BODY)
    key_length, unknown = _read_attributes(attributes)
    return Transform(TRANSFORM_TYPES[kind], number, key_length, unknown)


def _read_attributes(octets: bytes) -> tuple[int | None, bytes]:
    """The key length, and every other attribute as received.

    A key length counts only as the first attribute: behind an unknown one it could not be written back in its place,
    and a transform with unknown attributes is never chosen anyway.
    """
    body = Reader(octets)
    key_length = None
    count = 0
    while body.remaining:
        count += 1
        if count > MAX_ATTRIBUTES:
            raise InvalidSyntax(f"more than {MAX_ATTRIBUTES} attributes in a transform")
        kind, value = body.unpack(_ATTRIBUTE)
        if not kind & _FIXED_FORMAT:
            body.take(value)
        elif kind == _KEY_LENGTH and body.offset == _ATTRIBUTE.size:
            key_length = value
    return key_length, octets if key_length is None else octets[_ATTRIBUTE.size :]


def _check_numbers(proposals: list[Proposal]) -> None:
    """Several proposals are an offer and count from 1; a single one may be an answer with the number it was offered as.

    RFC 7296 section 3.3.1.
    """
    if len(proposals) == 1:
        if not proposals[0].number:
            raise InvalidSyntax("proposal number 0")
    elif any(proposal.number != at for at, proposal in enumerate(proposals, 1)):
        raise InvalidSyntax("proposals are not numbered 1, 2, 3, ...")


def _write_proposal(proposal: Proposal, marker: int) -> bytes:
    transforms = proposal.transforms
    last = len(transforms) - 1
    body = proposal.spi + b"".join(
        [_write_transform(t, _LAST if at == last else _MORE_TRANSFORMS) for at, t in enumerate(transforms)]
    )
    length = _PROPOSAL.size + len(body)
    head = _PROPOSAL.pack(marker, length, proposal.number, proposal.protocol, len(proposal.spi), len(transforms))
    return head + body


def _write_transform(transform: Transform, marker: int) -> bytes:
    attributes = transform.unknown_attributes
    if transform.key_length is not None:
        attributes = _ATTRIBUTE.pack(_KEY_LENGTH, transform.key_length) + attributes
    return _TRANSFORM.pack(marker, _TRANSFORM.size + len(attributes), transform.type, transform.id) + attributes
