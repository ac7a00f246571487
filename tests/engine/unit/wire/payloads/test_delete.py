from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.registry import Protocol
from ikeengine.wire.payloads.delete import Delete
from ikeengine.wire.reader import Reader


def test_octets():
    assert Delete(Protocol.IKE).write() == bytes.fromhex("01 00 0000")
    assert Delete(Protocol.ESP, (b"abcd", b"efgh")).write() == bytes.fromhex("03 04 0002") + b"abcdefgh"


@pytest.mark.parametrize(
    "delete", [Delete(Protocol.IKE), Delete(Protocol.AH, (b"abcd",)), Delete(Protocol.ESP, (b"abcd",) * 300)], ids=str
)
def test_round_trip(delete: Delete):
    assert Delete.read(Reader(delete.write())) == delete


def test_no_child_sa_at_all():
    assert Delete.read(Reader(bytes.fromhex("03 04 0000"))) == Delete(Protocol.ESP)
    assert Delete(Protocol.ESP).write() == bytes.fromhex("03 04 0000")


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 255])
@pytest.mark.parametrize("spi_size", [0, 1, 4, 8, 255])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_all_protocols_sizes_and_counts(protocol: int, spi_size: int, count: int):
    octets = bytes((protocol, spi_size, 0, count)) + b"s" * spi_size * count
    if (protocol, spi_size, count) == (1, 0, 0) or (protocol in (2, 3) and spi_size == 4):
        assert Delete.read(Reader(octets)).write() == octets
    else:
        with pytest.raises(InvalidSyntax):
            Delete.read(Reader(octets))


@pytest.mark.parametrize("count", [3, 65535])
def test_more_spis_said_than_sent(count: int):
    with pytest.raises(InvalidSyntax):
        Delete.read(Reader(bytes((3, 4)) + count.to_bytes(2, "big") + b"s" * 8))


def test_fewer_spis_said_than_sent():
    reader = Reader(bytes.fromhex("03 04 0001") + b"s" * 8)
    Delete.read(reader)
    with pytest.raises(InvalidSyntax, match="4 octets left over"):
        reader.finish()


def test_whatever_a_caller_echoes_can_be_written():
    assert Delete(Protocol(9), (b"ab",)).write() == bytes.fromhex("09 02 0001") + b"ab"
    assert Delete(Protocol.NONE).write() == bytes.fromhex("00 00 0000")
