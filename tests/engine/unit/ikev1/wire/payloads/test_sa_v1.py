from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.algorithms import Phase1Attribute
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.numbers import ProtocolId
from ikeengine.ikev1.wire.payloads.sa import ProposalPayload, Sa, TransformPayload
from ikeengine.wire.reader import Reader
from tests.engine.support.wire_v1 import AH_PROPOSAL, ESP_PROPOSAL, IKE_PROPOSAL, IPCOMP_PROPOSAL

HEAD = bytes.fromhex("00000001 00000001")
ONE_TRANSFORM = bytes.fromhex("00000008 01010000")


def read(octets: bytes) -> Sa:
    reader = Reader(octets)
    sa = Sa.read(reader)
    reader.finish()
    return sa


def proposal(
    *,
    following: int = 0,
    number: int = 1,
    protocol: int = 1,
    spi: bytes = b"",
    count: int = 1,
    body: bytes | None = None,
) -> bytes:
    content = spi + (ONE_TRANSFORM if body is None else body)
    return (
        bytes((following, 0))
        + (8 + len(content)).to_bytes(2, "big")
        + bytes((number, protocol, len(spi), count))
        + content
    )


def test_octets():
    sa = Sa(
        (ProposalPayload(1, ProtocolId.ISAKMP, (TransformPayload(1, 1, (Attribute(1, 5), Attribute(12, b"abcd"))),)),)
    )
    assert sa.write() == HEAD + bytes.fromhex(
        "00 00 001c 01 01 00 01  00 00 0014 01 01 0000  8001 0005 000c 0004 61626364"
    )


def test_two_transforms_and_a_bundle():
    sa = Sa((AH_PROPOSAL, ESP_PROPOSAL, IPCOMP_PROPOSAL))
    assert read(sa.write()) == sa
    assert sa.bundles == ((AH_PROPOSAL, ESP_PROPOSAL), (IPCOMP_PROPOSAL,))
    assert Sa((IKE_PROPOSAL,)).bundles == ((IKE_PROPOSAL,),)


def test_attributes_keep_their_order_and_form():
    (transform,) = read(Sa((IKE_PROPOSAL,)).write()).proposals[0].transforms
    assert transform == IKE_PROPOSAL.transforms[0]
    assert [a.kind for a in transform.attributes] == [1, 14, 2, 3, 4, 11, 12]
    assert transform.attributes[-1] == Attribute(Phase1Attribute.LIFE_DURATION, b"\0\1\x51\x80")


@pytest.mark.parametrize("doi", [0, 2, 0x80000001, 0xFFFFFFFF])
def test_w11_another_doi(doi: int):
    with pytest.raises(InvalidSyntax, match=f"DOI {doi} is not supported"):
        read(doi.to_bytes(4, "big") + HEAD[4:] + proposal())


@pytest.mark.parametrize("situation", [0, *(1 << bit for bit in range(1, 32)), *(1 | 1 << bit for bit in range(1, 32))])
def test_w11_situation_bits(situation: int):
    """Unassigned ones, and labels that we do not have; CVE-2015-3204 was a log of unassigned bits."""
    with pytest.raises(InvalidSyntax, match=f"situation {situation:#x} is not supported"):
        read(HEAD[:4] + situation.to_bytes(4, "big") + proposal())


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 8, 16, 17, 255])
def test_spi_sizes(protocol: int, size: int):
    octets = HEAD + proposal(protocol=protocol, spi=b"s" * size)
    allowed = {1: range(17), 2: [4], 3: [4], 4: [2, 4]}.get(protocol, range(256))
    if size in allowed:
        assert read(octets).write() == octets
    else:
        with pytest.raises(InvalidSyntax, match="an SPI of"):
            read(octets)


@pytest.mark.parametrize("number", [0, 1, 255])
def test_numbers_may_begin_anywhere(number: int):
    """pluto counts from 0."""
    assert read(HEAD + proposal(number=number)).proposals[0].number == number


def test_a_number_comes_back():
    octets = HEAD + proposal(following=2, number=1) + proposal(following=2, number=2) + proposal(number=1)
    with pytest.raises(InvalidSyntax, match="are not together"):
        read(octets)


@pytest.mark.parametrize("following", [1, 3, 13, 255])
def test_something_else_behind_a_proposal(following: int):
    with pytest.raises(InvalidSyntax, match="behind a proposal"):
        read(HEAD + proposal(following=following))


def test_chain_of_proposals_lies():
    with pytest.raises(InvalidSyntax):
        read(HEAD)
    with pytest.raises(InvalidSyntax):
        read(HEAD + proposal(following=2))
    with pytest.raises(InvalidSyntax, match="left over"):
        read(HEAD + proposal() + proposal())


@pytest.mark.parametrize("count", [0, 2, 255])
def test_count_of_transforms_lies(count: int):
    with pytest.raises(InvalidSyntax):
        read(HEAD + proposal(count=count))


@pytest.mark.parametrize("following", [0, 2, 255])
def test_chain_of_transforms_lies(following: int):
    body = bytes((following,)) + ONE_TRANSFORM[1:] + ONE_TRANSFORM
    with pytest.raises(InvalidSyntax, match="its chain says otherwise"):
        read(HEAD + proposal(count=2, body=body))


@pytest.mark.parametrize("said", [*range(8), 9, 255, 65535])
def test_length_of_a_transform_lies(said: int):
    with pytest.raises(InvalidSyntax):
        read(HEAD + proposal(body=b"\0\0" + said.to_bytes(2, "big") + ONE_TRANSFORM[4:]))


@pytest.mark.parametrize("said", [*range(16), 17, 255, 65535])
def test_length_of_a_proposal_lies(said: int):
    octets = proposal()
    with pytest.raises(InvalidSyntax):
        read(HEAD + octets[:2] + said.to_bytes(2, "big") + octets[4:])


def test_more_than_anybody_needs():
    with pytest.raises(InvalidSyntax, match="than anybody needs"):
        read(HEAD + b"".join(proposal(following=2, number=number) for number in range(64)) + proposal(number=64))
    many = b"\3" + ONE_TRANSFORM[1:]
    full = [proposal(following=2, number=number, count=255, body=many * 254 + ONE_TRANSFORM) for number in range(5)]
    with pytest.raises(InvalidSyntax, match="than anybody needs"):
        read(HEAD + b"".join(full) + proposal(number=9))
    wide = b"\3\0\0\x88\1\1\0\0" + bytes.fromhex("80010005") * 32
    last = b"\0" + wide[1:]
    assert read(HEAD + proposal(count=128, body=wide * 127 + last))
    with pytest.raises(InvalidSyntax, match="than anybody needs"):
        read(HEAD + proposal(count=129, body=wide * 128 + last))
    attributes = bytes.fromhex("80010005")
    assert read(HEAD + proposal(body=b"\0\0\0\x88\1\1\0\0" + attributes * 32))
    with pytest.raises(InvalidSyntax, match="more than 32 attributes"):
        read(HEAD + proposal(body=b"\0\0\0\x8c\1\1\0\0" + attributes * 33))


def test_reserved_fields_are_ignored():
    octets = bytearray(HEAD + proposal())
    for at in (9, 17, 22, 23):
        octets[at] = 0xFF
    assert read(bytes(octets)) == read(HEAD + proposal())
