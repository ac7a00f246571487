from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.registry import ExchangeType
from ikeengine.wire.header import FLAG_INITIATOR, FLAG_RESPONSE, FLAG_VERSION, Header, read_header
from tests.engine.support.wire import SPI_I, SPI_R, header


def test_fields():
    octets = header(33, 30, exchange=35, flags=0x28, version=0x21, message_id=0xDEADBEEF) + b"xy"
    assert read_header(octets) == Header(SPI_I, SPI_R, 33, 2, 1, ExchangeType.IKE_AUTH, 0x28, 0xDEADBEEF, 30)


@pytest.mark.parametrize(
    ("flags", "initiator", "response"),
    [
        (0, False, False),
        (FLAG_INITIATOR, True, False),
        (FLAG_RESPONSE, False, True),
        (FLAG_INITIATOR | FLAG_RESPONSE, True, True),
        (FLAG_VERSION | 0xC7, False, False),
        (0xFF, True, True),
    ],
)
def test_flags(flags: int, initiator: bool, response: bool):
    parsed = read_header(header(0, 28, flags=flags))
    assert (parsed.is_initiator, parsed.is_response, parsed.flags) == (initiator, response, flags)


@pytest.mark.parametrize("version", [0x00, 0x10, 0x20, 0x2F, 0x30, 0xF0, 0xFF])
def test_version_is_reported_not_judged(version: int):
    parsed = read_header(header(0, 28, version=version))
    assert (parsed.major, parsed.minor) == (version >> 4, version & 15)


def test_unknown_exchange_keeps_its_number():
    exchange = read_header(header(0, 28, exchange=250)).exchange
    assert (exchange, exchange.name) == (250, "UNKNOWN_250")


@pytest.mark.parametrize("size", range(28))
def test_too_short(size: int):
    with pytest.raises(InvalidSyntax, match="too short"):
        read_header(header(0, size)[:size])


@pytest.mark.parametrize("said", [0, 27, 29, 0xFFFFFFFF])
def test_length_must_be_that_of_the_datagram(said: int):
    with pytest.raises(InvalidSyntax, match="the header says"):
        read_header(header(0, said))
