"""Child SAs whose configuration has changed: a new one is created before the old one is deleted.

As long as the peer refuses the new one, because it is not configured for it yet, the old one stays and the new one is
offered again every now and then. So both gateways can be changed one after the other without a gap.
"""

from __future__ import annotations

from dataclasses import replace

from ikeengine.model.connection import ChildConfig
from ikeengine.outputs import DeletePolicies
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children.data import UP_STATES, ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.states import ChildState
from ikeengine.sa.task import TaskKind, is_queued, pending
from ikeengine.timers import Timer

OFFER_AGAIN = 60.0
"""Seconds until a new Child SA is offered again that the peer has refused."""
DRAIN = 1.0
"""Seconds between the last packet on a replaced Child SA and its deletion. A peer that has been asked to make another
Child SA, not to rekey this one, takes nothing on it any more once it has deleted it."""

_LOCAL = ("start_action", "close_action", "dpd_action", "inactivity", "rekey_time", "life_time", "rand_time")
"""What is neither negotiated nor in the datapath changes while a Child SA is up; times count from its next rekeying."""


def is_local(old: ChildConfig, new: ChildConfig) -> bool:
    """Whether a Child SA of the old configuration is as good for the new one."""
    return replace(old, **{name: getattr(new, name) for name in _LOCAL}) == new


def stale(sa: IkeSa, config: ChildConfig) -> list[ChildSa]:
    """Child SAs that are up and should be replaced by one of this configuration."""
    return [
        child
        for child in sa.children.values()
        if child.config.name == config.name and child.config != config and child.state in UP_STATES
        if child.replaced_by not in sa.children
    ]


def adopt(sa: IkeSa, config: ChildConfig) -> None:
    """Put a changed configuration into force for those Child SAs that need no replacement."""
    for child in stale(sa, config):
        if is_local(child.config, config):
            child.config = config


def renew(sa: IkeSa, config: ChildConfig) -> None:
    """Replace the Child SAs of an older configuration, where there are any and the difference matters."""
    adopt(sa, config)
    coming = any(task.kind is TaskKind.CREATE_CHILD and task.config == config for task in pending(sa))
    if stale(sa, config) and not coming:
        sa.queue.append(sa.version.create_child(config, renews=True))


def find_up(sa: IkeSa, config: ChildConfig) -> ChildSa | None:
    """A Child SA of just this configuration that is up."""
    return next((c for c in sa.children.values() if c.config == config and c.state in UP_STATES), None)


def mark_replaced(ctx: Context, sa: IkeSa, child: ChildSa, winner: int) -> None:
    """A Child SA has its replacement, or is the redundant one of two (RFC 7296 section 2.8.1), and waits to be deleted.

    `winner` is the number of the Child SA that survives. If that has lost to this one meanwhile, nothing changes.
    """
    rival = sa.children.get(winner)
    if rival is not None and child in child_sa.heirs(sa, rival):
        return
    child.replaced_by = winner
    sa.timers.stop(Timer.CHILD_REKEY, child.unique_id)
    sa.timers.stop(Timer.CHILD_RETRY, child.unique_id)
    for task in sa.queue:
        if task.kind is TaskKind.DELETE_CHILD and task.for_good and task.child_id == child.unique_id:
            task.child_id = winner
    if child.state in UP_STATES:
        child_sa.enter(ctx, sa, child, ChildState.REKEYED, "replaced")


def take_over(ctx: Context, sa: IkeSa, fresh: ChildSa) -> None:
    """A Child SA of the new configuration is up: those of older ones go, as soon as we can send on it."""
    for old in stale(sa, fresh.config):
        mark_replaced(ctx, sa, old, fresh.unique_id)
    if fresh.waiting_outbound is None:
        _drain_replaced(ctx, sa, fresh)
    else:
        child_sa.await_peer(ctx, sa, fresh)


def resolve_collision(ctx: Context, sa: IkeSa, ours: ChildSa) -> None:
    """Both sides have replaced a Child SA at the same time: the one of the original initiator of the IKE SA stays."""
    twins = (
        other
        for other in sa.children.values()
        if other is not ours and other.config == ours.config and other.state in UP_STATES
        if (other.local_ts, other.remote_ts) == (ours.local_ts, ours.remote_ts)
    )
    twin = next(twins, None)
    if twin is not None and not sa.is_initiator:
        mark_replaced(ctx, sa, ours, twin.unique_id)
        take_over(ctx, sa, twin)


def succeed(ctx: Context, sa: IkeSa, child: ChildSa) -> bool:
    """The peer makes a Child SA in place of one of an older configuration: we send on that until the peer has the new.

    Both share a reqid, so that the policies of either lead to the SA that can be used.
    """
    predecessors = stale(sa, child.config)
    for old in predecessors:
        mark_replaced(ctx, sa, old, child.unique_id)
    if predecessors:
        ctx.release_reqid(child.reqid)
        child.reqid = ctx.share_reqid(predecessors[-1].reqid)
        child_sa.await_peer(ctx, sa, child)
    return bool(predecessors)


def start_sending(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """The peer has a Child SA that it has asked for: send on it, and delete what it replaces if the peer did not."""
    sa.timers.stop(Timer.CHILD_SEND, child.unique_id)
    child_sa.activate_outbound(ctx, child)
    _drain_replaced(ctx, sa, child)


def peer_goes_on(ctx: Context, sa: IkeSa) -> None:
    """The peer sends another request, so it has the answer to its last one (RFC 7296 section 2.3)."""
    for timer, child_id in list(sa.timers):
        if timer is Timer.CHILD_SEND:
            start_sending(ctx, sa, sa.children[child_id])


def _drain_replaced(ctx: Context, sa: IkeSa, fresh: ChildSa) -> None:
    """Stop sending on what a Child SA replaces, and let packets under way arrive."""
    for old in sa.children.values():
        if old.replaced_by == fresh.unique_id and old.state is ChildState.REKEYED:
            ctx.emit(DeletePolicies(old.unique_id))
            sa.timers.set(Timer.CHILD_DRAIN, ctx.now + DRAIN, old.unique_id)


def delete_drained(sa: IkeSa, child: ChildSa) -> None:
    """Nothing is under way any more on a replaced Child SA."""
    if child.state is ChildState.REKEYED and not is_queued(sa, TaskKind.DELETE_CHILD, child.unique_id):
        sa.queue.append(sa.version.delete_child(child.unique_id))
