"""Algorithms that are offered only because somebody wrote them down, and that deserve a warning each time.

The collection keeps the same list in words (`plugin_utils/_proposals.py`); a test compares both.
"""

from __future__ import annotations

from ikeengine.model.proposal import ADDITIONAL_KE, Proposal, Transform
from ikeengine.negotiate.proposal_keywords import word_of
from ikeengine.negotiate.proposal_text import in_text_order
from ikeengine.registry import EncrId, IntegId, KeId, PrfId, TransformType

_COLLISIONS = "a hash with known collisions"
_SMALL_GROUP = "a group that can be broken"
_WHY: dict[TransformType, dict[int, str]] = {
    TransformType.ENCR: {
        EncrId.DES_CBC: "keys of 56 bits",
        EncrId.TRIPLE_DES_CBC: "blocks of 64 bits",
        EncrId.NULL: "no encryption",
    },
    TransformType.INTEG: {IntegId.HMAC_MD5_96: _COLLISIONS, IntegId.HMAC_SHA1_96: _COLLISIONS},
    TransformType.PRF: {PrfId.PRF_HMAC_MD5: _COLLISIONS, PrfId.PRF_HMAC_SHA1: _COLLISIONS},
    TransformType.KE: dict.fromkeys((KeId.MODP_768, KeId.MODP_1024, KeId.MODP_1536), _SMALL_GROUP),
}
"""Broken, outdated or too short (RFC 8221 section 5, RFC 8247 section 2)."""


def weak(proposal: Proposal) -> tuple[str, ...]:
    """The words of a proposal that are weak, in the order of its text. A PRF that only follows from `sha1` is none."""
    return tuple(weaknesses(proposal))


def weaknesses(proposal: Proposal) -> dict[str, str]:
    """The same with the reason for each word."""
    return {word_of(transform): why for transform in in_text_order(proposal) if (why := _why(transform))}


def _why(transform: Transform) -> str:
    kind = TransformType.KE if transform.type in ADDITIONAL_KE else transform.type
    return _WHY.get(kind, {}).get(transform.id, "")
