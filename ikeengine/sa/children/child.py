"""A Child SA: a pair of IPsec SAs with their policies, and how they get into the datapath and out of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ikeengine.crypto.rng import fraction
from ikeengine.model.commands import SaExpired
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.failure import FailureRecord
from ikeengine.model.marks import NO_MARK, NO_TAGS, Tags
from ikeengine.model.proposal import ChildSuite
from ikeengine.model.sa import Direction, IpsecSa, Limits, OuterAh, PolicyAction, PolicySet, SaId, UdpEncap
from ikeengine.model.secret import EMPTY, Secret
from ikeengine.model.selector import TrafficSelector
from ikeengine.model.status import AhPair, ChildStatus
from ikeengine.negotiate.truncation import truncated
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
from ikeengine.registry import Protocol
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.states import ChildState
from ikeengine.timers import Timer

PEER_HAS_ANSWER = 15.0
"""Seconds after which a peer surely has our answer, if nothing tells before: it would have asked again meanwhile."""

RENEW_AT = 0.9
"""Part of a limit of the peer after which we rekey, if our own configuration does not say so before."""

UP_STATES = (ChildState.INSTALLED, ChildState.REKEYING)
"""States in which losing a Child SA means losing the tunnel."""


@dataclass(frozen=True, slots=True)
class ChildKeys:
    """Encryption and integrity keys of both directions, as seen from this host."""

    encr_in: Secret
    integ_in: Secret
    encr_out: Secret
    integ_out: Secret
    ah_in: Secret = EMPTY
    ah_out: Secret = EMPTY
    """Of the AH around ESP."""


@dataclass(slots=True)
class ChildSa:
    """One Child SA. Times are `now` values in seconds."""

    config: ChildConfig
    unique_id: int
    reqid: int
    suite: ChildSuite
    mode: Mode
    spi_in: int
    spi_out: int
    local_ts: tuple[TrafficSelector, ...]
    remote_ts: tuple[TrafficSelector, ...]
    installed_at: float
    tags: Tags = NO_TAGS
    state: ChildState = ChildState.INSTALLED
    encap: bool = False
    sa_in: SaId | None = None
    sa_out: SaId | None = None
    waiting_outbound: IpsecSa | None = None
    """The outbound SA of a Child SA that the peer made by rekeying. It is installed when the old one is deleted:
    only then the peer is known to have our response (RFC 7296 section 2.8)."""
    cpi_in: int = 0
    """Compression Parameter Indices of IPComp, 0 without (RFC 3173)."""
    cpi_out: int = 0
    ah: AhPair | None = None
    """AH around the ESP, which has the SPIs above (IKEv1)."""
    tfc_padding: int = 0
    single_pair: bool = False
    """Negotiated for one pair of addresses, and rekeyed for that one."""
    more_possible: bool = False
    """The peer allows more traffic than this, in other Child SAs (ADDITIONAL_TS_POSSIBLE)."""
    replaced_by: int = 0
    """Number of the Child SA that rekeyed this one."""
    supersedes: int = 0
    """Number of the Child SA that is to be deleted as soon as the datapath has this one."""
    followed_by: int = 0
    """Number of a Child SA for the same traffic that the peer made beside this one, and will keep."""
    refused: int = 0
    """How often the peer would not rekey it."""
    most_bytes: int = 0
    """Octets after which the peer ends it, whatever our configuration says; 0 for no such limit."""
    waiting: tuple[OpId, ...] = ()
    """Commands that are done when the datapath has this Child SA."""

    def spis(self) -> Iterator[tuple[Protocol, int, int]]:
        """Each protocol with its SPIs, in and out: one, or ESP and the AH around it."""
        yield self.suite.protocol, self.spi_in, self.spi_out
        if self.ah is not None:
            yield self.ah.suite.protocol, self.ah.spi_in, self.ah.spi_out

    def status(self, timers_of: IkeSa) -> ChildStatus:
        """A snapshot for operators."""
        return ChildStatus(
            name=self.config.name,
            unique_id=self.unique_id,
            reqid=self.reqid,
            state=self.state.value,
            mode=self.mode,
            protocol=self.suite.protocol,
            encap=self.encap,
            spi_in=self.spi_in,
            spi_out=self.spi_out,
            suite=self.suite,
            installed_at=self.installed_at,
            rekey_at=timers_of.timers.get(Timer.CHILD_REKEY, self.unique_id),
            expires_at=timers_of.timers.get(Timer.CHILD_EXPIRE, self.unique_id),
            local_ts=self.local_ts,
            remote_ts=self.remote_ts,
            sa_in=self.sa_in,
            sa_out=self.sa_out,
            tags=self.tags,
            cpi_in=self.cpi_in,
            cpi_out=self.cpi_out,
            ah=self.ah,
        )


def enter(ctx: Context, sa: IkeSa, child: ChildSa, state: ChildState, story: str) -> None:
    """The one place where a Child SA changes its state."""
    old, child.state = child.state, state
    ctx.emit(StateChanged(sa.name, sa.unique_id, child.unique_id, old.value, state.value, story, child.config.name))


def install(ctx: Context, sa: IkeSa, child: ChildSa, keys: ChildKeys, *, delay_outbound: bool = False) -> None:
    """Put both SAs and the policies into the datapath, inbound first, and start the lifetime timers.

    `delay_outbound` is for the responder of a rekeying: it sends on the old SA until the peer has the new one.
    """
    child.encap = sa.encapsulates
    limits = _limits(ctx, child)
    inbound = _ipsec_sa(sa, child, Direction.IN, keys, limits)
    outbound = _ipsec_sa(sa, child, Direction.OUT, keys, limits)
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
    encap_in, encap_out = _encap(sa, child, Direction.IN), _encap(sa, child, Direction.OUT)
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


def _ipsec_sa(sa: IkeSa, child: ChildSa, direction: Direction, keys: ChildKeys, limits: Limits) -> IpsecSa:
    inbound = direction is Direction.IN
    config, path, tags = child.config, sa.traffic_path, child.tags
    return IpsecSa(
        direction=direction,
        protocol=child.suite.protocol,
        spi=child.spi_in if inbound else child.spi_out,
        source=path.remote if inbound else path.local,
        destination=path.local if inbound else path.remote,
        mode=child.mode,
        reqid=child.reqid,
        encr=child.suite.encr,
        encr_key=keys.encr_in if inbound else keys.encr_out,
        integ=truncated(child.suite.integ, old=config.sha256_96),
        integ_key=keys.integ_in if inbound else keys.integ_out,
        encap=_encap(sa, child, direction),
        esn=child.suite.esn,
        replay_window=config.replay_window,
        limits=limits,
        copy_df=config.copy_df,
        copy_ecn=config.copy_ecn,
        copy_dscp=config.copy_dscp,
        cpi=child.cpi_in if inbound else child.cpi_out,
        tfc_padding=child.tfc_padding,
        hw_offload=config.hw_offload,
        mark=(tags.mark_in if config.mark_in_sa else NO_MARK) if inbound else tags.mark_out,
        set_mark=tags.set_mark_in if inbound else tags.set_mark_out,
        if_id=tags.if_id_in if inbound else tags.if_id_out,
        interface=sa.connection.interface_name,
        local_ts=child.local_ts,
        remote_ts=child.remote_ts,
        ah=_outer_ah(child, child.ah, keys, direction) if child.ah is not None else None,
    )


def _outer_ah(child: ChildSa, pair: AhPair, keys: ChildKeys, direction: Direction) -> OuterAh:
    inbound = direction is Direction.IN
    return OuterAh(
        spi=pair.spi_in if inbound else pair.spi_out,
        integ=truncated(pair.suite.integ, old=child.config.sha256_96),
        integ_key=keys.ah_in if inbound else keys.ah_out,
        esn=pair.suite.esn,
    )


def _encap(sa: IkeSa, child: ChildSa, direction: Direction) -> UdpEncap | None:
    if not child.encap:
        return None
    path = sa.traffic_path
    if direction is Direction.IN:
        return UdpEncap(path.remote_port, path.local_port)
    return UdpEncap(path.local_port, path.remote_port)


def _limits(ctx: Context, child: ChildSa) -> Limits:
    config, most = child.config, child.most_bytes
    soft = _soft(ctx, config.rekey_bytes, config.rand_bytes)
    return Limits(
        soft_bytes=_least(soft, int(most * RENEW_AT)),
        hard_bytes=_least(config.life_bytes, most),
        soft_packets=_soft(ctx, config.rekey_packets, config.rand_packets),
        hard_packets=config.life_packets,
        # Twice the lifetime: the kernel drops the SA only if the daemon did not.
        hard_seconds=int(2 * config.life_time),
    )


def _least(ours: int, peers: int) -> int:
    """The smaller of two limits, where 0 is none."""
    return min(ours, peers) if ours and peers else ours or peers


def _soft(ctx: Context, limit: int, rand: int) -> int:
    """A volume after which to rekey, less a random part, so that not all Child SAs are rekeyed at once."""
    return max(1, limit - int(rand * fraction(ctx.rng))) if limit else 0
