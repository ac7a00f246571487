from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax, LocalMisuse
from ikeengine.ikev1.wire.attributes import Attribute, numeric, read_attributes, write_attributes
from ikeengine.ikev1.wire.message import write_chain
from ikeengine.ikev1.wire.payloads import Attributes
from ikeengine.registry import CpType
from ikeengine.wire.reader import Reader


def read(octets: bytes, limit: int = 16) -> tuple[Attribute, ...]:
    return read_attributes(Reader(octets), limit)


def test_both_forms():
    octets = bytes.fromhex("800b 0001 000c 0004 00015180 0010 0000")
    values = (Attribute(11, 1), Attribute(12, b"\0\1\x51\x80"), Attribute(16, b""))
    assert read(octets) == values
    assert write_attributes(values) == octets


def test_a_number_in_either_form():
    assert [a.number for a in read(bytes.fromhex("8001 0e10 0001 0002 0e10 0001 0004 00000e10"))] == [3600] * 3
    assert Attribute(1, b"\xff" * 8).number == 2**64 - 1


@pytest.mark.parametrize("value", [b"", b"\0" * 9, b"\xff" * 65531], ids=len)
def test_numbers_of_no_sensible_size(value: bytes):
    """Printing a number of some thousand digits raises ValueError."""
    with pytest.raises(InvalidSyntax, match=f"a number of {len(value)} octets"):
        _ = Attribute(12, value).number


def test_octets_in_either_form():
    assert Attribute(1, 0x0102).octets == b"\1\2"
    assert Attribute(1, b"abc").octets == b"abc"


@pytest.mark.parametrize(
    ("number", "octets"),
    [(0, "800c 0000"), (65535, "800c ffff"), (65536, "000c 0004 00010000"), (2**32 - 1, "000c 0004 ffffffff")],
)
def test_the_shortest_form(number: int, octets: str):
    assert write_attributes([numeric(12, number)]) == bytes.fromhex(octets)


@pytest.mark.parametrize("said", [1, 4, 255, 65535])
def test_w11_length_lies(said: int):
    with pytest.raises(InvalidSyntax):
        read(b"\0\x0c" + said.to_bytes(2, "big") + b"a" * (said - 1))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
def test_w11_cut(size: int):
    with pytest.raises(InvalidSyntax):
        read(bytes.fromhex("800b 0001 000c 0000")[:size])


def test_w11_too_many():
    assert len(read(bytes(4) * 16)) == 16
    with pytest.raises(InvalidSyntax, match="more than 16 attributes"):
        read(bytes(4) * 17)


@pytest.mark.parametrize("attribute", [Attribute(1, 65536), Attribute(70000, 1), Attribute(1, -1)])
def test_what_does_not_fit(attribute: Attribute):
    with pytest.raises(LocalMisuse, match="ATTRIBUTES is out of range"):
        write_chain([Attributes(CpType.CFG_SET, 1, (attribute,))])
