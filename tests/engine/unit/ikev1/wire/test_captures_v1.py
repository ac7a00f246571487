"""IKEv1 messages that other implementations sent, whole and broken, from captures in this repository and beside it."""

from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.messages.vendor_ids import recognise
from ikeengine.ikev1.wire.algorithms import AuthMethod, EncryptionAlgorithm, HashAlgorithm, Phase1Attribute
from ikeengine.ikev1.wire.message import parse, write_chain, write_message
from ikeengine.ikev1.wire.numbers import IdType, PayloadType
from ikeengine.ikev1.wire.payloads import Id, Ke, NatD, Nonce, Sa, VendorId
from ikeengine.ikev1.wire.rules import Step, check
from ikeengine.registry import ExchangeType, KeId
from tests.engine.fuzz.fuzz_parse_v1 import one_input
from tests.engine.support.pcap import read_datagrams, read_ike
from tests.engine.support.vectors import DATA, external

CAPTURES = DATA / "captures"

MAIN_MODE = (Step.MAIN_1, Step.MAIN_2, Step.MAIN_3, Step.MAIN_4)

BROKEN = [
    "ikev1_id_ipv6_addr_subnet-oobr.pcap",
    "isakmp-delete-segfault.pcap",
    "isakmp-ikev1_n_print-oobr.pcap",
    "isakmp-pointer-loop.pcap",
    "isakmp-various-oobr.pcap",
    "isakmpv1-attr-oobr.pcap",
]


def messages(name: str) -> list[bytes]:
    return list(read_ike(CAPTURES / name))


def names(octets: bytes) -> list[str]:
    return [known.name if (known := recognise(v.data)) else "" for v in parse(octets).chain.all(VendorId)]


@pytest.mark.parametrize("name", ["ISAKMP_sa_setup.pcap", "isakmp4500.pcap"])
def test_a_whole_isakmp_sa(name: str):
    parsed = [parse(octets) for octets in messages(name)]
    assert [p.header.exchange for p in parsed[:7]] == [ExchangeType.IDENTITY_PROTECTION] * 6 + [ExchangeType.QUICK_MODE]
    assert [p.is_encrypted for p in parsed] == [False] * 4 + [True] * (len(parsed) - 4)
    for step, p in zip(MAIN_MODE, parsed[:4], strict=True):
        check(step, p.chain.payloads, encrypted=p.is_encrypted)
        assert p.chain.trailing == b""
    assert {p.header.message_id for p in parsed[:6]} == {0}
    assert 0 not in {p.header.message_id for p in parsed[6:]}
    assert all(len(p.ciphertext) % 8 == 0 for p in parsed[4:])


@pytest.mark.parametrize("name", ["ISAKMP_sa_setup.pcap", "isakmp4500.pcap"])
def test_clear_messages_are_written_as_they_came(name: str):
    for octets in messages(name)[:4]:
        parsed = parse(octets)
        head = parsed.header
        assert octets == write_message(
            head.spi_i, head.spi_r, head.exchange, head.flags, head.message_id, parsed.chain.payloads
        )


def test_what_cisco_offers():
    offer = parse(messages("ISAKMP_sa_setup.pcap")[0]).chain.first(Sa)
    assert offer is not None
    ((proposal,),) = offer.bundles
    (transform,) = proposal.transforms
    assert {Phase1Attribute(a.kind): a.number for a in transform.attributes} == {
        Phase1Attribute.ENCRYPTION_ALGORITHM: EncryptionAlgorithm.AES_CBC,
        Phase1Attribute.KEY_LENGTH: 128,
        Phase1Attribute.HASH_ALGORITHM: HashAlgorithm.SHA,
        Phase1Attribute.GROUP_DESCRIPTION: KeId.MODP_768,
        Phase1Attribute.AUTHENTICATION_METHOD: AuthMethod.PRE_SHARED_KEY,
        Phase1Attribute.LIFE_TYPE: 1,
        Phase1Attribute.LIFE_DURATION: 86400,
    }


def test_what_openswan_offers():
    """Proposal 0, transforms from 0 on; the answer has the one that was chosen, as it was."""
    offer, answer = (parse(octets).chain.first(Sa) for octets in messages("isakmp4500.pcap")[:2])
    assert offer is not None
    assert answer is not None
    assert [t.number for t in offer.proposals[0].transforms] == list(range(len(offer.proposals[0].transforms)))
    assert answer.proposals[0].transforms == offer.proposals[0].transforms[:1]


def test_vendor_ids():
    cisco, openswan = messages("ISAKMP_sa_setup.pcap"), messages("isakmp4500.pcap")
    assert names(cisco[0]) == [
        "draft-ietf-ipsec-nat-t-ike-07",
        "draft-ietf-ipsec-nat-t-ike-03",
        r"draft-ietf-ipsec-nat-t-ike-02\n",
    ]
    assert names(cisco[2]) == ["Cisco Unity", "Dead Peer Detection", "", "XAUTH"]
    assert names(openswan[1]) == ["", "Dead Peer Detection", "RFC 3947"]


def test_key_exchange_messages():
    assert [p.type for p in parse(messages("ISAKMP_sa_setup.pcap")[2]).chain.payloads][-2:] == [15, 15], "draft 07"
    third = parse(messages("isakmp4500.pcap")[2]).chain
    assert [type(p) for p in third.payloads] == [Ke, Nonce, NatD, NatD]
    assert third.after(third.payloads[1]) == write_chain(third.payloads[2:])[1]


def test_an_identity_that_crashed_tcpdump():
    (octets,) = messages("isakmp-identification-segfault.pcap")
    identity = parse(octets).chain.first(Id)
    assert identity is not None
    assert identity.kind is IdType.ID_FQDN
    assert set(identity.data) == {0}
    with pytest.raises(InvalidSyntax):
        check(Step.MAIN_1, parse(octets).chain.payloads, encrypted=False)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_messages(name: str):
    """As they came, and behind headers that do not lie, so that the payloads are read."""
    assert messages(name)
    for octets in messages(name):
        with pytest.raises(InvalidSyntax):
            parse(octets)
        for kind in PayloadType:
            repaired = octets[:16] + bytes((kind,)) + octets[17:]
            one_input(repaired)
            one_input(bytes((kind,)) + octets[28:])


def test_all_captures():
    """W13: every datagram of every capture, as an IKEv1 message or not, with and without the first four octets."""
    datagrams = [datagram.data for path in external("captures").glob("*.pcap") for datagram in read_datagrams(path)]
    assert len(datagrams) > 60
    for data in datagrams:
        one_input(data)
        one_input(data[4:])
