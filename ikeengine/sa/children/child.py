"""How a Child SA, its pair of IPsec SAs and their policies, gets into the datapath and out of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ikeengine.crypto.rng import fraction
from ikeengine.model.commands import SaExpired
from ikeengine.model.failure import FailureRecord
from ikeengine.model.sa import Direction, PolicyAction, PolicySet, SaId
from ikeengine.outputs import (
    AskConfirmation,
    ChildUpdown,
    DeletePolicies,
    DeleteSa,
    InstallPolicies,
    InstallSa,
    OpId,
    StateChanged,
    UpdateSa,
)
from ikeengine.sa.children import ipsec_sas
from ikeengine.sa.children.data import UP_STATES, ChildKeys, ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.states import ChildState
from ikeengine.timers import Timer

PEER_HAS_ANSWER = 15.0
"""Seconds after which a peer surely has our answer, if nothing tells before: it would have asked again meanwhile."""


def enter(ctx: Context, sa: IkeSa, child: ChildSa, state: ChildState, story: str) -> None:
    """The one place where a Child SA changes its state."""
    old, child.state = child.state, state
    ctx.emit(StateChanged(sa.name, sa.unique_id, child.unique_id, old.value, state.value, story, child.config.name))


def install(ctx: Context, sa: IkeSa, child: ChildSa, keys: ChildKeys, *, delay_outbound: bool = False) -> None:
    """Put both SAs and the policies into the datapath, inbound first, and start the lifetime timers.

    `delay_outbound` is for the responder of a rekeying: it sends on the old SA until the peer has the new one.
    """
    child.encap = sa.encapsulates
    limits = ipsec_sas.limits(ctx, child)
    inbound = ipsec_sas.ipsec_sa(sa, child, Direction.IN, keys, limits)
    outbound = ipsec_sas.ipsec_sa(sa, child, Direction.OUT, keys, limits)
    child.sa_in, child.sa_out = inbound.id, outbound.id
    sa.children[child.unique_id] = child
    ctx.table.add_child(child.spi_in, child.unique_id, sa)
    ctx.emit(InstallSa(child.unique_id, inbound))
    if delay_outbound:
        child.waiting_outbound = outbound
    else:
        ctx.emit(InstallSa(child.unique_id, outbound))
    install_policies(ctx, sa, child)
    _start_lifetime(ctx, sa, child)


def install_beside(ctx: Context, sa: IkeSa, child: ChildSa, keys: ChildKeys, twin: ChildSa) -> None:
    """The peer wants another Child SA for the same traffic, as when it authenticates again.

    It learns only now that it has one. Until it surely knows, or deletes the old one, that is what we send on.
    """
    install(ctx, sa, child, keys, delay_outbound=True)
    twin.followed_by = child.unique_id
    await_peer(ctx, sa, child)


def await_peer(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """Send on a Child SA that the peer has asked for as soon as it surely has our answer."""
    sa.timers.set(Timer.CHILD_SEND, ctx.now + PEER_HAS_ANSWER, child.unique_id)


def confirm(ctx: Context, child: ChildSa, ops: tuple[OpId, ...]) -> None:
    """Tell commands that a Child SA is up, once everything of it has arrived in the datapath, and see what then."""
    if not (ops or child.supersedes):
        return
    child.waiting += ops
    op = ctx.new_op()
    ctx.confirmations[op] = child
    ctx.emit(AskConfirmation(op))


def answer_waiting(
    ctx: Context, child: ChildSa, *, ok: bool, reason: str = "", record: FailureRecord | None = None
) -> None:
    """Tell the commands that wait for a Child SA how it went."""
    ops, child.waiting = child.waiting, ()
    ctx.answer(ops, ok=ok, reason=reason, record=record)


def activate_outbound(ctx: Context, child: ChildSa) -> None:
    """The peer has the Child SA: start sending on it."""
    if child.waiting_outbound is None:
        return
    outbound, child.waiting_outbound = child.waiting_outbound, None
    ctx.emit(InstallSa(child.unique_id, outbound))


def install_policies(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """Put the policies of a Child SA into force."""
    if not child.config.policies:
        return
    policies = PolicySet(
        owner=child.unique_id,
        action=PolicyAction.PROTECT,
        local_ts=child.local_ts,
        remote_ts=child.remote_ts,
        mode=child.mode,
        protocol=child.suite.protocol,
        reqid=child.reqid,
        ipcomp=bool(child.cpi_in),
        ah=child.ah is not None,
        local=sa.traffic_path.local,
        remote=sa.traffic_path.remote,
        priority=child.config.priority,
        tags=child.tags,
        interface=sa.connection.interface_name,
    )
    ctx.emit(InstallPolicies(child.unique_id, policies))


def retire_outbound(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """Stop sending on a Child SA that is replaced and deleted; packets under way are still accepted for a while."""
    enter(ctx, sa, child, ChildState.DELETED, "replaced and deleted on both sides")
    followers = list(heirs(sa, child))
    if followers and child.waiting_outbound is None and all(heir.waiting_outbound is not None for heir in followers):
        activate_outbound(ctx, followers[0])
    sa.timers.stop_child(child.unique_id)
    ctx.emit(DeletePolicies(child.unique_id))
    if child.sa_out is not None and child.waiting_outbound is None:
        ctx.emit(DeleteSa(child.sa_out))
    child.sa_out = None
    child.waiting_outbound = None
    sa.timers.set(Timer.CHILD_LINGER, ctx.now + ctx.settings.delete_rekeyed_delay, child.unique_id)


def heirs(sa: IkeSa, child: ChildSa) -> Iterator[ChildSa]:
    """What has replaced a Child SA, and what has replaced that meanwhile."""
    heir = sa.children.get(child.replaced_by)
    while heir is not None:
        yield heir
        heir = sa.children.get(heir.replaced_by)


def remove(ctx: Context, sa: IkeSa, child: ChildSa, *, announce: bool) -> None:
    """Take a Child SA out of the IKE SA and out of the datapath, unless one of another IKE SA has taken its place.

    `announce` tells the operator that it is down.
    """
    status = child.status(sa) if announce else None
    heir = ctx.table.of_child(child.followed_by)
    if heir is None or heir is sa or child.state not in UP_STATES:
        _take_out(ctx, sa, child)
    else:
        _leave_to(ctx, sa, child, heir)
    answer_waiting(ctx, child, ok=False, reason="the Child SA was closed again at once")
    if status is not None:
        ctx.emit(ChildUpdown(False, sa.status(), status))


def _leave_to(ctx: Context, sa: IkeSa, child: ChildSa, heir: IkeSa) -> None:
    """Another IKE SA has a Child SA that follows this one: packets under way are accepted as after a rekeying."""
    move(ctx, child, sa, heir)
    child.replaced_by, child.followed_by = child.followed_by, 0
    retire_outbound(ctx, heir, child)
    ctx.touch(heir)


def _take_out(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    _activate_follower(ctx, child)
    if child.state is not ChildState.DELETED:
        ctx.emit(DeletePolicies(child.unique_id))
    if child.sa_out is not None and child.waiting_outbound is None:
        ctx.emit(DeleteSa(child.sa_out))
    if child.sa_in is not None:
        ctx.emit(DeleteSa(child.sa_in))
    sa.timers.stop_child(child.unique_id)
    del sa.children[child.unique_id]
    ctx.table.remove_child(child.spi_in)
    ctx.release_reqid(child.reqid)


def _activate_follower(ctx: Context, child: ChildSa) -> None:
    owner = ctx.table.of_child(child.followed_by)
    if owner is not None:
        activate_outbound(ctx, owner.children[child.followed_by])


def move(ctx: Context, child: ChildSa, old: IkeSa, new: IkeSa) -> None:
    """Hand a Child SA over to the IKE SA that replaces its own (RFC 7296 section 2.8)."""
    for timer, deadline in old.timers.of_child(child.unique_id).items():
        new.timers.set(timer, deadline, child.unique_id)
    old.timers.stop_child(child.unique_id)
    del old.children[child.unique_id]
    new.children[child.unique_id] = child
    ctx.table.add_child(child.spi_in, child.unique_id, new)


def update_path(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """The outer addresses or ports of the IKE SA have changed: move both SAs and the policies."""
    child.encap = sa.encapsulates
    encap_in, encap_out = ipsec_sas.encap(sa, child, Direction.IN), ipsec_sas.encap(sa, child, Direction.OUT)
    local, remote = sa.traffic_path.local, sa.traffic_path.remote
    if child.sa_in is not None:
        ctx.emit(UpdateSa(child.unique_id, child.sa_in, remote, local, encap_in))
        child.sa_in = SaId(child.suite.protocol, local, child.spi_in)
    if child.waiting_outbound is not None:
        child.waiting_outbound = replace(child.waiting_outbound, source=local, destination=remote, encap=encap_out)
    elif child.sa_out is not None:
        ctx.emit(UpdateSa(child.unique_id, child.sa_out, local, remote, encap_out))
    if child.sa_out is not None:
        child.sa_out = SaId(child.suite.protocol, remote, child.spi_out)
    if child.state is not ChildState.DELETED:
        install_policies(ctx, sa, child)


def find_expired(sa: IkeSa, event: SaExpired) -> ChildSa | None:
    """The Child SA that a datapath event is about."""
    for child in sa.children.values():
        if event.sa in (child.sa_in, child.sa_out):
            return child
    return None


def _start_lifetime(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    config = child.config
    if config.rekey_time:
        jitter = config.rand_time * fraction(ctx.rng)
        sa.timers.set(Timer.CHILD_REKEY, ctx.now + max(1.0, config.rekey_time - jitter), child.unique_id)
    if config.life_time:
        sa.timers.set(Timer.CHILD_EXPIRE, ctx.now + config.life_time, child.unique_id)
    if config.inactivity:
        sa.timers.set(Timer.CHILD_IDLE, ctx.now + config.inactivity, child.unique_id)
