"""Rekeying the IKE SA; its Child SAs move to the new one (RFC 7296 sections 1.3.2, 2.8.2, 2.18 and 2.25.2).

initiator                      responder
HDR, SK {SA, Ni, KEi}  -->
                       <--  HDR, SK {SA, Nr, KEr}
HDR, SK {D}            -->                          on the old IKE SA
                       <--  HDR, SK {}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ikeengine.crypto.keymat_v2 import rekeyed_ike_keys
from ikeengine.errors import InvalidKeGroup, InvalidSyntax, NoProposalChosen
from ikeengine.ikev2 import lookup
from ikeengine.ikev2.children.negotiation import first_group, offers_group
from ikeengine.ikev2.exchange import Exchange
from ikeengine.ikev2.exchanges import followup_ke
from ikeengine.ikev2.exchanges.create_child import CreateChild, fail
from ikeengine.ikev2.exchanges.delete import DeleteChild, DeleteIke, DeleteOrphan
from ikeengine.ikev2.exchanges.followup_ke import HalfDone
from ikeengine.ikev2.exchanges.rekey_child import RekeyChild
from ikeengine.ikev2.keying import set_keys
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.mobike import moving
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.ikev2.upkeep import crash_tokens
from ikeengine.model.failure import FailureRecord
from ikeengine.model.proposal import IkeSuite, Proposal
from ikeengine.model.secret import Secret
from ikeengine.negotiate.proposals import accept_ike, offer, select_ike
from ikeengine.outputs import IkeRekeyed
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.sa import ike_sa, reasons
from ikeengine.sa.addresses import virtual_ips
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.lifecycle import close, enter, start_timers
from ikeengine.sa.own_ke import OwnKe, generate
from ikeengine.sa.states import Closing
from ikeengine.sa.task import TaskKind
from ikeengine.sa.upkeep.retries import busy_delay
from ikeengine.timers import Timer
from ikeengine.wire.payloads import Ke, Nonce, Notify, Payload, Sa

SPI_OCTETS = 8
LINGER = 60.0
"""Seconds that the peer has to delete a replaced IKE SA. Then we delete it ourselves, if the peer knows that it exists,
or forget it, if it is the rival that lost: the peer may never have heard of that one."""

_LIVING = (
    Timer.IKE_REKEY,
    Timer.IKE_REAUTH,
    Timer.SUPERSEDED,
    Timer.IKE_EXPIRE,
    Timer.DPD,
    Timer.DPD_TIMEOUT,
    Timer.KEEPALIVE,
)
"""What only an IKE SA with Child SAs needs."""

PHASE = "CREATE_CHILD_SA response (IKE rekeying)"


@dataclass(slots=True)
class RekeyIke(Exchange):
    """Replace the IKE SA."""

    name: ClassVar[str] = "IKE_REKEY"
    kind: ClassVar[TaskKind] = TaskKind.REKEY_IKE
    type: ClassVar[ExchangeType] = ExchangeType.CREATE_CHILD_SA

    group: int | None = None
    """Key exchange method that the peer wants, None until it has said so."""
    spi: bytes = b""
    nonce: bytes = b""
    ke: OwnKe | None = None
    rival_spi: bytes = b""
    """Our SPI of the IKE SA that the peer made by rekeying at the same time."""
    rival_lowest: bytes = b""
    """The lower of the two nonces of the peer's exchange."""

    def request(self, ctx: Context, sa: IkeSa) -> Sequence[Payload] | None:
        """Offer the replacement. Nothing to do if the IKE SA is replaced already."""
        if sa.state is not IkeState.ESTABLISHED:
            ctx.answer(self.ops, ok=True)
            return None
        used = sa.suite.ke.id if sa.suite is not None else first_group(sa.connection.proposals)
        group = self.group if self.group is not None else used
        self.spi, self.nonce, self.ke = ctx.new_ike_spi(), ctx.new_nonce(), generate(group, ctx.rng)
        return [Sa(offer(sa.connection.proposals, spi=self.spi)), Nonce(self.nonce), Ke(group, self.ke.public)]

    def response(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Create the replacement and see which of two rivals survives, or find out why there is none."""
        if sa.state is not IkeState.ESTABLISHED:
            # The peer's own rekeying has replaced this IKE SA meanwhile; it will forget the one that we wanted.
            ctx.answer(self.ops, ok=True)
            return
        rival = lookup.find(ctx, self.rival_spi)
        if message.find(Sa) is None:
            self._on_error(ctx, sa, rival, message)
            return
        nonce_peer = message.require(Nonce).data
        new = self._new_sa(ctx, sa, message, nonce_peer)
        crash_tokens.take(new, message)
        ctx.answer(self.ops, ok=True)
        if rival is not None and min(self.nonce, nonce_peer) < self.rival_lowest:
            enter(ctx, new, IkeState.REKEYED, "the rekeying by the peer has won")
            new.queue.append(DeleteIke(why=Closing.REPLACED))
            hand_over(ctx, sa, rival)
            return
        if rival is not None:
            _supersede(ctx, rival, "our own rekeying has won", Timer.FORGET)
        hand_over(ctx, sa, new)
        sa.queue.append(DeleteIke(why=Closing.REPLACED))

    def gives_way(self, ctx: Context, sa: IkeSa, nonce_peer: bytes) -> bool:
        """The lowest of the four nonces decides as soon as they are known (RFC 7296 section 2.8.2)."""
        if sa.state is not IkeState.ESTABLISHED:
            ctx.answer(self.ops, ok=True)
            return True
        if not self.rival_lowest or min(self.nonce, nonce_peer) >= self.rival_lowest:
            return False
        rival = lookup.find(ctx, self.rival_spi)
        if rival is not None:
            hand_over(ctx, sa, rival)
            ctx.answer(self.ops, ok=True)
            return True
        if not followup_ke.join(sa, 0, self.ops):
            return False
        sa.timers.set(Timer.IKE_REKEY, ctx.now + followup_ke.PATIENCE)
        return True

    def abandon(self, ctx: Context, sa: ike_sa.IkeSa, reason: str, record: FailureRecord | None = None) -> None:
        """The old IKE SA is gone, and with it the one that the peer was making of it."""
        ctx.answer(self.ops, ok=False, reason=reason, record=record)
        rival = lookup.find(ctx, self.rival_spi)
        if rival is not None:
            close(ctx, rival, Closing.REPLACED)

    def _new_sa(self, ctx: Context, sa: IkeSa, message: Received, nonce_peer: bytes) -> IkeSa:
        proposals, ke = message.require(Sa).proposals, message.require(Ke)
        chosen, suite = accept_ike(proposals, offer(sa.connection.proposals, spi=self.spi))
        if self.ke is None or ke.group != self.ke.group or ke.group != suite.ke.id:
            raise InvalidSyntax(f"the answer's KE payload uses method {ke.group}, which is not the one in our request")
        spi_r = _checked_spi(chosen)
        shared = self.ke.shared(ke.data)
        spis, nonces = (self.spi, spi_r), (self.nonce, nonce_peer)
        return _successor(ctx, sa, suite, spis, nonces, shared, is_initiator=True, more=self.more_secrets)

    def _on_error(self, ctx: Context, sa: IkeSa, rival: IkeSa | None, message: Received) -> None:
        if rival is not None:
            # The peer had finished its own rekeying before it saw our request (RFC 7296 section 2.8.2).
            hand_over(ctx, sa, rival)
            ctx.answer(self.ops, ok=True)
            return
        wanted = message.notify(NotifyType.INVALID_KE_PAYLOAD)
        group = int.from_bytes(wanted.data, "big") if wanted is not None and len(wanted.data) == 2 else 0
        error = message.error()
        if error is None:
            raise InvalidSyntax(f"{message.describe()} says neither yes nor no")
        if self.group is None and group and offers_group(sa.connection.proposals, group):
            sa.queue.appendleft(RekeyIke(group=group, ops=self.ops))
        elif error.kind == NotifyType.TEMPORARY_FAILURE:
            ctx.answer(
                self.ops, ok=False, reason="the peer is busy with this SA (TEMPORARY_FAILURE); it is tried again"
            )
            self._try_again_later(ctx, sa)
        else:
            record = (
                reasons.refused_proposal(ctx, sa, PHASE, sa.connection.proposals)
                if error.kind == NotifyType.NO_PROPOSAL_CHOSEN
                else reasons.refused(ctx, sa, PHASE, error.kind)
            )
            fail(ctx, record, self.ops)
            self._try_again_later(ctx, sa)
            if error.kind == NotifyType.NO_ADDITIONAL_SAS:
                ctx.wanted.append(Wanted(sa.name, "", replaces=sa.local_spi))

    def _try_again_later(self, ctx: Context, sa: IkeSa) -> None:
        sa.timers.set(Timer.IKE_REKEY, ctx.now + busy_delay(ctx, sa.refused))
        sa.refused += 1


def respond(ctx: Context, sa: IkeSa, message: Received) -> list[Payload]:
    """The peer rekeys the IKE SA. Raises NoProposalChosen, InvalidKeGroup or InvalidSyntax."""
    ours = sa.active
    busy = isinstance(ours, CreateChild | RekeyChild | DeleteChild | DeleteOrphan)
    rekeyed_already = isinstance(ours, RekeyIke) and ours.rival_spi
    if busy or rekeyed_already or lookup.find(ctx, sa.predecessor) is not None:
        return [Notify(NotifyType.TEMPORARY_FAILURE)]
    offered, ke, nonce_peer = message.require(Sa).proposals, message.require(Ke), message.require(Nonce).data
    try:
        proposal, suite = select_ike(offered, sa.connection.proposals)
    except NoProposalChosen:
        phase = "CREATE_CHILD_SA request (IKE rekeying)"
        ctx.fail(reasons.proposal_mismatch(ctx, sa.name, sa.path, phase, offered, sa.connection.proposals))
        raise
    if ke.group != suite.ke.id:
        raise InvalidKeGroup(suite.ke.id)
    spi_i, spi_r, nonce = _checked_spi(proposal), ctx.new_ike_spi(), ctx.new_nonce()
    own_ke = generate(suite.ke.id, ctx.rng)
    shared = own_ke.shared(ke.data)
    ctx.count("ike-rekey-resp", sa.name)
    payloads: list[Payload] = [Sa((replace(proposal, spi=spi_r),)), Nonce(nonce), Ke(own_ke.group, own_ke.public)]
    followup_ke.drop_rekeying(ctx, sa, 0)
    if isinstance(ours, RekeyIke):
        ours.rival_lowest = min(nonce, nonce_peer)
    spis, nonces = (spi_i, spi_r), (nonce_peer, nonce)
    if suite.additional:
        half_done = HalfRekeyed(methods=suite.additional, suite=suite, spis=spis, nonces=nonces, shared=Secret(shared))
        return payloads + followup_ke.begin(ctx, sa, half_done)
    new = _successor(ctx, sa, suite, spis, nonces, shared, is_initiator=False)
    _succeed(ctx, sa, new)
    return payloads + crash_tokens.offer(ctx, new)


@dataclass(slots=True, kw_only=True)
class HalfRekeyed(HalfDone):
    """The replacement that the peer makes of the IKE SA, without its additional key exchanges so far."""

    suite: IkeSuite
    spis: tuple[bytes, bytes]
    nonces: tuple[bytes, bytes]
    shared: Secret

    def replaces(self, child_id: int) -> bool:
        """It rekeys the IKE SA."""
        return child_id == 0

    def complete(self, ctx: Context, sa: IkeSa) -> bool:
        """Make the new IKE SA."""
        shared = self.shared.reveal()
        new = _successor(ctx, sa, self.suite, self.spis, self.nonces, shared, is_initiator=False, more=self.secrets)
        _succeed(ctx, sa, new)
        if crash_tokens.offer(ctx, new):
            new.queue.append(crash_tokens.SendToken())
        ctx.answer(self.ops, ok=True)
        return True

    def forget(self, ctx: Context, sa: IkeSa) -> None:
        """Our own rekeying has no rival any more."""
        ctx.answer(self.ops, ok=False, reason="the peer has begun to rekey the IKE SA, but did not go on")
        if isinstance(sa.active, RekeyIke) and not sa.active.rival_spi:
            sa.active.rival_lowest = b""


def _succeed(ctx: Context, sa: IkeSa, new: IkeSa) -> None:
    """Hand over to what the peer has made of the IKE SA; if we are rekeying too, it is a rival for the time being."""
    if isinstance(sa.active, RekeyIke):
        sa.active.rival_spi = new.local_spi
    else:
        hand_over(ctx, sa, new)


def hand_over(ctx: Context, old: IkeSa, new: IkeSa) -> None:
    """Give everything that the old IKE SA has to the one that replaces it."""
    ctx.touch(new)
    before = old.status()
    moving.inherit(ctx, old, new)
    virtual_ips.move(ctx, old, new)
    new.if_ids = old.if_ids
    ctx.emit(IkeRekeyed(before, new.status()))
    old.is_announced, new.is_announced = False, True
    if new.is_initiator and crash_tokens.offer(ctx, new):
        new.queue.appendleft(crash_tokens.SendToken())
    for child in list(old.children.values()):
        child_sa.move(ctx, child, old, new)
    for task in old.queue:
        if isinstance(task, RekeyIke):
            ctx.answer(task.ops, ok=True)
        else:
            new.queue.append(task)
    old.queue.clear()
    if isinstance(old.active, RekeyIke):
        old.active.rival_spi = b""
    new.waiting, old.waiting = new.waiting + old.waiting, ()
    _supersede(ctx, old, "replaced by a rekeyed IKE SA", Timer.LINGER)


def settle(ctx: Context, sa: IkeSa) -> None:
    """The peer makes use of an IKE SA that it made while we were rekeying too: so that is the one that has won."""
    old = lookup.find(ctx, sa.predecessor)
    if old is not None and isinstance(old.active, RekeyIke) and old.active.rival_spi == sa.local_spi:
        hand_over(ctx, old, sa)


def _supersede(ctx: Context, sa: IkeSa, story: str, timer: Timer) -> None:
    """An IKE SA is of no more use and waits to be deleted by the peer; `timer` says what happens if it is not."""
    enter(ctx, sa, IkeState.REKEYED, story)
    for running in _LIVING:
        sa.timers.stop(running)
    sa.timers.set(timer, ctx.now + LINGER)


def _successor(
    ctx: Context,
    old: IkeSa,
    suite: IkeSuite,
    spis: tuple[bytes, bytes],
    nonces: tuple[bytes, bytes],
    shared: bytes,
    *,
    is_initiator: bool,
    more: Sequence[Secret] = (),
) -> IkeSa:
    """The new IKE SA. Who initiated the rekeying is its original initiator, and message IDs start at 0 again."""
    old_keys, old_suite = old.keys_and_suite()
    new = IkeSa(
        version=old.version,
        connection=old.connection,
        unique_id=ctx.new_unique_id(),
        is_initiator=is_initiator,
        spi_i=spis[0],
        spi_r=spis[1],
        path=old.path,
        state=IkeState.ESTABLISHED,
        local_id=old.local_id,
        remote_id=old.remote_id,
        nat_local=old.nat_local,
        nat_remote=old.nat_remote,
        nat_fake=old.nat_fake,
        fragments=old.fragments,
        predecessor=old.local_spi,
        shared_key=old.shared_key,
        began_at=ctx.now,
        established_at=ctx.now,
        last_inbound=ctx.now,
    )
    material = rekeyed_ike_keys(suite, old_suite.prf.id, old_keys.sk_d, *nonces, shared, *spis, more)
    set_keys(ctx, new, suite, material)
    ctx.table.add(new)
    ctx.touch(new)
    ctx.table.established(new)
    start_timers(ctx, new, old.timers.get(Timer.IKE_REAUTH))
    superseded = old.timers.get(Timer.SUPERSEDED)
    if superseded is not None:
        new.timers.set(Timer.SUPERSEDED, superseded)
    return new


def _checked_spi(proposal: Proposal) -> bytes:
    if len(proposal.spi) != SPI_OCTETS or proposal.spi == bytes(SPI_OCTETS):
        raise InvalidSyntax("the SPI of a proposal to rekey the IKE SA must be 8 octets and not zero")
    return proposal.spi
