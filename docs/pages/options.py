"""Options and return values, as roles, modules and plugins describe them, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docs.pages.markup import markdown, table

Spec = Mapping[str, Any]


def option_table(options: Mapping[str, Spec]) -> list[str]:
    """A table of options."""
    return table(("Option", "Type", "Default", "Meaning"), _option_rows(options))


def _option_rows(options: Mapping[str, Spec], prefix: str = "") -> Iterator[tuple[str, ...]]:
    for name, option in options.items():
        yield f"`{prefix}{name}`", _type(option), _default(option), _meaning(option)
        yield from _option_rows(option.get("suboptions") or option.get("options") or {}, f"{prefix}{name}.")


def _type(spec: Spec) -> str:
    kind = spec.get("type", "str")
    return f"{kind} of {spec['elements']}" if "elements" in spec else str(kind)


def _default(option: Spec) -> str:
    if option.get("required"):
        return "**required**"
    if "default" not in option:
        return ""
    return _value(option["default"])


def _value(value: object) -> str:
    match value:
        case bool():
            return "`true`" if value else "`false`"
        case str() | list() | dict() if not value:
            return "empty"
        case list():
            return ", ".join(_value(item) for item in value)
        case dict():
            return ", ".join(f"`{key}: {item}`" for key, item in value.items())
    return f"`{value}`"


def _meaning(option: Spec) -> str:
    text = markdown(option.get("description", ""))
    if "choices" in option:
        text += f" One of {', '.join(_value(choice) for choice in option['choices'])}."
    if "aliases" in option:
        text += f" Alias: {', '.join(f'`{alias}`' for alias in option['aliases'])}."
    return text


def return_table(values: Mapping[str, Spec]) -> list[str]:
    """A table of return values."""
    return table(("Value", "Type", "Meaning"), _return_rows(values))


def _return_rows(values: Mapping[str, Spec], prefix: str = "") -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        when = value.get("returned", "success")
        condition = "" if prefix or when == "success" else f" Returned on {when}."
        yield f"`{prefix}{name}`", _type(value), markdown(value.get("description", "")) + condition
        inside = "[]." if value.get("type") == "list" else "."
        yield from _return_rows(value.get("contains") or {}, f"{prefix}{name}{inside}")
