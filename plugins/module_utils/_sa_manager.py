# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings one SA into the wanted state: what the module C(ike_sa) does for each tunnel. Private to the collection."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.keymesh.ike.plugins.module_utils._failure import Data, empty_record, explain
from ansible_collections.keymesh.ike.plugins.module_utils._sa import (
    CHILD_UP,
    IKE_UP,
    established_children,
    established_sas,
    list_sas,
)
from ansible_collections.keymesh.ike.plugins.module_utils._vici import Message, ViciCommandFailed, ViciSession

_POLL = 0.2
"""Seconds between two looks at the SAs."""
_GRACE = 5.0
"""Seconds that the daemon may take beyond the timeout that it was given, before the connection counts as dead."""


class Wanted(t.NamedTuple):
    """What the playbook asks for."""

    name: str
    child: t.Optional[str]
    wait: bool
    timeout: float
    """Seconds."""
    max_age: t.Optional[int] = None
    """Seconds; a younger SA is not rekeyed."""
    force: bool = False
    reauth: bool = False
    """Rekey an IKE SA by authenticating again."""


class SaFailure(Exception):
    """The state was not reached. C(record) says why."""

    def __init__(self, record: Data) -> None:
        super().__init__(record["reason"])
        self.record = record


class Outcome(t.NamedTuple):
    """What was done. C(before) and C(after) are the matching SAs; in check mode C(after) is a forecast."""

    changed: bool
    before: t.List[Data]
    after: t.List[Data]


def label(wanted: Wanted) -> str:
    """What messages call the SA."""
    return f"Child SA {wanted.child} of {wanted.name}" if wanted.child else f"IKE SA {wanted.name}"


def _children_up(sas: t.Sequence[Data]) -> t.Set[str]:
    return {child["name"] for sa in sas for child in sa["children"] if child["state"] in CHILD_UP}


class SaManager:
    """Looks at the SAs of one connection (or of one Child SA in it) and changes them.

    C(known) are the SAs of the daemon a moment ago, if the caller has looked already.
    """

    def __init__(
        self, session: ViciSession, wanted: Wanted, check_mode: bool = False, known: t.Optional[t.List[Data]] = None
    ) -> None:
        self.session = session
        self.wanted = wanted
        self.check_mode = check_mode
        self._known = known
        self._deadline = time.monotonic() + wanted.timeout

    def established(self) -> Outcome:
        """Establish the SA unless it is up. One that is being negotiated is waited for, not doubled."""
        before = self._matching()
        if before:
            return Outcome(False, before, before)
        if self._negotiating():
            after = self._await_negotiation() if self.wanted.wait and not self.check_mode else []
            if after or not self.wanted.wait or self.check_mode:
                return Outcome(False, before, after)
        if self.check_mode:
            return Outcome(True, before, [self._forecast()])
        self._initiate()
        return Outcome(True, before, self._matching())

    def _await_negotiation(self) -> t.List[Data]:
        """What came of a negotiation that others began; empty if it failed."""
        self._until(lambda: self._matching() or not self._negotiating())
        after = self._matching()
        if not after and self._negotiating():
            reason = f"{self._label()} is still being negotiated after {self.wanted.timeout:g} s"
            raise SaFailure(self._explain(reason, []))
        return after

    def absent(self) -> Outcome:
        """Delete the SA, and with an IKE SA all its Child SAs."""
        before = self._present()
        if not before or self.check_mode:
            return Outcome(bool(before), before, [])
        self._terminate(before)
        if self.wanted.wait and not self._until(lambda: not self._left_of(before)):
            raise SaFailure(self._explain(f"{self._label()} is still there after {self.wanted.timeout:g} s", []))
        return Outcome(True, before, self._left_of(before))

    def rekeyed(self) -> Outcome:
        """Replace the keys of every matching SA that is older than wanted. The old SA stays until the new one is up."""
        before = self._matching()
        if not before:
            raise SaFailure(
                dict(
                    empty_record(f"{self._label()} is not established, so there is nothing to rekey"),
                    advice="Establish it first, with state=established.",
                )
            )
        old = [sa for sa in before if self._is_too_old(sa)]
        if not old:
            return Outcome(False, before, before)
        if self.check_mode:
            return Outcome(True, before, [self._forecast()])
        self._rekey(old)
        return Outcome(True, before, self._matching())

    def _is_too_old(self, sa: Data) -> bool:
        return self.wanted.max_age is None or (sa["age"] or 0) >= self.wanted.max_age

    def _initiate(self) -> None:
        events: t.List[Message] = []
        message = {
            "child": self.wanted.child,
            "ike": self.wanted.name,
            "timeout": self._remaining_ms() if self.wanted.wait else -1,
            "loglevel": 1,
        }
        try:
            self.session.stream("initiate", "control-log", message, self._patience(), events)
        except ViciCommandFailed as error:
            if self._matching():
                return  # The peer was faster.
            raise SaFailure(self._explain(str(error), events)) from error

    def _terminate(self, before: t.Sequence[Data]) -> None:
        message = {
            "child": self.wanted.child,
            "ike": self.wanted.name,
            "force": self.wanted.force,
            "timeout": self._remaining_ms() if self.wanted.wait else -1,
        }
        try:
            self.session.request("terminate", message, self._patience())
        except ViciCommandFailed as error:
            if self._left_of(before):
                raise SaFailure(self._explain(str(error), [])) from error

    def _rekey(self, old: t.Sequence[Data]) -> None:
        kind = "child-id" if self.wanted.child else "ike-id"
        for sa in old:
            message = {
                kind: sa["unique_id"],
                "reauth": self.wanted.reauth or None,
                # ikeengine answers when it is done; strongSwan answers at once, and does not know the word.
                "timeout": self._remaining_ms() if self.wanted.wait else -1,
            }
            try:
                self.session.request("rekey", message, self._patience())
            except ViciCommandFailed as error:
                overdue = self.wanted.wait and time.monotonic() >= self._deadline
                raise SaFailure(self._not_rekeyed() if overdue else self._explain(str(error), [])) from error
        if self.wanted.wait and not self._until(lambda: self._is_replaced(old)):
            raise SaFailure(self._not_rekeyed())

    def _not_rekeyed(self) -> Data:
        return dict(
            empty_record(f"{self._label()} was not rekeyed within {self.wanted.timeout:g} s"),
            advice="Look whether the peer's daemon runs and its packets arrive here. Until they do, the old keys are in use.",
        )

    def _is_replaced(self, old: t.Sequence[Data]) -> bool:
        now = self._matching()
        replaced = {sa["unique_id"] for sa in old}
        if len(now) < len(old) or any(sa["unique_id"] in replaced for sa in now):
            return False
        # A new authentication makes new Child SAs too, one after the other.
        return not self.wanted.reauth or _children_up(old) <= _children_up(now)

    def _matching(self) -> t.List[Data]:
        """The SAs that are up: Child SAs if a child is wanted, else IKE SAs."""
        sas = self._sas()
        if self.wanted.child:
            return established_children(sas, self.wanted.name, self.wanted.child)
        return established_sas(sas, self.wanted.name)

    def _present(self) -> t.List[Data]:
        """The SAs in any state, except Child SAs that were already replaced or deleted."""
        sas = self._sas()
        if not self.wanted.child:
            return sas
        gone = ("REKEYED", "DELETED", "DESTROYING")
        children = [child for sa in sas for child in sa["children"] if child["name"] == self.wanted.child]
        return [child for child in children if child["state"] not in gone]

    def _left_of(self, before: t.Sequence[Data]) -> t.List[Data]:
        """The SAs from before, and those that are up again. What the peer tries meanwhile, and is refused, is neither."""
        ids = {sa["unique_id"] for sa in before}
        up = CHILD_UP if self.wanted.child else IKE_UP
        return [sa for sa in self._present() if sa["unique_id"] in ids or sa["state"] in up]

    def _sas(self) -> t.List[Data]:
        """The IKE SAs of the connection."""
        known, self._known = self._known, None
        sas = list_sas(self.session, self.wanted.name) if known is None else known
        return [sa for sa in sas if sa["name"] == self.wanted.name]

    def _negotiating(self) -> bool:
        """Whether a negotiation that can lead to the wanted SA is under way."""
        sas = self._sas()
        if any(sa["state"] == "CONNECTING" for sa in sas):
            return True
        return bool(self.wanted.child) and any("CHILD_CREATE" in sa["tasks"] for sa in sas)

    def _until(self, reached: t.Callable[[], t.Any]) -> bool:
        """Look until it is reached; False if the time is over first."""
        while not reached():
            if time.monotonic() >= self._deadline:
                return False
            time.sleep(_POLL)
        return True

    def _remaining_ms(self) -> int:
        return max(1, int((self._deadline - time.monotonic()) * 1000))

    def _patience(self) -> float:
        return max(0.0, self._deadline - time.monotonic()) + _GRACE

    def _forecast(self) -> Data:
        return {
            "name": self.wanted.child or self.wanted.name,
            "state": "INSTALLED" if self.wanted.child else "ESTABLISHED",
        }

    def _label(self) -> str:
        return label(self.wanted)

    def _explain(self, reason: str, events: t.Sequence[Message]) -> Data:
        return explain(self.session, self.wanted.name, reason, events)
