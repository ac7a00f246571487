"""Proposals: their text in the syntax of swanctl.conf(5), the defaults, and the choice among them.

proposal_keywords   words and transforms             proposal_text    parse and format, the defaults
proposal_select     the responder's choice           proposal_accept  the initiator's check of the answer
proposal_nearest    why nothing matched, for people      proposal_weak    what deserves a warning
"""

from ikeengine.negotiate.proposal_accept import accept_child, accept_ike, offer
from ikeengine.negotiate.proposal_nearest import nearest
from ikeengine.negotiate.proposal_select import select_child, select_ike
from ikeengine.negotiate.proposal_text import (
    DEFAULT_AH,
    DEFAULT_ESP,
    DEFAULT_IKE,
    format_proposal,
    format_suite,
    parse_ah,
    parse_esp,
    parse_ike,
)
from ikeengine.negotiate.proposal_weak import weak

__all__ = [
    "DEFAULT_AH",
    "DEFAULT_ESP",
    "DEFAULT_IKE",
    "accept_child",
    "accept_ike",
    "format_proposal",
    "format_suite",
    "nearest",
    "offer",
    "parse_ah",
    "parse_esp",
    "parse_ike",
    "select_child",
    "select_ike",
    "weak",
]
