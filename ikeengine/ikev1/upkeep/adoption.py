"""Child SAs outlive the ISAKMP SA that made them (RFC 2409 section 9): the next one with the same peer takes them.

If both sides replace one at the same time there are two next ones. Then the one with the lower initiator's cookie
stays on both sides, whatever the order in which they came up. Two that cross when there is none yet both stay, as with
IKEv2, each with its Child SAs: peers such as strongSwan end those of an ISAKMP SA that is deleted.
"""

from __future__ import annotations

from ikeengine.ikev1.exchanges.create_child import CreateChild
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.upkeep import dpd
from ikeengine.ikev1.upkeep.successor import home
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children.data import UP_STATES
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import enter, supersede
from ikeengine.sa.task import TaskKind
from ikeengine.timers import Timer

LINGER = 10.0
"""Seconds that the peer has to delete an ISAKMP SA that it has replaced. strongSwan leaves that to us."""
PATIENCE = 180.0
"""Seconds for which a peer may go on using it, because our last message of phase 1 was lost: as long as it tries."""
CROSSING = 10.0
"""Seconds within which two ISAKMP SAs that either side has begun count as made at the same time."""
_STAY = (TaskKind.DELETE_IKE, TaskKind.REKEY_IKE)


def adopt_children(ctx: Context, sa: IkeSa) -> None:
    """Take over what older ISAKMP SAs of the same connection with the same peer have."""
    for old in ctx.table.of_identities(sa.local_id, sa.peer_identity):
        if old is sa or not isinstance(old, IkeSa) or old.state is not IkeState.ESTABLISHED:
            continue
        if old.connection is not sa.connection or old.path.remote != sa.path.remote or _met(old, sa):
            continue
        if (old.vips.local, old.vips.remote) != (sa.vips.local, sa.vips.remote):
            _begin_anew(ctx, old, sa)
            continue
        if _crossed(ctx, old, sa) and sa.spi_i > old.spi_i:
            _replace(ctx, sa, old, is_ours=False)
            return
        _replace(ctx, old, sa, is_ours=sa.replaces == old.local_spi)


def _begin_anew(ctx: Context, old: IkeSa, heir: IkeSa) -> None:
    """The gateway has given other addresses, which the Child SAs do not fit to: the client makes its own again."""
    if heir.replaces == old.local_spi:
        for child in old.children.values():
            if child.state in UP_STATES:
                heir.queue.append(CreateChild(child.config))
        supersede(ctx, old)


def _met(old: IkeSa, new: IkeSa) -> bool:
    """Whether both sides have begun at the same time, when there was nothing to replace."""
    first = not old.predecessor and not new.replaces
    return first and old.is_initiator is not new.is_initiator and new.began_at <= (old.established_at or 0.0)


def _crossed(ctx: Context, old: IkeSa, new: IkeSa) -> bool:
    """Whether both sides have begun at the same time to replace the same one."""
    if old.is_initiator is new.is_initiator:
        return False
    made_at = old.established_at or 0.0
    return new.began_at <= made_at or (bool(old.predecessor) and made_at > ctx.now - CROSSING)


def _replace(ctx: Context, old: IkeSa, new: IkeSa, *, is_ours: bool) -> None:
    """One ISAKMP SA takes everything from another one, which goes. `is_ours`: whether it is us who deletes it."""
    for child in list(old.children.values()):
        child_sa.move(ctx, child, old, new)
    moving = [task for task in old.queue if task.kind not in _STAY]
    for task in moving:
        old.queue.remove(task)
    new.queue.extend(moving)
    enter(ctx, old, IkeState.REKEYED, "replaced by another ISAKMP SA")
    old.successor, new.predecessor = new.local_spi, old.local_spi
    for timer in (Timer.DPD, Timer.DPD_TIMEOUT, Timer.IKE_REKEY, Timer.IKE_REAUTH, Timer.KEEPALIVE):
        old.timers.stop(timer)
    if is_ours:
        supersede(ctx, old)
    else:
        old.timers.set(Timer.LINGER, ctx.now + LINGER)
    ctx.touch(new)


def linger(ctx: Context, old: IkeSa) -> bool:
    """Whether a replaced ISAKMP SA may be deleted: if its peer has used the new one, or has had all the time for it."""
    new = home(ctx, old)
    made_at = new.established_at or 0.0
    if new is old or new.last_inbound > made_at or ctx.now >= made_at + PATIENCE:
        return True
    dpd.probe(ctx, new)
    old.timers.set(Timer.LINGER, ctx.now + LINGER)
    return False
