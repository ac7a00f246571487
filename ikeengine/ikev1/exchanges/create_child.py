"""New Child SAs: Quick Mode that we begin. Children for the same traffic may come up in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.errors import NoProposalChosen
from ikeengine.ikev1.exchanges import collision
from ikeengine.ikev1.exchanges.delete import DeleteChild
from ikeengine.ikev1.exchanges.quick import QuickMode
from ikeengine.ikev1.exchanges.quick_keys import AhBehindNat
from ikeengine.ikev1.exchanges.quick_parts import install, traffic_of
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.proposals.wishes import pfs_group
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.upkeep.successor import home
from ikeengine.ikev1.wire.caps import MAX_SAS
from ikeengine.model.connection import ChildConfig
from ikeengine.model.failure import FailureRecord
from ikeengine.outputs import LogLine
from ikeengine.sa import reasons
from ikeengine.sa.children import child_reasons, renewal
from ikeengine.sa.children.arrival import announce_up
from ikeengine.sa.children.data import ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.task import TaskKind


@dataclass(slots=True)
class CreateChild(QuickMode):
    """Bring up a Child SA."""

    name: ClassVar[str] = "QUICK_MODE"
    kind: ClassVar[TaskKind] = TaskKind.CREATE_CHILD

    config: ChildConfig
    renews: bool = False
    """It replaces Child SAs of an older configuration, which stay until it is up."""
    alone: bool = False
    """The peer does not want it in one Quick Mode with others."""
    others: tuple[CreateChild, ...] = ()
    """What comes up in the same Quick Mode. Until it does, they stay in the queue, where they would have their turn."""

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """Offer it, unless there is one already that will do."""
        fresh = renewal.find_up(sa, self.config) if self.renews or self.if_missing else None
        if fresh is not None:
            renewal.take_over(ctx, sa, fresh)
            ctx.answer(self.ops, ok=True)
            return False
        traffic = traffic_of(ctx, sa, self.config, self.packet)
        if not traffic[1]:
            reason, advice = (
                "the gateway wants none of the remote networks tunnelled",
                "compare them with split_include",
            )
            self.fail(ctx, reasons.not_possible(ctx, sa, "Quick Mode", reason, advice, child=self.config.name))
            return False
        self.others = _others(ctx, sa, self)
        try:
            self.send_offer(ctx, sa, [task.config for task in (self, *self.others)], traffic)
        except NoProposalChosen as error:
            if not self.ask_otherwise(ctx, sa, str(error)):
                self.fail(ctx, _unspeakable(ctx, sa, self.config.name, error))
            return False
        return True

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Install the Child SAs, and tell the peer."""
        owner = home(ctx, sa)
        stale = [renewal.stale(owner, part.config) for part in self.made_offer().parts]
        agreed = self.take_or_fail(ctx, sa, message, [old[-1].reqid if old else 0 for old in stale])
        if agreed is None:
            return
        for one, old in zip(agreed.parts, stale, strict=False):
            install(ctx, owner, one, delay_outbound=bool(old) or agreed.commit)
            announce_up(ctx, owner, one.child)
            renewal.take_over(ctx, owner, one.child)
        self._done(ctx, owner, agreed.children)
        self.send_last(ctx, sa, agreed)
        for child, old in zip(agreed.children, stale, strict=False):
            if old:
                collision.settle(ctx, owner, child, is_ours=True)

    def _done(self, ctx: Context, owner: IkeSa, children: Sequence[ChildSa]) -> None:
        """Who waits for the others waits no longer for their turn. What was taken back meanwhile goes again."""
        children[0].waiting += self.ops
        for task, child in zip(self.others, children[1:], strict=False):
            if any(task is waiting for waiting in owner.queue) and task.config == child.config:
                owner.queue.remove(task)
                child.waiting += task.ops
            else:
                owner.queue.append(DeleteChild(child_id=child.unique_id, for_good=True))
        for task in self.others[len(children) - 1 :]:
            task.alone = True

    def ask_otherwise(self, ctx: Context, sa: IkeSa, reason: str) -> bool:
        """The peer may take each of them alone."""
        if not self.others:
            return False
        ctx.emit(LogLine(1, "IKE", f"no Quick Mode for {len(self.others) + 1} SAs: {reason}", sa.name, sa.unique_id))
        for task in (self, *self.others):
            task.alone = True
        self.others = ()
        owner = home(ctx, sa)
        owner.queue.appendleft(self)
        ctx.touch(owner)
        return True


def _unspeakable(ctx: Context, sa: IkeSa, child: str, error: NoProposalChosen) -> FailureRecord:
    if isinstance(error, AhBehindNat):
        return child_reasons.ah_behind_nat(ctx, sa, error.child)
    advice = "IKEv1 knows no proposal of this child: take algorithms that it has, such as aes256-sha256"
    return reasons.not_possible(ctx, sa, "Quick Mode", str(error), advice, child=child)


def _others(ctx: Context, sa: IkeSa, task: CreateChild) -> tuple[CreateChild, ...]:
    """What waits for the same traffic and can come up in the same Quick Mode (RFC 2409 section 5.5)."""
    together = [task]
    for other in sa.queue:
        if isinstance(other, CreateChild) and all(_fit(ctx, sa, one, other) for one in together):
            together.append(other)
    return tuple(together[1:MAX_SAS])


def _fit(ctx: Context, sa: IkeSa, one: CreateChild, other: CreateChild) -> bool:
    """Whether two may be in one Quick Mode. The peer tells children with the same selectors by their proposals."""
    if any(task.alone or task.renews or task.if_missing or task.packet for task in (one, other)):
        return False
    ours, theirs = one.config, other.config
    return (
        ours.mode is theirs.mode
        and pfs_group(ours.esp_proposals) == pfs_group(theirs.esp_proposals)
        and set(ours.esp_proposals).isdisjoint(theirs.esp_proposals)
        and traffic_of(ctx, sa, ours) == traffic_of(ctx, sa, theirs)
    )
