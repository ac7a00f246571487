"""Mode config as the client: asking for an address (pull), or taking one that the gateway sets (push)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.exchanges import mode_config, phase1_end, transaction, unity
from ikeengine.ikev1.exchanges.mode_config import Given
from ikeengine.ikev1.exchanges.transaction import Transaction, running_admission
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.outputs import InstallNameServers, LogLine
from ikeengine.registry import CpType
from ikeengine.sa.addresses import vip_reasons, virtual_ips
from ikeengine.sa.context import Context
from ikeengine.sa.states import Closing

PHASE = "mode config"


@dataclass(slots=True, kw_only=True)
class ModeConfigRequest(Transaction):
    """Ask for addresses."""

    name: ClassVar[str] = "MODE_CONFIG"
    asks: ClassVar[CpType] = CpType.CFG_REQUEST

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """Ask for the addresses of `vips`, or for what the ISAKMP SA has that this one replaces."""
        sa.vips.asked = wished(ctx, sa)
        speaks_unity = ctx.settings.cisco_unity and sa.peer_does_unity
        self.send(ctx, sa, mode_config.request(sa.vips.asked, unity=speaks_unity))
        return True

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Use what the gateway gives."""
        attributes = self.take(ctx, sa, message)
        _use(ctx, sa, mode_config.read_given(attributes, sa.vips.asked))


def wished(ctx: Context, sa: IkeSa) -> tuple[str, ...]:
    """The addresses that we want: those that we have, when the ISAKMP SA is made anew."""
    old = ctx.table.find(sa.replaces)
    return (old.vips.local if old is not None else ()) or sa.connection.vips


def on_set(ctx: Context, sa: IkeSa, message: Received, attributes: Sequence[Attribute]) -> None:
    """The gateway gives us addresses unasked. Raises InvalidSyntax if it has to ask for a password first."""
    admission = sa.admission
    if admission is not None and admission.needs_password:
        raise InvalidSyntax("an address before the password")
    if admission is None or not admission.needs_address or not sa.connection.vips:
        transaction.answer(ctx, sa, message, ())
        return
    sa.vips.asked = wished(ctx, sa)
    given = mode_config.read_given(attributes, sa.vips.asked)
    transaction.answer(ctx, sa, message, mode_config.acknowledgement(attributes, given))
    _use(ctx, sa, given)


def _use(ctx: Context, sa: IkeSa, given: Given) -> None:
    if not given.addresses:
        record = vip_reasons.no_address_given(ctx, sa, PHASE, "its answer holds none")
        phase1_end.give_up(ctx, sa, Closing.FAILED, record)
        return
    running_admission(sa).needs_address = False
    sa.given = given
    virtual_ips.install(ctx, sa, given.addresses)
    for address in given.addresses:
        ctx.emit(LogLine(1, "IKE", f"installing new virtual IP {address}", sa.name, sa.unique_id))
    if given.banner:
        ctx.emit(LogLine(1, "CFG", f"the gateway says: {given.banner}", sa.name, sa.unique_id))
    if given.name_servers:
        sa.vips.dns_owner = ctx.new_unique_id()
        ctx.emit(InstallNameServers(sa.vips.dns_owner, given.name_servers, given.domains, given.addresses[0]))
    unity.bypass(ctx, sa)
    ctx.touch(sa)
