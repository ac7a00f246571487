"""What a peer offers, in proposals of the model, for the eyes of the operator: nothing is chosen from these.

Each transform becomes a proposal of its own. Algorithms that only have a number in IKEv1 get one that nothing else has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.proposals.bundles import PROTOCOL_OF
from ikeengine.ikev1.proposals.numbers import AH_OF, ESP_ENCR_OF, HASH_OF, IKE_ENCR_OF, INTEG_AUTH_OF
from ikeengine.ikev1.wire.algorithms import EncryptionAlgorithm, EspTransform, Phase1Attribute, Phase2Attribute
from ikeengine.ikev1.wire.attributes import Attribute, write_attributes
from ikeengine.ikev1.wire.numbers import ProtocolId
from ikeengine.ikev1.wire.payloads.sa import ProposalPayload, Sa, TransformPayload
from ikeengine.model.proposal import Proposal, Transform
from ikeengine.registry import EncrId, EsnId, Protocol, TransformType

_STRANGE = 0x10000
"""Added to a number of IKEv1 that has no counterpart in IKEv2, whose numbers end below."""

_IKE_ENCR: Mapping[int, int] = {
    **IKE_ENCR_OF,
    EncryptionAlgorithm.IDEA_CBC: EncrId.IDEA_CBC,
    EncryptionAlgorithm.BLOWFISH_CBC: EncrId.BLOWFISH_CBC,
    EncryptionAlgorithm.RC5_CBC: EncrId.RC5_CBC,
    EncryptionAlgorithm.CAST_CBC: EncrId.CAST_CBC,
    EncryptionAlgorithm.CAMELLIA_CBC: EncrId.CAMELLIA_CBC,
}
_ESP_ENCR: Mapping[int, int] = {
    **ESP_ENCR_OF,
    EspTransform.RC5: EncrId.RC5_CBC,
    EspTransform.IDEA: EncrId.IDEA_CBC,
    EspTransform.CAST: EncrId.CAST_CBC,
    EspTransform.BLOWFISH: EncrId.BLOWFISH_CBC,
    EspTransform.CAMELLIA: EncrId.CAMELLIA_CBC,
    EspTransform.NULL_AUTH_AES_GMAC: EncrId.NULL_AUTH_AES_GMAC,
}
"""More than we can do, so that it has its name."""

_PHASE_1 = frozenset(
    (
        Phase1Attribute.ENCRYPTION_ALGORITHM,
        Phase1Attribute.KEY_LENGTH,
        Phase1Attribute.HASH_ALGORITHM,
        Phase1Attribute.GROUP_DESCRIPTION,
        Phase1Attribute.AUTHENTICATION_METHOD,
        Phase1Attribute.LIFE_TYPE,
        Phase1Attribute.LIFE_DURATION,
    )
)
_PHASE_2 = frozenset(
    (
        Phase2Attribute.SA_LIFE_TYPE,
        Phase2Attribute.SA_LIFE_DURATION,
        Phase2Attribute.GROUP_DESCRIPTION,
        Phase2Attribute.ENCAPSULATION_MODE,
        Phase2Attribute.AUTHENTICATION_ALGORITHM,
        Phase2Attribute.KEY_LENGTH,
        Phase2Attribute.EXTENDED_SEQUENCE_NUMBER,
    )
)


def ike_offers(sa: Sa) -> tuple[Proposal, ...]:
    """The transforms of phase 1, each as a proposal. The PRF follows from the hash, so it is left out."""
    payloads = (proposal for proposal in sa.proposals if proposal.protocol == ProtocolId.ISAKMP)
    return tuple(_ike(one) for payload in payloads for one in payload.transforms)


def child_offers(sa: Sa) -> tuple[Proposal, ...]:
    """The transforms of ESP and AH, each as a proposal with the SPI of its protocol."""
    return tuple(
        _CHILD[protocol](payload, one)
        for payload in sa.proposals
        if (protocol := PROTOCOL_OF.get(payload.protocol)) in _CHILD
        for one in payload.transforms
    )


def values_of(attributes: Sequence[Attribute]) -> dict[int, int]:
    """The numbers among attributes by kind; what is too long for a number is left out."""
    values = {}
    for attribute in attributes:
        try:
            values[attribute.kind] = attribute.number
        except InvalidSyntax:
            continue
    return values


def _ike(payload: TransformPayload) -> Proposal:
    values = values_of(payload.attributes)
    unknown = _unknown(payload.attributes, _PHASE_1)
    encr_id = _number(_IKE_ENCR, values.get(Phase1Attribute.ENCRYPTION_ALGORITHM))
    encr = Transform(TransformType.ENCR, encr_id, values.get(Phase1Attribute.KEY_LENGTH), unknown)
    integ = Transform(TransformType.INTEG, _number(HASH_OF, values.get(Phase1Attribute.HASH_ALGORITHM)))
    return Proposal(Protocol.IKE, (encr, integ, *_group(values, Phase1Attribute.GROUP_DESCRIPTION)))


def _esp(proposal: ProposalPayload, payload: TransformPayload) -> Proposal:
    values = values_of(payload.attributes)
    unknown = _unknown(payload.attributes, _PHASE_2)
    encr_id = _number(_ESP_ENCR, payload.id)
    encr = Transform(TransformType.ENCR, encr_id, values.get(Phase2Attribute.KEY_LENGTH), unknown)
    auth = values.get(Phase2Attribute.AUTHENTICATION_ALGORITHM)
    integ = () if auth is None else (Transform(TransformType.INTEG, _number(INTEG_AUTH_OF, auth)),)
    return Proposal(Protocol.ESP, (encr, *integ, *_rest(values)), proposal.spi)


def _ah(proposal: ProposalPayload, payload: TransformPayload) -> Proposal:
    unknown = _unknown(payload.attributes, _PHASE_2)
    integ = Transform(TransformType.INTEG, _number(AH_OF, payload.id), unknown_attributes=unknown)
    return Proposal(Protocol.AH, (integ, *_rest(values_of(payload.attributes))), proposal.spi)


_CHILD: Mapping[Protocol | None, Callable[[ProposalPayload, TransformPayload], Proposal]] = {
    Protocol.ESP: _esp,
    Protocol.AH: _ah,
}


def _rest(values: Mapping[int, int]) -> Iterator[Transform]:
    yield from _group(values, Phase2Attribute.GROUP_DESCRIPTION)
    yield Transform(TransformType.ESN, values.get(Phase2Attribute.EXTENDED_SEQUENCE_NUMBER, EsnId.NO_EXT_SEQ))


def _group(values: Mapping[int, int], kind: int) -> Iterator[Transform]:
    if kind in values:
        yield Transform(TransformType.KE, values[kind])


def _unknown(attributes: Sequence[Attribute], known: frozenset[int]) -> bytes:
    return write_attributes(attribute for attribute in attributes if attribute.kind not in known)


def _number(table: Mapping[int, int], number: int | None) -> int:
    return table.get(number or 0, _STRANGE + (number or 0))
