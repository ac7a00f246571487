"""The responder's choice of one proposal and one transform per type (RFC 7296 sections 2.7 and 3.3.6).

Our own order of preference decides, as with strongSwan's `prefer_configured_proposals = yes`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.errors import NoProposalChosen
from ikeengine.model.proposal import ChildSuite, IkeSuite, Proposal
from ikeengine.negotiate.proposal_match import Menu, child_suite, choose, ike_suite, menu, spi_is_sane
from ikeengine.registry import Protocol


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
    menus = [(offer, menu(offer, with_ke=with_ke, with_additional=with_additional)) for offer in sane]
    for wanted in configured:
        chosen = _first_match(menus, menu(wanted, with_ke=with_ke), wanted.protocol)
        if chosen is not None:
            return chosen
    raise NoProposalChosen("none of the offered proposals is acceptable")


def _first_match(menus: list[tuple[Proposal, Menu]], wanted: Menu, protocol: Protocol) -> Proposal | None:
    for offer, choices in menus:
        if offer.protocol != protocol:
            continue
        transforms = choose(choices, wanted, protocol)
        if transforms is not None:
            return Proposal(protocol, tuple(transforms), offer.spi, offer.number)
    return None
