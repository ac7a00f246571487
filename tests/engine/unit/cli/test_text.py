from __future__ import annotations

import pytest

from ikeengine.cli import text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "-"), (0, "0s"), (59, "59s"), (60, "1m 0s"), (3599, "59m 59s"), (3600, "1h 0m"), (90061, "1d 1h"),
     (-5, "overdue 5s")],
)  # fmt: skip
def test_durations(seconds: int | None, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("octets", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 60, "3072.0 PiB")],
)
def test_volumes(octets: int, shown: str) -> None:
    assert text.volume(octets) == shown


def test_values_of_a_message() -> None:
    message: text.Message = {"a": b"7", "b": [b"x", b"\xff"], "c": {"d": {"e": b"f"}}, "g": b"text"}
    assert (text.string(message, "a"), text.string(message, "b"), text.string(message, "z")) == ("7", "", "")
    assert (text.number(message, "a"), text.number(message, "g"), text.number(message, "z")) == (7, None, None)
    assert (text.strings(message, "b"), text.strings(message, "a")) == (["x", "\ufffd"], [])
    assert text.sections(message) == {"c": {"d": {"e": b"f"}}}
    assert text.subsections(message, "c") == {"d": {"e": b"f"}}
    assert text.subsections(message, "a") == {}


def test_json_has_pem_for_certificates() -> None:
    assert text.json_ready({"type": b"X509", "data": b"\x30\x00"}) == {
        "type": "X509",
        "data": "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    }


def test_control_characters_are_replaced() -> None:
    assert text.printable("a\x1b[0m\nä") == "a?[0m?ä"
