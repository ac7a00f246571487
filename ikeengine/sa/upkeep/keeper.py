"""`keep_up`: Child SAs that are to be up, whatever happens.

Nobody tells this keeper why a Child SA is down. It looks after a connection whenever one of its IKE SAs has changed:
what is neither up nor coming is initiated, and what is up twice is thinned out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ikeengine.model.connection import ChildConfig, ConnectionConfig
from ikeengine.negotiate.addresses import is_fixed
from ikeengine.outputs import LogLine
from ikeengine.sa.children.data import UP_STATES, ChildSa
from ikeengine.sa.children.traps import SHUNTS
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.states import Closing
from ikeengine.sa.task import TaskKind, is_queued
from ikeengine.sa.uniqueness import loser
from ikeengine.sa.upkeep import initiation, retries

TWIN_GRACE = 10.0
"""Seconds that two alike Child SAs may stay: as long as the peer needs at most to end the one that it has replaced."""

RESTORED = 5.0
"""Seconds after which a Child SA that has come back is believed to stay."""

MAX_DOUBLINGS = 8
"""A peer that brings back what we have thinned out is let have its way for twice as long each time, so often."""

Up = tuple[IkeSa, ChildSa]


@dataclass(slots=True, eq=False)
class Kept:
    """A Child SA that is to be up, and how its last tries went."""

    connection: str
    child: str
    paused: bool = False
    """The operator has terminated it, so it stays down until it is initiated again."""
    failed: int = 0
    tried_at: float = float("-inf")
    not_before: float = 0.0
    up_since: float | None = None
    """Since when it is up, or was before it was lost."""
    for_good: bool = True
    """Configured so. If not, it is looked after only until it is up again: the datapath has refused it."""
    twins_since: float | None = None
    thinned: int = 0


class Keeper:
    """The Child SAs of an endpoint that are to be kept up. `wake` asks for a call of `tend` at a time."""

    __slots__ = ("_by_connection", "_ctx", "_wake")

    def __init__(self, ctx: Context, wake: Callable[[Kept, float], None]) -> None:
        self._ctx = ctx
        self._wake = wake
        self._by_connection: dict[str, tuple[Kept, ...]] = {}

    def load(self, config: ConnectionConfig) -> None:
        """Take over what a connection wants now."""
        known = {kept.child: kept for kept in self._by_connection.pop(config.name, ()) if kept.for_good}
        children = [child for child in config.children.values() if child.keep_up and child.mode not in SHUNTS]
        if children and is_fixed(config.remote_addrs):
            kept = tuple(known.get(child.name) or Kept(config.name, child.name) for child in children)
            self._by_connection[config.name] = kept
            self.resume(config.name)
            self.look_after(config.name)

    def restore(self, connection: str, child: str) -> None:
        """A Child SA was up and is lost for no good reason: look after it until it is up again."""
        known = self._by_connection.get(connection, ())
        if all(kept.child != child for kept in known):
            self._by_connection[connection] = (*known, Kept(connection, child, for_good=False))

    def unload(self, connection: str) -> None:
        """A connection is no longer configured."""
        self._by_connection.pop(connection, None)

    def stop(self) -> None:
        """Keep nothing up any more: the daemon ends."""
        self._by_connection.clear()

    def pause(self, connection: str, children: Iterable[str]) -> None:
        """The operator wants these Child SAs down."""
        names = set(children)
        for kept in self._by_connection.get(connection, ()):
            kept.paused = kept.paused or kept.child in names

    def resume(self, connection: str, child: str = "") -> None:
        """The operator wants this Child SA up again, or all of the connection."""
        for kept in self._by_connection.get(connection, ()):
            if child in ("", kept.child):
                kept.paused = False

    def look_after(self, connection: str) -> None:
        """Something has happened to an IKE SA of this connection."""
        for kept in self._by_connection.get(connection, ()):
            self.tend(kept)

    def tend(self, kept: Kept) -> None:
        """Do what is due for one Child SA, or ask to be woken when it will be."""
        config = self._ctx.connections.get(kept.connection)
        child = None if config is None else config.children.get(kept.child)
        if config is None or child is None or kept.paused or kept not in self._by_connection.get(kept.connection, ()):
            return
        up = list(initiation.all_up(self._ctx, config, child))
        if up and kept.for_good:
            kept.up_since = kept.up_since or self._ctx.now
            self._thin_out(kept, up)
        elif up:
            self._let_be(kept)
        elif not initiation.is_coming(self._ctx, config, child):
            self._bring_back(kept, config, child)

    def _let_be(self, kept: Kept) -> None:
        """Restored, if it stays so for a while."""
        ctx = self._ctx
        kept.up_since = kept.up_since or ctx.now
        if ctx.now < kept.up_since + RESTORED:
            self._wake(kept, kept.up_since + RESTORED)
            return
        rest = tuple(other for other in self._by_connection[kept.connection] if other is not kept)
        self._by_connection[kept.connection] = rest

    def _bring_back(self, kept: Kept, config: ConnectionConfig, child: ChildConfig) -> None:
        ctx = self._ctx
        if kept.up_since is not None and ctx.now - kept.tried_at > 2 * ctx.settings.retry_initiate_limit:
            # It has been up for so long that this is another story, which begins with the first address.
            kept.failed, kept.not_before = 0, ctx.now
        due = max(kept.not_before, initiation.peers_turn(ctx, config))
        if ctx.now < due:
            self._wake(kept, due)
            return
        if kept.up_since is not None or kept.failed:
            text = f"CHILD_SA {child.name} is to be kept up: try {kept.failed + 1}"
            ctx.emit(LogLine(1, "CHD", text, config.name))
        ctx.wanted.append(Wanted(config.name, child.name, attempt=kept.failed))
        kept.failed, kept.tried_at, kept.up_since = kept.failed + 1, ctx.now, None
        kept.not_before = ctx.now + retries.initiate_delay(ctx, kept.failed)

    def _thin_out(self, kept: Kept, up: list[Up]) -> None:
        """Both sides may have initiated at the same time: then they choose the same one to stay."""
        twins = _twins(up)
        if not twins:
            kept.twins_since = None
            return
        ctx = self._ctx
        if kept.twins_since is None:
            kept.twins_since = ctx.now
        due = kept.twins_since + TWIN_GRACE * 2.0 ** min(kept.thinned, MAX_DOUBLINGS)
        if ctx.now < due:
            self._wake(kept, due)
            return
        kept.twins_since = None
        kept.thinned += 1
        for sa, child in twins:
            _close(ctx, sa, child)


def _twins(up: list[Up]) -> list[Up]:
    """What is not needed, because there is a better one for the same peer and traffic."""
    best: dict[object, Up] = {}
    redundant = []
    for sa, child in up:
        key = (sa.remote_id, child.local_ts, child.remote_ts)
        rival = best.setdefault(key, (sa, child))
        if rival[1] is child:
            continue
        if _is_better(rival, (sa, child)):
            redundant.append((sa, child))
        else:
            redundant.append(rival)
            best[key] = (sa, child)
    return redundant


def _is_better(one: Up, other: Up) -> bool:
    """Whether the first one stays. Both sides come to the same answer."""
    if one[0] is other[0]:
        return min(one[1].spi_in, one[1].spi_out) < min(other[1].spi_in, other[1].spi_out)
    return loser(one[0], other[0]) is other[0]


def _close(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    ctx.touch(sa)
    text = f"CHILD_SA {child.config.name}{{{child.unique_id}}} is closed: there is another one for the same"
    ctx.emit(LogLine(1, "CHD", text, sa.name, sa.unique_id))
    if any(other is not child and other.state in UP_STATES for other in sa.children.values()):
        if not is_queued(sa, TaskKind.DELETE_CHILD, child.unique_id):
            sa.queue.append(sa.version.delete_child(child.unique_id))
    elif not is_queued(sa, TaskKind.DELETE_IKE):
        sa.queue.append(sa.version.delete_ike(Closing.REPLACED))
