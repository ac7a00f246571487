"""ikev1.proposals.ike and ike_transforms."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.errors import InvalidSyntax, NoProposalChosen
from ikeengine.ikev1.proposals import ike
from ikeengine.ikev1.proposals.ike_transforms import read_transform, suites
from ikeengine.ikev1.proposals.lifetime import Lifetime
from ikeengine.ikev1.proposals.numbers import HASH, IKE_ENCR, prf_of
from ikeengine.ikev1.wire.algorithms import AuthMethod, Phase1Attribute
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.numbers import ProtocolId
from ikeengine.ikev1.wire.payloads.sa import ProposalPayload, Sa, TransformPayload
from ikeengine.model.proposal import Proposal
from ikeengine.negotiate.proposals import DEFAULT_IKE, format_suite, parse_ike
from ikeengine.registry import KeId
from ikeengine.wire.reader import Reader

PSK, RSA, ECDSA = AuthMethod.PRE_SHARED_KEY, AuthMethod.RSA_SIGNATURES, AuthMethod.ECDSA_256
DAY = Lifetime(86400)
AES_TEXT = "aes128-sha256-modp3072"


def parsed(*texts: str) -> list[Proposal]:
    return [parse_ike(text) for text in texts]


def offered(*texts: str, methods: tuple[AuthMethod, ...] = (PSK,), group: int | None = None) -> Sa:
    return ike.offer(parsed(*texts), methods, DAY, group)


def attributes_of(sa: Sa) -> list[dict[int, int]]:
    return [{one.kind: one.number for one in transform.attributes} for transform in sa.proposals[0].transforms]


def changed(sa: Sa, *attributes: Attribute, drop: int = 0) -> Sa:
    """The SA payload with attributes added to or dropped from its first transform."""
    proposal = sa.proposals[0]
    first = proposal.transforms[0]
    kept = tuple(one for one in first.attributes if one.kind != drop)
    return Sa((replace(proposal, transforms=(replace(first, attributes=kept + attributes), *proposal.transforms[1:])),))


def test_the_transform_of_rfc_2409_appendix_a() -> None:
    """Encryption AES-CBC 128, hash SHA2-256, group 15, PSK, one day."""
    assert attributes_of(offered(AES_TEXT)) == [{1: 7, 14: 128, 2: 4, 4: 15, 3: 1, 11: 1, 12: 86400}]
    sa = offered(AES_TEXT)
    assert (sa.proposals[0].number, sa.proposals[0].protocol, sa.proposals[0].spi) == (1, ProtocolId.ISAKMP, b"")
    assert Sa.read(Reader(sa.write())) == sa


def test_every_combination_in_order_with_the_first_alternatives_first() -> None:
    sa = offered("aes256-aes128-sha1-sha256-modp2048-modp1024", "3des-md5-modp1024", methods=(PSK, RSA))
    got = [(one[1], one.get(14), one[2], one[4], one[3]) for one in attributes_of(sa)]
    assert got[:4] == [(7, 256, 2, 14, 1), (7, 256, 2, 14, 3), (7, 256, 2, 2, 1), (7, 256, 2, 2, 3)]
    assert got[-2:] == [(5, None, 1, 2, 1), (5, None, 1, 2, 3)]
    assert len(got) == 18
    assert [transform.number for transform in sa.proposals[0].transforms] == list(range(1, 19))


def test_offers_are_bounded() -> None:
    sa = ike.offer(DEFAULT_IKE, [PSK], DAY)
    assert len(sa.proposals[0].transforms) == ike.MOST_OFFERED
    assert len(sa.write()) < 1300


def test_aggressive_mode_offers_one_group() -> None:
    proposals = parsed("aes256-sha256-modp3072-modp2048", "aes128-sha1-modp2048")
    assert ike.first_group(proposals) == KeId.MODP_3072
    sa = ike.offer(proposals, [PSK], DAY, KeId.MODP_2048)
    assert [(one[14], one[4]) for one in attributes_of(sa)] == [(256, 14), (128, 14)]


@pytest.mark.parametrize(
    "text",
    [
        "aes256gcm16-prfsha256-modp2048",
        "aes128-aesxcbc-modp2048",
        "aes128-sha1-prfsha256-modp2048",
        "aes128ctr-sha256-modp2048",
        "aes128-sha256-x25519-ke1_mlkem768",
    ],
)
def test_what_ikev1_cannot_say_is_not_offered(text: str) -> None:
    assert list(suites(parse_ike(text))) == []
    with pytest.raises(NoProposalChosen, match="IKEv1"):
        offered(text)
    with pytest.raises(NoProposalChosen, match="IKEv1"):
        ike.first_group(parsed(text))


def test_optional_additional_key_exchanges_are_left_out() -> None:
    assert len(list(suites(parse_ike("aes128-sha256-x25519-ke1_mlkem768-ke1_none")))) == 1


def test_our_order_decides_and_the_transform_goes_back_as_it_came() -> None:
    offer = offered("3des-sha1-modp1024", "aes128-sha256-modp2048", AES_TEXT)
    answer, chosen = ike.select(offer, parsed(AES_TEXT, "3des-sha1-modp1024"), [PSK])
    assert answer.proposals[0].transforms == (offer.proposals[0].transforms[2],)
    assert format_suite(chosen.suite) == AES_TEXT
    assert (chosen.method, chosen.life) == (PSK, DAY)


def test_our_order_decides_between_methods_too() -> None:
    offer = offered(AES_TEXT, methods=(PSK, RSA))
    assert ike.select(offer, parsed(AES_TEXT), [ECDSA, RSA, PSK])[1].method == RSA
    with pytest.raises(NoProposalChosen):
        ike.select(offer, parsed(AES_TEXT), [ECDSA])


@pytest.mark.parametrize(
    "sa",
    [
        changed(offered(AES_TEXT), Attribute(Phase1Attribute.PRF, 1)),
        changed(offered(AES_TEXT), Attribute(Phase1Attribute.GROUP_PRIME, bytes(96))),
        changed(offered(AES_TEXT), Attribute(16400, 1)),
        changed(offered(AES_TEXT), Attribute(Phase1Attribute.HASH_ALGORITHM, 4)),
        changed(offered(AES_TEXT), drop=Phase1Attribute.KEY_LENGTH),
        changed(offered(AES_TEXT), drop=Phase1Attribute.HASH_ALGORITHM),
        changed(offered(AES_TEXT), drop=Phase1Attribute.ENCRYPTION_ALGORITHM),
        changed(offered(AES_TEXT), drop=Phase1Attribute.GROUP_DESCRIPTION),
        changed(offered(AES_TEXT), drop=Phase1Attribute.AUTHENTICATION_METHOD),
        Sa((replace(offered(AES_TEXT).proposals[0], protocol=ProtocolId.ESP),)),
        Sa((ProposalPayload(1, ProtocolId.ISAKMP, (TransformPayload(1, 2, ()),)),)),
    ],
)
def test_a_transform_that_says_more_or_less_than_it_should_is_not_chosen(sa: Sa) -> None:
    with pytest.raises(NoProposalChosen):
        ike.select(sa, parsed(AES_TEXT), [PSK])
    with pytest.raises(NoProposalChosen):
        ike.accept(sa, offered(AES_TEXT))


def test_a_key_length_that_does_not_belong_there_is_not_chosen() -> None:
    sa = changed(offered("3des-sha1-modp1024"), Attribute(Phase1Attribute.KEY_LENGTH, 192))
    with pytest.raises(NoProposalChosen):
        ike.select(sa, parsed("3des-sha1-modp1024"), [PSK])


def test_a_lifetime_without_a_unit_is_malformed() -> None:
    with pytest.raises(InvalidSyntax):
        ike.select(changed(offered(AES_TEXT), drop=Phase1Attribute.LIFE_TYPE), parsed(AES_TEXT), [PSK])


def test_the_good_transform_among_strange_ones_is_chosen() -> None:
    good, strange = offered(AES_TEXT).proposals[0], changed(offered(AES_TEXT), Attribute(999, b"?" * 40)).proposals[0]
    sa = Sa((replace(strange, transforms=strange.transforms + good.transforms),))
    assert ike.select(sa, parsed(AES_TEXT), [PSK])[0].proposals[0].transforms == good.transforms


def test_proposals_of_any_number_are_looked_at() -> None:
    one, other = offered("3des-md5-modp1024").proposals[0], offered(AES_TEXT).proposals[0]
    answer, _chosen = ike.select(Sa((one, replace(other, number=7))), parsed(AES_TEXT), [PSK])
    assert answer.proposals == (replace(other, number=7),)


def test_an_answer_may_have_another_order_number_and_lifetime() -> None:
    offer = offered("aes256-sha256-modp3072", AES_TEXT)
    transform = offer.proposals[0].transforms[1]
    backwards = tuple(one for one in reversed(transform.attributes) if one.kind not in (11, 12))
    shorter = (*backwards, Attribute(11, 1), Attribute(12, b"\0\0\x0e\x10"))
    answer = Sa((ProposalPayload(1, ProtocolId.ISAKMP, (TransformPayload(1, 1, shorter),), b"cookies!"),))
    accepted = ike.accept(answer, offer)
    assert format_suite(accepted.suite) == AES_TEXT
    assert accepted.life == Lifetime(3600)


@pytest.mark.parametrize(
    "answer",
    [
        Sa(()),
        offered("aes256-sha256-modp3072"),
        offered(AES_TEXT, methods=(RSA,)),
        offered(AES_TEXT, "aes128-sha1-modp3072"),
        Sa(offered(AES_TEXT).proposals * 2),
    ],
)
def test_any_other_answer_is_refused(answer: Sa) -> None:
    with pytest.raises(NoProposalChosen):
        ike.accept(answer, offered(AES_TEXT, "aes128-sha1-modp3072"))


WORDS = st.builds(
    "-".join,
    st.tuples(
        st.sampled_from(["des", "3des", "aes128", "aes192", "aes256", "aes256-3des"]),
        st.sampled_from(["md5", "sha1", "sha256", "sha384", "sha512", "sha1-sha256"]),
        st.sampled_from(["modp768", "modp1024", "modp2048", "ecp256", "x25519", "modp4096-ecp521"]),
    ),
)
METHODS = st.lists(st.sampled_from([PSK, RSA, ECDSA, AuthMethod.XAUTH_INIT_PRE_SHARED]), min_size=1, unique=True)


@given(st.lists(WORDS, min_size=1, max_size=3), st.lists(WORDS, min_size=1, max_size=3), METHODS, METHODS)
def test_both_sides_agree_or_have_nothing_in_common(
    ours: list[str], theirs: list[str], methods: list[AuthMethod], others: list[AuthMethod]
) -> None:
    offer = ike.offer(parsed(*ours), methods, DAY)
    meant = [read_transform(transform) for transform in offer.proposals[0].transforms]
    wanted = set(ike.configured_suites(parsed(*theirs)))
    common = [one for one in meant if one and one.suite in wanted and one.method in others]
    try:
        answer, chosen = ike.select(offer, parsed(*theirs), others)
    except NoProposalChosen:
        assert common == []
        return
    assert chosen in common
    assert ike.accept(Sa.read(Reader(answer.write())), offer) == chosen


def test_every_cipher_and_hash_has_a_number_and_a_prf() -> None:
    assert len(IKE_ENCR) == 3
    assert [prf_of(integ).name.removeprefix("PRF_HMAC_") for integ in HASH] == [
        "MD5",
        "SHA1",
        "SHA2_256",
        "SHA2_384",
        "SHA2_512",
    ]
