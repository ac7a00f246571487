"""Bringing up: what is up or coming already, which IKE SA serves a new Child SA, and how a new one begins."""

from __future__ import annotations

from collections.abc import Iterator

from ikeengine.ikev2 import child as child_sa
from ikeengine.ikev2.child import UP_STATES, ChildSa
from ikeengine.ikev2.context import Context
from ikeengine.ikev2.exchanges.create_child import CreateChild
from ikeengine.ikev2.sa import NO_SPI, IkeSa
from ikeengine.ikev2.states import IkeState, Trigger
from ikeengine.model.commands import Packet
from ikeengine.model.connection import ChildConfig, ConnectionConfig
from ikeengine.model.path import IKE_PORT, Path
from ikeengine.outputs import AskPath

_NO_PATH = Path("", 0, "", 0)


def is_coming(ctx: Context, config: ConnectionConfig, child: ChildConfig, packet: Packet | None = None) -> bool:
    """Whether a Child SA (for a packet) is up or under way already, so that nobody needs a second one."""
    for sa in ctx.table.of_connection(config.name):
        if not _is_usable(sa, config):
            continue
        if any(c.config == child and child_sa.serves(c, packet) for c in sa.children.values()):
            return True
        pending = [*sa.queue] if sa.active is None else [sa.active, *sa.queue]
        if any(isinstance(task, CreateChild) and task.config == child for task in pending):
            return True
    return False


def all_up(ctx: Context, config: ConnectionConfig, child: ChildConfig) -> Iterator[tuple[IkeSa, ChildSa]]:
    """Every Child SA of a configuration that carries traffic."""
    for sa in ctx.table.of_connection(config.name):
        if sa.state is IkeState.ESTABLISHED and sa.connection is config:
            for found in sa.children.values():
                if found.config == child and found.state in UP_STATES:
                    yield sa, found


def usable(ctx: Context, config: ConnectionConfig) -> IkeSa | None:
    """The IKE SA to create a Child SA on, if there is one: of several the one whose peer was heard last."""
    if not ctx.settings.reuse_ikesa:
        return None
    found = [sa for sa in ctx.table.of_connection(config.name) if _is_usable(sa, config)]
    return max(found, key=lambda sa: (sa.state is IkeState.ESTABLISHED, sa.last_inbound), default=None)


def new_ike_sa(ctx: Context, config: ConnectionConfig, attempt: int) -> IkeSa:
    """Begin to initiate an IKE SA: look for a way to the peer."""
    sa = IkeSa(
        connection=config,
        unique_id=ctx.new_unique_id(),
        is_initiator=True,
        spi_i=ctx.new_ike_spi(),
        spi_r=NO_SPI,
        path=_NO_PATH,
        began_at=ctx.now,
        attempt=attempt,
    )
    ctx.table.add(sa)
    op = ctx.ask(sa, Trigger.PATH_FOUND)
    port = ctx.settings.port if config.local_port == IKE_PORT else config.local_port
    ctx.emit(AskPath(op, config.local_addrs, config.remote_addrs, port, config.remote_port, attempt))
    return sa


def _is_usable(sa: IkeSa, config: ConnectionConfig) -> bool:
    """Whether new Child SAs may be created on an IKE SA. Not if it is of an older form of the connection."""
    may_serve = sa.state is IkeState.ESTABLISHED or (sa.is_initiator and sa.state.is_connecting)
    return may_serve and sa.connection is config
