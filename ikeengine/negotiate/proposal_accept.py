"""The initiator's side: what goes out as an offer, and whether the answer is one of ours (RFC 7296 section 3.3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ikeengine.errors import NoProposalChosen
from ikeengine.model.proposal import ChildSuite, IkeSuite, Proposal, Transform
from ikeengine.negotiate.proposal_keywords import word_of
from ikeengine.negotiate.proposal_match import KE_TYPES, child_suite, choose, ike_suite, menu, spi_is_sane
from ikeengine.registry import Protocol


def offer(configured: Sequence[Proposal], *, spi: bytes = b"", with_ke: bool = True) -> tuple[Proposal, ...]:
    """The configured proposals as they go into an SA payload: numbered from 1, with our SPI.

    Without `with_ke`, as in IKE_AUTH, the key exchange methods are left out (RFC 7296 section 1.2).
    """
    return tuple(
        [
            Proposal(proposal.protocol, _offerable(proposal.transforms, with_ke=with_ke), spi, number)
            for number, proposal in enumerate(configured, 1)
        ]
    )


def accept_ike(answer: Sequence[Proposal], offered: Sequence[Proposal]) -> tuple[Proposal, IkeSuite]:
    """The single proposal of an answer and what it means. NoProposalChosen if it is none of our offers."""
    chosen = _accept(answer, offered, with_ke=True)
    return chosen, ike_suite(chosen.transforms)


def accept_child(
    answer: Sequence[Proposal], offered: Sequence[Proposal], *, with_ke: bool
) -> tuple[Proposal, ChildSuite]:
    """The same for ESP or AH; the SPI of the proposal is the peer's. `with_ke` as in the offer."""
    chosen = _accept(answer, offered, with_ke=with_ke)
    return chosen, child_suite(chosen.protocol, chosen.transforms)


def _accept(answer: Sequence[Proposal], offered: Sequence[Proposal], *, with_ke: bool) -> Proposal:
    if len(answer) != 1:
        raise NoProposalChosen(f"the answer holds {len(answer)} proposals instead of one")
    chosen = answer[0]
    ours = next((proposal for proposal in offered if proposal.number == chosen.number), None)
    if ours is None or ours.protocol != chosen.protocol:
        raise NoProposalChosen(f"the answer is for proposal {chosen.number}, which we did not offer for this protocol")
    if len(chosen.spi) != len(ours.spi) or not spi_is_sane(chosen):
        raise NoProposalChosen("the SPI of the answer is malformed")
    _check_transforms(chosen.transforms, _offerable(ours.transforms, with_ke=with_ke), ours.protocol)
    return chosen


@lru_cache(maxsize=64)
def _check_transforms(chosen: tuple[Transform, ...], ours: tuple[Transform, ...], protocol: Protocol) -> None:
    """One transform for each type that we offered, each as we offered it (RFC 7296 section 3.3.6)."""
    seen = set()
    for transform in chosen:
        if transform not in ours:
            raise NoProposalChosen(f"the answer holds {word_of(transform)}, which we did not offer")
        if transform.type in seen:
            raise NoProposalChosen(f"the answer holds two transforms of type {transform.type.name}")
        seen.add(transform.type)
    if choose(menu(chosen), menu(ours), protocol) is None:
        raise NoProposalChosen("the answer leaves out a transform type that we offered")


def _offerable(transforms: tuple[Transform, ...], *, with_ke: bool) -> tuple[Transform, ...]:
    return transforms if with_ke else tuple([t for t in transforms if t.type not in KE_TYPES])
