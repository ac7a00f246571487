"""Why no proposal was chosen, in one sentence for the operator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ikeengine.model.proposal import Proposal
from ikeengine.negotiate.proposal_keywords import word_of
from ikeengine.negotiate.proposal_match import Menu, choose_one, menu, spi_is_sane
from ikeengine.negotiate.proposal_text import format_proposal
from ikeengine.registry import TransformType

_TYPE_WORDS = {
    TransformType.ENCR: "encryption",
    TransformType.PRF: "pseudo-random function",
    TransformType.INTEG: "integrity",
    TransformType.KE: "key exchange",
    TransformType.ESN: "extended sequence numbers",
}
_MOST_WORDS = 12
"""A hostile offer does not fill the log."""


def nearest(offered: Sequence[Proposal], configured: Sequence[Proposal], *, with_ke: bool = True) -> str:
    """How the closest offer differs from what we want, such as

    closest offer `aes128-sha256-ecp256` differs in key exchange: offered ecp256, wanted x25519
    """
    pairs = [
        (_differences(menu(offer, with_ke=with_ke), menu(wanted, with_ke=with_ke), wanted), offer)
        for offer in offered
        for wanted in configured
        if offer.protocol == wanted.protocol
    ]
    if not pairs:
        return _no_pairs(offered, configured)
    differences, offer = min(pairs, key=lambda pair: len(pair[0]))
    text = _shortened(format_proposal(offer).split("-"), "-")
    if differences:
        return f"closest offer `{text}` differs in {'; '.join(differences)}"
    if not spi_is_sane(offer):
        return f"offer `{text}` would do, but its SPI is malformed"
    return f"offer `{text}` would do"


def _no_pairs(offered: Sequence[Proposal], configured: Sequence[Proposal]) -> str:
    offers = ", ".join(sorted({proposal.protocol.name for proposal in offered})) or "nothing"
    wishes = ", ".join(sorted({proposal.protocol.name for proposal in configured})) or "nothing"
    return f"offered {offers}, wanted {wishes}"


def _differences(offered: Menu, wanted: Menu, proposal: Proposal) -> list[str]:
    """One phrase for each transform type in which there is no common choice."""
    return [
        f"{_type_words(kind)}: offered {_choices(offered, kind)}, wanted {_choices(wanted, kind)}"
        for kind in sorted(offered.keys() | wanted.keys())
        if choose_one(offered, wanted, proposal.protocol, kind) is None
    ]


def _type_words(kind: int) -> str:
    transform_type = TransformType(kind)
    return _TYPE_WORDS.get(transform_type) or f"transform type {transform_type.name}"


def _choices(types: Menu, kind: int) -> str:
    words = [word_of(transform) for transform in types.get(kind, {}).values()]
    return _shortened(words, " or ") or "none"


def _shortened(words: Iterable[str], separator: str) -> str:
    listed = list(words)
    if len(listed) > _MOST_WORDS:
        listed[_MOST_WORDS:] = ["..."]
    return separator.join(listed)
