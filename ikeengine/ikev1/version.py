"""IKEv1 (RFC 2407, 2408, 2409) as one of the versions of IKE of an endpoint."""

from __future__ import annotations

from typing import ClassVar

from ikeengine.ikev1 import machine, tasks
from ikeengine.ikev1.exchanges import cisco_udp, phase1_end
from ikeengine.ikev1.exchanges.create_child import CreateChild
from ikeengine.ikev1.exchanges.delete import DeleteChild, DeleteIke, say_goodbye
from ikeengine.ikev1.exchanges.rekey_child import RekeyChild
from ikeengine.ikev1.exchanges.rekey_ike import RekeyIke
from ikeengine.ikev1.messages import reassembly
from ikeengine.ikev1.peer.admission import demanded_login
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.strangers import Strangers
from ikeengine.model.commands import NatMappingChanged, Packet, UnknownSpi
from ikeengine.model.connection import ChildConfig, ConnectionConfig
from ikeengine.model.path import Path
from ikeengine.outputs import Dropped, DropReason, OpId
from ikeengine.sa import ike_sa
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.ike_sa import NO_SPI
from ikeengine.sa.states import Answer, Closing
from ikeengine.sa.upkeep import initiation
from ikeengine.sa.version import IkeVersion
from ikeengine.wire.header import Header


class Ikev1(IkeVersion):
    """What ISAKMP SAs do with what they get and what is wanted of them."""

    number: ClassVar[int] = 1
    calls_back: ClassVar[bool] = True
    first_child_follows: ClassVar[float] = 3.0

    __slots__ = ("_ctx", "_strangers")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._strangers = Strangers(ctx)

    # --- what comes in ----------------------------------------------------------------------------------------

    def receive(self, header: Header, data: bytes, path: Path) -> None:
        """To its ISAKMP SA, or to those who deal with strangers. The header does not say who initiated."""
        ctx = self._ctx
        if header.spi_r == NO_SPI:
            known = ctx.table.find_by_init(path, header.spi_i)
            if isinstance(known, IkeSa):
                ctx.touch(known)
                machine.receive(ctx, known, header, data, path)
            elif not ctx.candidates.speaks(self.number):
                ctx.emit(Dropped(DropReason.BAD_VERSION, path, "no connection is configured for IKEv1"))
            else:
                self._strangers.receive(header, data, path)
            return
        found = ctx.table.find(header.spi_r) or ctx.table.find(header.spi_i)
        if not isinstance(found, IkeSa) or not _belongs(found, header):
            ctx.emit(Dropped(DropReason.UNKNOWN_SPI, path, f"{header.spi_i.hex()}_i {header.spi_r.hex()}_r"))
            return
        ctx.touch(found)
        machine.receive(ctx, found, header, data, path)

    def refuse_version(self, header: Header, path: Path) -> None:
        """A newer version answers those."""

    def take(self, sa: ike_sa.IkeSa, what: Answer, subject: object) -> None:
        """What it means is in the table of transitions."""
        machine.trigger(self._ctx, _own(sa), what, subject)

    def handle_timers(self, sa: ike_sa.IkeSa) -> None:
        """Do what has fallen due on an ISAKMP SA."""
        machine.handle_timers(self._ctx, _own(sa))

    def complain(self, event: UnknownSpi) -> None:
        """Without an ISAKMP SA nothing can be said that a peer should believe (RFC 2408 section 5.7)."""

    def follow(self, sa: ike_sa.IkeSa, event: NatMappingChanged) -> None:
        """Move the ISAKMP SA with its Child SAs, if its peer is behind a NAT and we are not."""
        own = _own(sa)
        known = any(child.sa_in == event.sa and child.encap for child in own.children.values())
        if not known or event.address in self._ctx.addresses:
            return
        self._ctx.touch(own)
        cisco_udp.follow(self._ctx, own, event)
        if own.nat_remote and not own.nat_local:
            phase1_end.move(self._ctx, own, own.path._replace(remote=event.address, remote_port=event.port))

    def network_changed(self) -> None:
        """IKEv1 cannot move; dead peer detection finds out what does not work any more."""

    # --- ISAKMP SAs -------------------------------------------------------------------------------------------

    def new_ike_sa(self, config: ConnectionConfig, attempt: int, remote: str) -> IkeSa:
        """An ISAKMP SA that we initiate."""
        return IkeSa(
            version=self,
            connection=config,
            unique_id=self._ctx.new_unique_id(),
            is_initiator=True,
            spi_i=self._ctx.new_ike_spi(),
            spi_r=NO_SPI,
            path=Path("", 0, remote, 0),
            began_at=self._ctx.now,
            attempt=attempt,
        )

    def start_next(self, sa: ike_sa.IkeSa) -> None:
        """One exchange of ours at a time."""
        tasks.start_next(self._ctx, _own(sa))

    def say_goodbye(self, sa: ike_sa.IkeSa) -> None:
        """Deletes of everything."""
        say_goodbye(self._ctx, _own(sa))

    def reauthenticate(self, old: ike_sa.IkeSa, config: ConnectionConfig, wanted: Wanted) -> None:
        """Another phase 1; its ISAKMP SA takes the Child SAs over. A peer behind a NAT is reached only as before."""
        if demanded_login(old.connection) is not None or old.vips.remote:
            reason = "the client has to begin, because it logs in or has an address from here"
            self._ctx.answer(wanted.ops, ok=False, reason=reason)
            return
        new = self.new_ike_sa(config, 0, old.callee)
        new.replaces = old.local_spi
        new.waiting = wanted.ops
        if old.nat_remote and not old.is_initiator:
            self._ctx.table.add(new)
            self.take(new, Answer.PATH_FOUND, old.path)
        else:
            initiation.begin(self._ctx, new, old.callee)
        self._ctx.touch(new)

    def release(self, sa: ike_sa.IkeSa) -> None:
        """Forget what will never be complete: a message in fragments, and exchanges that are under way."""
        own = _own(sa)
        reassembly.forget(self._ctx, own.partial)
        for conversation in own.conversations:
            if conversation.exchange is not None:
                conversation.exchange.discard(self._ctx, own)

    # --- tasks ------------------------------------------------------------------------------------------------

    def create_child(
        self,
        config: ChildConfig,
        *,
        refused: int = 0,
        packet: Packet | None = None,
        renews: bool = False,
        ops: tuple[OpId, ...] = (),
    ) -> CreateChild:
        """Quick Mode."""
        return CreateChild(config, packet=packet, renews=renews, ops=ops)

    def rekey_child(self, child_id: int, ops: tuple[OpId, ...] = ()) -> RekeyChild:
        """Quick Mode for the same traffic."""
        return RekeyChild(child_id=child_id, ops=ops)

    def delete_child(
        self, child_id: int, *, restart: bool = False, for_good: bool = False, ops: tuple[OpId, ...] = ()
    ) -> DeleteChild:
        """A Delete of the Child SA."""
        return DeleteChild(child_id=child_id, restart=restart, for_good=for_good, ops=ops)

    def rekey_ike(self, ops: tuple[OpId, ...] = ()) -> RekeyIke:
        """Phase 1 anew: IKEv1 has no other way."""
        return RekeyIke(ops=ops)

    def delete_ike(self, why: Closing = Closing.TERMINATED, ops: tuple[OpId, ...] = ()) -> DeleteIke:
        """A Delete of the ISAKMP SA."""
        return DeleteIke(why=why, ops=ops)


def _own(sa: ike_sa.IkeSa) -> IkeSa:
    """An ISAKMP SA, whose version this is."""
    if not isinstance(sa, IkeSa):
        raise AssertionError(f"IKE SA {sa.unique_id} is not of version 1")
    return sa


def _belongs(sa: IkeSa, header: Header) -> bool:
    """Whether both cookies of a message are those of the SA; before the responder's is known, one is enough."""
    if sa.spi_i != header.spi_i:
        return False
    return sa.spi_r == header.spi_r or sa.state in (IkeState.SA_SENT, IkeState.AGGRESSIVE_SENT)
