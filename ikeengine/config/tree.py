"""The shape that the configuration file and the control socket share: mappings, lists and text, with their places.

Every value is text, as in swanctl.conf: `yes`, `1h` and `0x0a` mean what the schema says, not what YAML guesses.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence as AnySequence
from typing import NamedTuple

from ikeengine.config.problems import NOWHERE, Mark
from ikeengine.model.immutable import immutable


@immutable
class Scalar:
    """One value. Octets that are no UTF-8 are kept as surrogate escapes."""

    text: str
    mark: Mark = NOWHERE


@immutable
class Sequence:
    """A list of values."""

    items: tuple[Node, ...]
    mark: Mark = NOWHERE


class Entry(NamedTuple):
    """A key of a mapping with its value; `mark` is the place of the key."""

    key: str
    node: Node
    mark: Mark = NOWHERE


@immutable
class Mapping:
    """A section: keys in the order of the file, no key twice."""

    entries: tuple[Entry, ...]
    mark: Mark = NOWHERE


Node = Scalar | Sequence | Mapping

ViciValue = str | bytes | AnySequence["str | bytes"] | AnyMapping[str, "ViciValue"]
"""What a VICI message is made of."""


def octets(text: str) -> bytes:
    """The octets behind a Scalar's text, unchanged even if they are no UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def text_of(value: str | bytes) -> str:
    """The text form of octets, reversible by `octets`."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def from_vici(value: ViciValue) -> Node:
    """Turn a section, list or value of a VICI message into a tree (without places)."""
    if isinstance(value, AnyMapping):
        return Mapping(tuple(Entry(text_of(key), from_vici(item)) for key, item in value.items()))
    if isinstance(value, str | bytes | bytearray | memoryview):
        return Scalar(text_of(value if isinstance(value, str) else bytes(value)))
    return Sequence(tuple(from_vici(item) for item in value))
