"""Child SAs outlive the ISAKMP SA that made them (RFC 2409 section 9): the next one with the same peer takes them.

If both sides begin at the same time there are two next ones. Then the one with the lower initiator's cookie stays on
both sides, whatever the order in which they came up.
"""

from __future__ import annotations

from ikeengine.ikev1.exchanges.create_child import CreateChild
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
    """Take over what older ISAKMP SAs of the same connection with the same peer have.

    If both sides have made a new one at the same time, both keep the same one.
    """
    for old in ctx.table.of_identities(sa.local_id, sa.peer_identity):
        if old is sa or not isinstance(old, IkeSa) or old.state is not IkeState.ESTABLISHED:
            continue
        if old.connection is not sa.connection or old.path.remote != sa.path.remote:
            continue
        if (old.vips.local, old.vips.remote) != (sa.vips.local, sa.vips.remote):
            _begin_anew(ctx, old, sa)
            continue
        if _crossed(sa, old) and sa.spi_i > old.spi_i:
            _hand_over(ctx, sa, old, is_ours=False)
            return
        _hand_over(ctx, old, sa, is_ours=sa.replaces == old.local_spi)


def _begin_anew(ctx: Context, old: IkeSa, heir: IkeSa) -> None:
    """The gateway has given other addresses, which the Child SAs do not fit to: the client makes its own again."""
    if heir.replaces == old.local_spi:
        for child in old.children.values():
            if child.state in child_sa.UP_STATES:
                heir.queue.append(CreateChild(child.config))
        supersede(ctx, old)


def _crossed(sa: IkeSa, old: IkeSa) -> bool:
    """Whether each side has begun one of them before it knew of the other one."""
    begun_apart = old.is_initiator != sa.is_initiator
    return begun_apart and old.established_at is not None and sa.began_at <= old.established_at


def _hand_over(ctx: Context, old: IkeSa, heir: IkeSa, *, is_ours: bool) -> None:
    """`is_ours`: whether it is us who deletes the old one."""
    for child in list(old.children.values()):
        child_sa.move(ctx, child, old, heir)
    moving = [task for task in old.queue if task.kind not in _STAY]
    for task in moving:
        old.queue.remove(task)
    heir.queue.extend(moving)
    enter(ctx, old, IkeState.REKEYED, "replaced by another ISAKMP SA")
    old.successor = heir.local_spi
    for timer in (Timer.DPD, Timer.DPD_TIMEOUT, Timer.IKE_REKEY, Timer.IKE_REAUTH, Timer.KEEPALIVE):
        old.timers.stop(timer)
    ctx.touch(heir)
    if is_ours:
        supersede(ctx, old)
    else:
        old.timers.set(Timer.LINGER, ctx.now + LINGER)
