"""The JSON Schema of a configuration file, for editors and for other programs that write configurations."""

from __future__ import annotations

from typing import Any

from ikeengine.config.kinds import JsonSchema
from ikeengine.config.options.root import ROOT
from ikeengine.config.schema import Fixed, Form, Option, Section, Subsection

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> JsonSchema:
    """The schema as plain dicts and lists, ready for `json.dumps`."""
    return {"$schema": DIALECT, "title": "ikeengine configuration", **_section(ROOT)}


def _section(section: Section) -> JsonSchema:
    properties: JsonSchema = {}
    patterns: JsonSchema = {}
    for option in section.options:
        target, name = (patterns, _prefix(option.name)) if option.suffixed else (properties, option.name)
        target[name] = _option(option)
    for fixed in section.fixed:
        if fixed.accepted is not None:
            properties[fixed.name] = _fixed(fixed)
    for part in section.sections:
        target, name = (patterns, _prefix(part.name)) if part.form is Form.SUFFIXED else (properties, part.name)
        target.setdefault(name, _subsection(part))
    if section.numbered is not None:
        patterns["^[0-9]+$"] = _option(section.numbered)
    # A pattern such as `^local` must not judge options such as `local_addrs`, so it excludes them by name.
    taken = [*properties]
    return {
        "type": ["object", "null"],
        "description": section.help,
        "properties": properties,
        "patternProperties": {_excluding(pattern, taken): schema for pattern, schema in patterns.items()},
        "additionalProperties": False,
    }


def _prefix(name: str) -> str:
    return f"^{name}"


def _excluding(pattern: str, names: list[str]) -> str:
    clashing = [name for name in names if name.startswith(pattern[1:])]
    return f"^(?!({'|'.join(clashing)})$){pattern[1:]}" if clashing else pattern


def _option(option: Option[Any]) -> JsonSchema:
    schema = {**option.kind.json_schema(), "description": option.help}
    if option.default:
        schema["default"] = option.default
    return schema


def _fixed(fixed: Fixed) -> JsonSchema:
    schema: JsonSchema = {"description": f"Not supported yet ({fixed.topic}); only `{fixed.accepted}` is accepted."}
    if fixed.kind is None:
        return {**schema, "enum": [fixed.accepted]}
    return {**schema, **fixed.kind.json_schema()}


def _subsection(part: Subsection) -> JsonSchema:
    inner = _section(part.section)
    if part.form is not Form.NAMED:
        return inner
    return {"type": ["object", "null"], "additionalProperties": inner}
