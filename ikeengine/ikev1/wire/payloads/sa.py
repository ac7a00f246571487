"""Security Association, Proposal and Transform payloads (RFC 2408 sections 3.4 to 3.6, RFC 2407 section 4.6.1)."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.attributes import Attribute, read_attributes, write_attributes
from ikeengine.ikev1.wire.caps import MAX_ISAKMP_SPI, MAX_SA_ATTRIBUTES, MAX_TRANSFORM_ATTRIBUTES
from ikeengine.ikev1.wire.numbers import Doi, PayloadType, ProtocolId, Situation
from ikeengine.model.immutable import immutable
from ikeengine.wire.caps import MAX_PROPOSALS, MAX_TRANSFORMS
from ikeengine.wire.reader import Reader

_SA = Struct("!II")
_PROPOSAL = Struct("!BxHBBBB")
_TRANSFORM = Struct("!BxHBB2x")

_LAST: Final = 0

SPI_LENGTHS: Final[dict[int, frozenset[int]]] = {
    ProtocolId.ISAKMP: frozenset(range(MAX_ISAKMP_SPI + 1)),
    ProtocolId.AH: frozenset({4}),
    ProtocolId.ESP: frozenset({4}),
    ProtocolId.IPCOMP: frozenset({2, 4}),
}
"""RFC 2408 section 3.5; a CPI has two octets, but peers may send four (RFC 3173 section 3.3)."""


@immutable
class TransformPayload:
    """One transform with its attributes in their order.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |  Next Payload |   RESERVED    |         Payload Length        |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |  Transform #  |  Transform-Id |           RESERVED2           |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                        SA Attributes                          ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    number: int
    id: int
    """An EspTransform, AhTransform, IpcompTransform or IsakmpTransform."""
    attributes: tuple[Attribute, ...] = ()


@immutable
class ProposalPayload:
    """One protocol with alternative transforms.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |  Next Payload |   RESERVED    |         Payload Length        |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |  Proposal #   |  Protocol-Id  |    SPI Size   |# of Transforms|
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                        SPI (variable)                         ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    number: int
    protocol: ProtocolId
    transforms: tuple[TransformPayload, ...]
    spi: bytes = b""


@immutable
class Sa:
    """Proposals, the most preferred first; in an answer the chosen one, with one transform for each protocol.

    Proposals of the same number belong together: all of their protocols, or none (RFC 2408 section 4.2).

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |              Domain of Interpretation (DOI)                   |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                           Situation                           |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.SA

    proposals: tuple[ProposalPayload, ...]

    @property
    def bundles(self) -> tuple[tuple[ProposalPayload, ...], ...]:
        """The proposals by their number: alternatives of protocols that belong together."""
        return tuple(tuple(group) for _number, group in groupby(self.proposals, attrgetter("number")))

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax, also for another DOI or situation than ours."""
        doi, situation = body.unpack(_SA)
        if doi != Doi.IPSEC:
            raise InvalidSyntax(f"DOI {doi} is not supported")
        if situation != Situation.SIT_IDENTITY_ONLY:
            raise InvalidSyntax(f"situation {situation:#x} is not supported")
        sa = cls(_read_proposals(body))
        numbers = [bundle[0].number for bundle in sa.bundles]
        if len(numbers) != len(set(numbers)):
            raise InvalidSyntax("proposals of the same number are not together")
        return sa

    def write(self) -> bytes:
        """Encode the body."""
        last = len(self.proposals) - 1
        return _SA.pack(Doi.IPSEC, Situation.SIT_IDENTITY_ONLY) + b"".join(
            [_write_proposal(p, _LAST if at == last else PayloadType.PROPOSAL) for at, p in enumerate(self.proposals)]
        )


def _read_proposals(body: Reader) -> tuple[ProposalPayload, ...]:
    proposals: list[ProposalPayload] = []
    transforms = attributes = 0
    more = True
    while more:
        proposal, more = _read_proposal(body)
        proposals.append(proposal)
        transforms += len(proposal.transforms)
        attributes += sum(len(transform.attributes) for transform in proposal.transforms)
        if len(proposals) > MAX_PROPOSALS or transforms > MAX_TRANSFORMS or attributes > MAX_SA_ATTRIBUTES:
            raise InvalidSyntax("more proposals, transforms or attributes than anybody needs")
    return tuple(proposals)


def _read_proposal(body: Reader) -> tuple[ProposalPayload, bool]:
    following, length, number, protocol, spi_size, count = body.unpack(_PROPOSAL)
    if following not in (_LAST, PayloadType.PROPOSAL):
        raise InvalidSyntax(f"payload type {following} behind a proposal")
    if protocol in SPI_LENGTHS and spi_size not in SPI_LENGTHS[protocol]:
        raise InvalidSyntax(f"an SPI of {spi_size} octets for protocol {protocol}")
    part = body.sub(length - _PROPOSAL.size)
    spi = part.take(spi_size)
    transforms = _read_transforms(part, count)
    part.finish()
    return ProposalPayload(number, ProtocolId(protocol), transforms, spi), following == PayloadType.PROPOSAL


def _read_transforms(part: Reader, count: int) -> tuple[TransformPayload, ...]:
    if not count:
        raise InvalidSyntax("a proposal without transforms")
    transforms: list[TransformPayload] = []
    for left in range(count - 1, -1, -1):
        following, length, number, transform_id = part.unpack(_TRANSFORM)
        if following != (PayloadType.TRANSFORM if left else _LAST):
            raise InvalidSyntax(f"a proposal says {count} transforms, its chain says otherwise")
        attributes = read_attributes(part.sub(length - _TRANSFORM.size), MAX_TRANSFORM_ATTRIBUTES)
        transforms.append(TransformPayload(number, transform_id, attributes))
    return tuple(transforms)


def _write_proposal(proposal: ProposalPayload, following: int) -> bytes:
    transforms = proposal.transforms
    last = len(transforms) - 1
    body = proposal.spi + b"".join(
        [_write_transform(t, _LAST if at == last else PayloadType.TRANSFORM) for at, t in enumerate(transforms)]
    )
    length = _PROPOSAL.size + len(body)
    spi_size, count = len(proposal.spi), len(transforms)
    return _PROPOSAL.pack(following, length, proposal.number, proposal.protocol, spi_size, count) + body


def _write_transform(transform: TransformPayload, following: int) -> bytes:
    attributes = write_attributes(transform.attributes)
    return _TRANSFORM.pack(following, _TRANSFORM.size + len(attributes), transform.number, transform.id) + attributes
