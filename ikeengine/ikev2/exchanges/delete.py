"""Deleting Child SAs and IKE SAs (RFC 7296 sections 1.4.1 and 2.25)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.ikev2.children import child as child_sa
from ikeengine.ikev2.children.child import ChildSa
from ikeengine.ikev2.context import Context, Wanted
from ikeengine.ikev2.exchange import Exchange
from ikeengine.ikev2.lifecycle import Closing, close, end_tasks, enter, wanted_again
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import ChildState, IkeState
from ikeengine.ikev2.upkeep.retries import busy_delay
from ikeengine.model.failure import FailureRecord
from ikeengine.registry import ExchangeType, NotifyType, Protocol
from ikeengine.timers import Timer
from ikeengine.wire.payloads import Delete, Notify, Payload

SPI_OCTETS = 4


@dataclass(slots=True)
class DeleteChild(Exchange):
    """Close a Child SA of ours."""

    name: ClassVar[str] = "CHILD_DELETE"
    type: ClassVar[ExchangeType] = ExchangeType.INFORMATIONAL

    child_id: int
    restart: bool = False
    """Bring the Child SA up again afterwards: it has hit its hard lifetime."""
    for_good: bool = False
    """The tunnel is to go, not just this Child SA: if it is rekeyed before, its replacement is deleted."""

    def request(self, ctx: Context, sa: IkeSa) -> Sequence[Payload] | None:
        """Name our inbound SPI; the peer names its own in the answer."""
        child = sa.children.get(self.child_id)
        if child is None or child.state in (ChildState.DELETING, ChildState.DELETED):
            ctx.answer(self.ops, ok=True)
            return None
        child_sa.enter(ctx, sa, child, ChildState.DELETING, "ask the peer to delete")
        return [_delete(child.suite.protocol, child.spi_in)]

    def response(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """The peer has deleted its half."""
        child = sa.children.get(self.child_id)
        if child is not None:
            retire(ctx, sa, child)
            if self.restart:
                ctx.wanted.append(Wanted(sa.name, child.config.name, remote=sa.callee))
        ctx.answer(self.ops, ok=True)


@dataclass(slots=True)
class DeleteOrphan(Exchange):
    """Close a Child SA that exists only at the peer, because we could not accept its answer."""

    name: ClassVar[str] = "CHILD_DELETE"
    type: ClassVar[ExchangeType] = ExchangeType.INFORMATIONAL

    spi_in: int
    protocol: Protocol = Protocol.ESP

    def request(self, ctx: Context, sa: IkeSa) -> Sequence[Payload] | None:
        """Name the inbound SPI that we have never installed."""
        return [_delete(self.protocol, self.spi_in)]

    def response(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Nothing is left to do."""


@dataclass(slots=True)
class DeleteIke(Exchange):
    """Close the IKE SA with everything in it."""

    name: ClassVar[str] = "IKE_DELETE"
    type: ClassVar[ExchangeType] = ExchangeType.INFORMATIONAL

    why: Closing = Closing.TERMINATED
    notify: NotifyType | None = None
    """The error that ends the IKE SA, sent instead of a Delete (RFC 7296 section 2.21.2)."""

    def request(self, ctx: Context, sa: IkeSa) -> Sequence[Payload] | None:
        """RFC 7296 section 3.11: a Delete of the IKE SA names no SPI."""
        if sa.state is IkeState.ESTABLISHED:
            enter(ctx, sa, IkeState.DELETING, "ask the peer to delete the IKE SA")
        return [Delete(Protocol.IKE, ()) if self.notify is None else Notify(self.notify)]

    def response(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """The peer has deleted it."""
        close(ctx, sa, self.why)
        ctx.answer(self.ops, ok=True)

    def abandon(self, ctx: Context, sa: IkeSa, reason: str, record: FailureRecord | None = None) -> None:
        """The IKE SA is gone without an answer: that is what was wanted."""
        ctx.answer(self.ops, ok=True)


def part(ctx: Context, sa: IkeSa, why: Closing, record: FailureRecord, notify: NotifyType | None = None) -> None:
    """End an IKE SA that the peer believes in, and see to it that the peer learns of that."""
    end_tasks(ctx, sa, why, record)
    if sa.state is not IkeState.DELETING:
        enter(ctx, sa, IkeState.DELETING, record.reason)
    sa.queue.append(DeleteIke(why=why, notify=notify))


def _delete(protocol: Protocol, spi: int) -> Delete:
    return Delete(protocol, (spi.to_bytes(SPI_OCTETS, "big"),))


def retire(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """Both sides have deleted a Child SA: let a replaced one linger for packets under way, remove any other."""
    if child.replaced_by:
        child_sa.retire_outbound(ctx, sa, child)
    else:
        child_sa.remove(ctx, sa, child, announce=True)


def respond_child(ctx: Context, sa: IkeSa, delete: Delete) -> list[Payload]:
    """The peer deletes Child SAs, named by its inbound SPIs: delete our halves and name them."""
    spis = []
    known = {
        child.spi_out: child
        for child in sa.children.values()
        if child.suite.protocol == delete.protocol and child.state is not ChildState.DELETED
    }
    for octets in delete.spis:
        spi = int.from_bytes(octets, "big")
        child = known.pop(spi, None)
        if child is None:
            if sa.active is not None and sa.active.type is ExchangeType.CREATE_CHILD_SA:
                sa.active.deleted.add(spi)
            continue
        if child.state is not ChildState.DELETING:
            # While we are deleting it ourselves, our own exchange names our SPI (RFC 7296 section 1.4.1).
            spis.append(child.spi_in.to_bytes(SPI_OCTETS, "big"))
        _deleted_by_peer(ctx, sa, child)
    return [Delete(delete.protocol, tuple(spis))] if spis else []


def _deleted_by_peer(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    if child.replaced_by:
        child_sa.retire_outbound(ctx, sa, child)
        return
    replaced = replaced_by(sa, child)
    if replaced:
        reinstate(ctx, sa, replaced)
    else:
        ctx.wanted += wanted_again(sa, child, child.config.close_action)
    child_sa.remove(ctx, sa, child, announce=not replaced)


def deleted_at_once(ctx: Context, sa: IkeSa, task: Exchange, child: ChildSa) -> bool:
    """Whether the peer has deleted a Child SA before we could install it."""
    if child.spi_out not in task.deleted:
        return False
    ctx.release_reqid(child.reqid)
    ctx.wanted += wanted_again(sa, child, child.config.close_action)
    ctx.answer(task.ops, ok=False, reason="the peer has deleted the Child SA at once")
    return True


def reinstate(ctx: Context, sa: IkeSa, replaced: list[ChildSa]) -> None:
    """The replacement is deleted instead of what it replaced: that is in use again, and to be rekeyed soon."""
    for old in replaced:
        old.replaced_by = 0
        if old.state is ChildState.REKEYED:
            child_sa.enter(ctx, sa, old, ChildState.INSTALLED, "its replacement was deleted")
            _send_again(ctx, sa, old)
            sa.timers.set(Timer.CHILD_RETRY, ctx.now + busy_delay(ctx, old.refused), old.unique_id)
            old.refused += 1


def _send_again(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """A Child SA may have stopped sending already, because its replacement is of another configuration."""
    if sa.timers.get(Timer.CHILD_DRAIN, child.unique_id) is not None:
        sa.timers.stop(Timer.CHILD_DRAIN, child.unique_id)
        child_sa.install_policies(ctx, sa, child)


def replaced_by(sa: IkeSa, child: ChildSa) -> list[ChildSa]:
    """The Child SAs that wait to be deleted in favour of this one."""
    waiting = (ChildState.REKEYING, ChildState.REKEYED)
    return [old for old in sa.children.values() if old.replaced_by == child.unique_id and old.state in waiting]


def on_confirmed(ctx: Context, child: ChildSa) -> None:
    """The datapath has all of a Child SA. Not before that its predecessor may go."""
    child_sa.answer_waiting(ctx, child, ok=True)
    sa = ctx.table.of_child(child.unique_id)
    old = None if sa is None else sa.children.get(child.supersedes)
    if sa is not None and old is not None and old.replaced_by == child.unique_id:
        ctx.touch(sa)
        sa.queue.append(DeleteChild(child_id=old.unique_id))
    child.supersedes = 0
