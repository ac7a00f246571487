"""Child SAs whose configuration has changed: a new one is created before the old one is deleted.

As long as the peer refuses the new one, because it is not configured for it yet, the old one stays and the new one is
offered again every now and then. So both gateways can be changed one after the other without a gap.
"""

from __future__ import annotations

from dataclasses import replace

from ikeengine.ikev2.children import child as child_sa
from ikeengine.ikev2.children.child import UP_STATES, ChildSa
from ikeengine.ikev2.context import Context
from ikeengine.ikev2.exchanges.delete import DeleteChild
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.tasks import is_queued
from ikeengine.model.connection import ChildConfig
from ikeengine.timers import Timer

OFFER_AGAIN = 60.0
"""Seconds until a new Child SA is offered again that the peer has refused."""
PEER_IS_READY = 2.0
"""Seconds until a peer that made a new Child SA has it, if it does not say so by deleting the old one."""

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


def is_up(sa: IkeSa, config: ChildConfig) -> bool:
    """Whether a Child SA of just this configuration is up."""
    return any(child.config == config and child.state in UP_STATES for child in sa.children.values())


def retire_stale(sa: IkeSa, config: ChildConfig) -> None:
    """A Child SA of this configuration is up: those that it replaces go, and still take packets for a while."""
    fresh = next((c for c in sa.children.values() if c.config == config and c.state in UP_STATES), None)
    if fresh is None:
        return
    for old in sa.children.values():
        if old.config.name == config.name and old.config != config and old.state in UP_STATES:
            _replace(sa, old, fresh)


def resolve_collision(sa: IkeSa, ours: ChildSa) -> None:
    """Both sides have replaced a Child SA at the same time: the one of the original initiator of the IKE SA stays."""
    twins = (
        other
        for other in sa.children.values()
        if other is not ours and other.config == ours.config and other.state in UP_STATES
        if (other.local_ts, other.remote_ts) == (ours.local_ts, ours.remote_ts)
    )
    twin = next(twins, None)
    if twin is not None and not sa.is_initiator:
        _replace(sa, ours, twin)


def _replace(sa: IkeSa, old: ChildSa, fresh: ChildSa) -> None:
    old.replaced_by = fresh.unique_id
    if not is_queued(sa, DeleteChild.name, old.unique_id):
        sa.queue.append(DeleteChild(child_id=old.unique_id))


def succeed(ctx: Context, sa: IkeSa, child: ChildSa) -> bool:
    """The peer makes a Child SA in place of one of an older configuration: we send on that until the peer has the new.

    Both share a reqid, so that the policies of either lead to the SA that can be used.
    """
    predecessors = stale(sa, child.config)
    for old in predecessors:
        old.replaced_by = child.unique_id
    if predecessors:
        ctx.release_reqid(child.reqid)
        child.reqid = ctx.share_reqid(predecessors[-1].reqid)
        sa.timers.set(Timer.CHILD_ACTIVATE, ctx.now + PEER_IS_READY, child.unique_id)
    return bool(predecessors)


def finish(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """Send on the new Child SA, and delete what it replaces if the peer did not."""
    child_sa.activate_outbound(ctx, child)
    for old in sa.children.values():
        if old.replaced_by == child.unique_id and old.state in UP_STATES:
            _replace(sa, old, child)
