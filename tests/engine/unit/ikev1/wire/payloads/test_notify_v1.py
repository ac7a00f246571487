from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.algorithms import Phase2Attribute
from ikeengine.ikev1.wire.attributes import Attribute, read_attributes
from ikeengine.ikev1.wire.numbers import Doi, NotifyType, ProtocolId
from ikeengine.ikev1.wire.payloads.notify import Notify
from ikeengine.wire.reader import Reader
from tests.engine.support.wire_v1 import COOKIE_I, COOKIE_R


def test_r_u_there():
    """RFC 3706 section 5.3."""
    notify = Notify(NotifyType.R_U_THERE, b"\0\0\0\7", ProtocolId.ISAKMP, COOKIE_I + COOKIE_R)
    octets = bytes.fromhex("00000001 01 10 8d28") + COOKIE_I + COOKIE_R + bytes.fromhex("00000007")
    assert notify.write() == octets
    assert Notify.read(Reader(octets)) == notify


def test_responder_lifetime():
    """RFC 2407 section 4.6.3.1: the data is a list of attributes."""
    octets = bytes.fromhex("00000001 03 04 6000 c0ffee01 80010001 80020e10")
    notify = Notify.read(Reader(octets))
    assert notify.kind is NotifyType.RESPONDER_LIFETIME
    assert read_attributes(Reader(notify.data), 8) == (
        Attribute(Phase2Attribute.SA_LIFE_TYPE, 1),
        Attribute(Phase2Attribute.SA_LIFE_DURATION, 3600),
    )


def test_an_unknown_type_keeps_its_number():
    octets = bytes.fromhex("00000000 c8 00 9fff") + b"data"
    notify = Notify.read(Reader(octets))
    assert (notify.kind, notify.kind.known, notify.protocol, notify.doi) == (0x9FFF, False, 200, Doi.ISAKMP)
    assert notify.write() == octets


@pytest.mark.parametrize(("kind", "is_error"), [(1, True), (30, True), (16383, True), (16384, False), (24578, False)])
def test_errors_and_statuses(kind: int, is_error: bool):
    assert NotifyType(kind).is_error is is_error


@pytest.mark.parametrize("size", [1, 4, 5, 255])
def test_spi_beyond_the_end(size: int):
    with pytest.raises(InvalidSyntax):
        Notify.read(Reader(bytes.fromhex("00000001 01") + bytes((size,)) + b"\0\1" + b"s" * (size - 1)))


@pytest.mark.parametrize("doi", [2, 0x01000001, 0xFFFFFFFF])
def test_w11_another_doi(doi: int):
    with pytest.raises(InvalidSyntax, match=f"DOI {doi} is not supported"):
        Notify.read(Reader(doi.to_bytes(4, "big") + bytes.fromhex("01 00 0001")))
