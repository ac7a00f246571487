"""ikev1.proposals.explain and offers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.errors import InvalidSyntax, NoProposalChosen
from ikeengine.ikev1.proposals import child, ike
from ikeengine.ikev1.proposals.explain import explain_child, explain_ike, usable_child, usable_ike
from ikeengine.ikev1.proposals.lifetime import Lifetime
from ikeengine.ikev1.proposals.modes import Encapsulation
from ikeengine.ikev1.proposals.offers import child_offers, ike_offers
from ikeengine.ikev1.proposals.wishes import Wishes, pfs_group
from ikeengine.ikev1.wire.algorithms import AuthMethod
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.numbers import ProtocolId
from ikeengine.ikev1.wire.payloads.sa import ProposalPayload, Sa, TransformPayload
from ikeengine.model.connection import Mode
from ikeengine.negotiate.proposals import DEFAULT_IKE, format_proposal, parse_ah, parse_esp, parse_ike
from ikeengine.registry import Protocol
from ikeengine.wire.reader import Reader

PSK = AuthMethod.PRE_SHARED_KEY
LIFE = Lifetime(3600)
TUNNEL = Encapsulation(Mode.TUNNEL, udp=False)
SPIS = {Protocol.ESP: b"\1\1\1\1", Protocol.AH: b"\2\2\2\2", Protocol.IPCOMP: b"\3\3"}


def phase1(*texts: str, methods: tuple[AuthMethod, ...] = (PSK,)) -> Sa:
    return ike.offer([parse_ike(text) for text in texts], methods, LIFE)


def wishes(text: str, ah: str = "", encapsulation: Encapsulation = TUNNEL, *, ipcomp: bool = False) -> Wishes:
    proposal = parse_esp(text) if "aes" in text else parse_ah(text)
    return Wishes((proposal,), encapsulation, LIFE, (parse_ah(ah),) if ah else (), ipcomp)


def phase2(wanted: Wishes) -> Sa:
    return child.offer(wanted, SPIS, pfs_group(wanted.proposals))


def transform(transform_id: int, attributes: dict[int, int | bytes], protocol: ProtocolId = ProtocolId.ISAKMP) -> Sa:
    payload = TransformPayload(1, transform_id, tuple(Attribute(kind, value) for kind, value in attributes.items()))
    return Sa((ProposalPayload(1, protocol, (payload,), b"" if protocol == ProtocolId.ISAKMP else b"\1\1\1\1"),))


def test_the_closest_transform_of_phase_1() -> None:
    sa = phase1("3des-md5-modp768", "aes256-sha256-modp1024")
    ours = [parse_ike("aes256gcm16-prfsha256-x25519"), parse_ike("aes256-sha256-modp2048")]
    assert explain_ike(sa, ours, [PSK]) == (
        "closest offer `aes256-sha256-modp1024` differs in key exchange: offered modp1024, wanted modp2048"
    )


def test_methods_of_authentication_have_names() -> None:
    sa = phase1("aes256-sha256-modp2048", methods=(PSK, AuthMethod.XAUTH_INIT_RSA))
    assert explain_ike(sa, DEFAULT_IKE, [AuthMethod.RSA_SIGNATURES, AuthMethod.HYBRID_RESP_DSS]) == (
        "authentication: offered pre-shared key or RSA signatures and XAUTH, wanted RSA signatures or HYBRID_RESP_DSS"
    )


@pytest.mark.parametrize("method", [AuthMethod.RSA_ENCRYPTION, AuthMethod.XAUTH_INIT_REVISED_RSA_ENCRYPTION])
def test_public_key_encryption_is_refused_with_the_reason(method: AuthMethod) -> None:
    text = explain_ike(phase1("aes256-sha256-modp2048", methods=(method,)), DEFAULT_IKE, [PSK])
    assert text.endswith("wanted pre-shared key; public key encryption is not offered on purpose")


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({1: 3, 14: 128, 2: 1, 4: 2, 3: 1}, "BLOWFISH_CBC_128-md5-modp1024"),
        ({1: 8, 14: 256, 2: 4, 4: 14, 3: 1}, "CAMELLIA_CBC_256-sha256-modp2048"),
        ({1: 7, 14: 128, 2: 2, 4: 3, 3: 1}, "aes128-sha1-KE_UNKNOWN_3"),
        ({1: 7, 14: 128, 2: 2, 4: 2, 3: 1, 99: b"x"}, "aes128+UNKNOWN_ATTRIBUTES-sha1-modp1024"),
        ({1: 7, 2: 2, 4: b"x" * 9}, "AES_CBC-sha1"),
    ],
)
def test_what_a_peer_offers_in_phase_1_has_a_text(attributes: dict[int, int | bytes], text: str) -> None:
    (proposal,) = ike_offers(transform(1, attributes))
    assert format_proposal(proposal) == text


@pytest.mark.parametrize(
    ("protocol", "transform_id", "attributes", "text"),
    [
        (ProtocolId.ESP, 22, {6: 256, 5: 5}, "CAMELLIA_CBC_256-sha256"),
        (ProtocolId.ESP, 12, {6: 128, 5: 2, 3: 2, 11: 1}, "aes128-sha1-modp1024-esn"),
        (ProtocolId.ESP, 3, {}, "3des"),
        (ProtocolId.AH, 3, {5: 2, 3: 14}, "sha1-modp2048"),
        (ProtocolId.AH, 3, {5: 2, 99: 1}, "sha1+UNKNOWN_ATTRIBUTES"),
    ],
)
def test_what_a_peer_offers_in_phase_2_has_a_text(
    protocol: ProtocolId, transform_id: int, attributes: dict[int, int | bytes], text: str
) -> None:
    (proposal,) = child_offers(transform(transform_id, attributes, protocol))
    assert format_proposal(proposal) == text
    assert proposal.spi == b"\1\1\1\1"


@pytest.mark.parametrize(
    ("theirs", "ours", "text"),
    [
        (
            wishes("aes128-sha1-modp1024"),
            wishes("aes128-sha1"),
            "closest offer `aes128-sha1-modp1024` differs in key exchange: offered modp1024, wanted none",
        ),
        (
            wishes("aes128-sha1"),
            wishes("aes128-sha1-modp1024"),
            "closest offer `aes128-sha1` differs in key exchange: offered none, wanted modp1024",
        ),
        (wishes("sha1"), wishes("aes128-sha1"), "offered AH, wanted ESP"),
        (
            wishes("aes128-sha1", ah="sha1", ipcomp=True),
            wishes("aes128-sha1"),
            "offered AH + ESP + IPCOMP or AH + ESP, wanted ESP",
        ),
        (
            wishes("aes128-sha1", encapsulation=Encapsulation(Mode.TUNNEL, udp=True)),
            wishes("aes128-sha1", encapsulation=Encapsulation(Mode.TRANSPORT, udp=False)),
            "encapsulation: offered tunnel mode in UDP, wanted transport mode",
        ),
        (
            wishes("aes128-sha1", ah="md5"),
            wishes("aes128-sha1", ah="sha1"),
            "closest offer `md5` differs in integrity: offered md5, wanted sha1",
        ),
    ],
)
def test_why_phase_2_did_not_fit(theirs: Wishes, ours: Wishes, text: str) -> None:
    assert explain_child(phase2(theirs), ours) == text


def test_an_unknown_mode() -> None:
    sa = transform(12, {4: 77, 5: 2, 6: 128}, ProtocolId.ESP)
    assert explain_child(sa, wishes("aes128-sha1")) == "encapsulation: offered an unknown mode, wanted tunnel mode"
    sa = transform(2, {}, ProtocolId(9))
    assert explain_child(sa, wishes("aes128-sha1")) == "offered an unknown protocol, wanted ESP"


def test_what_of_our_proposals_can_be_used() -> None:
    ours = [parse_ike("aes256gcm16-prfsha256-x25519"), parse_ike("aes256-aes128ctr-sha256-aesxcbc-modp2048")]
    assert [format_proposal(proposal) for proposal in usable_ike(ours)] == ["aes256-sha256-modp2048"]
    wanted = Wishes((parse_esp("chacha20poly1305"), parse_esp("aes128-sha1-aescmac-modp2048-none")), TUNNEL, LIFE)
    assert [format_proposal(proposal) for proposal in usable_child(wanted)] == ["aes128-sha1-modp2048-none"]


@given(st.binary(max_size=200))
def test_whatever_a_peer_offers_can_be_explained_and_refused(data: bytes) -> None:
    """Only the documented errors escape, whatever stands in an SA payload."""
    head = bytes.fromhex("0000000100000001")
    try:
        sa = Sa.read(Reader(head + data))
    except InvalidSyntax:
        return
    assert explain_ike(sa, DEFAULT_IKE, [PSK])
    assert explain_child(sa, wishes("aes128-sha1"))


ATTRIBUTES = st.lists(
    st.builds(Attribute, st.integers(0, 17), st.integers(0, 0xFFFF) | st.binary(max_size=10)), max_size=8
).map(tuple)
PROPOSALS = st.builds(
    ProposalPayload,
    number=st.integers(1, 3),
    protocol=st.integers(0, 5).map(ProtocolId),
    transforms=st.lists(
        st.builds(TransformPayload, st.integers(0, 255), st.integers(0, 24), ATTRIBUTES), min_size=1, max_size=4
    ).map(tuple),
    spi=st.binary(max_size=6),
)


@given(st.lists(PROPOSALS, max_size=4).map(tuple).map(Sa))
def test_well_formed_nonsense_does_no_harm(sa: Sa) -> None:
    wanted = wishes("aes128-sha1", ah="sha1", ipcomp=True)
    explain_ike(sa, DEFAULT_IKE, [PSK])
    explain_child(sa, wanted)
    refused = (NoProposalChosen, InvalidSyntax)
    with pytest.raises(refused):
        ike.select(sa, [parse_ike("aes128-sha1-modp2048")], [PSK])
    with pytest.raises(refused):
        ike.accept(sa, phase1("aes128-sha1-modp2048"))
    with pytest.raises(refused):
        child.select(sa, wanted, SPIS, with_ke=False)
    with pytest.raises(refused):
        child.accept(sa, phase2(wanted), TUNNEL)
