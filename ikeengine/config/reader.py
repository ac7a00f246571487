"""Reads a tree by the schema: every value checked, every key known, every problem noted."""

from __future__ import annotations

import re
from typing import Any

from ikeengine.config.kinds import Listing, nearest, suggestion
from ikeengine.config.problems import Mark, Problems
from ikeengine.config.schema import EVERYTHING, Fixed, Form, Option, Section, Subsection, Values
from ikeengine.config.tree import Entry, Mapping, Node, Scalar, Sequence

_SUFFIX = re.compile(r"$|[-0-9]")
"""How what follows the name of a section looks if it is a suffix and no typing error in another name."""
LONGEST_NAME = 255
"""Octets. A name in a VICI message has an 8-bit length."""


def read(section: Section, node: Node, path: str, problems: Problems, mark: Mark | None = None) -> Values:
    """The values of one section. Whatever is wrong goes to `problems`; the result is always usable."""
    values = Values(path, mark or node.mark)
    entries = _entries(node, path, problems)
    if not entries and not _is_nothing(node):
        values.broken.add(EVERYTHING)
    for entry in entries:
        _read_entry(section, entry, values, problems)
    return values


def _entries(node: Node, path: str, problems: Problems) -> tuple[Entry, ...]:
    if isinstance(node, Mapping):
        return node.entries
    if not (isinstance(node, Scalar) and not node.text):
        problems.add(node.mark, path, "a section is expected here: indented lines of `key: value`")
    return ()


def _read_entry(section: Section, entry: Entry, values: Values, problems: Problems) -> None:
    part = section.find(entry.key)
    if isinstance(part, Option):
        _read_option(part, entry, values, problems)
    elif isinstance(part, Fixed):
        _read_fixed(part, entry, values, problems)
    elif isinstance(part, Subsection) and (_SUFFIX.match(entry.key, len(part.name)) or isinstance(entry.node, Mapping)):
        _read_subsection(part, entry, values, problems)
    else:
        known = section.known()
        problems.add(entry.mark, values.key(entry.key), f"unknown key `{entry.key}`{suggestion(entry.key, known)}")
        # What was probably meant is not absent, so no check shall draw conclusions from its default.
        values.broken.add(nearest(entry.key, known))


def _read_option(option: Option[Any], entry: Entry, values: Values, problems: Problems) -> None:
    values.marks.setdefault(option.name, entry.mark)
    complaints = Problems()
    value = _value(option, entry, values.key(entry.key), complaints)
    for error in complaints.sorted():
        problems.add(Mark(error.file, error.line, error.column), error.key, error.message)
    if complaints:
        values.broken.add(option.name)
        return
    if option.suffixed and option.name in values.values:
        value = (*values.values[option.name], *value)
    values.values[option.name] = value


def _value(option: Option[Any], entry: Entry, key: str, problems: Problems) -> Any:
    node, kind = entry.node, option.kind
    if isinstance(kind, Listing):
        parsed = [_parsed(kind.item, item, key, problems) for item in _items(kind, node, key, problems)]
        return None if problems else kind.join(parsed)
    if isinstance(node, Scalar):
        return _parsed(kind, node, key, problems)
    problems.add(node.mark, key, f"one value is expected here ({kind.label}), not a {_name(node)}")
    return None


def _items(kind: Listing[Any, Any], node: Node, key: str, problems: Problems) -> list[Scalar]:
    if isinstance(node, Scalar):
        return [Scalar(text, node.mark) for text in kind.texts(node.text)]
    if isinstance(node, Mapping):
        problems.add(node.mark, key, f"a list is expected here ({kind.item.label}), not a section")
        return []
    for item in node.items:
        if not isinstance(item, Scalar):
            problems.add(item.mark, key, f"the list holds a {_name(item)} instead of a value ({kind.item.label})")
    return [item for item in node.items if isinstance(item, Scalar)]


def _parsed(kind: Any, scalar: Scalar, key: str, problems: Problems) -> Any:
    try:
        return kind.parse(scalar.text)
    except ValueError as error:
        message = str(error) if scalar.text else f"a value is missing ({kind.label})"
        problems.add(scalar.mark, key, message)
        return None


def _name(node: Node) -> str:
    return "list" if isinstance(node, Sequence) else "section"


def _read_fixed(fixed: Fixed, entry: Entry, values: Values, problems: Problems) -> None:
    if not (_is_nothing(entry.node) or (isinstance(entry.node, Scalar) and fixed.takes(entry.node.text))):
        problems.add(entry.mark, values.key(entry.key), fixed.complaint(entry.key))


def _read_subsection(part: Subsection, entry: Entry, values: Values, problems: Problems) -> None:
    path = values.key(entry.key)
    found = values.sections.setdefault(part.name, {})
    if part.form is not Form.NAMED:
        found[entry.key] = read(part.section, entry.node, path, problems, entry.mark)
        return
    for named in _entries(entry.node, path, problems):
        if _is_name(named.key):
            found[named.key] = read(part.section, named.node, f"{path}.{named.key}", problems, named.mark)
        else:
            problems.add(named.mark, path, f"`{named.key[:40]}` cannot be a name: 1 to 255 printable characters")


def _is_name(name: str) -> bool:
    return name.isprintable() and 0 < len(name.encode("utf-8", "surrogateescape")) <= LONGEST_NAME


def _is_nothing(node: Node) -> bool:
    """Whether a key is written but asks for nothing."""
    if isinstance(node, Scalar):
        return not node.text
    return not (node.items if isinstance(node, Sequence) else node.entries)
