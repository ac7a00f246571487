from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.registry import NotifyType, Protocol
from ikeengine.wire.payloads.notify import Notify
from ikeengine.wire.reader import Reader


def test_octets():
    notify = Notify(NotifyType.REKEY_SA, b"data", Protocol.ESP, b"\1\2\3\4")
    assert notify.write() == bytes.fromhex("03 04 4009 01020304") + b"data"
    assert Notify.read(Reader(notify.write())) == notify


def test_most_notifies_have_no_spi():
    assert Notify(NotifyType.COOKIE, b"c").write() == bytes.fromhex("00 00 4006") + b"c"


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 255])
@pytest.mark.parametrize("spi_size", [0, 1, 4, 8, 255])
def test_all_protocols_and_spi_sizes(protocol: int, spi_size: int):
    """CVE-2023-38710: REKEY_SA with protocol 0 or 1. The codec keeps it; what it means is not its business."""
    octets = bytes((protocol, spi_size)) + bytes.fromhex("4009") + b"s" * spi_size + b"data"
    notify = Notify.read(Reader(octets))
    assert (notify.protocol, notify.spi, notify.data) == (protocol, b"s" * spi_size, b"data")
    assert notify.write() == octets


@pytest.mark.parametrize("kind", [0, 1, 8192, 16383, 16384, 40960, 65535])
def test_all_types(kind: int):
    notify = Notify.read(Reader(b"\0\0" + kind.to_bytes(2, "big")))
    assert notify.kind == kind
    assert notify.kind.is_error == (kind < 16384)


def test_spi_longer_than_the_payload():
    with pytest.raises(InvalidSyntax):
        Notify.read(Reader(bytes.fromhex("03 05 4009 01020304")))


@pytest.mark.parametrize("size", range(4))
def test_cut(size: int):
    with pytest.raises(InvalidSyntax):
        Notify.read(Reader(bytes(size)))
