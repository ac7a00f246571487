"""A Child SA and its replacement: which of them goes, and what if that is the wrong one (RFC 7296 section 2.8)."""

from __future__ import annotations

from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children.data import ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.lifecycle import wanted_again
from ikeengine.sa.states import ChildState
from ikeengine.sa.upkeep.retries import busy_delay
from ikeengine.timers import Timer


def retire(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """Both sides have deleted a Child SA: let a replaced one linger for packets under way, remove any other."""
    if child.replaced_by:
        child_sa.retire_outbound(ctx, sa, child)
    else:
        child_sa.remove(ctx, sa, child, announce=True)


def deleted_by_peer(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """The peer has deleted its half."""
    if child.replaced_by:
        child_sa.retire_outbound(ctx, sa, child)
        return
    replaced = replaced_by(sa, child)
    if replaced:
        reinstate(ctx, sa, replaced)
    else:
        ctx.wanted += wanted_again(sa, child, child.config.close_action)
    child_sa.remove(ctx, sa, child, announce=not replaced)


def reinstate(ctx: Context, sa: IkeSa, replaced: list[ChildSa]) -> None:
    """The replacement is deleted instead of what it replaced: that is in use again, and to be rekeyed soon."""
    for old in replaced:
        old.replaced_by = 0
        if old.state is ChildState.REKEYED:
            child_sa.enter(ctx, sa, old, ChildState.INSTALLED, "its replacement was deleted")
            _send_again(ctx, sa, old)
            try_again(ctx, sa, old)


def try_again(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """A Child SA could not be rekeyed: do it later."""
    sa.timers.set(Timer.CHILD_RETRY, ctx.now + busy_delay(ctx, child.refused), child.unique_id)
    child.refused += 1


def _send_again(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """A Child SA may have stopped sending already, because its replacement is of another configuration."""
    if sa.timers.get(Timer.CHILD_DRAIN, child.unique_id) is not None:
        sa.timers.stop(Timer.CHILD_DRAIN, child.unique_id)
        child_sa.install_policies(ctx, sa, child)


def replaced_by(sa: IkeSa, child: ChildSa) -> list[ChildSa]:
    """The Child SAs that wait to be deleted in favour of this one."""
    waiting = (ChildState.REKEYING, ChildState.REKEYED)
    return [old for old in sa.children.values() if old.replaced_by == child.unique_id and old.state in waiting]


def on_confirmed(ctx: Context, child: ChildSa) -> None:
    """The datapath has all of a Child SA. Not before that its predecessor may go."""
    child_sa.answer_waiting(ctx, child, ok=True)
    sa = ctx.table.of_child(child.unique_id)
    old = None if sa is None else sa.children.get(child.supersedes)
    if sa is not None and old is not None and old.replaced_by == child.unique_id:
        ctx.touch(sa)
        sa.queue.append(sa.version.delete_child(old.unique_id))
    child.supersedes = 0
