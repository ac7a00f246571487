from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax, LocalMisuse
from ikeengine.ikev1.wire.numbers import Doi, ProtocolId
from ikeengine.ikev1.wire.payloads.delete import Delete
from ikeengine.wire.reader import Reader

DOI = bytes.fromhex("00000001")


def test_octets():
    assert Delete(ProtocolId.ISAKMP, (b"c" * 16,)).write() == DOI + bytes.fromhex("01 10 0001") + b"c" * 16
    assert Delete(ProtocolId.ESP, (b"abcd", b"efgh")).write() == DOI + bytes.fromhex("03 04 0002") + b"abcdefgh"


@pytest.mark.parametrize(
    "delete",
    [
        Delete(ProtocolId.ISAKMP, (b"c" * 16, b"d" * 16)),
        Delete(ProtocolId.AH, (b"abcd",)),
        Delete(ProtocolId.ESP, (b"abcd",) * 300, Doi.ISAKMP),
        Delete(ProtocolId.IPCOMP, (b"ab", b"cd")),
        Delete(ProtocolId.IPCOMP, (b"abcd",)),
    ],
    ids=str,
)
def test_round_trip(delete: Delete):
    assert Delete.read(Reader(delete.write())) == delete


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5, 255])
@pytest.mark.parametrize("spi_size", [0, 1, 2, 4, 8, 15, 16, 17, 255])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_w11_all_protocols_sizes_and_counts(protocol: int, spi_size: int, count: int):
    octets = DOI + bytes((protocol, spi_size, 0, count)) + b"s" * spi_size * count
    if count and spi_size in {1: {16}, 2: {4}, 3: {4}, 4: {2, 4}}.get(protocol, ()):
        assert Delete.read(Reader(octets)).write() == octets
    else:
        with pytest.raises(InvalidSyntax):
            Delete.read(Reader(octets))


@pytest.mark.parametrize("count", [3, 255, 65535])
def test_w11_more_spis_said_than_sent(count: int):
    with pytest.raises(InvalidSyntax):
        Delete.read(Reader(DOI + bytes((3, 4)) + count.to_bytes(2, "big") + b"s" * 8))


def test_w11_fewer_spis_said_than_sent():
    reader = Reader(DOI + bytes.fromhex("03 04 0001") + b"s" * 8)
    Delete.read(reader)
    with pytest.raises(InvalidSyntax, match="4 octets left over"):
        reader.finish()


@pytest.mark.parametrize("doi", [2, 0x01000000, 0xFFFFFFFF])
def test_w11_another_doi(doi: int):
    with pytest.raises(InvalidSyntax, match="is not supported"):
        Delete.read(Reader(doi.to_bytes(4, "big") + bytes.fromhex("03 04 0001") + b"abcd"))


def test_nothing_to_delete():
    with pytest.raises(LocalMisuse):
        Delete(ProtocolId.ESP, ()).write()


@pytest.mark.parametrize("count", [1024, 1025, 16000])
def test_w11_more_spis_than_anybody_needs(count: int):
    octets = DOI + bytes((3, 4)) + count.to_bytes(2, "big") + b"s" * 4 * count
    if count <= 1024:
        assert len(Delete.read(Reader(octets)).spis) == count
    else:
        with pytest.raises(InvalidSyntax, match="more than 1024 SPIs"):
            Delete.read(Reader(octets))
