"""ikev1.proposals.child, wishes, bundles, modes and child_transforms."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.errors import InvalidSyntax, NoProposalChosen
from ikeengine.ikev1.proposals import child
from ikeengine.ikev1.proposals.lifetime import Lifetime
from ikeengine.ikev1.proposals.modes import MEANING, Encapsulation, number_of
from ikeengine.ikev1.proposals.wishes import Wishes, pfs_group
from ikeengine.ikev1.wire.algorithms import EncapsulationMode, Phase2Attribute
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.numbers import ProtocolId
from ikeengine.ikev1.wire.payloads.sa import ProposalPayload, Sa, TransformPayload
from ikeengine.model.connection import Mode
from ikeengine.negotiate.proposals import DEFAULT_ESP, format_suite, parse_ah, parse_esp
from ikeengine.registry import KeId, Protocol
from ikeengine.wire.reader import Reader

TUNNEL, TRANSPORT = Encapsulation(Mode.TUNNEL, udp=False), Encapsulation(Mode.TRANSPORT, udp=False)
UDP_TUNNEL = Encapsulation(Mode.TUNNEL, udp=True)
HOUR = Lifetime(3600)
OURS = {Protocol.ESP: b"\xaa\0\0\1", Protocol.AH: b"\xaa\0\0\2", Protocol.IPCOMP: b"\xaa\3"}
PEERS = {Protocol.ESP: b"\xbb\0\0\1", Protocol.AH: b"\xbb\0\0\2", Protocol.IPCOMP: b"\xbb\3"}
AH_WORDS = ("md5", "sha1", "sha256", "aesxcbc")
GROUP = Attribute(Phase2Attribute.GROUP_DESCRIPTION, 14)


def wishes(
    *texts: str, ah: str = "", ipcomp: bool = False, encapsulation: Encapsulation = TUNNEL, draft: bool = False
) -> Wishes:
    proposals = tuple(parse_ah(text) if text.split("-")[0] in AH_WORDS else parse_esp(text) for text in texts)
    return Wishes(proposals, encapsulation, HOUR, (parse_ah(ah),) if ah else (), ipcomp, draft)


def offered(wanted: Wishes) -> Sa:
    return child.offer(wanted, PEERS, pfs_group(wanted.proposals))


def select(sa: Sa, wanted: Wishes, *, with_ke: bool = False) -> tuple[Sa, child.Choice]:
    return child.select(sa, wanted, OURS, with_ke=with_ke)


def attributes(transform: TransformPayload) -> dict[int, int]:
    return {one.kind: one.number for one in transform.attributes}


def changed(sa: Sa, *more: Attribute, drop: int = 0, at: int = 0) -> Sa:
    """The SA payload with attributes added to or dropped from the first transform of one of its proposals."""
    proposal = sa.proposals[at]
    first = proposal.transforms[0]
    kept = tuple(one for one in first.attributes if one.kind != drop)
    other = replace(proposal, transforms=(replace(first, attributes=kept + more), *proposal.transforms[1:]))
    return Sa((*sa.proposals[:at], other, *sa.proposals[at + 1 :]))


def test_the_attributes_of_esp() -> None:
    sa = offered(wishes("aes256-sha256-modp2048-esn"))
    (proposal,) = sa.proposals
    assert (proposal.number, proposal.protocol, proposal.spi) == (1, ProtocolId.ESP, PEERS[Protocol.ESP])
    (transform,) = proposal.transforms
    assert transform.id == 12
    assert attributes(transform) == {1: 1, 2: 3600, 4: 1, 3: 14, 6: 256, 5: 5, 11: 1}
    assert Sa.read(Reader(sa.write())) == sa


@pytest.mark.parametrize(
    ("text", "transform_id", "expected"),
    [
        ("des-md5", 2, {5: 1}),
        ("3des-sha1", 3, {5: 2}),
        ("null-sha384", 11, {5: 6}),
        ("aes192ctr-sha512", 13, {5: 7, 6: 192}),
        ("aes128gcm16", 20, {6: 128}),
        ("aes256ccm8", 14, {6: 256}),
        ("sha1", 3, {5: 2}),
        ("aesxcbc", 9, {5: 9}),
        ("sha256-esn", 5, {5: 5, 11: 1}),
    ],
)
def test_numbers_of_transforms(text: str, transform_id: int, expected: dict[int, int]) -> None:
    wanted = wishes(text)
    (transform,) = offered(wanted).proposals[0].transforms
    assert transform.id == transform_id
    assert attributes(transform) == {1: 1, 2: 3600, 4: 1} | expected
    assert select(offered(wanted), wanted)[1].suites[0].protocol == wanted.proposals[0].protocol


def test_bundles_have_one_number_and_compression_can_be_left_out() -> None:
    sa = offered(wishes("aes128-sha1", ah="sha256", ipcomp=True))
    protocols = [(proposal.number, proposal.protocol.name, proposal.spi) for proposal in sa.proposals]
    assert protocols == [
        (1, "ESP", PEERS[Protocol.ESP]),
        (1, "AH", PEERS[Protocol.AH]),
        (1, "IPCOMP", PEERS[Protocol.IPCOMP]),
        (2, "ESP", PEERS[Protocol.ESP]),
        (2, "AH", PEERS[Protocol.AH]),
    ]
    assert sa.proposals[2].transforms[0].id == 2
    assert attributes(sa.proposals[2].transforms[0]) == {1: 1, 2: 3600, 4: 1}


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("aes128-sha1", None),
        ("aes128-sha1-modp2048-modp1024", KeId.MODP_2048),
        ("aes128-sha1-modp2048-none", None),
        ("aes128-sha1-none", None),
    ],
)
def test_pfs_is_left_out_where_it_may_be(text: str, group: int | None) -> None:
    wanted = wishes(text, "aes128-sha256-modp1024")
    assert pfs_group(wanted.proposals) == group
    groups = {
        attributes(transform).get(Phase2Attribute.GROUP_DESCRIPTION)
        for proposal in offered(wanted).proposals
        for transform in proposal.transforms
    }
    assert groups == {group}


def test_the_group_is_in_every_transform_but_that_of_compression() -> None:
    sa = offered(wishes("aes128-sha1-modp2048", ah="sha1-md5", ipcomp=True))
    for proposal in sa.proposals:
        has_group = proposal.protocol is not ProtocolId.IPCOMP
        assert all((GROUP in transform.attributes) is has_group for transform in proposal.transforms)


def test_extended_sequence_numbers_are_offered_only_if_there_is_no_other_way() -> None:
    assert len(offered(wishes("aes128-aes256-sha1-esn-noesn")).proposals[0].transforms) == 2
    optional = wishes("aes128-sha1-esn-noesn")
    (transform,) = offered(optional).proposals[0].transforms
    assert Phase2Attribute.EXTENDED_SEQUENCE_NUMBER not in attributes(transform)
    assert select(offered(wishes("aes128-sha1-esn")), optional)[1].suites[0].esn
    assert not select(offered(wishes("aes128-sha1")), optional)[1].suites[0].esn


def test_the_defaults_fit_into_a_message() -> None:
    wanted = Wishes(DEFAULT_ESP, TUNNEL, HOUR)
    assert len(offered(wanted).write()) < 400
    many = Wishes(
        (parse_esp("aes128-aes192-aes256-3des-des-null-md5-sha1-sha256-sha384-sha512-aesxcbc"),), TUNNEL, HOUR
    )
    assert len(offered(many).proposals[0].transforms) == child.MOST_OFFERED


def test_nothing_to_offer() -> None:
    for text in ("chacha20poly1305", "aes128-aescmac", "aes128-sha1-x25519-ke1_mlkem768"):
        wanted = Wishes((parse_esp(text),), TUNNEL, HOUR)
        with pytest.raises(NoProposalChosen, match="IKEv1"):
            offered(wanted)


def test_our_order_decides_and_the_transform_goes_back_with_our_spi() -> None:
    offer = offered(wishes("3des-aes256-aes128-sha1-sha256"))
    answer, choice = select(offer, wishes("aes128-sha256", "aes256-sha1"))
    transform = next(one for one in offer.proposals[0].transforms if attributes(one).get(6) == 128 and one.number == 6)
    assert answer == Sa((ProposalPayload(1, ProtocolId.ESP, (transform,), OURS[Protocol.ESP]),))
    assert [format_suite(suite) for suite in choice.suites] == ["aes128-sha256"]
    assert choice.peer_spis == (PEERS[Protocol.ESP],)
    assert (choice.peer_cpi, choice.encapsulation, choice.life, choice.group) == (0, TUNNEL, HOUR, None)


def test_a_bundle_is_taken_as_a_whole() -> None:
    wanted = wishes("aes128-sha1-modp2048", ah="sha256-sha1", ipcomp=True)
    answer, choice = select(offered(wanted), wanted, with_ke=True)
    assert [format_suite(suite) for suite in choice.suites] == ["aes128-sha1-modp2048", "sha256-modp2048"]
    assert choice.peer_spis == (PEERS[Protocol.ESP], PEERS[Protocol.AH])
    assert (choice.peer_cpi, choice.group) == (0xBB03, 14)
    assert [(p.number, p.spi, len(p.transforms)) for p in answer.proposals] == [
        (1, OURS[Protocol.ESP], 1),
        (1, OURS[Protocol.AH], 1),
        (1, OURS[Protocol.IPCOMP], 1),
    ]
    accepted = child.accept(answer, offered(wanted), TUNNEL)
    assert accepted == choice._replace(peer_spis=(OURS[Protocol.ESP], OURS[Protocol.AH]), peer_cpi=0xAA03)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (wishes("aes128-sha1", ah="sha1"), wishes("aes128-sha1")),
        (wishes("aes128-sha1"), wishes("aes128-sha1", ah="sha1")),
        (wishes("sha1"), wishes("aes128-sha1")),
        (wishes("aes128-sha1", ah="sha256"), wishes("aes128-sha1", ah="sha1")),
        (wishes("aes128-sha1", encapsulation=TRANSPORT), wishes("aes128-sha1")),
        (wishes("aes128-sha1", encapsulation=UDP_TUNNEL), wishes("aes128-sha1")),
        (wishes("aes128-sha1-esn"), wishes("aes128-sha1")),
        (wishes("aes128-sha1-modp2048"), wishes("aes128-sha1")),
        (wishes("aes128-sha1-modp2048"), wishes("aes128-sha1-modp1024")),
        (wishes("aes128-sha1"), wishes("aes128-sha1-modp2048")),
    ],
)
def test_what_does_not_fit(theirs: Wishes, ours: Wishes) -> None:
    for with_ke in (False, True):
        with pytest.raises(NoProposalChosen):
            select(offered(theirs), ours, with_ke=with_ke)


@pytest.mark.parametrize(("theirs", "cpi"), [(True, 0xBB03), (False, 0)])
def test_compression_is_optional(theirs: bool, cpi: int) -> None:
    offer = offered(wishes("aes128-sha1", ipcomp=theirs))
    answer, choice = select(offer, wishes("aes128-sha1", ipcomp=True))
    assert choice.peer_cpi == cpi
    assert len(answer.proposals) == (2 if theirs else 1)
    answer, choice = select(offer, wishes("aes128-sha1"))
    assert choice.peer_cpi == 0
    assert [proposal.number for proposal in answer.proposals] == [2 if theirs else 1]


def test_a_group_goes_with_a_ke_payload() -> None:
    optional = wishes("aes128-sha1-modp2048-none")
    with_group, without = offered(wishes("aes128-sha1-modp2048")), offered(wishes("aes128-sha1"))
    assert select(with_group, optional, with_ke=True)[1].group == 14
    assert select(without, optional)[1].group is None
    for sa, with_ke in ((with_group, False), (without, True)):
        with pytest.raises(NoProposalChosen):
            select(sa, optional, with_ke=with_ke)


@pytest.mark.parametrize("draft", [False, True])
def test_modes_in_udp_have_two_numbers(draft: bool) -> None:
    offer = offered(wishes("aes128-sha1", encapsulation=UDP_TUNNEL, draft=draft))
    mode = attributes(offer.proposals[0].transforms[0])[Phase2Attribute.ENCAPSULATION_MODE]
    assert mode == (EncapsulationMode.UDP_TUNNEL_DRAFT if draft else EncapsulationMode.UDP_TUNNEL)
    answer, choice = select(offer, wishes("aes128-sha1", encapsulation=UDP_TUNNEL))
    assert choice.encapsulation == UDP_TUNNEL
    assert child.accept(answer, offer, UDP_TUNNEL).encapsulation == UDP_TUNNEL


def test_every_mode_has_a_number_that_means_it() -> None:
    for encapsulation in MEANING.values():
        for draft in (False, True):
            assert MEANING[number_of(encapsulation, draft=draft)] == encapsulation
    assert number_of(TUNNEL, draft=True) == EncapsulationMode.TUNNEL


def test_a_peer_may_leave_the_mode_to_us_but_not_change_it() -> None:
    offer = offered(wishes("aes128-sha1"))
    silent = changed(offer, drop=Phase2Attribute.ENCAPSULATION_MODE)
    assert select(silent, wishes("aes128-sha1", encapsulation=TRANSPORT))[1].encapsulation == TRANSPORT
    with pytest.raises(NoProposalChosen):
        child.accept(silent, offer, TUNNEL)


def test_a_lifetime_that_is_not_said_has_a_value() -> None:
    silent = changed(offered(wishes("aes128-sha1")), drop=Phase2Attribute.SA_LIFE_DURATION)
    assert select(silent, wishes("aes128-sha1"))[1].life == Lifetime(28800)
    volume = changed(silent, Attribute(1, 2), Attribute(2, 1000))
    assert select(volume, wishes("aes128-sha1"))[1].life == Lifetime(28800, 1000)


@pytest.mark.parametrize(
    ("wanted", "at", "more", "drop"),
    [
        (wishes("aes128-sha1"), 0, (Attribute(7, 10),), 0),
        (wishes("aes128-sha1"), 0, (Attribute(99, b"long value"),), 0),
        (wishes("aes128-sha1"), 0, (Attribute(4, 1),), 0),
        (wishes("aes128-sha1"), 0, (Attribute(4, 9),), 4),
        (wishes("aes128-sha1"), 0, (), 5),
        (wishes("aes128-sha1"), 0, (), 6),
        (wishes("aes128-sha1"), 0, (Attribute(5, 4),), 5),
        (wishes("3des-sha1"), 0, (Attribute(6, 192),), 0),
        (wishes("sha1"), 0, (Attribute(6, 128),), 0),
        (wishes("sha1"), 0, (Attribute(5, 1),), 5),
        (wishes("aes128gcm16"), 0, (Attribute(5, 2),), 0),
        (wishes("aes128-sha1", ah="sha1"), 1, (Attribute(77, 1),), 0),
    ],
)
def test_a_transform_that_says_more_or_less_than_it_should_is_not_chosen(
    wanted: Wishes, at: int, more: tuple[Attribute, ...], drop: int
) -> None:
    sa = changed(offered(wanted), *more, drop=drop, at=at)
    with pytest.raises(NoProposalChosen):
        select(sa, wanted)
    with pytest.raises(NoProposalChosen):
        child.accept(sa, offered(wanted), TUNNEL)


def test_a_group_says_nothing_about_compression() -> None:
    wanted = wishes("aes128-sha1", ipcomp=True)
    sa = Sa(changed(offered(wanted), GROUP, at=1).proposals[:2])
    assert select(sa, wanted)[1].peer_cpi


def test_what_strongswan_answers_to_compression() -> None:
    """It repeats its ESP as a bundle of its own, without compression; compression is what it has chosen."""
    offer = offered(wishes("aes128-sha1", ipcomp=True))
    assert len(offer.bundles) == 2
    assert child.accept(offer, offer, TUNNEL).peer_cpi
    other_spi = replace(offer.proposals[2], spi=b"\1\2\3\4")
    with pytest.raises(NoProposalChosen):
        child.accept(Sa((*offer.proposals[:2], other_spi)), offer, TUNNEL)


def test_other_sequence_numbers_end_the_negotiation() -> None:
    sa = changed(offered(wishes("aes128-sha1-sha256")), Attribute(Phase2Attribute.EXTENDED_SEQUENCE_NUMBER, 2))
    with pytest.raises(NoProposalChosen, match="RFC 4304"):
        select(sa, wishes("aes128-sha256"))


def test_conflicting_lifetimes_are_malformed() -> None:
    sa = changed(offered(wishes("aes128-sha1")), Attribute(1, 1), Attribute(2, 5))
    with pytest.raises(InvalidSyntax):
        select(sa, wishes("aes128-sha1"))


@pytest.mark.parametrize("spi", [b"\0\0\0\xff", b"\0\0\1", b"", b"\1" * 8])
def test_spis_must_be_sane(spi: bytes) -> None:
    good = offered(wishes("aes128-sha1"))
    sa = Sa((replace(good.proposals[0], spi=spi),))
    with pytest.raises(NoProposalChosen):
        select(sa, wishes("aes128-sha1"))
    with pytest.raises(NoProposalChosen, match="SPI"):
        child.accept(sa, good, TUNNEL)


@pytest.mark.parametrize(
    ("cpi", "number"), [(b"\1\2", 258), (b"\0\0\1\2", 258), (b"\0\2", 0), (b"\xf0\0", 0), (b"\1", 0)]
)
def test_cpis_have_two_octets_or_four(cpi: bytes, number: int) -> None:
    wanted = wishes("aes128-sha1", ipcomp=True)
    esp, ipcomp, _rest = offered(wanted).proposals
    sa = Sa((esp, replace(ipcomp, spi=cpi)))
    if number:
        assert select(sa, wanted)[1].peer_cpi == number
    else:
        with pytest.raises(NoProposalChosen):
            select(sa, wanted)


def test_unknown_protocols_spoil_their_bundle_only() -> None:
    good = offered(wishes("aes128-sha1")).proposals[0]
    strange = ProposalPayload(1, ProtocolId(9), good.transforms, b"\1\2\3\4")
    answer, _choice = select(Sa((good, strange, replace(good, number=2))), wishes("aes128-sha1"))
    assert [proposal.number for proposal in answer.proposals] == [2]
    with pytest.raises(NoProposalChosen):
        select(Sa((good, good)), wishes("aes128-sha1"))


@pytest.mark.parametrize(
    "answer",
    [
        Sa(()),
        offered(wishes("aes256-sha1")),
        offered(wishes("sha1")),
        offered(wishes("aes128-sha1", ah="sha1")),
        offered(wishes("aes128-sha1", "aes128-sha256")),
        offered(wishes("aes128-sha1", ipcomp=True)),
        offered(wishes("aes128-sha1-modp2048")),
        offered(wishes("aes128-sha1", encapsulation=UDP_TUNNEL)),
        Sa(offered(wishes("aes128-sha1")).proposals * 2),
    ],
)
def test_any_other_answer_is_refused(answer: Sa) -> None:
    with pytest.raises(NoProposalChosen):
        child.accept(answer, offered(wishes("aes128-sha1", "aes128-sha256")), TUNNEL)


def test_an_answer_may_have_another_order_number_and_lifetime() -> None:
    offer = offered(wishes("aes128-sha1-sha256"))
    transform = offer.proposals[0].transforms[1]
    backwards = tuple(one for one in reversed(transform.attributes) if one.kind > 2)
    other = TransformPayload(1, transform.id, (Attribute(1, 2), Attribute(2, 100), *backwards))
    answer = Sa((ProposalPayload(1, ProtocolId.ESP, (other,), OURS[Protocol.ESP]),))
    choice = child.accept(answer, offer, TUNNEL)
    assert format_suite(choice.suites[0]) == "aes128-sha256"
    assert choice.life == Lifetime(28800, 100)


WORDS = st.builds(
    "-".join,
    st.tuples(
        st.sampled_from(["des", "3des", "aes128", "aes256", "aes256-3des", "aes128ctr"]),
        st.sampled_from(["md5", "sha1", "sha256-sha512", "aesxcbc"]),
        st.sampled_from(["modp1024", "modp2048-none", "none", "ecp256-modp2048"]),
        st.sampled_from(["esn", "noesn", "esn-noesn"]),
    ),
)
WISHES = st.builds(
    Wishes,
    proposals=st.lists(WORDS.map(parse_esp), min_size=1, max_size=2).map(tuple),
    encapsulation=st.sampled_from([TUNNEL, UDP_TUNNEL]),
    life=st.builds(Lifetime, st.integers(1, 2**32 - 1), st.integers(0, 2**20)),
    ah=st.sampled_from([(), (parse_ah("sha1-md5"),)]),
    ipcomp=st.booleans(),
    draft=st.booleans(),
)


@given(WISHES, WISHES)
def test_what_is_chosen_is_wanted_by_both(theirs: Wishes, ours: Wishes) -> None:
    group = pfs_group(theirs.proposals)
    offer = child.offer(theirs, PEERS, group)
    try:
        answer, choice = child.select(offer, ours, OURS, with_ke=group is not None)
    except NoProposalChosen:
        return
    for suite, wanted in ((suite, wanted) for suite in choice.suites for wanted in (theirs, ours)):
        lists = (
            wanted.ah_suites(group)
            if suite.protocol == Protocol.AH
            else (wanted.main_suites(suite.protocol, with_ke=group is not None))
        )
        assert suite in list(lists)
    assert choice.group == group
    assert bool(choice.peer_cpi) == (theirs.ipcomp and ours.ipcomp)
    accepted = child.accept(Sa.read(Reader(answer.write())), offer, theirs.encapsulation)
    assert accepted.suites == choice.suites
    assert accepted.life == choice.life == theirs.life


@given(WISHES)
def test_a_peer_with_the_same_wishes_agrees(wanted: Wishes) -> None:
    group = pfs_group(wanted.proposals)
    offer = child.offer(wanted, PEERS, group)
    _answer, choice = child.select(offer, wanted, OURS, with_ke=group is not None)
    assert len(choice.suites) == (2 if wanted.ah else 1)
