"""Phase 2: what we offer, what we choose, and whether an answer is what we offered (RFC 2407, RFC 2409 section 5.5).

A bundle is what must be taken together: proposals of the same number (RFC 2408 section 4.2), such as AH and ESP, or ESP
and compression. Whose order decides is as in IKEv2: that of our configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import islice
from typing import NamedTuple

from ikeengine.errors import NoProposalChosen
from ikeengine.ikev1.proposals.bundles import PROTOCOL_ID, PROTOCOL_OF, Bundle, Part, read_bundle, spis_are_sane
from ikeengine.ikev1.proposals.child_transforms import ChildTransform, Common, write_transform
from ikeengine.ikev1.proposals.lifetime import DEFAULT_SECONDS, Lifetime
from ikeengine.ikev1.proposals.modes import Encapsulation, number_of
from ikeengine.ikev1.proposals.wishes import Spis, Wishes
from ikeengine.ikev1.wire.payloads.sa import ProposalPayload, Sa, TransformPayload
from ikeengine.model.proposal import ChildSuite
from ikeengine.registry import Protocol

MOST_OFFERED = 32
"""Transforms of one protocol that we offer, so that the message stays small."""

_ORDER = (Protocol.ESP, Protocol.AH, Protocol.IPCOMP)


class Choice(NamedTuple):
    """A Child SA as both sides want it. ESP comes before the AH around it."""

    suites: tuple[ChildSuite, ...]
    peer_spis: tuple[bytes, ...]
    """The SPI that the peer chose for each suite."""
    peer_cpi: int
    """The CPI that the peer chose; 0 without compression."""
    encapsulation: Encapsulation
    life: Lifetime
    """The peer's, with the seconds of RFC 2407 section 4.5 if it says none."""

    @property
    def group(self) -> int | None:
        """The group of the KE payloads; None without PFS."""
        return _group(self.suites[0])


def offer(wishes: Wishes, spis: Spis, group: int | None) -> Sa:
    """The SA payload of an initiator. Raises NoProposalChosen if IKEv1 has no numbers for what we want.

    With compression there is a second bundle without, for a peer that cannot expand.
    """
    common = Common(group, number_of(wishes.encapsulation, draft=wishes.draft), wishes.life)
    proposals: list[ProposalPayload] = []
    for number, protocols in enumerate(wishes.bundles(), 1):
        transforms = {protocol: _transforms(wishes, protocols, protocol, common) for protocol in protocols}
        if all(transforms.values()):
            proposals += [ProposalPayload(number, PROTOCOL_ID[p], transforms[p], spis[p]) for p in protocols]
    if not proposals:
        raise NoProposalChosen("none of our proposals can be used with IKEv1")
    return Sa(tuple(proposals))


def _transforms(
    wishes: Wishes, protocols: Sequence[Protocol], protocol: Protocol, common: Common
) -> tuple[TransformPayload, ...]:
    ours: Iterable[ChildSuite | None] = (None,)
    if protocol == Protocol.IPCOMP:
        # Compression has no keys, so it has no group either; strongSwan would not understand one.
        common = common._replace(group=None)
    elif protocol == protocols[0]:
        mains = wishes.main_suites(protocol, with_ke=common.group is not None)
        ours = (suite for suite in mains if _group(suite) == common.group)
    elif protocol == Protocol.AH:
        ours = wishes.ah_suites(common.group)
    every = islice(_without_optional_esn(dict.fromkeys(ours)), MOST_OFFERED)
    return tuple(write_transform(number, suite, common) for number, suite in enumerate(every, 1))


def _without_optional_esn(ours: Mapping[ChildSuite | None, None]) -> Iterator[ChildSuite | None]:
    """All but the suites with extended sequence numbers that we want without them too.

    A peer that does not know the attribute must end the negotiation instead of choosing another transform (RFC 2407
    section 4.5.3), so it is sent only where there is no other way.
    """
    return (suite for suite in ours if not (suite and suite.esn and replace(suite, esn=False) in ours))


def select(sa: Sa, wishes: Wishes, spis: Spis, *, with_ke: bool) -> tuple[Sa, Choice]:
    """The SA payload to answer with, and what it means.

    `with_ke` says whether there is a KE payload, without which no transform with a group can be chosen and with which
    no other. Transforms go back as they came. Raises NoProposalChosen, which `explain` explains, and InvalidSyntax.
    """
    offered = [_Offered.read(payloads, wishes.encapsulation) for payloads in sa.bundles]
    for protocols in wishes.bundles():
        fitting = [one for one in offered if one.bundle and one.bundle.keys() == set(protocols)]
        for main in wishes.main_suites(protocols[0], with_ke=with_ke) if fitting else ():
            for one in fitting:
                places = _choose(one, wishes, protocols, main)
                if places is not None:
                    return _answer(one, places, spis), _choice(one.bundle, places, wishes.encapsulation)
    raise NoProposalChosen("none of the offered proposals is acceptable")


_Places = dict[tuple[ChildSuite | None, int | None], int]
"""Where in the list of a protocol a suite with a group is."""


class _Offered(NamedTuple):
    """A bundle of the peer; empty if there is something in it that we do not know or its SPIs are wrong."""

    payloads: Sequence[ProposalPayload]
    bundle: Bundle
    places: dict[Protocol, _Places]

    @classmethod
    def read(cls, payloads: Sequence[ProposalPayload], encapsulation: Encapsulation) -> _Offered:
        bundle = read_bundle(payloads)
        if bundle is None or not spis_are_sane(bundle):
            bundle = {}
        return cls(payloads, bundle, {protocol: _places(part, encapsulation) for protocol, part in bundle.items()})


def _places(part: Part, encapsulation: Encapsulation) -> _Places:
    places: _Places = {}
    for place, transform in enumerate(part.transforms):
        if transform is not None and transform.encapsulation in (None, encapsulation):
            places.setdefault((transform.suite, transform.group if transform.suite is not None else None), place)
    return places


def _choose(
    offered: _Offered, wishes: Wishes, protocols: Sequence[Protocol], main: ChildSuite
) -> dict[Protocol, int] | None:
    """The place of a transform for each protocol of a bundle, of which that of the main protocol is given."""
    group = _group(main)
    chosen = {}
    for protocol in protocols:
        wanted: Iterable[ChildSuite | None] = (None,)
        if protocol == protocols[0]:
            wanted = (main,)
        elif protocol == Protocol.AH:
            wanted = wishes.ah_suites(group)
        places = offered.places[protocol]
        keys = ((suite, group if suite is not None else None) for suite in wanted)
        found = next((places[key] for key in keys if key in places), None)
        if found is None:
            return None
        chosen[protocol] = found
    return chosen


def _answer(offered: _Offered, places: dict[Protocol, int], spis: Spis) -> Sa:
    """The proposals in the order in which they came, each with its transform and our SPI."""
    answer = []
    for payload in offered.payloads:
        protocol = PROTOCOL_OF[payload.protocol]
        transform = payload.transforms[places[protocol]]
        answer.append(ProposalPayload(payload.number, payload.protocol, (transform,), spis[protocol]))
    return Sa(tuple(answer))


def accept(answer: Sa, offered: Sa, encapsulation: Encapsulation) -> Choice:
    """What the answer to our offer means; its lifetime may be another one than ours.

    Raises NoProposalChosen if it is not one of our bundles with one of our transforms for each protocol.
    """
    bundle = read_bundle(answer.bundles[0]) if answer.proposals else None
    if not bundle or not spis_are_sane(bundle) or not _only_less(bundle, answer.bundles[1:]):
        raise NoProposalChosen("the answer does not hold one proposal for each of its protocols, with sane SPIs")
    if any(len(part.transforms) != 1 for part in bundle.values()):
        raise NoProposalChosen("the answer holds more than one transform for a protocol")
    if not any(_is_part_of(bundle, read_bundle(payloads) or {}) for payloads in offered.bundles):
        raise NoProposalChosen("the answer holds a transform or a combination of protocols that we did not offer")
    return _choice(bundle, dict.fromkeys(bundle, 0), encapsulation)


def _only_less(chosen: Bundle, others: Iterable[Sequence[ProposalPayload]]) -> bool:
    """Whether further bundles of an answer say nothing new: strongSwan repeats its ESP without compression."""
    for payloads in others:
        other = read_bundle(payloads)
        if not other or any(chosen.get(protocol) != part for protocol, part in other.items()):
            return False
    return True


def _is_part_of(answer: Bundle, ours: Bundle) -> bool:
    """Whether an answer has the protocols of a bundle of ours, and for each one of its transforms, but for its life."""
    return answer.keys() == ours.keys() and all(
        transform is not None
        and any(one is not None and _means_same(one, transform) for one in ours[protocol].transforms)
        for protocol, transform in ((protocol, part.transforms[0]) for protocol, part in answer.items())
    )


def _means_same(one: ChildTransform, other: ChildTransform) -> bool:
    """Whether two transforms say the same but for their life; a group says nothing about compression."""
    if one.suite is None and other.suite is None:
        return one.encapsulation == other.encapsulation
    return one[:-1] == other[:-1]


def _choice(bundle: Bundle, places: dict[Protocol, int], encapsulation: Encapsulation) -> Choice:
    chosen = [(bundle[protocol], places[protocol]) for protocol in _ORDER if protocol in places]
    transforms = [(part.spi, one) for part, place in chosen if (one := part.transforms[place]) is not None]
    sas = [(spi, one.suite) for spi, one in transforms if one.suite is not None]
    life = reduce(Lifetime.shorter, [one.life for _spi, one in transforms])
    return Choice(
        suites=tuple(suite for _spi, suite in sas),
        peer_spis=tuple(spi for spi, _suite in sas),
        peer_cpi=int.from_bytes(bundle[Protocol.IPCOMP].spi, "big") if Protocol.IPCOMP in places else 0,
        encapsulation=encapsulation,
        life=Lifetime(life.seconds or DEFAULT_SECONDS, life.kilobytes),
    )


def _group(suite: ChildSuite) -> int | None:
    return None if suite.ke is None else suite.ke.id
