"""Numbers, times and messages as people and programs read them."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from ikeengine.daemon.vici.codec import Message, Value, as_text

_DAY, _HOUR, _MINUTE = 86400, 3600, 60
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def duration(seconds: int | None) -> str:
    """A time with its two largest units, such as `2h 13m`; `-` for none."""
    if seconds is None:
        return "-"
    if seconds < 0:
        return f"overdue {duration(-seconds)}"
    if seconds >= _DAY:
        return f"{seconds // _DAY}d {seconds % _DAY // _HOUR}h"
    if seconds >= _HOUR:
        return f"{seconds // _HOUR}h {seconds % _HOUR // _MINUTE}m"
    if seconds >= _MINUTE:
        return f"{seconds // _MINUTE}m {seconds % _MINUTE}s"
    return f"{seconds}s"


def volume(octets: int) -> str:
    """A number of bytes in the unit that suits it, such as `1.4 MiB`."""
    amount = float(octets)
    for unit in _UNITS[:-1]:
        if amount < 1024:
            return f"{octets} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {_UNITS[-1]}"


def string(section: Mapping[str, Value], key: str) -> str:
    """A value as text; empty if it is absent or no value."""
    value = section.get(key)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def number(section: Mapping[str, Value], key: str) -> int | None:
    """A value as a number; None if it is absent or no number."""
    try:
        return int(string(section, key))
    except ValueError:
        return None


def strings(section: Mapping[str, Value], key: str) -> list[str]:
    """A list of values as text; empty if it is absent."""
    value = section.get(key)
    return [item.decode("utf-8", "replace") for item in value] if isinstance(value, list) else []


def sections(message: Mapping[str, Value]) -> dict[str, Message]:
    """The sections inside a section by their names."""
    return {name: value for name, value in message.items() if isinstance(value, dict)}


def subsections(message: Mapping[str, Value], name: str) -> dict[str, Message]:
    """The sections inside a named section."""
    inner = message.get(name)
    return sections(inner) if isinstance(inner, dict) else {}


def json_ready(message: Message) -> Mapping[str, object]:
    """A message for `json.dumps`: strings, lists and dicts; a certificate's octets become PEM."""
    octets = message.get("data")
    if not isinstance(octets, bytes):
        return as_text(message)
    return {**as_text(message), "data": pem(octets)}


def pem(der: bytes) -> str:
    """A certificate as PEM text."""
    body = base64.b64encode(der).decode()
    wrapped = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    return f"-----BEGIN CERTIFICATE-----\n{wrapped}\n-----END CERTIFICATE-----\n"


def printable(text: str) -> str:
    """Text of a peer without control characters, which could play tricks with a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)
