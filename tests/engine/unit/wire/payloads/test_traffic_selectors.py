from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.model.selector import OPAQUE_PORTS, TrafficSelector
from ikeengine.wire.payloads.traffic_selectors import TsInitiator, TsResponder, UnknownSelector
from ikeengine.wire.reader import Reader

BOTH = pytest.mark.parametrize("cls", [TsInitiator, TsResponder])
ANY = TrafficSelector(bytes(4), b"\xff" * 4)
WEB = TrafficSelector(bytes((10, 0, 0, 0)), bytes((10, 0, 0, 255)), 6, 80, 443)
V6 = TrafficSelector(bytes(16), b"\xff" * 16, 58, 0x8000, 0x80FF)


def selector(kind: int, body: str, protocol: int = 0, said: int | None = None) -> bytes:
    octets = bytes.fromhex(body)
    return bytes((kind, protocol)) + (4 + len(octets) if said is None else said).to_bytes(2, "big") + octets


def read(*selectors: bytes, said: int | None = None) -> TsInitiator:
    reader = Reader(bytes((len(selectors) if said is None else said, 0, 0, 0)) + b"".join(selectors))
    payload = TsInitiator.read(reader)
    reader.finish()
    return payload


@BOTH
def test_octets(cls):
    payload = cls((WEB, V6))
    octets = (
        bytes.fromhex("02 000000  07 06 0010 0050 01bb 0a000000 0a0000ff  08 3a 0028 8000 80ff")
        + bytes(16)
        + b"\xff" * 16
    )
    assert payload.write() == octets
    assert cls.read(Reader(octets)) == payload


def test_the_two_are_not_the_same():
    assert TsInitiator((ANY,)) != TsResponder((ANY,))


def test_w07_reserved_octets_are_ignored():
    octets = bytearray(TsInitiator((ANY,)).write())
    octets[1:4] = b"\xff\xff\xff"
    assert TsInitiator.read(Reader(bytes(octets))) == TsInitiator((ANY,))


def test_255_selectors():
    payload = TsInitiator((WEB,) * 255)
    assert TsInitiator.read(Reader(payload.write())) == payload


def test_none_at_all():
    with pytest.raises(InvalidSyntax, match="no traffic selector"):
        read()


@pytest.mark.parametrize("said", [0, 1, 3, 255])
def test_count_lies(said: int):
    with pytest.raises(InvalidSyntax):
        read(selector(7, "0000ffff 00000000 ffffffff"), selector(7, "0000ffff 00000000 ffffffff"), said=said)


def test_unknown_types_keep_octets_and_place():
    other = selector(9, "abcdef", protocol=17)
    empty = selector(241, "")
    any4 = selector(7, "0000ffff 00000000 ffffffff")
    for parts in ([other, any4], [any4, other], [other, any4, empty, any4, other], [empty]):
        payload = read(*parts)
        assert payload.write() == bytes((len(parts), 0, 0, 0)) + b"".join(parts)
        assert payload.selectors == (ANY,) * parts.count(any4)
    assert read(any4, other).unknown == (UnknownSelector(9, bytes.fromhex("abcdef"), 17, 1),)


@pytest.mark.parametrize("said", [0, 3, 4, 15, 17, 40, 65535])
def test_ipv4_has_sixteen_octets(said: int):
    with pytest.raises(InvalidSyntax):
        read(selector(7, "0000ffff 00000000 ffffffff", said=said))


@pytest.mark.parametrize("kind", [7, 8])
@pytest.mark.parametrize("size", [0, 4, 11, 13, 35, 37])
def test_wrong_size_of_a_range(kind: int, size: int):
    with pytest.raises(InvalidSyntax):
        read(selector(kind, "00" * size))


def test_v4_octets_in_a_v6_selector():
    with pytest.raises(InvalidSyntax):
        read(selector(8, "0000ffff 00000000 ffffffff"))


@pytest.mark.parametrize(
    "body",
    ["0000ffff 0a000002 0a000001", "0050004f 00000000 ffffffff", "ffff0001 00000000 ffffffff"],
    ids=["addresses", "ports", "nearly-opaque"],
)
def test_w10_ranges_that_end_before_they_start(body: str):
    with pytest.raises(InvalidSyntax, match="end before they start"):
        read(selector(7, body, protocol=6))


def test_opaque_ports():
    (parsed,) = read(selector(7, "ffff0000 00000000 ffffffff", protocol=6)).selectors
    assert (parsed.first_port, parsed.last_port) == OPAQUE_PORTS


@pytest.mark.parametrize("protocol", [0, 1, 17, 58, 255])
def test_every_protocol(protocol: int):
    assert read(selector(7, "0000ffff 00000000 ffffffff", protocol=protocol)).selectors[0].protocol == protocol
