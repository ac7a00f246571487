"""Algorithms that are offered only because somebody wrote them down, and that deserve a warning each time.

The collection keeps the same list in words (`plugin_utils/_proposals.py`); a test compares both.
"""

from __future__ import annotations

from ikeengine.model.proposal import ADDITIONAL_KE, Proposal, Transform
from ikeengine.negotiate.proposal_keywords import word_of
from ikeengine.negotiate.proposal_text import in_text_order
from ikeengine.registry import EncrId, IntegId, KeId, PrfId, TransformType

_WEAK: dict[TransformType, frozenset[int]] = {
    TransformType.ENCR: frozenset((EncrId.DES_CBC, EncrId.TRIPLE_DES_CBC, EncrId.NULL)),
    TransformType.INTEG: frozenset((IntegId.HMAC_MD5_96, IntegId.HMAC_SHA1_96)),
    TransformType.PRF: frozenset((PrfId.PRF_HMAC_MD5, PrfId.PRF_HMAC_SHA1)),
    TransformType.KE: frozenset((KeId.MODP_768, KeId.MODP_1024, KeId.MODP_1536)),
}
"""Broken, outdated or too short; NULL because nothing is encrypted (RFC 8221 section 5, RFC 8247 section 2)."""


def weak(proposal: Proposal) -> tuple[str, ...]:
    """The words of a proposal that are weak, in the order of its text. A PRF that only follows from `sha1` is none."""
    return tuple(dict.fromkeys(word_of(transform) for transform in in_text_order(proposal) if _is_weak(transform)))


def _is_weak(transform: Transform) -> bool:
    kind = TransformType.KE if transform.type in ADDITIONAL_KE else transform.type
    return transform.id in _WEAK.get(kind, frozenset())
