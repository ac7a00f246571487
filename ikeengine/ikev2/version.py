"""IKEv2 (RFC 7296) as one of the versions of IKE of an endpoint."""

from __future__ import annotations

from typing import ClassVar

from ikeengine.ikev2 import lookup, machine, tasks
from ikeengine.ikev2.exchanges.create_child import CreateChild
from ikeengine.ikev2.exchanges.delete import DeleteChild, DeleteIke
from ikeengine.ikev2.exchanges.rekey_child import RekeyChild
from ikeengine.ikev2.exchanges.rekey_ike import RekeyIke
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.mobike import nat_mapping, roaming
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.ikev2.strangers import Strangers
from ikeengine.ikev2.upkeep import reauthentication
from ikeengine.ikev2.upkeep.crash_detection import CrashDetector
from ikeengine.model.commands import NatMappingChanged, Packet, UnknownSpi
from ikeengine.model.connection import ChildConfig, ConnectionConfig
from ikeengine.model.path import Path
from ikeengine.outputs import Dropped, DropReason, OpId
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.sa import ike_sa
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.ike_sa import NO_SPI
from ikeengine.sa.states import Answer, Closing
from ikeengine.sa.upkeep import initiation
from ikeengine.sa.version import IkeVersion
from ikeengine.wire.header import Header
from ikeengine.wire.payloads import Notify


class Ikev2(IkeVersion):
    """What IKE SAs of version 2 do with what they get and what is wanted of them."""

    number: ClassVar[int] = 2
    calls_back: ClassVar[bool] = False
    first_child_follows: ClassVar[float] = 0.0

    __slots__ = ("_crashes", "_ctx", "_strangers")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._strangers = Strangers(ctx)
        self._crashes = CrashDetector(ctx)

    # --- what comes in ----------------------------------------------------------------------------------------

    def receive(self, header: Header, data: bytes, path: Path) -> None:
        """To its IKE SA, or to those who deal with strangers."""
        if header.exchange == ExchangeType.IKE_SA_INIT and not header.is_response:
            self._strangers.receive(header, data, path)
            return
        ctx = self._ctx
        sa = lookup.find(ctx, header.spi_r if header.is_initiator else header.spi_i)
        if sa is None or not _belongs(sa, header):
            ctx.emit(Dropped(DropReason.UNKNOWN_SPI, path, f"{header.spi_i.hex()}_i {header.spi_r.hex()}_r"))
            self._crashes.hear_stray(header, data, path)
            self._crashes.answer(header, path, ctx.candidates.matching(path, self.number))
            return
        ctx.touch(sa)
        if not self._crashes.hear(sa, header, data, path):
            machine.receive(ctx, sa, header, data, path)

    def refuse_version(self, header: Header, path: Path) -> None:
        """RFC 7296 section 2.5: name the highest version that is supported."""
        self._strangers.reply(header, path, Notify(NotifyType.INVALID_MAJOR_VERSION))

    def take(self, sa: ike_sa.IkeSa, what: Answer, subject: object) -> None:
        """What it means is in the table of transitions."""
        machine.trigger(self._ctx, _own(sa), what, subject)

    def handle_timers(self, sa: ike_sa.IkeSa) -> None:
        """Do what has fallen due on an IKE SA."""
        machine.handle_timers(self._ctx, _own(sa))

    def complain(self, event: UnknownSpi) -> None:
        """RFC 7296 section 1.5: INVALID_SPI, outside of any IKE SA."""
        self._crashes.complain(event, self._ctx.candidates.matching(event.path, self.number))

    def follow(self, sa: ike_sa.IkeSa, event: NatMappingChanged) -> None:
        """Move the IKE SA with its Child SAs, if nothing else moves it."""
        nat_mapping.follow(self._ctx, _own(sa), event)

    def network_changed(self) -> None:
        """MOBIKE looks for another path where one is needed."""
        roaming.network_changed(self._ctx, lookup.everyone(self._ctx))

    # --- IKE SAs ----------------------------------------------------------------------------------------------

    def new_ike_sa(self, config: ConnectionConfig, attempt: int, remote: str) -> IkeSa:
        """An IKE SA that we initiate."""
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
        """One exchange at a time (RFC 7296 section 2.3)."""
        tasks.start_next(self._ctx, _own(sa))

    def say_goodbye(self, sa: ike_sa.IkeSa) -> None:
        """A Delete of the IKE SA, if that is authenticated and no other request is under way."""
        own = _own(sa)
        if own.window.request is None and not own.state.is_connecting:
            task = DeleteIke()
            transport.send_request(self._ctx, own, task.type, task.request(self._ctx, own) or [])

    def reauthenticate(self, old: ike_sa.IkeSa, config: ConnectionConfig, wanted: Wanted) -> None:
        """Make a new IKE SA from scratch, before or after the end of the old one (RFC 7296 section 2.8.3)."""
        new = None
        if self._ctx.settings.make_before_break:
            new = self.new_ike_sa(config, 0, old.callee)
            initiation.begin(self._ctx, new, old.callee)
        reauthentication.begin(self._ctx, _own(old), new, wanted)

    def release(self, sa: ike_sa.IkeSa) -> None:
        """Half of a key exchange, and pieces of messages."""
        own = _own(sa)
        for half_done in own.half_done.values():
            half_done.forget(self._ctx, own)
        own.half_done.clear()
        for partial in own.partials.values():
            self._ctx.table.fragments.release(partial.source, partial.held)
        own.partials.clear()

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
        """In IKE_AUTH or CREATE_CHILD_SA."""
        return CreateChild(config, refused=refused, packet=packet, renews=renews, ops=ops)

    def rekey_child(self, child_id: int, ops: tuple[OpId, ...] = ()) -> RekeyChild:
        """CREATE_CHILD_SA with REKEY_SA."""
        return RekeyChild(child_id=child_id, ops=ops)

    def delete_child(
        self, child_id: int, *, restart: bool = False, for_good: bool = False, ops: tuple[OpId, ...] = ()
    ) -> DeleteChild:
        """INFORMATIONAL with a Delete."""
        return DeleteChild(child_id=child_id, restart=restart, for_good=for_good, ops=ops)

    def rekey_ike(self, ops: tuple[OpId, ...] = ()) -> RekeyIke:
        """CREATE_CHILD_SA for the IKE SA."""
        return RekeyIke(ops=ops)

    def delete_ike(self, why: Closing = Closing.TERMINATED, ops: tuple[OpId, ...] = ()) -> DeleteIke:
        """INFORMATIONAL with a Delete of the IKE SA."""
        return DeleteIke(why=why, ops=ops)


def _own(sa: ike_sa.IkeSa) -> IkeSa:
    """An IKE SA whose version this is."""
    if not isinstance(sa, IkeSa):
        raise AssertionError(f"IKE SA {sa.unique_id} is not of version 2")
    return sa


def _belongs(sa: IkeSa, header: Header) -> bool:
    """Whether both SPIs of a message are those of the IKE SA; before the responder's is known, one is enough."""
    if sa.spi_i != header.spi_i:
        return False
    return sa.spi_r == header.spi_r or (sa.state is IkeState.INIT_SENT and sa.is_initiator)
