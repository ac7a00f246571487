"""Phase 1: what we offer, what we choose, and whether an answer is what we offered (RFC 2409 sections 5 and 5.4).

Whose order decides is as in IKEv2 (`negotiate.proposal_select`): that of our configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from ikeengine.errors import NoProposalChosen
from ikeengine.ikev1.proposals.ike_transforms import IkeTransform, read_transform, suites, write_transform
from ikeengine.ikev1.proposals.lifetime import Lifetime
from ikeengine.ikev1.wire.algorithms import AuthMethod
from ikeengine.ikev1.wire.numbers import ProtocolId
from ikeengine.ikev1.wire.payloads.sa import ProposalPayload, Sa, TransformPayload
from ikeengine.model.proposal import IkeSuite, Proposal

MOST_OFFERED = 32
"""Transforms that we offer. Each takes some 36 octets, and the first message of IKEv1 cannot be fragmented."""

_NUMBER = 1
"""All transforms are in one proposal: IKEv1 has no others in phase 1."""


def configured_suites(proposals: Sequence[Proposal], group: int | None = None) -> Iterator[IkeSuite]:
    """Every suite of the configuration once, in order of preference; only those with the group if one is given."""
    return (suite for suite in _suites(tuple(proposals)) if group in (None, suite.ke.id))


@lru_cache(maxsize=256)
def _suites(proposals: tuple[Proposal, ...]) -> tuple[IkeSuite, ...]:
    """A stranger can make us ask for them with every datagram."""
    return tuple(dict.fromkeys(suite for proposal in proposals for suite in suites(proposal)))


def first_group(proposals: Sequence[Proposal]) -> int:
    """The group of the most preferred suite: that of Aggressive Mode, whose first message holds a KE payload.

    Raises NoProposalChosen if no proposal can be used with IKEv1.
    """
    suite = next(configured_suites(proposals), None)
    if suite is None:
        raise NoProposalChosen("none of our proposals can be used with IKEv1")
    return suite.ke.id


def offer(proposals: Sequence[Proposal], methods: Sequence[AuthMethod], life: Lifetime, group: int | None = None) -> Sa:
    """The SA payload of an initiator: every suite with every method of authentication, the best first.

    With `group` only suites of that group, as in Aggressive Mode. Raises NoProposalChosen if there is nothing to offer.
    """
    wanted = (IkeTransform(suite, method, life) for suite in configured_suites(proposals, group) for method in methods)
    transforms = tuple(write_transform(number, one) for number, one in enumerate(islice(wanted, MOST_OFFERED), 1))
    if not transforms:
        raise NoProposalChosen("none of our proposals can be used with IKEv1")
    return _one_proposal(_NUMBER, transforms)


def select(
    sa: Sa, proposals: Sequence[Proposal], methods: Sequence[AuthMethod], group: int | None = None
) -> tuple[Sa, IkeTransform]:
    """The SA payload to answer with, and what it says; its lifetime is the peer's.

    The transform goes back as it came, even its lifetime (RFC 2408 section 4.2). `methods` are those that we accept, in
    order of preference. Raises NoProposalChosen, which `explain` explains to the operator, and InvalidSyntax.
    """
    offered = _by_meaning(sa)
    for suite in configured_suites(proposals, group):
        for method in methods:
            found = offered.get((suite, method))
            if found is not None:
                number, payload, transform = found
                return _one_proposal(number, (payload,)), transform
    raise NoProposalChosen("none of the offered transforms is acceptable")


_Found = tuple[int, TransformPayload, IkeTransform]


def _by_meaning(sa: Sa) -> dict[tuple[IkeSuite, AuthMethod], _Found]:
    """The first transform of each suite and method, with the number of its proposal."""
    found: dict[tuple[IkeSuite, AuthMethod], _Found] = {}
    for proposal in sa.proposals:
        for payload in proposal.transforms if proposal.protocol == ProtocolId.ISAKMP else ():
            transform = read_transform(payload)
            if transform is not None:
                found.setdefault((transform.suite, transform.method), (proposal.number, payload, transform))
    return found


def accept(answer: Sa, offered: Sa) -> IkeTransform:
    """What the answer to our offer says; its lifetime may be another one than ours.

    Attributes may be in another order and the transform may have another number, as some peers do. Raises
    NoProposalChosen if it is none of our transforms.
    """
    if len(answer.proposals) != 1 or len(answer.proposals[0].transforms) != 1:
        raise NoProposalChosen("the answer does not hold exactly one proposal with one transform")
    proposal = answer.proposals[0]
    chosen = read_transform(proposal.transforms[0]) if proposal.protocol == ProtocolId.ISAKMP else None
    if chosen is None or (chosen.suite, chosen.method) not in _by_meaning(offered):
        raise NoProposalChosen("the answer holds a transform that we did not offer")
    return chosen


def _one_proposal(number: int, transforms: tuple[TransformPayload, ...]) -> Sa:
    return Sa((ProposalPayload(number, ProtocolId.ISAKMP, transforms),))
