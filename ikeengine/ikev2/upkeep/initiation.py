"""Bringing up: what is up or coming already, which IKE SA serves a new Child SA, and how a new one begins."""

from __future__ import annotations

from collections.abc import Iterator

from ikeengine.ikev2.children.child import UP_STATES, ChildSa
from ikeengine.ikev2.context import Context
from ikeengine.ikev2.exchanges.create_child import CreateChild
from ikeengine.ikev2.exchanges.delete import DeleteIke
from ikeengine.ikev2.sa import NO_SPI, IkeSa
from ikeengine.ikev2.states import IkeState, Trigger
from ikeengine.model.connection import ChildConfig, ConnectionConfig
from ikeengine.model.path import IKE_PORT, Path
from ikeengine.outputs import AskPath


def is_coming(ctx: Context, config: ConnectionConfig, child: ChildConfig) -> bool:
    """Whether a Child SA is up or under way already, so that nobody needs a second one."""
    for sa in ctx.table.of_connection(config.name):
        if not is_usable(sa, config):
            continue
        if any(c.config == child and c.state in UP_STATES for c in sa.children.values()):
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


def usable(ctx: Context, config: ConnectionConfig, remote: str = "") -> IkeSa | None:
    """The IKE SA to create a Child SA on, if there is one: of several the one whose peer was heard last.

    `remote` is the peer that is meant, if the connection leaves that open.
    """
    if not ctx.settings.reuse_ikesa:
        return None
    found = [sa for sa in ctx.table.of_connection(config.name) if is_usable(sa, config, remote)]
    return max(found, key=lambda sa: (sa.state is IkeState.ESTABLISHED, sa.last_inbound), default=None)


def new_ike_sa(ctx: Context, config: ConnectionConfig, attempt: int, remote: str = "") -> IkeSa:
    """Begin to initiate an IKE SA: look for a way to the peer, which is `remote` if the connection leaves that open."""
    sa = IkeSa(
        connection=config,
        unique_id=ctx.new_unique_id(),
        is_initiator=True,
        spi_i=ctx.new_ike_spi(),
        spi_r=NO_SPI,
        path=Path("", 0, remote, 0),
        began_at=ctx.now,
        attempt=attempt,
    )
    ctx.table.add(sa)
    op = ctx.ask(sa, Trigger.PATH_FOUND)
    port = ctx.settings.port if config.local_port == IKE_PORT else config.local_port
    remote_addrs = (remote,) if remote else config.remote_addrs
    ctx.emit(AskPath(op, config.local_addrs, remote_addrs, port, config.remote_port, attempt))
    return sa


def is_usable(sa: IkeSa, config: ConnectionConfig, remote: str = "") -> bool:
    """Whether new Child SAs may be created on an IKE SA.

    Not if it is of an older form of the connection, not of the peer that is meant, or about to be closed.
    """
    may_serve = sa.state is IkeState.ESTABLISHED or (sa.is_initiator and sa.state.is_connecting)
    is_meant = sa.connection is config and remote in ("", sa.path.remote)
    return may_serve and is_meant and not any(isinstance(task, DeleteIke) for task in sa.queue)
