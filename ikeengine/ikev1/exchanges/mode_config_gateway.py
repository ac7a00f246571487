"""Mode config as the gateway: giving out addresses of the pools, asked (pull) or unasked (push)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.exchanges import cisco_udp, mode_config, phase1_end, transaction
from ikeengine.ikev1.exchanges.transaction import Transaction, running_admission
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.numbers import NotifyType
from ikeengine.ikev1.wire.payloads import Notify
from ikeengine.model.pool import Lease
from ikeengine.negotiate.leases import Claim
from ikeengine.outputs import Dropped, DropReason, LeaseChanged, LogLine
from ikeengine.registry import CpType
from ikeengine.sa import uniqueness
from ikeengine.sa.addresses import vip_reasons
from ikeengine.sa.context import Context
from ikeengine.sa.reasons import identity_text
from ikeengine.sa.states import Closing

PHASE = "mode config"


@dataclass(slots=True, kw_only=True)
class ModeConfigPush(Transaction):
    """Give the client addresses without being asked."""

    name: ClassVar[str] = "MODE_CONFIG"
    asks: ClassVar[CpType] = CpType.CFG_SET

    sent: tuple[Attribute, ...] = ()

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """One address of each family that the pools have."""
        pools = ctx.leases.pools()
        leases = _assign(ctx, sa, mode_config.offered(pools, sa.connection.pools))
        if not leases:
            phase1_end.give_up(ctx, sa, Closing.FAILED, vip_reasons.no_address_left(ctx, sa, PHASE))
            return False
        self.sent = _told(ctx, sa, leases, ())
        self.send(ctx, sa, self.sent)
        return True

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """The client uses it, or not."""
        ack = self.take(ctx, sa, message)
        if mode_config.is_accepted(self.sent, ack):
            running_admission(sa).needs_address = False
        else:
            phase1_end.give_up(ctx, sa, Closing.FAILED, vip_reasons.address_not_taken(ctx, sa, PHASE))


def on_request(ctx: Context, sa: IkeSa, message: Received, attributes: Sequence[Attribute]) -> None:
    """A client asks. Raises InvalidSyntax if it has not logged in yet. Who asks again is told the same again."""
    admission = sa.admission
    if admission is not None and admission.needs_password:
        raise InvalidSyntax("a request for an address before the password")
    wanted = mode_config.wanted(attributes)
    leases = _held(ctx, sa) or _assign(ctx, sa, wanted)
    transaction.answer(ctx, sa, message, _told(ctx, sa, leases, attributes))
    if admission is None or not admission.needs_address or not wanted:
        return
    if leases:
        admission.needs_address = False
        ctx.touch(sa)
    elif sa.connection.pools:
        phase1_end.give_up(ctx, sa, Closing.FAILED, vip_reasons.no_address_left(ctx, sa, PHASE))


def on_quick_mode(ctx: Context, sa: IkeSa, message: Received) -> None:
    """A client goes on without an address, which pools demand as with IKEv2 (FAILED_CP_REQUIRED)."""
    admission = running_admission(sa)
    transport.finish(sa, message.conversation)
    sa.conversations.forget(message.conversation)
    asks = bool(sa.connection.pools) and sa.connection.pull
    if admission.needs_password or not admission.needs_address or not asks:
        ctx.emit(Dropped(DropReason.UNEXPECTED, message.path, "Quick Mode before XAUTH or mode config is over"))
        return
    spi = sa.spi_i + sa.spi_r
    transport.send_informational(ctx, sa, [Notify(NotifyType.INVALID_ID_INFORMATION, spi=spi)])
    phase1_end.give_up(ctx, sa, Closing.FAILED, vip_reasons.address_required(ctx, sa, PHASE))


def _held(ctx: Context, sa: IkeSa) -> tuple[Lease, ...]:
    if not sa.vips.remote:
        return ()
    return tuple(lease for lease in ctx.leases.leases() if str(ip_address(lease.address)) in sa.vips.remote)


def _assign(ctx: Context, sa: IkeSa, wanted: Iterable[bytes]) -> tuple[Lease, ...]:
    identity = sa.peer_identity
    if identity is None:
        raise AssertionError("addresses are given to authenticated peers only")
    if sa.admission is not None:
        uniqueness.give_back_addresses(ctx, sa, initial_contact=sa.admission.initial_contact)
    claim = Claim(identity, sa.unique_id, sa.path.remote, ctx.settings.lease_limit)
    leases = mode_config.assign(ctx.leases, sa.connection.pools, claim, wanted)
    for lease in leases:
        text = f"assigning virtual IP {ip_address(lease.address)} to peer '{identity_text(identity)}'"
        ctx.emit(LogLine(1, "IKE", text, sa.name, sa.unique_id))
        ctx.emit(LeaseChanged(lease, sa.name, sa.unique_id))
    sa.vips.remote = tuple(str(ip_address(lease.address)) for lease in leases)
    return leases


def _told(ctx: Context, sa: IkeSa, leases: Sequence[Lease], asked: Sequence[Attribute]) -> tuple[Attribute, ...]:
    if not leases:
        return ()
    networks = [selector for child in sa.connection.children.values() for selector in child.local_ts]
    unity = ctx.settings.cisco_unity and sa.peer_does_unity
    told = mode_config.told(leases, ctx.leases.pools(), asked, unity=unity, networks=networks)
    return told + cisco_udp.tell_port(ctx, sa, asked) if unity else told
