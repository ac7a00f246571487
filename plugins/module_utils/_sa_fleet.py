# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings many SAs into the wanted state at the same time. Private to the collection.

Each SA has a session of its own, because a session waits for the answer to a command before it can send the next one.
"""

from __future__ import annotations

import concurrent.futures
import typing as t

from ansible_collections.keymesh.ike.plugins.module_utils._failure import Data, empty_record
from ansible_collections.keymesh.ike.plugins.module_utils._sa import list_sas
from ansible_collections.keymesh.ike.plugins.module_utils._sa_manager import Outcome, SaFailure, SaManager, Wanted
from ansible_collections.keymesh.ike.plugins.module_utils._vici import ViciError, ViciSession

_STRONGSWAN_AT_ONCE = 8
"""Each command that waits holds one of charon's 16 threads, and the negotiations need some too."""


class Result(t.NamedTuple):
    """What became of one SA: an outcome, or a record of the failure."""

    wanted: Wanted
    outcome: Outcome
    failure: t.Optional[Data] = None


class Fleet:
    """Works on the SAs of one daemon, at most C(parallel) at once."""

    def __init__(self, path: str, state: str, check_mode: bool, parallel: int) -> None:
        self.path = path
        self.state = state
        self.check_mode = check_mode
        self.parallel = parallel

    def bring(self, tunnels: t.Sequence[Wanted]) -> t.List[Result]:
        """The results, in the order of the tunnels. Raises ViciError if nobody answers at the socket."""
        if not tunnels:
            return []
        with ViciSession(self.path) as session:
            sas = list_sas(session, tunnels[0].name if len(tunnels) == 1 else None)
            workers = min(self.parallel, len(tunnels))
            if workers > _STRONGSWAN_AT_ONCE and "ikeengine" not in session.daemon():
                workers = _STRONGSWAN_AT_ONCE
        known: t.Dict[str, t.List[Data]] = {}
        for sa in sas:
            known.setdefault(sa["name"], []).append(sa)
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            return list(pool.map(lambda wanted: self._one(wanted, known.get(wanted.name, [])), tunnels))

    def _one(self, wanted: Wanted, known: t.List[Data]) -> Result:
        try:
            with ViciSession(self.path) as session:
                manager = SaManager(session, wanted, self.check_mode, known)
                return Result(wanted, getattr(manager, self.state)())
        except SaFailure as error:
            return Result(wanted, _NOTHING, error.record)
        except ViciError as error:
            return Result(wanted, _NOTHING, empty_record(str(error)))


_NOTHING = Outcome(False, [], [])
