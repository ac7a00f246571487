"""Deleting Child SAs and IKE SAs (RFC 7296 sections 1.4.1 and 2.25)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.ikev2.exchange import Exchange
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.failure import FailureRecord
from ikeengine.registry import ExchangeType, NotifyType, Protocol
from ikeengine.sa import ike_sa
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children import succession
from ikeengine.sa.children.data import ChildSa
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.lifecycle import close, end_tasks, enter, wanted_again
from ikeengine.sa.states import ChildState, Closing
from ikeengine.sa.task import TaskKind
from ikeengine.wire.payloads import Delete, Notify, Payload

SPI_OCTETS = 4


@dataclass(slots=True)
class DeleteChild(Exchange):
    """Close a Child SA of ours."""

    name: ClassVar[str] = "CHILD_DELETE"
    kind: ClassVar[TaskKind] = TaskKind.DELETE_CHILD
    type: ClassVar[ExchangeType] = ExchangeType.INFORMATIONAL

    child_id: int
    restart: bool = False
    """Bring the Child SA up again afterwards: it has hit its hard lifetime."""

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
            succession.retire(ctx, sa, child)
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
    kind: ClassVar[TaskKind] = TaskKind.DELETE_IKE
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

    def abandon(self, ctx: Context, sa: ike_sa.IkeSa, reason: str, record: FailureRecord | None = None) -> None:
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
        succession.deleted_by_peer(ctx, sa, child)
    return [Delete(delete.protocol, tuple(spis))] if spis else []


def deleted_at_once(ctx: Context, sa: IkeSa, task: Exchange, child: ChildSa) -> bool:
    """Whether the peer has deleted a Child SA before we could install it."""
    if child.spi_out not in task.deleted:
        return False
    ctx.release_reqid(child.reqid)
    ctx.wanted += wanted_again(sa, child, child.config.close_action)
    ctx.answer(task.ops, ok=False, reason="the peer has deleted the Child SA at once")
    return True
