"""Deleting Child SAs and ISAKMP SAs (RFC 2408 section 3.15). Nobody answers a Delete in IKEv1: it is done when said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ikeengine.ikev1.exchange import Exchange
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.numbers import ProtocolId
from ikeengine.ikev1.wire.payloads import Delete
from ikeengine.model.failure import FailureRecord
from ikeengine.registry import ExchangeType
from ikeengine.sa import ike_sa
from ikeengine.sa.children import succession
from ikeengine.sa.children.data import ChildSa
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.lifecycle import close
from ikeengine.sa.states import ChildState, Closing
from ikeengine.sa.task import TaskKind

SPI_OCTETS = 4


@dataclass(slots=True)
class DeleteChild(Exchange):
    """Close a Child SA of ours."""

    name: ClassVar[str] = "QUICK_DELETE"
    kind: ClassVar[TaskKind] = TaskKind.DELETE_CHILD
    type: ClassVar[ExchangeType] = ExchangeType.INFORMATIONAL_V1

    child_id: int
    restart: bool = False
    """Bring the Child SA up again afterwards: it has hit its hard lifetime."""

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """Name our inbound SPI, and forget our half."""
        child = sa.children.get(self.child_id)
        if child is not None and child.state is not ChildState.DELETED:
            transport.send_informational(ctx, sa, deletes_of(child))
            succession.retire(ctx, sa, child)
            if self.restart:
                ctx.wanted.append(Wanted(sa.name, child.config.name, remote=sa.callee))
        ctx.answer(self.ops, ok=True)
        return False


@dataclass(slots=True)
class DeleteIke(Exchange):
    """Close the ISAKMP SA with everything in it."""

    name: ClassVar[str] = "ISAKMP_DELETE"
    kind: ClassVar[TaskKind] = TaskKind.DELETE_IKE
    type: ClassVar[ExchangeType] = ExchangeType.INFORMATIONAL_V1

    why: Closing = Closing.TERMINATED

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """Name the cookies; before that the Child SAs, which need not end with their ISAKMP SA."""
        say_goodbye(ctx, sa)
        close(ctx, sa, self.why)
        ctx.answer(self.ops, ok=True)
        return False

    def abandon(self, ctx: Context, sa: ike_sa.IkeSa, reason: str, record: FailureRecord | None = None) -> None:
        """The ISAKMP SA is gone: that is what was wanted."""
        ctx.answer(self.ops, ok=True)


def say_goodbye(ctx: Context, sa: IkeSa) -> None:
    """Tell the peer that everything ends, as far as there are keys to say so."""
    if not sa.keyrings or sa.handshake is not None:
        return
    for child in sa.children.values():
        if child.state is not ChildState.DELETED:
            transport.send_informational(ctx, sa, deletes_of(child))
    transport.send_informational(ctx, sa, [Delete(ProtocolId.ISAKMP, (sa.spi_i + sa.spi_r,))])


def deletes_of(child: ChildSa) -> list[Delete]:
    """The payloads that name our half of a Child SA, one for each protocol."""
    return [
        Delete(ProtocolId(protocol), (spi_in.to_bytes(SPI_OCTETS, "big"),))
        for protocol, spi_in, _spi_out in child.spis()
    ]
