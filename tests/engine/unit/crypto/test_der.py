"""The DER reader and writer."""

from __future__ import annotations

import pytest

from ikeengine.crypto import der
from ikeengine.crypto.der import DerError


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_what_is_written_is_read_back(length: int) -> None:
    encoded = der.element(der.SEQUENCE, b"x" * length)
    assert der.only(encoded, der.SEQUENCE) == b"x" * length


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "nothing"),
        ("30", "no length"),
        ("3001", "value cut off"),
        ("3080", "indefinite length"),
        ("3081", "length cut off"),
        ("308101ff", "length not minimal"),
        ("30820001ff", "length with a leading zero"),
        ("308500000000010000", "length of five octets"),
        ("3f2a00", "multi-octet tag"),
    ],
)
def test_other_encodings_are_refused(data: str, why: str) -> None:
    with pytest.raises(DerError):
        der.read(bytes.fromhex(data))


def test_only_refuses_another_tag_and_trailing_octets() -> None:
    assert der.only(b"\x05\x00", der.NULL) == b""
    with pytest.raises(DerError):
        der.only(b"\x05\x00", der.SEQUENCE)
    with pytest.raises(DerError):
        der.only(b"\x05\x00\x00", der.NULL)


def test_elements_come_with_and_without_headers() -> None:
    value = der.element(der.INTEGER, b"\x01") + der.element(der.NULL, b"")
    assert list(der.elements(value)) == [(der.INTEGER, b"\x01"), (der.NULL, b"")]
    assert list(der.encoded_elements(value)) == [b"\x02\x01\x01", b"\x05\x00"]
    with pytest.raises(DerError):
        list(der.elements(value + b"\x30"))


@pytest.mark.parametrize(
    ("dotted", "encoded"),
    [
        ("2.5.4.3", "0603550403"),
        ("1.2.840.113549.1.1.11", "06092a864886f70d01010b"),
        ("0.9.2342.19200300.100.1.25", "060a0992268993f22c640119"),
        ("2.999.1", "0603883701"),
    ],
)
def test_object_identifiers(dotted: str, encoded: str) -> None:
    assert der.object_identifier(dotted).hex() == encoded
    assert der.dotted_text(der.object_identifier(dotted)[2:]) == dotted


@pytest.mark.parametrize(
    "text", ["", "1", "3.1", "1.40", "1.-2", "a.b", "1.2.", "1." + "9" * 5000, "1_0.2", "\u0661.2"]
)
def test_what_is_no_object_identifier(text: str) -> None:
    with pytest.raises(DerError):
        der.object_identifier(text)


@pytest.mark.parametrize("value", [b"", b"\x2a\x86", b"\x81" * 64 + b"\x01"])
def test_cut_off_or_endless_object_identifiers(value: bytes) -> None:
    with pytest.raises(DerError):
        der.dotted_text(value)


def test_deep_nesting_costs_nothing() -> None:
    data = b""
    for _ in range(1000):
        data = der.element(der.SEQUENCE, data)
    assert len(list(der.elements(data))) == 1
