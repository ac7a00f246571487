# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with an inventory, all of it at once. Private to the collection."""

from __future__ import annotations

import typing as t

MANY = 50
"""So many problems are told; the rest is counted."""
NAMES = 4
"""So many hosts are named where a list could be long."""


class InventoryError(ValueError):
    """The inventory cannot become tunnels. The text names hosts, variables and what to do; C(problems) has each alone."""

    def __init__(self, *problems: str) -> None:
        self.problems = list(problems)
        super().__init__(self._text())

    def _text(self) -> str:
        if len(self.problems) == 1:
            return self.problems[0]
        lines = [f"the inventory has {len(self.problems)} errors:", *(f"- {text}" for text in self.problems[:MANY])]
        if len(self.problems) > MANY:
            lines.append(f"- and {len(self.problems) - MANY} more")
        return "\n".join(lines)


class Problems:
    """Collects problems, so that one run tells all of them."""

    def __init__(self) -> None:
        self.found: t.List[str] = []

    def add(self, text: str) -> None:
        """Note a problem once."""
        if text not in self.found:
            self.found.append(text)

    def refuse(self) -> None:
        """Raise InventoryError if there are any."""
        if self.found:
            raise InventoryError(*self.found)


def names(hosts: t.Iterable[str]) -> str:
    """Host names for a sentence, the first few of many."""
    found = sorted(hosts)
    more = f" and {len(found) - NAMES} more" if len(found) > NAMES else ""
    return ", ".join(found[:NAMES]) + more
