from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.registry import CpAttribute, CpType
from ikeengine.wire import caps
from ikeengine.wire.payloads.configuration import VALUE_LENGTHS, Configuration, CpAttributeValue
from ikeengine.wire.reader import Reader


def attribute(kind: int, value: bytes, said: int | None = None) -> bytes:
    return kind.to_bytes(2, "big") + (len(value) if said is None else said).to_bytes(2, "big") + value


def read(attributes: bytes, kind: int = 1) -> Configuration:
    return Configuration.read(Reader(bytes((kind, 0, 0, 0)) + attributes))


def test_octets():
    payload = Configuration(
        CpType.CFG_REPLY,
        (
            CpAttributeValue(CpAttribute.INTERNAL_IP4_ADDRESS, bytes((10, 0, 0, 1))),
            CpAttributeValue(CpAttribute.INTERNAL_IP4_DNS),
            CpAttributeValue(CpAttribute(28672), b"banner"),
        ),
    )
    octets = bytes.fromhex("02 000000  0001 0004 0a000001  0003 0000  7000 0006") + b"banner"
    assert payload.write() == octets
    assert Configuration.read(Reader(octets)) == payload


def test_no_attributes():
    assert read(b"", 3) == Configuration(CpType.CFG_SET)


def test_unknown_type_keeps_its_number():
    assert read(b"", 99).write() == bytes((99, 0, 0, 0))


def test_w07_reserved_bits_are_ignored():
    octets = bytes.fromhex("01 ffffff 8001 0004 0a000001")
    address = CpAttributeValue(CpAttribute.INTERNAL_IP4_ADDRESS, bytes((10, 0, 0, 1)))
    assert Configuration.read(Reader(octets)) == Configuration(CpType.CFG_REQUEST, (address,))


@pytest.mark.parametrize("kind", sorted(VALUE_LENGTHS), ids=lambda kind: CpAttribute(kind).name)
def test_lengths_of_known_attributes(kind: int):
    for size in range(40):
        octets = attribute(kind, b"v" * size)
        if size in VALUE_LENGTHS[kind]:
            assert read(octets).attributes[0].value == b"v" * size
        else:
            with pytest.raises(InvalidSyntax, match=f"{size} octets for {CpAttribute(kind).name}"):
                read(octets)


def test_supported_attributes_come_in_pairs_of_octets():
    assert len(read(attribute(14, b"\0\1\0\3")).attributes) == 1
    with pytest.raises(InvalidSyntax):
        read(attribute(14, b"\0\1\0"))


@pytest.mark.parametrize("kind", [0, 7, 25, 26, 0x7FFF])
@pytest.mark.parametrize("size", [0, 1, 5, 300])
def test_other_attributes_take_any_length(kind: int, size: int):
    octets = attribute(kind, b"v" * size)
    assert read(octets).write()[4:] == octets


@pytest.mark.parametrize("said", [0, 1, 3, 5, 65535])
def test_w12_attribute_length_lies(said: int):
    with pytest.raises(InvalidSyntax):
        read(attribute(1, b"abcd", said))
    if said > 4:
        with pytest.raises(InvalidSyntax):
            read(attribute(7, b"abcd", said))


def test_cap_on_attributes():
    assert len(read(attribute(7, b"") * caps.MAX_CP_ATTRIBUTES).attributes) == caps.MAX_CP_ATTRIBUTES
    with pytest.raises(InvalidSyntax, match="more than 256"):
        read(attribute(7, b"") * (caps.MAX_CP_ATTRIBUTES + 1))
