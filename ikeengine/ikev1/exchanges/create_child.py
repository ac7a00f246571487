"""New Child SAs and rekeyed ones: Quick Mode that we begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ikeengine.errors import NoProposalChosen, PeerIncompatible, PeerMisbehaved, TsUnacceptable
from ikeengine.ikev1.exchanges import child_lifetimes, collision, unity
from ikeengine.ikev1.exchanges.ending import done
from ikeengine.ikev1.exchanges.quick import Agreement, QuickMode
from ikeengine.ikev1.exchanges.quick_keys import AhBehindNat
from ikeengine.ikev1.exchanges.unity import Traffic
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.upkeep.successor import home
from ikeengine.model.connection import ChildConfig
from ikeengine.model.failure import FailureRecord, Side
from ikeengine.negotiate.selectors import is_subset, resolve
from ikeengine.outputs import ChildRekeyed
from ikeengine.sa import ike_sa, reasons
from ikeengine.sa.addresses import virtual_ips
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children import child_reasons, renewal, succession
from ikeengine.sa.children.arrival import announce_up
from ikeengine.sa.context import Context
from ikeengine.sa.states import ChildState
from ikeengine.sa.task import TaskKind

PHASE = "second message of Quick Mode"


@dataclass(slots=True)
class CreateChild(QuickMode):
    """Bring up a Child SA."""

    name: ClassVar[str] = "QUICK_MODE"
    kind: ClassVar[TaskKind] = TaskKind.CREATE_CHILD

    config: ChildConfig
    renews: bool = False
    """It replaces Child SAs of an older configuration, which stay until it is up."""

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """Offer it, unless there is one already that will do."""
        fresh = renewal.find_up(sa, self.config) if self.renews or self.if_missing else None
        if fresh is not None:
            renewal.take_over(ctx, sa, fresh)
            ctx.answer(self.ops, ok=True)
            return False
        local_ts, remote_ts = self._traffic(ctx, sa)
        if not remote_ts:
            reason, advice = (
                "the gateway wants none of the remote networks tunnelled",
                "compare them with split_include",
            )
            _fail(ctx, self, reasons.not_possible(ctx, sa, "Quick Mode", reason, advice, child=self.config.name))
            return False
        try:
            self.send_offer(ctx, sa, self.config, (local_ts, remote_ts))
        except AhBehindNat as error:
            _fail(ctx, self, child_reasons.ah_behind_nat(ctx, sa, error.child))
            return False
        except NoProposalChosen as error:
            advice = "IKEv1 knows no proposal of this child: take algorithms that it has, such as aes256-sha256"
            _fail(ctx, self, reasons.not_possible(ctx, sa, "Quick Mode", str(error), advice, child=self.config.name))
            return False
        return True

    def _traffic(self, ctx: Context, sa: IkeSa) -> Traffic:
        """The first selectors of each side, or those that a packet needs; with Unity all of them at once."""
        local_ts = resolve(self.config.local_ts, *virtual_ips.own(sa))
        remote_ts = resolve(self.config.remote_ts, *virtual_ips.peers(sa))
        if unity.is_spoken(ctx, sa):
            return unity.used(ctx, sa, (local_ts, remote_ts))
        packet = self.packet
        if packet is not None:
            local = next((ts for ts in local_ts if is_subset((packet.source,), (ts,))), local_ts[0])
            remote = next((ts for ts in remote_ts if is_subset((packet.destination,), (ts,))), remote_ts[0])
            return (local,), (remote,)
        return local_ts[:1], remote_ts[:1]

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Install the Child SA, and tell the peer."""
        owner = home(ctx, sa)
        stale = renewal.stale(owner, self.config)
        agreed = _agree(ctx, sa, self, message, stale[-1].reqid if stale else 0)
        if agreed is None:
            return
        child = agreed.child
        child_sa.install(ctx, owner, child, agreed.keys, delay_outbound=bool(stale) or agreed.commit)
        child_lifetimes.limit(ctx, owner, child, agreed.life)
        announce_up(ctx, owner, child)
        renewal.take_over(ctx, owner, child)
        self.send_last(ctx, sa, agreed)
        if stale:
            collision.settle(ctx, owner, child, is_ours=True)


@dataclass(slots=True)
class RekeyChild(QuickMode):
    """Replace a Child SA of ours: the same traffic, fresh keys."""

    name: ClassVar[str] = "QUICK_MODE"
    kind: ClassVar[TaskKind] = TaskKind.REKEY_CHILD

    child_id: int

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """Offer another one, unless it is gone or replaced meanwhile."""
        child = sa.children.get(self.child_id)
        if child is None or child.state is not ChildState.INSTALLED:
            ctx.answer(self.ops, ok=child is not None, reason="" if child is not None else "the Child SA is gone")
            return False
        child_sa.enter(ctx, sa, child, ChildState.REKEYING, "ask the peer for another one")
        ctx.count("child-rekey", sa.name)
        try:
            self.send_offer(ctx, sa, child.config, (child.local_ts, child.remote_ts))
        except NoProposalChosen as error:
            self.abandon(ctx, sa, str(error))
            return False
        return True

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Install the new one, and go on sending on the old one for a moment."""
        owner = home(ctx, sa)
        old = owner.children.get(self.child_id)
        agreed = _agree(ctx, sa, self, message, 0 if old is None else old.reqid)
        if agreed is None:
            return
        fresh = agreed.child
        child_sa.install(ctx, owner, fresh, agreed.keys, delay_outbound=old is not None or agreed.commit)
        child_lifetimes.limit(ctx, owner, fresh, agreed.life)
        if old is None:
            announce_up(ctx, owner, fresh)
        else:
            ctx.emit(ChildRekeyed(owner.status(), old.status(owner), fresh.status(owner)))
            renewal.mark_replaced(ctx, owner, old, fresh.unique_id)
        self.send_last(ctx, sa, agreed)
        if old is not None:
            collision.settle(ctx, owner, fresh, is_ours=True)

    def abandon(self, ctx: Context, sa: ike_sa.IkeSa, reason: str, record: FailureRecord | None = None) -> None:
        """The old one stays, and is rekeyed later."""
        ctx.answer(self.ops, ok=False, reason=reason, record=record)
        owner = ctx.table.of_child(self.child_id)
        old = None if owner is None else owner.children.get(self.child_id)
        if owner is not None and old is not None and old.state is ChildState.REKEYING:
            child_sa.enter(ctx, owner, old, ChildState.INSTALLED, "the peer made no other one")
            succession.try_again(ctx, owner, old)


def _agree(ctx: Context, sa: IkeSa, task: QuickMode, message: Received, reqid: int = 0) -> Agreement | None:
    """What the answer says; None if it is not acceptable, which the task's commands are told."""
    try:
        return task.take_answer(ctx, sa, message, reqid)
    except (PeerIncompatible, PeerMisbehaved) as error:
        offer = task.made_offer()
        record = reasons.malformed(ctx, sa, PHASE, error)
        if isinstance(error, TsUnacceptable):
            selectors = (offer.selectors[0],), (offer.selectors[1],)
            record = reasons.selectors_mismatch(ctx, sa, PHASE, Side.PEER, selectors, child=offer.config.name)
        done(ctx, sa, offer.conversation)
        _fail(ctx, task, record)
        return None


def _fail(ctx: Context, task: QuickMode, record: FailureRecord) -> None:
    ctx.fail(record)
    ctx.answer(task.ops, ok=False, reason=record.reason, record=record)
