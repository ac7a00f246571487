# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a new configuration would change in the running daemon. Private to the collection."""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.module_utils._vici import Message

Entry = t.Dict[str, t.Any]

_SIGNS = {"add": "+", "remove": "-", "replace": "!", "child": "~", "unchanged": " "}


def entries(response: Message) -> t.List[Entry]:
    """The plan in an answer to the commands C(plan) and C(apply), ordered by connection."""
    plan = response.get("plan", {})
    return [
        {
            "connection": name,
            "action": plan[name].get("action", "unchanged"),
            "details": plan[name].get("details", []),
        }
        for name in sorted(plan)
    ]


def changes(plan: t.Iterable[Entry]) -> t.List[Entry]:
    """The entries that change something."""
    return [entry for entry in plan if entry["action"] != "unchanged"]


def as_text(plan: t.Iterable[Entry]) -> str:
    """The plan for people: one line a connection, with the details below it."""
    lines = []
    for entry in plan:
        lines.append(f"{_SIGNS.get(entry['action'], '?')} {entry['connection']}: {entry['action']}")
        lines += [f"    {detail}" for detail in entry["details"]]
    return "".join(line + "\n" for line in lines)
