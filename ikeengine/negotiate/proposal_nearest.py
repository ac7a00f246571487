"""Why no proposal was chosen, in one sentence for the operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ikeengine.model.proposal import ADDITIONAL_KE, Proposal
from ikeengine.negotiate.proposal_keywords import word_of
from ikeengine.negotiate.proposal_match import Menu, choose, in_common, menu, spi_is_sane
from ikeengine.negotiate.proposal_text import format_proposal
from ikeengine.registry import Protocol, TransformType

_TYPE_WORDS = {
    TransformType.ENCR: "encryption",
    TransformType.PRF: "pseudo-random function",
    TransformType.INTEG: "integrity",
    TransformType.KE: "key exchange",
    TransformType.ESN: "extended sequence numbers",
    **{kind: f"additional key exchange {number}" for number, kind in enumerate(ADDITIONAL_KE, 1)},
}
_MOST_WORDS = 16
"""Longer lists are cut: a hostile offer neither fills the log nor costs time."""


def nearest(offered: Sequence[Proposal], configured: Sequence[Proposal], *, with_ke: bool = True) -> str:
    """How the closest offer differs from what we want, such as

    closest offer `aes128-sha256-ecp256` differs in key exchange: offered ecp256, wanted x25519
    """
    wishes = [(proposal.protocol, menu(proposal.transforms, with_ke=with_ke)) for proposal in configured]
    best: _Pair | None = None
    for proposal in offered:
        offer = menu(proposal.transforms, with_ke=with_ke)
        for protocol, wanted in wishes:
            if protocol == proposal.protocol:
                pair = _Pair(proposal, offer, wanted, _differences(offer, wanted, protocol))
                best = pair if best is None or len(pair.kinds) < len(best.kinds) else best
    return _no_common_protocol(offered, configured) if best is None else _describe(best)


class _Pair(NamedTuple):
    """An offered proposal, one that we want, and the types in which they have nothing in common."""

    proposal: Proposal
    offered: Menu
    wanted: Menu
    kinds: list[int]


def _differences(offered: Menu, wanted: Menu, protocol: Protocol) -> list[int]:
    kinds = sorted(offered.keys() | wanted.keys())
    return [kind for kind in kinds if not in_common(offered, wanted, protocol, kind)]


def _describe(pair: _Pair) -> str:
    text = _text(pair.proposal)
    if pair.kinds:
        phrases = [
            f"{_type_words(kind)}: offered {_choices(pair.offered, kind)}, wanted {_choices(pair.wanted, kind)}"
            for kind in pair.kinds[:_MOST_WORDS]
        ]
        return f"closest offer `{text}` differs in {'; '.join(phrases)}"
    if not spi_is_sane(pair.proposal):
        return f"offer `{text}` would do, but its SPI is malformed"
    if choose(pair.offered, pair.wanted, pair.proposal.protocol) is None:
        return f"offer `{text}` leaves only the same key exchange method for two of its key exchanges"
    return f"offer `{text}` would do"


def _no_common_protocol(offered: Sequence[Proposal], configured: Sequence[Proposal]) -> str:
    offers = ", ".join(sorted({proposal.protocol.name for proposal in offered})) or "nothing"
    wishes = ", ".join(sorted({proposal.protocol.name for proposal in configured})) or "nothing"
    return f"offered {offers}, wanted {wishes}"


def _type_words(kind: int) -> str:
    transform_type = TransformType(kind)
    return _TYPE_WORDS.get(transform_type) or f"transform type {transform_type.name}"


def _choices(types: Menu, kind: int) -> str:
    transforms = list(types.get(kind, {}).values())
    words = [word_of(transform) for transform in transforms[:_MOST_WORDS]]
    return " or ".join(words + ["..."] * (len(transforms) > _MOST_WORDS)) or "none"


def _text(proposal: Proposal) -> str:
    start = replace(proposal, transforms=proposal.transforms[: 2 * _MOST_WORDS])
    more = len(proposal.transforms) > len(start.transforms)
    return format_proposal(start) + "-..." * more
