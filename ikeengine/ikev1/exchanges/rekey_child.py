"""Rekeying a Child SA: another Quick Mode for the same traffic (RFC 2409 section 5.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ikeengine.errors import NoProposalChosen
from ikeengine.ikev1.exchanges import collision
from ikeengine.ikev1.exchanges.quick import QuickMode
from ikeengine.ikev1.exchanges.quick_parts import install
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.upkeep.successor import home
from ikeengine.model.failure import FailureRecord
from ikeengine.outputs import ChildRekeyed
from ikeengine.sa import ike_sa
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children import renewal, succession
from ikeengine.sa.children.arrival import announce_up
from ikeengine.sa.context import Context
from ikeengine.sa.states import ChildState
from ikeengine.sa.task import TaskKind


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
            self.send_offer(ctx, sa, [child.config], (child.local_ts, child.remote_ts))
        except NoProposalChosen as error:
            self.abandon(ctx, sa, str(error))
            return False
        return True

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Install the new one, and go on sending on the old one for a moment."""
        owner = home(ctx, sa)
        old = owner.children.get(self.child_id)
        agreed = self.take_or_fail(ctx, sa, message, [0 if old is None else old.reqid])
        if agreed is None:
            return
        (fresh,) = agreed.children
        fresh.waiting += self.ops
        install(ctx, owner, agreed.parts[0], delay_outbound=old is not None or agreed.commit)
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
