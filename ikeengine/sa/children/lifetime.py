"""What falls due on a Child SA: rekeying, its end, and what comes in between."""

from __future__ import annotations

from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children import inactivity, renewal
from ikeengine.sa.children.data import UP_STATES, ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.task import TaskKind, is_queued
from ikeengine.timers import Timer


def handle_timer(ctx: Context, sa: IkeSa, timer: Timer, child: ChildSa) -> None:
    """Do what has fallen due."""
    if timer in (Timer.CHILD_REKEY, Timer.CHILD_RETRY):
        rekey(sa, child)
    elif timer is Timer.CHILD_EXPIRE:
        expire(sa, child)
    elif timer is Timer.CHILD_IDLE:
        inactivity.check(ctx, sa, child)
    elif timer is Timer.CHILD_DRAIN:
        renewal.delete_drained(sa, child)
    elif timer is Timer.CHILD_LINGER:
        child_sa.remove(ctx, sa, child, announce=False)
    elif timer is Timer.CHILD_SEND:
        renewal.start_sending(ctx, sa, child)


def rekey(sa: IkeSa, child: ChildSa) -> None:
    """Queue the rekeying of a Child SA, once."""
    if not is_queued(sa, TaskKind.REKEY_CHILD, child.unique_id):
        sa.queue.append(sa.version.rekey_child(child.unique_id))


def expire(sa: IkeSa, child: ChildSa) -> None:
    """A Child SA is over its hard lifetime: close it, and make a new one if it was still in use."""
    if not is_queued(sa, TaskKind.DELETE_CHILD, child.unique_id):
        restart = child.state in UP_STATES
        sa.queue.append(sa.version.delete_child(child.unique_id, restart=restart))
