"""NAT detection (RFC 7296 section 2.23)."""

from __future__ import annotations

import hashlib

import pytest

from ikeengine.ikev2.messages import natd
from ikeengine.ikev2.messages.received import Received
from ikeengine.model.path import Path
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.wire.payloads import Notify

SPI_I, SPI_R = b"initiatr", bytes(8)
PATH = Path("192.0.2.1", 500, "192.0.2.2", 500)
BACK = Path("192.0.2.2", 500, "192.0.2.1", 500)


def received(payloads: list, path: Path = BACK) -> Received:
    return Received(ExchangeType.IKE_SA_INIT, False, payloads, b"", path)


def test_the_hash_is_that_of_the_rfc() -> None:
    source, destination = natd.payloads(SPI_I, SPI_R, PATH, fake=False)
    assert source.kind == NotifyType.NAT_DETECTION_SOURCE_IP
    assert source.data == hashlib.sha1(SPI_I + SPI_R + bytes([192, 0, 2, 1]) + b"\x01\xf4").digest()
    assert destination.data == hashlib.sha1(SPI_I + SPI_R + bytes([192, 0, 2, 2]) + b"\x01\xf4").digest()


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (BACK, (False, False)),
        (BACK._replace(remote="203.0.113.9"), (False, True)),
        (BACK._replace(remote_port=1024), (False, True)),
        (BACK._replace(local="10.0.0.2"), (True, False)),
        (BACK._replace(local="10.0.0.2", remote="203.0.113.9"), (True, True)),
    ],
)
def test_who_is_behind_a_nat(seen: Path, found: tuple[bool, bool]) -> None:
    assert natd.detect(received(natd.payloads(SPI_I, SPI_R, PATH, fake=False), seen), SPI_I, SPI_R) == found


def test_fake() -> None:
    payloads = natd.payloads(SPI_I, SPI_R, PATH, fake=True)
    assert natd.detect(received(payloads), SPI_I, SPI_R) == (False, True)


def test_peer_with_several_addresses_and_peer_without_nat_detection() -> None:
    right = natd.payloads(SPI_I, SPI_R, PATH, fake=False)
    other = Notify(NotifyType.NAT_DETECTION_SOURCE_IP, bytes(20))
    assert natd.detect(received([other, *right]), SPI_I, SPI_R) == (False, False)
    assert natd.detect(received([Notify(NotifyType.COOKIE, b"c")]), SPI_I, SPI_R) == (False, False)
    short = [Notify(NotifyType.NAT_DETECTION_DESTINATION_IP, b""), Notify(NotifyType.NAT_DETECTION_SOURCE_IP, b"")]
    assert natd.detect(received(short), SPI_I, SPI_R) == (True, True)


def test_ipv6() -> None:
    path = Path("2001:db8::1", 500, "2001:db8::2", 500)
    back = Path("2001:db8::2", 500, "2001:db8::1", 500)
    assert natd.detect(received(natd.payloads(SPI_I, SPI_R, path, fake=False), back), SPI_I, SPI_R) == (False, False)
