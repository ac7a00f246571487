"""One transform of phase 2: the suite of an ESP or AH SA, its encapsulation and its lifetime (RFC 2407 section 4.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ikeengine.errors import NoProposalChosen
from ikeengine.ikev1.proposals.ike_transforms import needs_additional, single_values
from ikeengine.ikev1.proposals.lifetime import PHASE_2, Lifetime, life_attributes, read_life
from ikeengine.ikev1.proposals.modes import MEANING, Encapsulation
from ikeengine.ikev1.proposals.numbers import AH, AH_OF, ESP_ENCR, ESP_ENCR_OF, INTEG_AUTH, INTEG_AUTH_OF
from ikeengine.ikev1.wire.algorithms import (
    EncapsulationMode,
    ExtendedSequenceNumber,
    IpcompTransform,
    Phase2Attribute,
)
from ikeengine.ikev1.wire.attributes import Attribute, numeric
from ikeengine.ikev1.wire.payloads.sa import TransformPayload
from ikeengine.model.proposal import ChildSuite, Proposal, Transform
from ikeengine.registry import EsnId, Protocol, TransformType


class ChildTransform(NamedTuple):
    """What a transform says. `suite` is None for compression; `encapsulation` is None if the peer leaves it to us."""

    suite: ChildSuite | None
    group: int | None
    encapsulation: Encapsulation | None
    life: Lifetime


class Common(NamedTuple):
    """What all transforms of one Quick Mode have in common (RFC 2409 section 5.5)."""

    group: int | None
    """The group of the KE payloads; None without PFS."""
    mode: EncapsulationMode
    life: Lifetime


def groups(proposal: Proposal) -> tuple[int | None, ...]:
    """The groups that a proposal asks for, in order of preference; None is no PFS."""
    return tuple(ke.id or None for ke in proposal.of_type(TransformType.KE)) or (None,)


def suites(proposal: Proposal, group: int | None) -> Iterator[ChildSuite]:
    """The suites of a proposal with this group that IKEv1 has numbers for, in order of preference."""
    if needs_additional(proposal):
        return
    ke = None if group is None else Transform(TransformType.KE, group)
    encrs: Sequence[Transform | None] = [encr for encr in proposal.of_type(TransformType.ENCR) if encr.id in ESP_ENCR]
    integs: Sequence[Transform | None] = [i for i in proposal.of_type(TransformType.INTEG) if i.id in INTEG_AUTH]
    if proposal.protocol == Protocol.AH:
        encrs = [None]
    elif not proposal.of_type(TransformType.INTEG):
        integs = [None]
    for encr in encrs:
        for integ in integs:
            for esn in proposal.of_type(TransformType.ESN):
                yield ChildSuite(proposal.protocol, encr, integ, ke, esn=esn.id == EsnId.EXT_SEQ)


def write_transform(number: int, suite: ChildSuite | None, common: Common) -> TransformPayload:
    """The transform payload of a suite that `suites` gave; of DEFLATE without a suite (RFC 3173 section 3.3)."""
    attributes = [*life_attributes(PHASE_2, common.life), numeric(Phase2Attribute.ENCAPSULATION_MODE, common.mode)]
    if common.group is not None:
        attributes.append(numeric(Phase2Attribute.GROUP_DESCRIPTION, common.group))
    if suite is None:
        return TransformPayload(number, IpcompTransform.DEFLATE, tuple(attributes))
    return TransformPayload(number, _transform_id(suite), (*attributes, *_suite_attributes(suite)))


def _transform_id(suite: ChildSuite) -> int:
    if suite.encr is not None:
        return ESP_ENCR[suite.encr.id]
    return AH[suite.integ.id] if suite.integ else 0


def _suite_attributes(suite: ChildSuite) -> Iterator[Attribute]:
    if suite.encr is not None and suite.encr.key_length is not None:
        yield numeric(Phase2Attribute.KEY_LENGTH, suite.encr.key_length)
    if suite.integ is not None:
        yield numeric(Phase2Attribute.AUTHENTICATION_ALGORITHM, INTEG_AUTH[suite.integ.id])
    if suite.esn:
        yield numeric(Phase2Attribute.EXTENDED_SEQUENCE_NUMBER, ExtendedSequenceNumber.BITS_64)


_LIFE = frozenset(PHASE_2)
_OF_COMPRESSION = _LIFE | {Phase2Attribute.GROUP_DESCRIPTION, Phase2Attribute.ENCAPSULATION_MODE}
_OF_AH = _OF_COMPRESSION | {Phase2Attribute.AUTHENTICATION_ALGORITHM, Phase2Attribute.EXTENDED_SEQUENCE_NUMBER}
_UNDERSTOOD = {
    Protocol.ESP: _OF_AH | {Phase2Attribute.KEY_LENGTH},
    Protocol.AH: _OF_AH,
    Protocol.IPCOMP: _OF_COMPRESSION,
}


def read_transform(protocol: Protocol, payload: TransformPayload) -> ChildTransform | None:
    """What a transform payload of ESP, AH or IPCOMP says; None if it says anything that we do not know or cannot do.

    Raises InvalidSyntax for numbers of no sensible size and for a lifetime that makes no sense, NoProposalChosen where
    RFC 4304 section 3 ends the negotiation.
    """
    values = single_values(payload.attributes, _UNDERSTOOD[protocol], _LIFE)
    if values is None:
        return None
    mode = values.get(Phase2Attribute.ENCAPSULATION_MODE)
    group = values.get(Phase2Attribute.GROUP_DESCRIPTION)
    if protocol == Protocol.IPCOMP:
        suite, known = None, payload.id == IpcompTransform.DEFLATE
    else:
        suite = _READERS[protocol](payload.id, values)
        known = suite is not None
    if not known or (mode is not None and mode not in MEANING):
        return None
    return ChildTransform(suite, group, MEANING.get(mode or 0), read_life(PHASE_2, payload.attributes))


def _read_esp(transform_id: int, values: dict[int, int]) -> ChildSuite | None:
    encr_id = ESP_ENCR_OF.get(transform_id)
    if encr_id is None:
        return None
    encr = Transform(TransformType.ENCR, encr_id, values.get(Phase2Attribute.KEY_LENGTH))
    auth = values.get(Phase2Attribute.AUTHENTICATION_ALGORITHM)
    if auth is not None and auth not in INTEG_AUTH_OF:
        return None
    integ = None if auth is None else Transform(TransformType.INTEG, INTEG_AUTH_OF[auth])
    return ChildSuite(Protocol.ESP, encr, integ, _ke(values), esn=_esn(values))


def _read_ah(transform_id: int, values: dict[int, int]) -> ChildSuite | None:
    """The transform and the attribute must say the same (RFC 2407 section 4.4.3)."""
    integ_id = AH_OF.get(transform_id)
    if integ_id is None or values.get(Phase2Attribute.AUTHENTICATION_ALGORITHM) != INTEG_AUTH[integ_id]:
        return None
    return ChildSuite(Protocol.AH, None, Transform(TransformType.INTEG, integ_id), _ke(values), esn=_esn(values))


_READERS = {Protocol.ESP: _read_esp, Protocol.AH: _read_ah}


def _ke(values: dict[int, int]) -> Transform | None:
    group = values.get(Phase2Attribute.GROUP_DESCRIPTION)
    return None if group is None else Transform(TransformType.KE, group)


def _esn(values: dict[int, int]) -> bool:
    value = values.get(Phase2Attribute.EXTENDED_SEQUENCE_NUMBER)
    if value not in (None, ExtendedSequenceNumber.BITS_64):
        raise NoProposalChosen(f"there are no extended sequence numbers of kind {value} (RFC 4304 section 3)")
    return value is not None
