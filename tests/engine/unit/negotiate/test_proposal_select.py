"""negotiate.proposal_select, proposal_match and proposal_accept: the choice and its check (RFC 7296 section 3.3.6)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.errors import NoProposalChosen
from ikeengine.model.proposal import Proposal, Transform
from ikeengine.negotiate.proposals import (
    DEFAULT_AH,
    DEFAULT_ESP,
    DEFAULT_IKE,
    accept_child,
    accept_ike,
    format_proposal,
    format_suite,
    nearest,
    offer,
    parse_ah,
    parse_esp,
    parse_ike,
    select_child,
    select_ike,
)
from ikeengine.registry import EncrId, KeId, Protocol, TransformType

SPI = b"\xc0\xff\xee\x01"
PEER_SPI = b"\xc0\xff\xee\x02"

ENCR, PRF, INTEG, KE, ESN = (
    TransformType.ENCR,
    TransformType.PRF,
    TransformType.INTEG,
    TransformType.KE,
    TransformType.ESN,
)
INTEG_NONE = Transform(INTEG, 0)
KE_NONE = Transform(KE, 0)


def ike(*texts: str) -> tuple[Proposal, ...]:
    return offer([parse_ike(text) for text in texts])


def esp(*texts: str, with_ke: bool = True) -> tuple[Proposal, ...]:
    return offer([parse_esp(text) for text in texts], spi=SPI, with_ke=with_ke)


def add(proposal: Proposal, *transforms: Transform) -> Proposal:
    return replace(proposal, transforms=proposal.transforms + transforms)


def without(proposal: Proposal, kind: TransformType) -> Proposal:
    return replace(proposal, transforms=tuple(t for t in proposal.transforms if t.type != kind))


def chosen_ike(offered: Sequence[Proposal], configured: Sequence[Proposal]) -> str:
    answer, suite = select_ike(offered, configured)
    assert format_suite(suite) == format_proposal(answer)
    return format_suite(suite)


def chosen_esp(offered: Sequence[Proposal], configured: Sequence[Proposal], *, with_ke: bool = True) -> str:
    return format_suite(select_child(offered, configured, with_ke=with_ke)[1])


def select(offered: Sequence[Proposal], configured: Sequence[Proposal]) -> object:
    if configured[0].protocol == Protocol.IKE:
        return select_ike(offered, configured)
    return select_child(offered, configured, with_ke=True)


def refused(offered: Sequence[Proposal], configured: Sequence[Proposal]) -> None:
    with pytest.raises(NoProposalChosen):
        select(offered, configured)


# The responder's choice


def test_one_transform_per_type_and_the_same_number() -> None:
    offered = ike("3des-sha1-modp1024", "aes128-aes256-sha256-sha512-x25519-ecp256")
    answer, suite = select_ike(offered, ike("aes256-sha512-ecp256"))
    assert answer.number == 2
    assert format_proposal(answer) == "aes256-sha512-ecp256"
    assert (suite.encr.key_length, suite.ke.id) == (256, KeId.ECP_256)
    assert len({t.type for t in answer.transforms}) == len(answer.transforms) == 4


def test_our_order_decides_not_the_peers() -> None:
    configured = ike("aes256-sha512-x25519", "aes128-sha256-ecp256")
    assert chosen_ike(ike("aes128-sha256-ecp256", "aes256-sha512-x25519"), configured) == "aes256-sha512-x25519"
    offered = ike("aes128-aes256-sha256-sha512-ecp256-x25519")
    assert chosen_ike(offered, ike("aes256-aes128-sha512-sha256-x25519-ecp256")) == "aes256-sha512-x25519"


def test_no_common_transform_of_one_type() -> None:
    for configured in ("aes256-sha256-x25519", "aes128-sha512-x25519", "aes128-sha256-ecp256"):
        refused(ike("aes128-sha256-x25519"), ike(configured))
    refused(ike("aes128-sha256-prfsha512-x25519"), ike("aes128-sha256-x25519"))
    refused((), ike("aes128-sha256-x25519"))


def test_transforms_of_different_proposals_are_not_combined() -> None:
    refused(ike("aes128-sha256-ecp256", "aes256-sha256-x25519"), ike("aes128-sha256-x25519"))


@pytest.mark.parametrize("kind", [ENCR, PRF, INTEG, KE])
def test_ike_proposal_without_a_mandatory_type(kind: TransformType) -> None:
    configured = ike("aes128-sha256-x25519")
    refused([without(configured[0], kind)], configured)


@pytest.mark.parametrize("kind", [ENCR, INTEG, ESN])
def test_esp_proposal_without_a_mandatory_type(kind: TransformType) -> None:
    configured = esp("aes128-sha256")
    refused([without(configured[0], kind)], configured)


def test_a_transform_type_that_we_do_not_know_spoils_its_proposal_only() -> None:
    plain = ike("aes128-sha256-x25519", "aes128-sha256-x25519")
    strange = add(plain[0], Transform(TransformType(77), 1))
    refused([strange], plain)
    assert select_ike([strange, plain[1]], plain)[0].number == 2


def test_a_transform_type_of_another_protocol_spoils_its_proposal() -> None:
    refused([add(ike("aes128-sha256-x25519")[0], Transform(ESN, 0))], ike("aes128-sha256-x25519"))
    refused([add(esp("aes128-sha256")[0], Transform(PRF, 5))], esp("aes128-sha256"))


def test_a_transform_id_that_we_do_not_know_spoils_nothing() -> None:
    offered = add(ike("aes128-sha256-x25519")[0], Transform(ENCR, 4711), Transform(KE, 4711))
    assert chosen_ike([offered], ike("aes128-sha256-x25519")) == "aes128-sha256-x25519"


def test_a_transform_with_unknown_attributes_is_never_chosen() -> None:
    configured = ike("aes256-aes128-sha256-x25519")
    strange = Transform(ENCR, EncrId.AES_CBC, 256, b"\x80\x0f\x00\x01")
    offered = ike("aes128-sha256-x25519")[0]
    assert chosen_ike([replace(offered, transforms=(strange, *offered.transforms))], configured).startswith("aes128-")
    only_strange = tuple(strange if t.type == ENCR else t for t in offered.transforms)
    refused([replace(offered, transforms=only_strange)], configured)


def test_an_additional_key_exchange_must_allow_none() -> None:
    """RFC 9370 section 2.2.1: without NONE the additional exchange is mandatory."""
    configured = ike("aes128-sha256-x25519")
    mlkem, none = Transform(TransformType.ADDKE1, KeId.ML_KEM_768), Transform(TransformType.ADDKE1, 0)
    refused([add(configured[0], mlkem)], configured)
    answer, suite = select_ike([add(configured[0], mlkem, none)], configured)
    assert answer.of_type(TransformType.ADDKE1) == (none,)
    assert format_suite(suite) == "aes128-sha256-x25519"


@pytest.mark.parametrize("key_length", [None, 64, 129, 512])
def test_aes_needs_its_key_length(key_length: int | None) -> None:
    configured = ike("aes128-aes192-aes256-sha256-x25519")
    offered = add(without(configured[0], ENCR), Transform(ENCR, EncrId.AES_CBC, key_length))
    refused([offered], configured)


def test_chacha20_must_not_have_a_key_length() -> None:
    configured = ike("chacha20poly1305-prfsha256-x25519")
    refused([add(without(configured[0], ENCR), Transform(ENCR, EncrId.CHACHA20_POLY1305, 256))], configured)


@pytest.mark.parametrize("kind", [PRF, INTEG, KE])
def test_other_transforms_must_not_have_a_key_length(kind: TransformType) -> None:
    configured = ike("aes128-sha256-x25519")
    changed = tuple(replace(t, key_length=128) if t.type == kind else t for t in configured[0].transforms)
    refused([replace(configured[0], transforms=changed)], configured)


def test_combined_modes_take_no_integrity_or_none() -> None:
    configured = ike("aes256gcm16-prfsha256-x25519")
    answer, suite = select_ike([add(configured[0], INTEG_NONE)], configured)
    assert suite.integ is None
    assert answer.of_type(INTEG) == (INTEG_NONE,)
    sha256 = parse_esp("aes128-sha256").of_type(INTEG)[0]
    refused([add(configured[0], sha256)], configured)
    assert select_ike([add(configured[0], sha256, INTEG_NONE)], configured)[0].of_type(INTEG) == (INTEG_NONE,)


def test_classic_ciphers_never_go_without_integrity() -> None:
    configured = esp("aes128-sha256")
    refused([add(without(configured[0], INTEG), INTEG_NONE)], configured)


@pytest.mark.parametrize(
    ("offered", "configured", "chosen"),
    [
        ("aes256gcm16-esn", "aes256gcm16-esn", "aes256gcm16-esn"),
        ("aes256gcm16-esn-noesn", "aes256gcm16-noesn", "aes256gcm16"),
        ("aes256gcm16-noesn-esn", "aes256gcm16-esn-noesn", "aes256gcm16-esn"),
        ("aes256gcm16-noesn", "aes256gcm16-esn", None),
        ("aes256gcm16-esn", "aes256gcm16", None),
    ],
)
def test_extended_sequence_numbers(offered: str, configured: str, chosen: str | None) -> None:
    if chosen is None:
        refused(esp(offered), esp(configured))
    else:
        answer, suite = select_child(esp(offered), esp(configured), with_ke=True)
        assert suite.esn == chosen.endswith("-esn")
        assert format_suite(suite) == chosen
        assert len(answer.of_type(ESN)) == 1


@pytest.mark.parametrize(
    ("offered", "configured", "chosen"),
    [
        ("aes128-sha256-x25519", "aes128-sha256-x25519", "aes128-sha256-x25519"),
        ("aes128-sha256-x25519", "aes128-sha256", None),
        ("aes128-sha256", "aes128-sha256-x25519", None),
        ("aes128-sha256-x25519-none", "aes128-sha256", "aes128-sha256"),
        ("aes128-sha256", "aes128-sha256-x25519-none", "aes128-sha256"),
        ("aes128-sha256-none-x25519", "aes128-sha256-x25519-none", "aes128-sha256-x25519"),
        ("aes128-sha256-x25519-none", "aes128-sha256-none-x25519", "aes128-sha256"),
    ],
)
def test_pfs(offered: str, configured: str, chosen: str | None) -> None:
    if chosen is None:
        refused(esp(offered), esp(configured))
    else:
        assert chosen_esp(esp(offered), esp(configured)) == chosen


def test_a_choice_of_none_is_answered_if_it_was_offered() -> None:
    """RFC 7296 section 3.3.6: one transform of each type that the proposal holds."""
    answer, suite = select_child(esp("aes128-sha256-x25519-none"), esp("aes128-sha256"), with_ke=True)
    assert answer.of_type(KE) == (KE_NONE,)
    assert suite.ke is None
    answer, suite = select_child(esp("aes128-sha256"), esp("aes128-sha256-none"), with_ke=True)
    assert answer.of_type(KE) == ()


def test_key_exchange_methods_do_not_matter_in_ike_auth() -> None:
    offered, configured = esp("aes128-sha256-x25519"), esp("aes128-sha256-ecp256")
    answer, suite = select_child(offered, configured, with_ke=False)
    assert suite.ke is None
    assert answer.of_type(KE) == ()


def test_the_answer_keeps_the_spi_of_the_offer() -> None:
    answer, suite = select_child(esp("aes128-sha256"), esp("aes128-sha256"), with_ke=False)
    assert answer.spi == SPI
    assert suite.protocol == Protocol.ESP


def test_esp_and_ah_are_kept_apart() -> None:
    ah = offer([parse_ah("sha256")], spi=SPI)
    refused(ah, esp("aes128-sha256"))
    assert format_suite(select_child(ah, ah, with_ke=False)[1]) == "sha256"


@pytest.mark.parametrize("spi", [b"", bytes(4), b"\0\0\0\xff", b"\1\2\3", b"\1\2\3\4\5", bytes(8)])
def test_esp_offers_with_a_bad_spi_are_skipped(spi: bytes) -> None:
    configured = esp("aes128-sha256")
    refused([replace(configured[0], spi=spi)], configured)


@pytest.mark.parametrize(("spi", "fine"), [(b"", True), (b"\0" * 7 + b"\1", True), (bytes(8), False), (SPI, False)])
def test_ike_offers_have_no_spi_or_one_of_eight_octets(spi: bytes, fine: bool) -> None:
    configured = ike("aes128-sha256-x25519")
    if fine:
        assert select_ike([replace(configured[0], spi=spi)], configured)[0].spi == spi
    else:
        refused([replace(configured[0], spi=spi)], configured)


def test_a_protocol_that_we_do_not_know_is_skipped() -> None:
    configured = esp("aes128-sha256")
    refused([replace(configured[0], protocol=Protocol(99))], configured)


@pytest.mark.parametrize("defaults", [DEFAULT_IKE, DEFAULT_ESP, DEFAULT_AH])
def test_the_defaults_agree_with_themselves(defaults: tuple[Proposal, ...]) -> None:
    if defaults is DEFAULT_IKE:
        assert chosen_ike(offer(defaults), defaults) == "aes256gcm16-prfsha256-x25519"
    else:
        offered = offer(defaults, spi=SPI)
        assert chosen_esp(offered, defaults).endswith("-x25519-esn")
        assert chosen_esp(offered, defaults, with_ke=False).endswith("-esn")


# The initiator's offer and check


def test_offers_are_numbered_from_one_and_carry_the_spi() -> None:
    proposals = [parse_esp("aes128-sha256-x25519"), parse_esp("aes256gcm16-none-esn")]
    offered = offer(proposals, spi=SPI)
    assert [(p.number, p.spi) for p in offered] == [(1, SPI), (2, SPI)]
    assert [p.transforms for p in offered] == [p.transforms for p in proposals]


def test_offers_for_ike_auth_hold_no_key_exchange() -> None:
    offered = offer([parse_esp("aes128-sha256-x25519-none")], spi=SPI, with_ke=False)
    assert format_proposal(offered[0]) == "aes128-sha256"


def test_a_genuine_answer_is_accepted() -> None:
    offered = ike("aes256gcm16-prfsha256-x25519", "aes128-aes256-sha256-x25519-ecp256")
    answer = ike("aes256-sha256-ecp256")[0]
    accepted, suite = accept_ike([replace(answer, number=2)], offered)
    assert accepted.number == 2
    assert format_suite(suite) == "aes256-sha256-ecp256"


def accept(answer: Sequence[Proposal], offered: Sequence[Proposal]) -> object:
    if offered[0].protocol == Protocol.IKE:
        return accept_ike(answer, offered)
    return accept_child(answer, offered, with_ke=True)


def not_accepted(answer: Sequence[Proposal], offered: Sequence[Proposal], reason: str) -> None:
    with pytest.raises(NoProposalChosen, match=reason):
        accept(answer, offered)


def test_not_exactly_one_proposal() -> None:
    offered = ike("aes128-sha256-x25519")
    not_accepted([], offered, "holds 0 proposals")
    not_accepted([offered[0], offered[0]], offered, "holds 2 proposals")


@pytest.mark.parametrize("number", [0, 2, 255])
def test_another_number(number: int) -> None:
    offered = ike("aes128-sha256-x25519")
    not_accepted([replace(offered[0], number=number)], offered, f"proposal {number}, which we did not offer")


def test_another_protocol() -> None:
    offered = esp("aes128-sha256")
    not_accepted([replace(offered[0], protocol=Protocol.AH)], offered, "for this protocol")


@pytest.mark.parametrize("spi", [b"", bytes(4), b"\0\0\0\xff", bytes(8), PEER_SPI + b"\0"])
def test_bad_spi(spi: bytes) -> None:
    offered = esp("aes128-sha256")
    not_accepted([replace(offered[0], spi=spi)], offered, "SPI")


def test_spi_where_none_belongs() -> None:
    offered = ike("aes128-sha256-x25519")
    not_accepted([replace(offered[0], spi=b"12345678")], offered, "SPI")


def test_rekeyed_ike_sa_has_a_spi() -> None:
    offered = offer([parse_ike("aes128-sha256-x25519")], spi=b"initiatr")
    assert accept_ike([replace(offered[0], spi=b"respondr")], offered)[0].spi == b"respondr"
    not_accepted([replace(offered[0], spi=b"")], offered, "SPI")
    not_accepted([replace(offered[0], spi=bytes(8))], offered, "SPI")


def test_something_weaker_than_offered() -> None:
    offered = ike("aes256-sha256-x25519")
    not_accepted(ike("3des-sha256-x25519"), offered, "3des, which we did not offer")
    not_accepted(ike("aes128-sha256-x25519"), offered, "aes128, which we did not offer")
    not_accepted(ike("aes256-sha256-modp1024"), offered, "modp1024, which we did not offer")


def test_transforms_of_another_of_our_proposals() -> None:
    offered = ike("aes256-sha256-x25519", "aes128-sha256-ecp256")
    not_accepted([replace(offered[1], number=1)], offered, "which we did not offer")


def test_offered_transform_with_something_added() -> None:
    offered = ike("aes128-sha256-x25519")
    strange = tuple(replace(t, unknown_attributes=b"\x80\x0f\x00\x01") for t in offered[0].transforms)
    not_accepted([replace(offered[0], transforms=strange)], offered, "UNKNOWN_ATTRIBUTES, which we did not offer")


def test_two_transforms_of_a_type() -> None:
    offered = ike("aes128-aes256-sha256-x25519")
    not_accepted(offered, offered, "two transforms of type ENCR")
    single = ike("aes128-sha256-x25519")
    twice = replace(single[0], transforms=single[0].transforms + single[0].transforms[-1:])
    not_accepted([twice], single, "two transforms of type KE")


@pytest.mark.parametrize("kind", [ENCR, PRF, INTEG, KE])
def test_left_out_type(kind: TransformType) -> None:
    offered = ike("aes128-sha256-x25519")
    not_accepted([without(offered[0], kind)], offered, "leaves out")


def test_no_transforms_at_all() -> None:
    not_accepted([replace(esp("aes128-sha256")[0], transforms=())], esp("aes128-sha256"), "leaves out")


def test_left_out_key_exchange_is_fine_only_if_none_was_offered() -> None:
    answer = replace(esp("aes128-sha256")[0], spi=PEER_SPI)
    accepted, suite = accept_child([answer], esp("aes128-sha256-x25519-none"), with_ke=True)
    assert accepted.spi == PEER_SPI
    assert suite.ke is None
    not_accepted([answer], esp("aes128-sha256-x25519"), "leaves out")


def test_key_exchange_in_ike_auth() -> None:
    offered = esp("aes128-sha256-x25519")
    with pytest.raises(NoProposalChosen, match="x25519, which we did not offer"):
        accept_child(offered, offered, with_ke=False)
    assert accept_child(esp("aes128-sha256"), offered, with_ke=False)[1].ke is None


# Both sides together

ike_texts = st.lists(
    st.sampled_from(
        ["aes128-aes256-sha256-sha384-x25519-ecp256", "aes256-sha512-modp3072-x25519", "aes256gcm16-prfsha256-ecp384",
         "chacha20poly1305-aes128gcm16-prfsha512-prfsha256-x448-x25519", "3des-sha1-modp1024-modp2048"]
    ),
    min_size=1, max_size=4,
)  # fmt: skip
esp_texts = st.lists(
    st.sampled_from(
        ["aes128-aes256-sha256-sha384-x25519-ecp256-none-esn", "aes256-sha512-sha256",
         "aes256gcm16-aes128gcm16-esn-noesn", "chacha20poly1305-aes128gcm16-x448-x25519",
         "null-sha1-none", "aes128ctr-aescmac-esn"]
    ),
    min_size=1, max_size=4,
)  # fmt: skip


@given(ike_texts, ike_texts)
def test_the_initiator_accepts_what_the_responder_selects(ours: list[str], theirs: list[str]) -> None:
    offered = ike(*ours)
    try:
        answer, suite = select_ike(offered, ike(*theirs))
    except NoProposalChosen:
        assert "differs in" in nearest(offered, ike(*theirs))
        return
    assert accept_ike([answer], offered) == (answer, suite)


@given(esp_texts, esp_texts, st.booleans())
def test_the_initiator_accepts_what_the_responder_selects_for_a_child(
    ours: list[str], theirs: list[str], with_ke: bool
) -> None:
    offered = esp(*ours, with_ke=with_ke)
    try:
        answer, suite = select_child(offered, esp(*theirs), with_ke=with_ke)
    except NoProposalChosen:
        assert "differs in" in nearest(offered, esp(*theirs), with_ke=with_ke)
        return
    answer = replace(answer, spi=PEER_SPI)
    assert accept_child([answer], offered, with_ke=with_ke) == (answer, suite)


transforms = st.builds(
    Transform,
    st.integers(0, 20).map(TransformType),
    st.one_of(st.integers(0, 40), st.integers(0, 65535)),
    st.one_of(st.none(), st.sampled_from([128, 256]), st.integers(0, 65535)),
    st.sampled_from([b"", b"", b"", b"\x80\x0f\x00\x01"]),
)
proposals = st.builds(
    Proposal,
    st.integers(0, 5).map(Protocol),
    st.lists(transforms, max_size=10).map(tuple),
    st.one_of(st.sampled_from([b"", SPI]), st.binary(max_size=9)),
    st.integers(0, 255),
)


@pytest.mark.parametrize("configured", [DEFAULT_IKE, DEFAULT_ESP])
@given(st.lists(proposals, max_size=5))
def test_hostile_offers_raise_nothing_but_no_proposal_chosen(
    configured: tuple[Proposal, ...], offered: list[Proposal]
) -> None:
    with contextlib.suppress(NoProposalChosen):
        select(offered, configured)
    assert nearest(offered, configured)


@pytest.mark.parametrize("offered", [offer(DEFAULT_IKE), offer(DEFAULT_ESP, spi=SPI)])
@given(st.lists(proposals, max_size=2))
def test_hostile_answers_raise_nothing_but_no_proposal_chosen(
    offered: tuple[Proposal, ...], answer: list[Proposal]
) -> None:
    with contextlib.suppress(NoProposalChosen):
        accept(answer, offered)
