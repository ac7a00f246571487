from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.registry import EapCode
from ikeengine.wire.payloads.eap import Eap
from ikeengine.wire.reader import Reader


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        ("01070005 01", EapCode.REQUEST),
        ("02070009 01 75736572", EapCode.RESPONSE),
        ("03070004", EapCode.SUCCESS),
        ("04070004", EapCode.FAILURE),
        ("05070004", EapCode(5)),
        ("ff070006 abcd", EapCode(255)),
    ],
)
def test_messages(octets: str, code: EapCode):
    data = bytes.fromhex(octets)
    reader = Reader(data)
    eap = Eap.read(reader)
    reader.finish()
    assert (eap.data, eap.write(), eap.code, eap.identifier) == (data, data, code, 7)


@pytest.mark.parametrize(
    "octets",
    ["", "01", "0107", "010700", "01070004", "02070004", "03070005 01", "04070005 01", "01070000", "01070003"],
)
def test_malformed(octets: str):
    with pytest.raises(InvalidSyntax):
        Eap.read(Reader(bytes.fromhex(octets)))


@pytest.mark.parametrize("said", [0, 4, 5, 7, 65535])
def test_w12_length_must_be_that_of_the_payload(said: int):
    with pytest.raises(InvalidSyntax):
        Eap.read(Reader(bytes((1, 7)) + said.to_bytes(2, "big") + b"\x01x"))


def test_the_window_counts_not_the_message():
    assert Eap.read(Reader(b"xx\x03\x07\0\x04yy", 2, 6)) == Eap(b"\x03\x07\0\x04")


def test_a_password_does_not_show():
    assert "secret" not in repr(Eap(b"\x02\x07\0\x0b\x06secret"))
