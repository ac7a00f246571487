# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the variables of the roles can be read, and have the types that the roles want. Private to the collection.

Each role checks its own variables when it begins, but by then the roles before it have changed something.
"""

from __future__ import annotations

import functools
import glob
import os
import re
import typing as t

import yaml
from ansible.module_utils.common.parameters import DEFAULT_TYPE_VALIDATORS

from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_findings import Data, of_hosts

Findings = t.Iterator[Data]

SPECIFICATIONS = os.path.join(os.path.dirname(__file__), "..", "..", "roles", "*", "meta", "argument_specs.yml")
_WORDS = {
    "bool": "true or false",
    "dict": "a dictionary",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "path": "a path",
    "str": "a text",
}
_LOCKED = re.compile(r"decrypt|vault", re.IGNORECASE)


@functools.lru_cache(maxsize=None)
def specifications() -> t.Dict[str, Data]:
    """The variables of all roles: type, elements and choices of each, and whether it is secret."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: t.Dict[str, Data] = {}
    for path in glob.glob(SPECIFICATIONS):
        with open(path, encoding="utf-8") as source:
            found.update(yaml.load(source, loader)["argument_specs"]["main"].get("options", {}))
    return found


def check(variables: t.Mapping[str, Data]) -> Findings:
    """C(variables) are those of each host, as far as they are set."""
    known = specifications()
    for host, own in variables.items():
        for name in sorted(set(own) & set(known)):
            wanted = "" if own[name] is None else _refused(own[name], known[name])
            if wanted:
                told = "" if known[name].get("no_log") else f", not {own[name]!r}"
                message = f"{name} must be {wanted}{told}"
                yield of_hosts("error", "setting-invalid", [host], name, message, "correct it, or take it out")


def locked(error: Exception) -> bool:
    """Whether a variable cannot be read because it is in a vault."""
    return bool(_LOCKED.search(str(error)))


def unreadable(host: str, name: str, error: Exception) -> Data:
    """The finding about a variable that cannot be read."""
    reason = str(error).strip().splitlines()[0].rstrip(".")
    remedy = "correct its template, or define what it needs"
    if locked(error):
        # Before it stands where Ansible was when it wanted to know.
        reason = reason.rpartition(": ")[2]
        remedy = "run this with the password of its vault (--vault-password-file or --ask-vault-pass)"
    return of_hosts("error", "setting-unreadable", [host], name, f"{name} cannot be read: {reason}", remedy)


def _refused(value: t.Any, wanted: t.Mapping[str, t.Any]) -> str:
    """What the value should have been; empty if it is that."""
    kind = wanted.get("type", "str")
    if not _is(value, kind):
        return _WORDS[kind]
    elements = wanted.get("elements")
    if elements and not all(_is(one, elements) for one in DEFAULT_TYPE_VALIDATORS[kind](value)):
        return f"a list, each item {_WORDS[elements]}"
    choices = wanted.get("choices")
    if choices and value not in choices:
        return f"one of {', '.join(map(str, choices))}"
    return ""


def _is(value: t.Any, kind: str) -> bool:
    if kind not in _WORDS:
        return True
    if kind in ("path", "str"):
        return not isinstance(value, (dict, list))
    try:
        DEFAULT_TYPE_VALIDATORS[kind](value)
    except (TypeError, ValueError):
        return False
    return True
