"""The vocabulary of the schema: options, sections, and the values read from a section.

Each section of the configuration is a table of options in `config.options`. From these tables come validation,
defaults, the JSON Schema (`ikeengine check --schema`) and the reference page, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Generic, TypeVar, cast

from ikeengine.config.kinds import Kind
from ikeengine.config.problems import NOWHERE, Mark

T = TypeVar("T")

EVERYTHING = "*"
"""Stands among the broken options of a section that is no section at all."""


@dataclass(frozen=True)
class Option(Generic[T]):
    """One key of a section. `default` is text as an operator would write it; None means: absent.

    `derived` tells in words what an absent option becomes when that depends on other options.
    A `suffixed` option may be written several times with different endings, such as `id-1` and `id-2`.
    """

    name: str
    kind: Kind[T]
    help: str
    default: str | None = None
    derived: str = ""
    unit: str = ""
    suffixed: bool = False

    def default_value(self) -> T:
        """The value of an absent option."""
        return cast("T", None) if self.default is None else self.kind.parse(self.default)


@dataclass(frozen=True)
class Fixed:
    """An option of swanctl that this release does not implement: only the value that equals what we do is taken.

    `accepted` None takes no value at all.
    """

    name: str
    topic: str
    accepted: str | None = None
    kind: Kind[object] | None = None
    suffixed: bool = False

    def takes(self, text: str) -> bool:
        """Whether this value asks for nothing else than what we do."""
        if self.accepted is None:
            return False
        if self.kind is None:
            return text == self.accepted
        try:
            return self.kind.parse(text) == self.kind.parse(self.accepted)
        except ValueError:
            return False

    def complaint(self, name: str) -> str:
        """What to tell an operator who wants more."""
        advice = "leave it out" if self.accepted is None else f"only `{name}: {self.accepted}` is accepted"
        return f"`{name}` is not supported yet ({self.topic}); {advice}"


class Form(Enum):
    """How often a sub-section may appear."""

    ONCE = "once"
    SUFFIXED = "suffixed"
    """Any key that starts with its name, such as `local`, `local-1`."""
    NAMED = "named"
    """A section that holds sections with names of the operator's choice, such as `children`."""


@dataclass(frozen=True)
class Subsection:
    """A section inside a section."""

    name: str
    section: Section
    form: Form = Form.ONCE


@dataclass(frozen=True)
class Section:
    """A table of options. `path` is how the documentation names the place, such as `connections.<conn>`."""

    path: str
    help: str
    options: tuple[Option[Any], ...] = ()
    fixed: tuple[Fixed, ...] = ()
    sections: tuple[Subsection, ...] = ()
    numbered: Option[Any] | None = None
    """What a key means that is a number, such as an attribute without a name."""

    def known(self) -> list[str]:
        """Every name that means something here."""
        return [part.name for part in self._parts()]

    def _parts(self) -> tuple[Option[Any] | Fixed | Subsection, ...]:
        return (*self.options, *self.fixed, *self.sections)

    def find(self, key: str) -> Option[Any] | Fixed | Subsection | None:
        """What a key means: its exact name first, then the longest prefix that takes a suffix."""
        for part in self._parts():
            if part.name == key:
                return part
        if self.numbered is not None and key.isdecimal() and key.isascii():
            return replace(self.numbered, name=key)
        fitting = [part for part in self._parts() if _takes_suffix(part) and key.startswith(part.name)]
        return max(fitting, key=lambda part: len(part.name), default=None)


def _takes_suffix(part: Option[Any] | Fixed | Subsection) -> bool:
    return part.form is Form.SUFFIXED if isinstance(part, Subsection) else part.suffixed


@dataclass
class Values:
    """What was read from one section. Absent options give their default; broken ones too, but count as `broken`."""

    path: str
    mark: Mark = NOWHERE
    values: dict[str, Any] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    sections: dict[str, dict[str, Values]] = field(default_factory=dict)

    def __getitem__(self, option: Option[T]) -> T:
        if option.name in self.values:
            return cast("T", self.values[option.name])
        return option.default_value()

    def __contains__(self, option: Option[Any]) -> bool:
        """Whether the option is written and sound."""
        return option.name in self.values

    def sound(self, *options: Option[Any]) -> bool:
        """Whether none of these options is broken, so that conclusions from them make sense."""
        return EVERYTHING not in self.broken and not any(option.name in self.broken for option in options)

    def mark_of(self, option: Option[Any]) -> Mark:
        """Where the option is written, or else where its section is."""
        return self.marks.get(option.name, self.mark)

    def key(self, option: Option[Any] | str) -> str:
        """The path of an option of this section."""
        name = option if isinstance(option, str) else option.name
        return f"{self.path}.{name}" if self.path else name

    def named(self, name: str) -> Mapping[str, Values]:
        """The sub-sections of one kind by their names; empty if there are none."""
        return self.sections.get(name, {})

    def one(self, name: str) -> Values:
        """A sub-section that may appear once; with nothing but defaults if it is absent."""
        return self.named(name).get(name) or Values(self.key(name), self.mark)
