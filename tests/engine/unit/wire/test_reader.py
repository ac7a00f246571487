from __future__ import annotations

from struct import Struct

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.wire.reader import Reader

PAIR = Struct("!BH")


def test_reads_in_order_up_to_the_end():
    reader = Reader(b"\x01\x02\x03abcdef")
    assert reader.unpack(PAIR) == (1, 0x0203)
    assert reader.take(2) == b"ab"
    assert reader.remaining == 4
    assert reader.rest() == b"cdef"
    assert reader.remaining == 0
    reader.finish()


def test_window_hides_what_surrounds_it():
    reader = Reader(b"xxABCDyy", 2, 6)
    assert reader.rest() == b"ABCD"
    with pytest.raises(InvalidSyntax, match="1 octets wanted, 0 left"):
        reader.take(1)


@pytest.mark.parametrize("length", [5, 65535, 1 << 40])
def test_nothing_beyond_the_end(length: int):
    reader = Reader(b"abcdefgh", 0, 4)
    with pytest.raises(InvalidSyntax):
        reader.take(length)
    with pytest.raises(InvalidSyntax):
        reader.sub(length)
    assert reader.remaining == 4, "a refused read consumes nothing"


@pytest.mark.parametrize("length", [-1, -4, -65535])
def test_negative_lengths_are_lies(length: int):
    reader = Reader(b"abcdefgh", 4)
    with pytest.raises(InvalidSyntax, match="smaller than its own header"):
        reader.take(length)
    with pytest.raises(InvalidSyntax, match="smaller than its own header"):
        reader.sub(length)


def test_a_fixed_layout_does_not_cross_the_end():
    with pytest.raises(InvalidSyntax, match="3 octets wanted, 2 left"):
        Reader(b"abcdef", 0, 2).unpack(PAIR)


def test_fields_and_all_that_is_left():
    reader = Reader(b"xx\x01\x02\x03abcyy", 2, 8)
    assert reader.unpack_all(PAIR) == ((1, 0x0203), b"abc")
    reader.finish()
    with pytest.raises(InvalidSyntax, match="3 octets wanted, 2 left"):
        Reader(b"abcdef", 0, 2).unpack_all(PAIR)


def test_a_structure_is_as_long_as_its_header_says():
    reader = Reader(b"\x07\x00\x05abcd")
    fields, body = reader.structure(PAIR)
    assert fields == (7, 5)
    assert body.rest() == b"ab"
    assert reader.rest() == b"cd"


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"\x07\x00", "3 octets wanted, 2 left"),
        (b"\x07\x00\x02ab", "smaller than its own header"),
        (b"\x07\x00\x06ab", "3 octets wanted, 2 left"),
    ],
    ids=["no header", "too short", "too long"],
)
def test_a_structure_that_lies_about_its_length(octets: bytes, message: str):
    with pytest.raises(InvalidSyntax, match=message):
        Reader(octets).structure(PAIR)


def test_sub_reader_is_bounded_and_consumed_by_its_parent():
    reader = Reader(b"abcdef")
    part = reader.sub(3)
    assert reader.rest() == b"def"
    assert part.take(3) == b"abc"
    with pytest.raises(InvalidSyntax):
        part.take(1)


def test_left_over_octets_are_an_error():
    reader = Reader(b"abc")
    reader.take(1)
    with pytest.raises(InvalidSyntax, match="2 octets left over"):
        reader.finish()
