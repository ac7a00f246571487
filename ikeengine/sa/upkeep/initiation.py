"""Bringing up: what is up or coming already, which IKE SA serves a new Child SA, and the way to the peer."""

from __future__ import annotations

from collections.abc import Iterator

from ikeengine.model.connection import ChildConfig, ConnectionConfig
from ikeengine.model.path import IKE_PORT
from ikeengine.outputs import AskPath
from ikeengine.sa.children.data import UP_STATES, ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.states import Answer, Phase
from ikeengine.sa.task import TaskKind, pending


def is_coming(ctx: Context, config: ConnectionConfig, child: ChildConfig) -> bool:
    """Whether a Child SA is up or under way already, so that nobody needs a second one."""
    for sa in ctx.table.of_connection(config.name):
        if not is_usable(sa, config):
            continue
        if any(c.config == child and c.state in UP_STATES for c in sa.children.values()):
            return True
        if any(task.config == child for task in pending(sa)):
            return True
    return False


def peers_turn(ctx: Context, config: ConnectionConfig) -> float:
    """Until when a peer that has just made an IKE SA is left to make its Child SA: two would cross."""
    sas = (sa for sa in ctx.table.of_connection(config.name) if sa.phase is Phase.ESTABLISHED and not sa.is_initiator)
    return max(((sa.established_at or 0.0) + sa.version.first_child_follows for sa in sas), default=0.0)


def all_up(ctx: Context, config: ConnectionConfig, child: ChildConfig) -> Iterator[tuple[IkeSa, ChildSa]]:
    """Every Child SA of a configuration that carries traffic."""
    for sa in ctx.table.of_connection(config.name):
        if sa.phase is Phase.ESTABLISHED and sa.connection is config:
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
    return max(found, key=lambda sa: (sa.phase is Phase.ESTABLISHED, sa.last_inbound), default=None)


def begin(ctx: Context, sa: IkeSa, remote: str = "") -> None:
    """Look for a way to the peer of a new IKE SA, which is `remote` if the connection leaves that open."""
    ctx.table.add(sa)
    config = sa.connection
    op = ctx.ask(sa, Answer.PATH_FOUND)
    port = ctx.settings.port if config.local_port == IKE_PORT else config.local_port
    remote_addrs = (remote,) if remote else config.remote_addrs
    ctx.emit(AskPath(op, config.local_addrs, remote_addrs, port, config.remote_port, sa.attempt))


def is_usable(sa: IkeSa, config: ConnectionConfig, remote: str = "") -> bool:
    """Whether new Child SAs may be created on an IKE SA.

    Not if it is of an older form of the connection, not of the peer that is meant, or about to be closed.
    """
    may_serve = sa.phase is Phase.ESTABLISHED or (sa.is_initiator and sa.state.is_connecting)
    is_meant = sa.connection is config and remote in ("", sa.path.remote)
    return may_serve and is_meant and not any(task.kind is TaskKind.DELETE_IKE for task in sa.queue)
