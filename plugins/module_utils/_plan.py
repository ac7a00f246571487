# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a new configuration would change in the running daemon. Private to the collection."""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.module_utils._vici import Message

Entry = t.Dict[str, t.Any]

_SIGNS = {"add": "+", "remove": "-", "replace": "!", "child": "~"}


class Plan(t.NamedTuple):
    """What happens to each connection, lines about credentials and the daemon itself, and the SAs that go down."""

    connections: t.List[Entry]
    others: t.List[str]
    drops: t.List[Entry] = []

    @property
    def changes(self) -> t.List[Entry]:
        """The entries that change something."""
        return [entry for entry in self.connections if entry["action"] != "unchanged"]

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not self.changes and not self.others

    def __str__(self) -> str:
        lines = []
        for entry in self.changes:
            lines.append(f"{_SIGNS.get(entry['action'], '?')} {entry['connection']}: {entry['action']}")
            lines += [f"    {detail}" for detail in entry["details"]]
        lines += [f"* {line}" for line in self.others]
        lines += [f"x {_describe(drop)}" for drop in self.drops]
        return "".join(line + "\n" for line in lines)


NOTHING = Plan([], [])


def from_response(response: Message) -> Plan:
    """The plan in an answer to the commands C(plan) and C(apply), ordered by connection."""
    sections = response.get("connections", {})
    entries = [
        {"connection": name, "action": sections[name]["action"], "details": sections[name].get("details", [])}
        for name in sorted(sections)
    ]
    drops = response.get("drops", {})
    return Plan(entries, response.get("others", []), [_drop(drops[key]) for key in sorted(drops, key=int)])


def _drop(section: Message) -> Entry:
    since = section.get("established", "")
    return {
        "connection": section["connection"],
        "child": section.get("child", ""),
        "unique_id": int(section["uniqueid"]),
        "remote_host": section["remote-host"],
        "remote_id": section.get("remote-id", ""),
        "established": int(since) if since else None,
        "children": section.get("children", []),
        "again": section.get("again") == "yes",
    }


def _describe(drop: Entry) -> str:
    what = f"SA {drop['connection']}"
    if drop["child"]:
        what = f"Child SA {drop['connection']}/{drop['child']}"
    elif drop["children"]:
        what += f" ({', '.join(drop['children'])})"
    age = "not yet up" if drop["established"] is None else f"up for {drop['established']} s"
    end = "drops and is established again" if drop["again"] else "drops"
    return f"{what} with {drop['remote_host']} [{drop['remote_id']}], {age}, {end}"
