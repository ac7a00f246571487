from __future__ import annotations

from struct import pack

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.model.proposal import Proposal, Transform
from ikeengine.registry import Protocol, TransformType
from ikeengine.wire import caps
from ikeengine.wire.payloads.sa import Sa
from ikeengine.wire.reader import Reader

ENCR = Transform(TransformType.ENCR, 20, 256)
PRF = Transform(TransformType.PRF, 5)
ESN = Transform(TransformType.ESN, 0)


def transform(marker: int, kind: int, number: int, attributes: str = "", said: int | None = None) -> bytes:
    octets = bytes.fromhex(attributes)
    return pack("!BBHBBH", marker, 0, 8 + len(octets) if said is None else said, kind, 0, number) + octets


def proposal(
    marker: int = 0,
    number: int = 1,
    protocol: int = 1,
    spi: bytes = b"",
    transforms: tuple[bytes, ...] = (transform(0, 1, 12),),
    count: int | None = None,
    said: int | None = None,
) -> bytes:
    body = spi + b"".join(transforms)
    length = 8 + len(body) if said is None else said
    counted = len(transforms) if count is None else count
    return pack("!BBHBBBB", marker, 0, length, number, protocol, len(spi), counted) + body


def read(*proposals: bytes) -> Sa:
    reader = Reader(b"".join(proposals))
    sa = Sa.read(reader)
    reader.finish()
    return sa


def test_octets():
    sa = Sa((Proposal(Protocol.IKE, (ENCR, PRF)), Proposal(Protocol.ESP, (ESN,), b"\xc0\xff\xee\x01", 2)))
    octets = bytes.fromhex(
        "02 00 001c 01 01 00 02   03 00 000c 01 00 0014 800e 0100   00 00 0008 02 00 0005"
        "00 00 0014 02 03 04 01   c0ffee01   00 00 0008 05 00 0000"
    )
    assert sa.write() == octets
    assert read(octets) == sa


def test_w07_reserved_octets_are_ignored():
    octets = bytes.fromhex("00 ff 0010 01 01 00 01  00 ff 0008 02 ff 0005")
    assert read(octets) == Sa((Proposal(Protocol.IKE, (PRF,)),))


def test_unknown_transforms_and_protocols_round_trip():
    octets = proposal(protocol=200, spi=b"sp", transforms=(transform(3, 250, 65535), transform(0, 13, 1024)))
    sa = read(octets)
    assert sa.proposals[0].protocol == 200
    assert [t.type for t in sa.proposals[0].transforms] == [250, 13]
    assert sa.write() == octets


@pytest.mark.parametrize("length", [0, 1, 8, 128, 65535])
def test_key_length_of_any_value(length: int):
    octets = proposal(transforms=(transform(0, 1, 12, f"800e{length:04x}"),))
    assert read(octets).proposals[0].transforms == (Transform(TransformType.ENCR, 12, length),)
    assert read(octets).write() == octets


@pytest.mark.parametrize(
    ("attributes", "key_length", "unknown"),
    [
        ("8001 0001", None, "8001 0001"),
        ("0001 0000", None, "0001 0000"),
        ("0001 0003 abcdef", None, "0001 0003 abcdef"),
        ("800e 0080 0001 0001 ab", 128, "0001 0001 ab"),
        ("800e 0080 800e 0100", 128, "800e 0100"),
        ("8001 0001 800e 0080", None, "8001 0001 800e 0080"),
        ("000e 0002 0080", None, "000e 0002 0080"),
        ("000e 0000 800e 0080", None, "000e 0000 800e 0080"),
        ("800e 0080 0001 0014" + "ab" * 20, 128, "0001 0014" + "ab" * 20),
    ],
)
def test_unknown_attributes_are_kept(attributes: str, key_length: int | None, unknown: str):
    octets = proposal(transforms=(transform(0, 1, 12, attributes),))
    sa = read(octets)
    assert sa.proposals[0].transforms == (Transform(TransformType.ENCR, 12, key_length, bytes.fromhex(unknown)),)
    assert sa.write() == octets


@pytest.mark.parametrize(
    "attributes", ["80", "800e", "800e00", "0001 0001", "0001 ffff abcd", "800e0080 00", "0001 0002 ab", "0001 0000 80"]
)
def test_w08_attributes_that_lie(attributes: str):
    with pytest.raises(InvalidSyntax):
        read(proposal(transforms=(transform(0, 1, 12, attributes),)))


@pytest.mark.parametrize("said", [0, 4, 7, 9, 12, 65535])
def test_w08_transform_length_lies(said: int):
    with pytest.raises(InvalidSyntax):
        read(proposal(transforms=(transform(0, 1, 12, said=said),)))


@pytest.mark.parametrize("said", [0, 7, 8, 15, 17, 24, 65535])
def test_w08_proposal_length_lies(said: int):
    with pytest.raises(InvalidSyntax):
        read(proposal(said=said))


@pytest.mark.parametrize("count", [0, 1, 3, 255])
def test_w08_transform_count_lies(count: int):
    with pytest.raises(InvalidSyntax):
        read(proposal(transforms=(transform(3, 1, 12), transform(0, 2, 5)), count=count))


@pytest.mark.parametrize("markers", [(0, 0), (3, 3), (2, 0), (3, 2), (1, 0), (255, 0)])
def test_transform_chain_lies(markers: tuple[int, int]):
    with pytest.raises(InvalidSyntax, match="its chain says otherwise"):
        read(proposal(transforms=(transform(markers[0], 1, 12), transform(markers[1], 2, 5))))


@pytest.mark.parametrize("marker", [1, 3, 4, 255])
def test_not_a_proposal(marker: int):
    with pytest.raises(InvalidSyntax, match="instead of a proposal"):
        read(proposal(marker))


def test_proposal_chain_lies():
    with pytest.raises(InvalidSyntax):
        read(proposal(2))
    with pytest.raises(InvalidSyntax, match="left over"):
        read(proposal(0), proposal(0, 2))


def test_no_proposal_and_no_transform():
    with pytest.raises(InvalidSyntax):
        read()
    with pytest.raises(InvalidSyntax, match="without transforms"):
        read(proposal(transforms=()))


@pytest.mark.parametrize("numbers", [(1, 1), (1, 3), (2, 3), (0, 1), (2, 1), (255, 1)])
def test_w08_numbers_of_an_offer(numbers: tuple[int, int]):
    with pytest.raises(InvalidSyntax, match="not numbered"):
        read(proposal(2, numbers[0]), proposal(0, numbers[1]))


def test_an_answer_keeps_the_number_it_was_offered_as():
    assert read(proposal(number=7)).proposals[0].number == 7
    with pytest.raises(InvalidSyntax, match="proposal number 0"):
        read(proposal(number=0))


@pytest.mark.parametrize(("protocol", "good"), [(1, {0, 8}), (2, {4}), (3, {4})])
def test_w08_spi_sizes(protocol: int, good: set[int]):
    for size in (0, 1, 3, 4, 5, 8, 16, 255):
        octets = proposal(protocol=protocol, spi=b"s" * size)
        if size in good:
            assert read(octets).proposals[0].spi == b"s" * size
        else:
            with pytest.raises(InvalidSyntax, match=f"an SPI of {size} octets"):
                read(octets)


def test_spi_longer_than_the_proposal():
    octets = bytearray(proposal(protocol=200))
    octets[6] = 255
    with pytest.raises(InvalidSyntax):
        read(bytes(octets))


def offer(proposals: int, transforms: int) -> list[bytes]:
    chain = (transform(3, 1, 12),) * (transforms - 1) + (transform(0, 1, 12),)
    return [proposal(2 if n < proposals else 0, n, transforms=chain) for n in range(1, proposals + 1)]


def test_caps():
    assert len(read(*offer(caps.MAX_PROPOSALS, 1)).proposals) == caps.MAX_PROPOSALS
    assert len(read(*offer(1, 255)).proposals[0].transforms) == 255
    assert len(read(*offer(8, caps.MAX_TRANSFORMS // 8)).proposals) == 8
    for proposals, transforms in ((caps.MAX_PROPOSALS + 1, 1), (9, caps.MAX_TRANSFORMS // 8), (255, 255)):
        with pytest.raises(InvalidSyntax, match="more proposals or transforms"):
            read(*offer(proposals, transforms))


@pytest.mark.parametrize("attribute", ["8001 0001", "0001 0000", "800e 0080"])
def test_cap_on_attributes(attribute: str):
    most = proposal(transforms=(transform(0, 1, 12, attribute * caps.MAX_ATTRIBUTES),))
    assert read(most).write() == most
    with pytest.raises(InvalidSyntax, match="more than 16 attributes"):
        read(proposal(transforms=(transform(0, 1, 12, attribute * (caps.MAX_ATTRIBUTES + 1)),)))
