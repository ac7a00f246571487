"""Types of option values: how text becomes a value, and how the type looks in the reference page and JSON Schema."""

from __future__ import annotations

import difflib
import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from ikeengine.config.durations import DURATION_PATTERN, SIZE_PATTERN, parse_duration, parse_size

T = TypeVar("T")
V = TypeVar("V")
T_co = TypeVar("T_co", covariant=True)
JsonSchema = dict[str, object]

TRUE_WORDS = ("yes", "true", "enabled", "on", "1")
FALSE_WORDS = ("no", "false", "disabled", "off", "0")


class Kind(Protocol[T_co]):
    """A type of values. `label` is its name for people."""

    @property
    def label(self) -> str:
        """Such as `duration` or `yes or no`."""

    def parse(self, text: str) -> T_co:
        """The value of a text. Raises ValueError with one sentence for the operator."""

    def json_schema(self) -> JsonSchema:
        """What a YAML file may hold here."""


def nearest(word: str, known: list[str]) -> str:
    """The known word that was probably meant; empty if none is near."""
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), "")


def suggestion(word: str, known: list[str]) -> str:
    """`; did you mean ...?` for a misspelt word, or nothing if none is near."""
    close = nearest(word, known)
    return f"; did you mean `{close}`?" if close else ""


class Text:
    """Any printable text."""

    label = "text"

    def parse(self, text: str) -> str:
        """The text itself."""
        if not text.isprintable():
            raise ValueError("the text holds characters that cannot be printed")
        return text

    def json_schema(self) -> JsonSchema:
        """A string, or what YAML takes for a number or boolean."""
        return {"type": ["string", "number", "boolean"]}


class Blob:
    """Octets, or a name of what holds them; kept as they came."""

    label = "file"

    def parse(self, text: str) -> str:
        """The text itself."""
        if not text:
            raise ValueError("a file name is missing")
        return text

    def json_schema(self) -> JsonSchema:
        """A file name."""
        return {"type": "string", "minLength": 1}


class Boolean:
    """`yes` or `no`, and the other spellings of strongSwan and YAML."""

    label = "yes or no"

    def parse(self, text: str) -> bool:
        """Whether the text is one of the words for yes."""
        word = text.lower()
        if word in TRUE_WORDS:
            return True
        if word in FALSE_WORDS:
            return False
        raise ValueError(f"`{text}` is neither yes nor no")

    def json_schema(self) -> JsonSchema:
        """A boolean, or one of the words."""
        return {"enum": [True, False, *TRUE_WORDS, *FALSE_WORDS, 1, 0]}


class Duration:
    """A time in seconds."""

    label = "duration"

    def parse(self, text: str) -> float:
        """Seconds."""
        return parse_duration(text)

    def json_schema(self) -> JsonSchema:
        """A number of seconds, or a number with a unit."""
        return {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": DURATION_PATTERN}]}


class Size:
    """A volume in bytes."""

    label = "volume"

    def parse(self, text: str) -> int:
        """Bytes."""
        return parse_size(text)

    def json_schema(self) -> JsonSchema:
        """A number of bytes, or a number with a unit."""
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": SIZE_PATTERN}]}


@dataclass(frozen=True)
class Integer:
    """A whole number in a range; decimal, or hexadecimal with 0x as in swanctl.conf."""

    least: int = 0
    most: int = 0xFFFFFFFF
    label: str = "number"

    def parse(self, text: str) -> int:
        """The number."""
        if not re.fullmatch(r"-?[0-9]{1,20}|0x[0-9a-f]{1,16}", text, re.ASCII | re.IGNORECASE):
            raise ValueError(f"`{text}` is not a whole number")
        number = int(text, 16 if text.lower().startswith("0x") else 10)
        if not self.least <= number <= self.most:
            raise ValueError(f"`{text}` is not between {self.least} and {self.most}")
        return number

    def json_schema(self) -> JsonSchema:
        """A number in the range, or its text."""
        number = {"type": "integer", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [number, {"type": "string", "pattern": "^(-?[0-9]+|0[xX][0-9a-fA-F]+)$"}]}


@dataclass(frozen=True)
class Real:
    """A decimal number in a range."""

    least: float = 0.0
    most: float = 1e9
    label: str = "decimal number"

    def parse(self, text: str) -> float:
        """The number."""
        if not re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", text, re.ASCII):
            raise ValueError(f"`{text}` is not a number")
        number = float(text)
        if not self.least <= number <= self.most:
            raise ValueError(f"`{text}` is not between {self.least:g} and {self.most:g}")
        return number

    def json_schema(self) -> JsonSchema:
        """A number in the range."""
        number = {"type": "number", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [number, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}]}


@dataclass(frozen=True)
class Choice(Generic[T]):
    """One of some words. `unsupported` are words of swanctl that this release does not implement."""

    values: Mapping[str, T]
    aliases: Mapping[str, str] = field(default_factory=dict)
    unsupported: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The words."""
        return " | ".join(self.values)

    def parse(self, text: str) -> T:
        """What the word stands for."""
        word = self._word(text.lower())
        if word in self.values:
            return self.values[word]
        if word in self.unsupported:
            raise ValueError(f"`{text}` is not supported yet; supported are {', '.join(self.values)}")
        raise ValueError(f"`{text}` is not one of {', '.join(self.values)}{suggestion(word, list(self.values))}")

    def _word(self, word: str) -> str:
        """The main spelling: aliases, and the booleans that YAML writers make out of yes and no."""
        if word in self.values:
            return word
        if word in TRUE_WORDS and "yes" in self.values:
            return "yes"
        if word in FALSE_WORDS and "no" in self.values:
            return "no"
        return self.aliases.get(word, word)

    def json_schema(self) -> JsonSchema:
        """The words, and a boolean where yes or no is one of them."""
        booleans = [value for value, word in ((True, "yes"), (False, "no")) if word in self.values]
        return {"enum": [*self.values, *self.aliases, *booleans]}


@dataclass(frozen=True)
class Listing(Generic[T, V]):
    """Several items of a type T that make one value V.

    A YAML list, or one text with commas (unless `split` is off, as for names that hold commas).
    """

    item: Kind[T]
    split: bool = True

    @property
    def label(self) -> str:
        """The label of an item, as a list."""
        return f"list: {self.item.label}"

    def texts(self, text: str) -> list[str]:
        """The items of a text with commas."""
        if not self.split:
            return [text] if text else []
        return [part.strip() for part in text.split(",") if part.strip()]

    def parse(self, text: str) -> V:
        """The value of a text with commas."""
        return self.join([self.item.parse(part) for part in self.texts(text)])

    @abstractmethod
    def join(self, values: list[T]) -> V:
        """Make the value of the option out of the values of its items."""

    def json_schema(self) -> JsonSchema:
        """A list of items, or a text."""
        item = self.item.json_schema()
        return {"anyOf": [{"type": "array", "items": item}, item, {"type": "string"}]}


class ListOf(Listing[T, tuple[T, ...]]):
    """Several values, in their order."""

    def join(self, values: list[T]) -> tuple[T, ...]:
        """The values as a tuple."""
        return tuple(values)


TEXT = Text()
FILE = Blob()
BOOLEAN = Boolean()
DURATION = Duration()
SIZE = Size()
COUNT = Integer()
VOLUME_COUNT = Integer(0, (1 << 64) - 1)
PORT = Integer(1, 65535, "port")
RETRANSMIT_BASES = Real(1.0, 10.0)
RETRANSMISSIONS = Integer(0, 100)
JITTERS = Integer(0, 20)
