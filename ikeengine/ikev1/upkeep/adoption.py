"""Child SAs outlive the ISAKMP SA that made them (RFC 2409 section 9): the next one with the same peer takes them.

If both sides begin at the same time there are two next ones. Then the one with the lower initiator's cookie stays on
both sides, whatever the order in which they came up.
"""

from __future__ import annotations

from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import enter, supersede
from ikeengine.sa.task import TaskKind
from ikeengine.timers import Timer

LINGER = 20.0
"""Seconds that the peer has to delete an ISAKMP SA that it has replaced. strongSwan leaves that to us.

By then it should have our last message of phase 1, even if that had to be repeated twice.
"""
_STAY = (TaskKind.DELETE_IKE, TaskKind.REKEY_IKE)


def adopt_children(ctx: Context, sa: IkeSa) -> None:
    """Take over what older ISAKMP SAs of the same connection with the same peer have."""
    for old in ctx.table.of_identities(sa.local_id, sa.peer_identity):
        if old is sa or not isinstance(old, IkeSa) or old.state is not IkeState.ESTABLISHED:
            continue
        if old.connection is not sa.connection or old.path.remote != sa.path.remote:
            continue
        if _crossed(old, sa) and old.spi_i < sa.spi_i:
            _replace(ctx, sa, old)
            return
        _replace(ctx, old, sa)


def _crossed(old: IkeSa, new: IkeSa) -> bool:
    """Whether both sides have begun at the same time: the new one before the old one was up."""
    return old.is_initiator is not new.is_initiator and new.began_at <= (old.established_at or 0.0)


def _replace(ctx: Context, old: IkeSa, new: IkeSa) -> None:
    """One ISAKMP SA takes everything from another one, which goes."""
    for child in list(old.children.values()):
        child_sa.move(ctx, child, old, new)
    moving = [task for task in old.queue if task.kind not in _STAY]
    for task in moving:
        old.queue.remove(task)
    new.queue.extend(moving)
    enter(ctx, old, IkeState.REKEYED, "replaced by another ISAKMP SA")
    old.successor = new.local_spi
    for timer in (Timer.DPD, Timer.DPD_TIMEOUT, Timer.IKE_REKEY, Timer.IKE_REAUTH, Timer.KEEPALIVE):
        old.timers.stop(timer)
    if new.replaces == old.local_spi:
        supersede(ctx, old)
    else:
        old.timers.set(Timer.LINGER, ctx.now + LINGER)
    ctx.touch(new)
