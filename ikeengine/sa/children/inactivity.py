"""`inactivity`: a Child SA that nothing has gone through for so long is closed. The datapath knows when that was."""

from __future__ import annotations

from ikeengine.model.sa import SaId, Usage
from ikeengine.outputs import AskUsage, LogLine
from ikeengine.sa.children.data import ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.states import Answer, ChildState
from ikeengine.timers import Timer

SOONEST = 1.0
"""Seconds before the datapath is asked again."""


def check(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """The time may be over: ask about the inbound SA first."""
    if child.state is ChildState.INSTALLED and child.sa_in is not None:
        _ask(ctx, sa, child, child.sa_in)


def on_usage(ctx: Context, sa: IkeSa, answer: tuple[tuple[int, SaId], Usage | None]) -> None:
    """The counters of one of the two SAs. Only if both are idle, the Child SA is."""
    (child_id, asked), usage = answer
    child = sa.children.get(child_id)
    if child is None or child.state is not ChildState.INSTALLED:
        return
    used = None if usage is None else usage.last_use
    idle = ctx.now - child.installed_at if used is None else used
    limit = child.config.inactivity
    if idle < limit:
        sa.timers.set(Timer.CHILD_IDLE, ctx.now + max(SOONEST, limit - idle), child_id)
    elif asked == child.sa_in and child.sa_out is not None:
        _ask(ctx, sa, child, child.sa_out)
    else:
        text = f"CHILD_SA {child.config.name}{{{child_id}}} is closed: unused for {limit:g} s"
        ctx.emit(LogLine(1, "CHD", text, sa.name, sa.unique_id))
        sa.queue.append(sa.version.delete_child(child_id))


def _ask(ctx: Context, sa: IkeSa, child: ChildSa, half: SaId) -> None:
    ctx.emit(AskUsage(ctx.ask(sa, Answer.USAGE, (child.unique_id, half)), half))
