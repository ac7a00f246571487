"""Rekeying a Child SA, make before break (RFC 7296 sections 1.3.3, 2.8, 2.8.1 and 2.25.1).

initiator                                         responder
HDR, SK {N(REKEY_SA), SA, Ni, [KEi,] TSi, TSr} -->
                                               <--  HDR, SK {SA, Nr, [KEr,] TSi, TSr}
HDR, SK {D}                                    -->
                                               <--  HDR, SK {D}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.errors import (
    InvalidSyntax,
    NoAdditionalSas,
    NoProposalChosen,
    PeerIncompatible,
    PeerMisbehaved,
    SinglePairRequired,
    TsUnacceptable,
)
from ikeengine.ikev2 import reasons as v2_reasons
from ikeengine.ikev2.children.negotiation import (
    ChildAnswer,
    ChildOffer,
    first_group,
    make_answer,
    make_offer,
    offer_payloads,
    take_answer,
)
from ikeengine.ikev2.exchange import Exchange
from ikeengine.ikev2.exchanges import followup_ke
from ikeengine.ikev2.exchanges.create_child import (
    MAX_CHILDREN,
    bad_answer,
    fail,
    no_match,
    refusal,
    wanted_group,
)
from ikeengine.ikev2.exchanges.delete import SPI_OCTETS, DeleteChild, DeleteOrphan, deleted_at_once
from ikeengine.ikev2.exchanges.followup_ke import HalfDone
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.outputs import ChildRekeyed
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children.data import ChildKeys, ChildSa
from ikeengine.sa.children.renewal import mark_replaced
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.states import ChildState
from ikeengine.sa.task import TaskKind
from ikeengine.sa.upkeep.retries import busy_delay
from ikeengine.timers import Timer
from ikeengine.wire.payloads import Nonce, Notify, Payload, Sa

PHASE = "CREATE_CHILD_SA response (rekeying)"


@dataclass(slots=True)
class RekeyChild(Exchange):
    """Replace a Child SA of ours."""

    name: ClassVar[str] = "CHILD_REKEY"
    kind: ClassVar[TaskKind] = TaskKind.REKEY_CHILD
    type: ClassVar[ExchangeType] = ExchangeType.CREATE_CHILD_SA

    child_id: int
    group: int | None = None
    """Key exchange method that the peer wants, None until it has said so."""
    offer: ChildOffer | None = None
    nonce: bytes = b""
    rival_id: int = 0
    """The Child SA that the peer made by rekeying the same Child SA at the same time."""
    rival_lowest: bytes = b""
    """The lower of the two nonces of the peer's exchange."""

    def request(self, ctx: Context, sa: IkeSa) -> Sequence[Payload] | None:
        """Offer the replacement. Nothing to do if the Child SA is gone or replaced already."""
        child = sa.children.get(self.child_id)
        if child is None or child.state is not ChildState.INSTALLED:
            ctx.answer(self.ops, ok=True)
            return None
        if followup_ke.join(sa, self.child_id, self.ops):
            return None
        child_sa.enter(ctx, sa, child, ChildState.REKEYING, "ask the peer to rekey")
        self.offer = make_offer(ctx, sa, child.config, self._choose_group(child), rekeyed=child)
        self.nonce = ctx.new_nonce()
        spi = child.spi_in.to_bytes(SPI_OCTETS, "big")
        rekey = Notify(NotifyType.REKEY_SA, protocol=child.suite.protocol, spi=spi)
        return [rekey, *offer_payloads(self.offer, Nonce(self.nonce))]

    def _choose_group(self, child: ChildSa) -> int:
        if self.group is not None:
            return self.group
        if child.suite.ke is not None:
            return child.suite.ke.id
        return first_group(child.config.esp_proposals)

    def response(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Install the replacement and see which of two rivals survives, or find out why there is none."""
        if self.offer is None:
            raise AssertionError("an answered request has made an offer")
        child = sa.children.get(self.child_id)
        if message.find(Sa) is None:
            self._on_error(ctx, sa, child, message, self.offer)
            return
        nonce_peer = message.require(Nonce).data
        try:
            reqid = 0 if child is None else child.reqid
            nonces = self.nonce, nonce_peer
            new, keys = take_answer(ctx, sa, self.offer, message, nonces, reqid, self.more_secrets)
        except (PeerIncompatible, PeerMisbehaved) as mismatch:
            fail(ctx, bad_answer(ctx, sa, PHASE, self.offer, message, mismatch), self.ops)
            sa.queue.append(DeleteOrphan(self.offer.spi_in, self.offer.proposals[0].protocol))
            self._try_again_later(ctx, sa, child)
            return
        if deleted_at_once(ctx, sa, self, new):
            sa.queue.append(DeleteChild(child_id=self.child_id, for_good=True))
            return
        lost = bool(self.rival_id) and min(self.nonce, nonce_peer) < self.rival_lowest
        child_sa.install(ctx, sa, new, keys, delay_outbound=lost)
        if lost:
            mark_replaced(ctx, sa, new, self.rival_id)
            sa.queue.append(DeleteChild(child_id=new.unique_id))
            self._rival_survives(ctx, sa, child)
            return
        if (rival := sa.children.get(self.rival_id)) is not None:
            mark_replaced(ctx, sa, rival, new.unique_id)
        if child is not None and child.state is not ChildState.DELETED:
            ctx.emit(ChildRekeyed(sa.status(), child.status(sa), new.status(sa)))
            mark_replaced(ctx, sa, child, new.unique_id)
            new.supersedes = child.unique_id
        child_sa.confirm(ctx, new, self.ops)

    def gives_way(self, ctx: Context, sa: IkeSa, nonce_peer: bytes) -> bool:
        """The lowest of the four nonces decides as soon as they are known (RFC 7296 section 2.8.1)."""
        child = sa.children.get(self.child_id)
        if not self.rival_lowest or min(self.nonce, nonce_peer) >= self.rival_lowest:
            return False
        if self.rival_id:
            self._rival_survives(ctx, sa, child)
            return True
        if not followup_ke.join(sa, self.child_id, self.ops):
            return False
        if child is not None and child.state is ChildState.REKEYING:
            child_sa.enter(ctx, sa, child, ChildState.INSTALLED, "the peer goes on with its own rekeying")
            sa.timers.set(Timer.CHILD_RETRY, ctx.now + followup_ke.PATIENCE, child.unique_id)
        return True

    def _on_error(self, ctx: Context, sa: IkeSa, child: ChildSa | None, message: Received, offer: ChildOffer) -> None:
        if self.rival_id:
            # The peer has replaced the Child SA before it saw our request (RFC 7296 section 2.8.1).
            self._rival_survives(ctx, sa, child)
            return
        if child is None:
            ctx.answer(self.ops, ok=True)
            return
        group = wanted_group(message, child.config, offer)
        error = message.error()
        if group and self.group is None:
            child_sa.enter(ctx, sa, child, ChildState.INSTALLED, "the peer wants another key exchange method")
            sa.queue.appendleft(RekeyChild(child_id=self.child_id, group=group, ops=self.ops))
        elif message.notify(NotifyType.CHILD_SA_NOT_FOUND) is not None and child.waiting_outbound is None:
            child_sa.remove(ctx, sa, child, announce=True)
            ctx.wanted.append(Wanted(sa.name, child.config.name, ops=self.ops, remote=sa.callee))
        elif error is not None and error.kind in (NotifyType.TEMPORARY_FAILURE, NotifyType.CHILD_SA_NOT_FOUND):
            # Not found, but not known to be there yet: the peer is making it by rekeying, and awaits our answer.
            ctx.answer(
                self.ops, ok=False, reason=f"the peer is busy with this SA ({error.kind.name}); it is tried again"
            )
            self._try_again_later(ctx, sa, child)
        elif error is not None:
            record = refusal(ctx, sa, PHASE, offer, error)
            if error.kind == NotifyType.NO_PROPOSAL_CHOSEN and child.suite.ke is None:
                record = v2_reasons.pfs_mismatch(record)
            fail(ctx, record, self.ops)
            self._try_again_later(ctx, sa, child)
            if error.kind == NotifyType.NO_ADDITIONAL_SAS:
                # RFC 7296 section 1.3: a minimal peer. A new IKE SA brings new Child SAs, make before break.
                ctx.wanted.append(Wanted(sa.name, "", replaces=sa.local_spi))
        else:
            raise InvalidSyntax(f"{message.describe()} says neither yes nor no")

    def _rival_survives(self, ctx: Context, sa: IkeSa, child: ChildSa | None) -> None:
        rival = sa.children.get(self.rival_id)
        if rival is None:
            self._try_again_later(ctx, sa, child)
            ctx.answer(self.ops, ok=False, reason="the peer has deleted what it had made of the Child SA")
            return
        if child is not None:
            ctx.emit(ChildRekeyed(sa.status(), child.status(sa), rival.status(sa)))
        if child is not None and child.state is not ChildState.DELETED:
            mark_replaced(ctx, sa, child, rival.unique_id)
        child_sa.confirm(ctx, rival, self.ops)

    def _try_again_later(self, ctx: Context, sa: IkeSa, child: ChildSa | None) -> None:
        if child is None or child.state is not ChildState.REKEYING:
            return
        child_sa.enter(ctx, sa, child, ChildState.INSTALLED, "rekeying failed, try again later")
        sa.timers.set(Timer.CHILD_RETRY, ctx.now + busy_delay(ctx, child.refused), child.unique_id)
        child.refused += 1


def respond(ctx: Context, sa: IkeSa, message: Received, rekey: Notify) -> list[Payload]:
    """The peer rekeys a Child SA, named by its inbound SPI. Raises PeerIncompatible or InvalidSyntax."""
    child = _find(sa, rekey)
    if child is None and sa.active is not None and sa.active.type is ExchangeType.CREATE_CHILD_SA:
        # It may be the one that we are making: the peer's request has overtaken its answer.
        return [Notify(NotifyType.TEMPORARY_FAILURE)]
    if child is None:
        return [Notify(NotifyType.CHILD_SA_NOT_FOUND, protocol=rekey.protocol, spi=rekey.spi)]
    if child.state not in (ChildState.INSTALLED, ChildState.REKEYING) or child.replaced_by:
        return [Notify(NotifyType.TEMPORARY_FAILURE)]
    if len(sa.children) >= 2 * MAX_CHILDREN:
        raise NoAdditionalSas(f"the peer has rekeyed without deleting until there were {len(sa.children)} Child SAs")
    nonce, nonce_peer = ctx.new_nonce(), message.require(Nonce).data
    try:
        made = make_answer(
            ctx, sa, message, (child.config,), (nonce_peer, nonce), nonce_payload=Nonce(nonce), reqid=child.reqid
        )
    except (NoProposalChosen, TsUnacceptable, SinglePairRequired) as mismatch:
        record = no_match(ctx, sa, "CREATE_CHILD_SA request (rekeying)", message, (child.config,), mismatch)
        is_pfs = isinstance(mismatch, NoProposalChosen) and child.suite.ke is None
        ctx.fail(v2_reasons.pfs_mismatch(record) if is_pfs else record)
        raise
    followup_ke.drop_rekeying(ctx, sa, child.unique_id)
    ours = _own_rekeying(sa, child.unique_id)
    if ours is not None:
        ours.rival_lowest = min(nonce, nonce_peer)
    ctx.count("child-rekey", sa.name)
    methods = made.child.suite.additional
    if methods:
        half_done = HalfRekeyed(methods=methods, made=made, child_id=child.unique_id)
        return made.payloads + followup_ke.begin(ctx, sa, half_done)
    _succeed(ctx, sa, child, made.child, made.keys(sa))
    return made.payloads


@dataclass(slots=True, kw_only=True)
class HalfRekeyed(HalfDone):
    """The replacement that the peer makes of a Child SA, without its additional key exchanges so far."""

    made: ChildAnswer
    child_id: int

    def replaces(self, child_id: int) -> bool:
        """Whether it rekeys this Child SA."""
        return child_id == self.child_id

    def complete(self, ctx: Context, sa: IkeSa) -> bool:
        """Install it, unless the old one was deleted or replaced by our own rekeying meanwhile."""
        child, new = sa.children.get(self.child_id), self.made.child
        if child is None or child.state not in (ChildState.INSTALLED, ChildState.REKEYING) or child.replaced_by:
            return False
        new.installed_at = ctx.now
        _succeed(ctx, sa, child, new, self.made.keys(sa, self.secrets))
        child_sa.confirm(ctx, new, self.ops)
        return True

    def forget(self, ctx: Context, sa: IkeSa) -> None:
        """Free what it holds; our own rekeying has no rival any more."""
        ctx.release_reqid(self.made.child.reqid)
        ctx.answer(self.ops, ok=False, reason="the peer has begun to rekey the Child SA, but did not go on")
        ours = _own_rekeying(sa, self.child_id)
        if ours is not None and not ours.rival_id:
            ours.rival_lowest = b""


def _own_rekeying(sa: IkeSa, child_id: int) -> RekeyChild | None:
    """Our own exchange that rekeys this Child SA, if there is one under way."""
    ours = sa.active
    return ours if isinstance(ours, RekeyChild) and ours.child_id == child_id else None


def _succeed(ctx: Context, sa: IkeSa, child: ChildSa, new: ChildSa, keys: ChildKeys) -> None:
    """Install what the peer has made of a Child SA; if we are rekeying too, it is a rival for the time being."""
    child_sa.install(ctx, sa, new, keys, delay_outbound=True)
    ours = _own_rekeying(sa, child.unique_id)
    if ours is not None:
        ours.rival_id = child.replaced_by = new.unique_id
    else:
        ctx.emit(ChildRekeyed(sa.status(), child.status(sa), new.status(sa)))
        mark_replaced(ctx, sa, child, new.unique_id)


def _find(sa: IkeSa, rekey: Notify) -> ChildSa | None:
    spi = int.from_bytes(rekey.spi, "big")
    for child in sa.children.values():
        if child.spi_out == spi and child.suite.protocol == rekey.protocol and child.state is not ChildState.DELETED:
            return child
    return None
