"""One transform of phase 1: a suite, a method of authentication and a lifetime (RFC 2409 appendix A)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from ikeengine.crypto.encr import ENCR
from ikeengine.ikev1.proposals.lifetime import PHASE_1, Lifetime, life_attributes, read_life
from ikeengine.ikev1.proposals.numbers import HASH, HASH_OF, IKE_ENCR, IKE_ENCR_OF, prf_of
from ikeengine.ikev1.wire.algorithms import AuthMethod, IsakmpTransform, Phase1Attribute
from ikeengine.ikev1.wire.attributes import Attribute, numeric
from ikeengine.ikev1.wire.payloads.sa import TransformPayload
from ikeengine.model.proposal import ADDITIONAL_KE, IkeSuite, Proposal, Transform
from ikeengine.registry import TransformType


class IkeTransform(NamedTuple):
    """What a transform says."""

    suite: IkeSuite
    method: AuthMethod
    life: Lifetime = Lifetime()


def suites(proposal: Proposal) -> Iterator[IkeSuite]:
    """The suites of a proposal that IKEv1 has numbers for, in order of preference.

    The hash is the integrity algorithm of the proposal and makes the PRF too, so a proposal with another PRF gives
    nothing, nor does one that asks for additional key exchanges.
    """
    if needs_additional(proposal):
        return
    prfs = {prf.id for prf in proposal.of_type(TransformType.PRF)}
    integs = [integ for integ in proposal.of_type(TransformType.INTEG) if integ.id in HASH and prf_of(integ.id) in prfs]
    for encr in proposal.of_type(TransformType.ENCR):
        for integ in integs if encr.id in IKE_ENCR else ():
            for ke in proposal.of_type(TransformType.KE):
                yield _suite(encr, integ, ke)


def needs_additional(proposal: Proposal) -> bool:
    """Whether a proposal insists on additional key exchanges (RFC 9370), which IKEv1 does not have."""
    return any(
        transforms and all(transform.id for transform in transforms)
        for transforms in map(proposal.of_type, ADDITIONAL_KE)
    )


def _suite(encr: Transform, integ: Transform, ke: Transform) -> IkeSuite:
    return IkeSuite(encr, Transform(TransformType.PRF, prf_of(integ.id)), integ, ke)


def write_transform(number: int, transform: IkeTransform) -> TransformPayload:
    """The transform payload of a suite that `suites` gave."""
    suite = transform.suite
    attributes = [
        numeric(Phase1Attribute.ENCRYPTION_ALGORITHM, IKE_ENCR[suite.encr.id]),
        *([numeric(Phase1Attribute.KEY_LENGTH, suite.encr.key_length)] if suite.encr.key_length else []),
        numeric(Phase1Attribute.HASH_ALGORITHM, HASH[suite.integ.id] if suite.integ else 0),
        numeric(Phase1Attribute.GROUP_DESCRIPTION, suite.ke.id),
        numeric(Phase1Attribute.AUTHENTICATION_METHOD, transform.method),
        *life_attributes(PHASE_1, transform.life),
    ]
    return TransformPayload(number, IsakmpTransform.KEY_IKE, tuple(attributes))


_LIFE = frozenset(PHASE_1)
_UNDERSTOOD = _LIFE | {
    Phase1Attribute.ENCRYPTION_ALGORITHM,
    Phase1Attribute.HASH_ALGORITHM,
    Phase1Attribute.AUTHENTICATION_METHOD,
    Phase1Attribute.GROUP_DESCRIPTION,
    Phase1Attribute.KEY_LENGTH,
}


def read_transform(payload: TransformPayload) -> IkeTransform | None:
    """What a transform payload says; None if it says anything that we do not know or cannot do.

    Raises InvalidSyntax for numbers of no sensible size and for a lifetime that makes no sense.
    """
    values = single_values(payload.attributes, _UNDERSTOOD, _LIFE)
    if values is None or payload.id != IsakmpTransform.KEY_IKE:
        return None
    integ_id = HASH_OF.get(values.get(Phase1Attribute.HASH_ALGORITHM, 0))
    encr_id = IKE_ENCR_OF.get(values.get(Phase1Attribute.ENCRYPTION_ALGORITHM, 0))
    group = values.get(Phase1Attribute.GROUP_DESCRIPTION)
    method = values.get(Phase1Attribute.AUTHENTICATION_METHOD)
    if integ_id is None or encr_id is None or group is None or method is None:
        return None
    encr = Transform(TransformType.ENCR, encr_id, values.get(Phase1Attribute.KEY_LENGTH))
    if (encr.id, encr.key_length) not in ENCR:
        return None
    suite = _suite(encr, Transform(TransformType.INTEG, integ_id), Transform(TransformType.KE, group))
    return IkeTransform(suite, AuthMethod(method), read_life(PHASE_1, payload.attributes))


def single_values(
    attributes: Sequence[Attribute], understood: Collection[int], repeatable: Collection[int]
) -> dict[int, int] | None:
    """The values of attributes by their kind, without the `repeatable` ones.

    None if there is one that we do not understand, or one twice: the peer may want something else than the rest says.
    """
    values: dict[int, int] = {}
    for attribute in attributes:
        if attribute.kind not in understood or attribute.kind in values:
            return None
        if attribute.kind not in repeatable:
            values[attribute.kind] = attribute.number
    return values
