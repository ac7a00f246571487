"""The VICI codec against the example of strongSwan's vici/README.md, its limits, garbage and the PyPI client."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vici.protocol import Message as ClientMessage

from ikeengine.daemon.vici.codec import (
    MAX_ELEMENTS,
    MAX_NESTING,
    MAX_SEGMENT,
    Deframer,
    MalformedMessage,
    Packet,
    PacketType,
    as_text,
    decode,
    decode_packet,
    encode,
    encode_packet,
)

README_MESSAGE = {
    "key1": "value1",
    "section1": {"sub-section": {"key2": "value2"}, "list1": ["item1", "item2"]},
}
README_OCTETS = (
    b"\x03\x04key1\x00\x06value1"
    b"\x01\x08section1"
    b"\x01\x0bsub-section"
    b"\x03\x04key2\x00\x06value2"
    b"\x02"
    b"\x04\x05list1\x05\x00\x05item1\x05\x00\x05item2\x06"
    b"\x02"
)

names = st.text(st.characters(codec="ascii"), max_size=20)
values = st.binary(max_size=60)
messages = st.recursive(
    st.dictionaries(names, values | st.lists(values, max_size=4), max_size=4),
    lambda inner: st.dictionaries(names, values | st.lists(values, max_size=3) | inner, max_size=4),
    max_leaves=12,
)


def test_readme_example() -> None:
    assert encode(README_MESSAGE) == README_OCTETS
    assert as_text(decode(README_OCTETS)) == README_MESSAGE


def test_plain_values() -> None:
    assert as_text(decode(encode({"n": 7, "yes": True, "no": False, "raw": b"\xff", "bad": "\ud800"}))) == {
        "n": "7",
        "yes": "yes",
        "no": "no",
        "raw": "\\xff",
        "bad": "\\ud800",
    }


@given(messages)
def test_round_trip(message: dict[str, object]) -> None:
    assert decode(encode(message)) == message


@given(messages)
def test_pypi_client_agrees(message: dict[str, object]) -> None:
    assert ClientMessage.serialize(message) == encode(message)


@settings(max_examples=400)
@given(st.binary(max_size=200) | messages.map(encode).flatmap(lambda octets: st.binary(max_size=3).map(octets.__add__)))
def test_garbage_raises_only_the_documented_error(octets: bytes) -> None:
    for parse in (decode, decode_packet, lambda data: list(Deframer().feed(data))):
        try:
            parse(octets)
        except MalformedMessage:
            continue


@given(messages.map(encode), st.data())
def test_every_truncation_of_an_open_structure_is_refused_or_smaller(octets: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(octets)))
    try:
        shorter = decode(octets[:cut])
    except MalformedMessage:
        return
    assert len(encode(shorter)) == cut


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"\x00", "element 0"),
        (b"\x07", "element 7"),
        (b"\x02", "not opened"),
        (b"\x05\x00\x00", "element 5 within a section"),
        (b"\x06", "element 6 within a section"),
        (b"\x01\x01a", "not closed"),
        (b"\x04\x01a", "not closed"),
        (b"\x04\x01a\x03\x01b\x00\x00", "element 3 within a list"),
        (b"\x04\x01a\x04\x01b", "element 4 within a list"),
        (b"\x03", "where a name should begin"),
        (b"\x03\x05ab", "within a name"),
        (b"\x03\x01a\x00", "where a value should begin"),
        (b"\x03\x01a\x00\x05abc", "within a value"),
        (b"\x03\x01\xff\x00\x00", "not text"),
        (b"\x03\x01a\x00\x00\x03\x01a\x00\x00", "occurs twice"),
        (b"\x01\x01a" * (MAX_NESTING + 1), "nested"),
        (b"\x04\x01a" + b"\x05\x00\x00" * MAX_ELEMENTS + b"\x06", "elements"),
        (bytes(MAX_SEGMENT + 1), "exceeds"),
    ],
)
def test_refused_messages(octets: bytes, words: str) -> None:
    with pytest.raises(MalformedMessage, match=words):
        decode(octets)


def test_deepest_allowed_nesting() -> None:
    octets = b"\x01\x01a" * MAX_NESTING + b"\x02" * MAX_NESTING
    assert encode(decode(octets)) == octets


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"a" * 256: "x"}, "255 octets"),
        ({"a": "x" * 65536}, "65535"),
        ({"a": None}, "NoneType"),
        ({"a": [1.5]}, "float"),
    ],
)
def test_what_cannot_be_encoded(message: dict[str, object], words: str) -> None:
    with pytest.raises(MalformedMessage, match=words):
        encode(message)


def test_too_deep_to_encode() -> None:
    message: dict[str, object] = {}
    for _ in range(MAX_NESTING + 1):
        message = {"a": message}
    with pytest.raises(MalformedMessage, match="nested"):
        encode(message)


@pytest.mark.parametrize("kind", list(PacketType))
def test_packets_round_trip(kind: PacketType) -> None:
    named = kind in {PacketType.CMD_REQUEST, PacketType.EVENT_REGISTER, PacketType.EVENT_UNREGISTER, PacketType.EVENT}
    carries = kind in {PacketType.CMD_REQUEST, PacketType.CMD_RESPONSE, PacketType.EVENT}
    packet = Packet(kind, "version" if named else "", {"a": "b"} if carries else {})
    (segment,) = Deframer().feed(encode_packet(packet))
    received = decode_packet(segment)
    assert (received.type, received.name) == (kind, packet.name)
    assert as_text(received.message) == packet.message


@pytest.mark.parametrize("segment", [b"", b"\x08", b"\x00", b"\x00\x05ab", b"\x05x", b"\x03\x01ax", b"\x01\x03"])
def test_refused_packets(segment: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode_packet(segment)


def test_packet_too_large() -> None:
    values = {str(number): b"x" * 60000 for number in range(9)}
    with pytest.raises(MalformedMessage, match="exceeds"):
        encode_packet(Packet(PacketType.EVENT, "log", values))


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 7))
def test_deframer_is_independent_of_how_the_stream_is_cut(segments: list[bytes], step: int) -> None:
    stream = b"".join(struct.pack("!I", len(segment)) + segment for segment in segments)
    deframer = Deframer()
    received = [
        segment for start in range(0, len(stream), step) for segment in deframer.feed(stream[start : start + step])
    ]
    assert received == segments


def test_deframer_refuses_an_overlong_segment_before_it_is_buffered() -> None:
    with pytest.raises(MalformedMessage, match="exceeds"):
        list(Deframer().feed(struct.pack("!I", MAX_SEGMENT + 1)))
