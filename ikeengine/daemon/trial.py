"""A configuration on trial: unless it is confirmed in time, the daemon goes back to the one before (commit-confirmed).

Two cases. A change of our own directory has a checkpoint beside it, and whoever made the change has set up a guard with
the rights to restore the files; the daemon only steps in if that does not happen. A configuration elsewhere needs no
files restored, so the daemon alone goes back. See docs/decisions/0004.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from ikeengine.config.checkpoint import Checkpoint
from ikeengine.config.configuration import Configuration
from ikeengine.config.load import load
from ikeengine.config.problems import ConfigErrors
from ikeengine.daemon.reload import Loader, Plan
from ikeengine.errors import IkeError, LocalMisuse

GRACE = 5.0
"""Seconds after the deadline that the guard has to restore the files, before we go back without it."""
MAX_SECONDS = 86400


def starting_configuration(path: Path) -> Configuration:
    """What the daemon starts with: the old configuration if a change was not confirmed. Raises ConfigErrors."""
    checkpoint = Checkpoint(path)
    pending = checkpoint.pending()
    if pending is None:
        return load(path)
    if pending.is_due:
        print(f"the change of {path} was not confirmed, starting with the configuration before it", file=sys.stderr)
        return _before(checkpoint)
    try:
        return load(path)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        print(f"starting with the configuration before the change of {path}", file=sys.stderr)
        return load(checkpoint.files)


def _before(checkpoint: Checkpoint) -> Configuration:
    """The files are restored too if we have the rights; otherwise the copy serves until somebody else does it."""
    try:
        with checkpoint.locked():
            pending = checkpoint.pending()
            if pending is not None:
                checkpoint.restore()
                checkpoint.note_rollback(pending)
                checkpoint.discard()
    except OSError:
        return load(checkpoint.files if checkpoint.exists else checkpoint.config)
    return load(checkpoint.config)


class Trial:
    """At most one configuration on trial at a time."""

    def __init__(self, loader: Loader, say: Callable[[str], None]) -> None:
        self._loader = loader
        self._say = say
        self._fallback: Path | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def left(self) -> float | None:
        """Seconds until we go back; None if nothing is on trial."""
        if self._timer is None:
            return None
        return max(0.0, self._timer.when() - asyncio.get_running_loop().time())

    def resume(self) -> None:
        """After a start: a change of our directory may still wait for its confirmation."""
        checkpoint = Checkpoint(self._loader.path)
        pending = checkpoint.pending()
        if pending is not None and not pending.is_due:
            self._arm(pending.left() + GRACE)

    async def apply(self, path: Path | None, seconds: int) -> Plan:
        """Use a configuration for `seconds`, and longer only if it is confirmed. Raises as `Loader.apply` does."""
        if not 0 < seconds <= MAX_SECONDS:
            raise LocalMisuse(f"a trial takes 1 to {MAX_SECONDS} seconds, not {seconds}")
        ours = self._loader.path
        if path is None and Checkpoint(ours).pending() is None:
            raise LocalMisuse(
                f"nobody has a copy of what {ours} was before the change; take it with `ikeengine checkpoint` first"
            )
        made = await self._loader.apply(path)
        if path is not None:
            self._fallback = self._fallback or ours
        self._arm(seconds if path is not None else seconds + GRACE)
        return made

    def confirm(self) -> bool:
        """Keep the configuration. Returns whether one was on trial."""
        was_on_trial = self._timer is not None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._fallback = None
        return was_on_trial

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expired)

    def _expired(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._go_back())

    async def _go_back(self) -> None:
        fallback, self._fallback = self._fallback, None
        checkpoint = Checkpoint(fallback or self._loader.path)
        pending = checkpoint.pending()
        if fallback is None and pending is None:
            return
        if pending is not None and not pending.is_due:
            # Armed anew by somebody who then did not get as far as telling us.
            self._arm(pending.left() + GRACE)
            return
        try:
            made = await (self._loader.apply(fallback) if pending is None else self._loader.borrow(checkpoint.files))
            self._say(f"the configuration was not confirmed; rolled back: {made}")
        except IkeError as error:
            self._say(f"the configuration was not confirmed, but cannot be rolled back: {error}")
