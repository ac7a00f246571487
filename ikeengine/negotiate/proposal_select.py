"""The responder's choice of one proposal and one transform per type (RFC 7296 sections 2.7 and 3.3.6).

Our own order of preference decides, as with strongSwan's `prefer_configured_proposals = yes`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.errors import NoProposalChosen
from ikeengine.model.proposal import ChildSuite, IkeSuite, Proposal
from ikeengine.negotiate.proposal_match import agree, child_suite, ike_suite, spi_is_sane


def select_ike(
    offered: Sequence[Proposal], configured: Sequence[Proposal], *, with_additional: bool = True
) -> tuple[Proposal, IkeSuite]:
    """The proposal to answer with and what it means. Its SPI is still the initiator's.

    Without `with_additional` only what needs no additional key exchanges (RFC 9370) can be chosen. Raises
    NoProposalChosen; `nearest` explains it to the operator.
    """
    chosen = _select(offered, configured, with_ke=True, with_additional=with_additional)
    return chosen, ike_suite(chosen.transforms)


def select_child(
    offered: Sequence[Proposal], configured: Sequence[Proposal], *, with_ke: bool
) -> tuple[Proposal, ChildSuite]:
    """The same for ESP or AH. In IKE_AUTH (`with_ke` False) key exchange methods are ignored (section 1.2)."""
    chosen = _select(offered, configured, with_ke=with_ke)
    return chosen, child_suite(chosen.protocol, chosen.transforms)


def _select(
    offered: Sequence[Proposal], configured: Sequence[Proposal], *, with_ke: bool, with_additional: bool = True
) -> Proposal:
    """The first configured proposal that any offered one satisfies."""
    sane = [offer for offer in offered if spi_is_sane(offer)]
    for wanted in configured:
        protocol = wanted.protocol
        for offer in sane:
            if offer.protocol != protocol:
                continue
            chosen = agree(
                offer.transforms, wanted.transforms, protocol, with_ke=with_ke, with_additional=with_additional
            )
            if chosen is not None:
                return Proposal(protocol, chosen, offer.spi, offer.number)
    raise NoProposalChosen("none of the offered proposals is acceptable")
