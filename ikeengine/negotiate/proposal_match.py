"""Matching one offered proposal with one acceptable one, transform type by transform type (RFC 7296 section 3.3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ikeengine.model.proposal import ADDITIONAL_KE, ChildSuite, IkeSuite, Proposal, Transform
from ikeengine.registry import EsnId, Protocol, TransformType

_INTEG = TransformType.INTEG
_KE = TransformType.KE
KE_TYPES = frozenset((_KE, *ADDITIONAL_KE))

_MAY_BE_NONE: dict[int, frozenset[int]] = {
    Protocol.IKE: frozenset((_INTEG, *ADDITIONAL_KE)),
    Protocol.ESP: frozenset((_INTEG, _KE, *ADDITIONAL_KE)),
    Protocol.AH: frozenset((_KE, *ADDITIONAL_KE)),
}
"""Types that a proposal may leave out; then they are NONE (RFC 7296 section 3.3.3, RFC 9370 section 2.2.1)."""

_NONE_ID = 0
_SPI_OCTETS: dict[int, tuple[int, ...]] = {Protocol.IKE: (0, 8), Protocol.ESP: (4,), Protocol.AH: (4,)}
_FIRST_FREE_SPI = 256
"""SPIs from 0 to 255 of ESP and AH are reserved (RFC 4303 section 2.1)."""

Menu = dict[int, dict[tuple[int, int | None], Transform]]
"""The transforms of a proposal by type, then by ID and key length. Transforms that must not be chosen are left out."""


@lru_cache(maxsize=64)
def agree(
    offered: tuple[Transform, ...],
    wanted: tuple[Transform, ...],
    protocol: Protocol,
    *,
    with_ke: bool = True,
    with_additional: bool = True,
) -> tuple[Transform, ...] | None:
    """What to choose of an offered proposal, None if it is not what we want. Most peers ask as others did before."""
    offer = menu(offered, with_ke=with_ke, with_additional=with_additional)
    chosen = choose(offer, menu(wanted, with_ke=with_ke), protocol)
    return None if chosen is None else tuple(chosen)


def menu(transforms: Sequence[Transform], *, with_ke: bool = True, with_additional: bool = True) -> Menu:
    """The transforms that can be chosen. A type stays even if all its transforms hold attributes unknown to us.

    Without `with_additional` every additional key exchange has to be NONE.
    """
    types: Menu = {}
    for transform in transforms:
        kind = transform.type
        if kind in KE_TYPES and not with_ke:
            continue
        choices = types.get(kind)
        if choices is None:
            choices = types[kind] = {}
        if kind in ADDITIONAL_KE and transform.id != _NONE_ID and not with_additional:
            continue
        if not transform.unknown_attributes:
            choices.setdefault((transform.id, transform.key_length), transform)
    return types


def choose(offered: Menu, wanted: Menu, protocol: Protocol) -> list[Transform] | None:
    """The first wanted transform of each type that is offered too; None if a type has none. NONE is left out.

    Of the key exchange methods none is chosen twice (RFC 9370 section 2.2.1), so that a later one may have to do.
    """
    chosen = []
    kinds = offered.keys() | wanted.keys()
    methods: list[list[Transform]] = []
    for kind in sorted(kinds | {_KE} if kinds.intersection(ADDITIONAL_KE) else kinds):
        common = in_common(offered, wanted, protocol, kind)
        if not common:
            return None
        if kind in KE_TYPES:
            methods.append(common)
        else:
            chosen.append(common[0])
    exchanges = distinct(methods) if len(methods) > 1 else [common[0] for common in methods]
    if exchanges is None:
        return None
    chosen = [transform for transform in chosen + exchanges if transform.id or transform.type in offered]
    return sorted(chosen, key=lambda transform: transform.type)


def in_common(offered: Menu, wanted: Menu, protocol: Protocol, kind: int) -> list[Transform]:
    """The wanted transforms of one type that are offered too, in our order."""
    available = _of_kind(offered, protocol, kind)
    return [transform for key, transform in _of_kind(wanted, protocol, kind).items() if key in available]


def distinct(methods: Sequence[Sequence[Transform]]) -> list[Transform] | None:
    """One key exchange method for each exchange, the first that is possible, but none twice; None if that cannot be.

    NONE may be repeated, but if the first exchange is NONE there are no additional ones.
    """
    hopeless: set[tuple[int, frozenset[int]]] = set()

    def choose_from(place: int, used: frozenset[int]) -> list[Transform] | None:
        if place == len(methods):
            return []
        if (place, used) in hopeless:
            return None
        for transform in methods[place]:
            if transform.id == _NONE_ID or (transform.id not in used and (used or not place)):
                rest = choose_from(place + 1, used | {transform.id} if transform.id else used)
                if rest is not None:
                    return [transform, *rest]
        hopeless.add((place, used))
        return None

    return choose_from(0, frozenset())


def _of_kind(types: Menu, protocol: Protocol, kind: int) -> dict[tuple[int, int | None], Transform]:
    if kind in types:
        return types[kind]
    if kind in _MAY_BE_NONE[protocol]:
        return {(_NONE_ID, None): Transform(TransformType(kind), _NONE_ID)}
    return {}


def spi_is_sane(proposal: Proposal) -> bool:
    """Whether the SPI has a length of its protocol and is not one of the reserved values."""
    if len(proposal.spi) not in _SPI_OCTETS.get(proposal.protocol, ()):
        return False
    if proposal.protocol == Protocol.IKE:
        return not proposal.spi or any(proposal.spi)
    return int.from_bytes(proposal.spi, "big") >= _FIRST_FREE_SPI


def ike_suite(transforms: Sequence[Transform]) -> IkeSuite:
    """The suite of a complete choice for IKE."""
    by_type = _by_type(transforms)
    return IkeSuite(
        encr=by_type[TransformType.ENCR],
        prf=by_type[TransformType.PRF],
        integ=by_type.get(_INTEG),
        ke=by_type[_KE],
        additional=tuple([by_type[kind] for kind in ADDITIONAL_KE if kind in by_type]),
    )


def child_suite(protocol: Protocol, transforms: Sequence[Transform]) -> ChildSuite:
    """The suite of a complete choice for ESP or AH."""
    by_type = _by_type(transforms)
    return ChildSuite(
        protocol=protocol,
        encr=by_type.get(TransformType.ENCR),
        integ=by_type.get(_INTEG),
        ke=by_type.get(_KE),
        esn=by_type[TransformType.ESN].id == EsnId.EXT_SEQ,
        additional=tuple([by_type[kind] for kind in ADDITIONAL_KE if kind in by_type]),
    )


def _by_type(transforms: Sequence[Transform]) -> dict[TransformType, Transform]:
    """Transforms by type, without the ones that mean NONE."""
    return {t.type: t for t in transforms if t.id != _NONE_ID or t.type == TransformType.ESN}
