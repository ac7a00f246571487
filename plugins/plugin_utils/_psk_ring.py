# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How one key replaces another without an outage. Private to the collection. Pure.

A key is used only when every peer accepts it, and forgotten only when no peer uses it any more. So a ring goes through
three steps, and each is safe to repeat and to interrupt:

    current                 settled
    current, next           both are accepted, the current one is used
    current, previous       both are accepted, the new one is used
    current                 settled, one generation later
"""

from __future__ import annotations

import typing as t

STATES = ("begun", "switched", "retired")


class Ring(t.NamedTuple):
    """The values of a pair (keys) or of a mesh (epochs). The first one is used, all of them are accepted."""

    current: str
    generation: int = 1
    next: t.Optional[str] = None
    previous: t.Optional[str] = None

    @property
    def is_settled(self) -> bool:
        """Whether no rotation is under way."""
        return self.next is None and self.previous is None

    def accepted(self) -> t.List[t.Tuple[int, str]]:
        """Generation and value of all that are accepted, the one that is used first."""
        candidates = [
            (self.generation, self.current),
            (self.generation + 1, self.next),
            (self.generation - 1, self.previous),
        ]
        return [(generation, value) for generation, value in candidates if value is not None]

    def begun(self, value: str) -> Ring:
        """Accept a new value too, unless a rotation is under way already."""
        return self._replace(next=value) if self.is_settled else self

    def switched(self) -> Ring:
        """Use the new value, if there is one."""
        if self.next is None:
            return self
        return Ring(self.next, self.generation + 1, None, self.current)

    def retired(self) -> Ring:
        """Forget the old value, if there is one."""
        return self._replace(previous=None)
