"""Trap policies: Child SAs that come up when the first packet wants through (`start_action: trap`)."""

from __future__ import annotations

from dataclasses import dataclass

from ikeengine.ikev2.context import Context
from ikeengine.model.connection import ChildConfig, ConnectionConfig
from ikeengine.model.path import Path
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.negotiate.selectors import resolve
from ikeengine.outputs import AskPath, DeletePolicies, InstallPolicies, LogLine, OpId


@dataclass(slots=True)
class Trap:
    """A trap and the child that it brings up. `reqid` is 0 until the way to the peer is known."""

    owner: int
    connection: ConnectionConfig
    child: ChildConfig
    op: OpId
    reqid: int = 0


class TrapTable:
    """The traps of an endpoint."""

    __slots__ = ("_by_name", "_by_op")

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, str], Trap] = {}
        self._by_op: dict[OpId, Trap] = {}

    def set(self, ctx: Context, connection: ConnectionConfig, child: ChildConfig) -> None:
        """Install a trap, as soon as the way to the peer is known."""
        op = ctx.new_op()
        trap = Trap(ctx.new_unique_id(), connection, child, op)
        self._by_name[connection.name, child.name] = trap
        self._by_op[op] = trap
        ports = (connection.local_port, connection.remote_port)
        ctx.emit(AskPath(op, connection.local_addrs, connection.remote_addrs, *ports))

    def on_path(self, ctx: Context, op: OpId, path: object) -> bool:
        """The way to the peer is known. False if the operation was not for a trap."""
        trap = self._by_op.pop(op, None)
        if trap is None:
            return False
        if not isinstance(path, Path):
            ctx.emit(LogLine(0, "CFG", f"no trap for {trap.child.name}: {path}", trap.connection.name))
            return True
        local_ts = resolve(trap.child.local_ts, path.local)
        remote_ts = resolve(trap.child.remote_ts, path.remote)
        trap.reqid = ctx.take_reqid((local_ts, remote_ts, trap.child.mode, path.local, path.remote), trap.child.reqid)
        policies = PolicySet(
            owner=trap.owner,
            action=PolicyAction.TRAP,
            local_ts=local_ts,
            remote_ts=remote_ts,
            mode=trap.child.mode,
            reqid=trap.reqid,
            local=path.local,
            remote=path.remote,
            priority=trap.child.priority,
        )
        ctx.emit(InstallPolicies(trap.owner, policies))
        return True

    def clear(self, ctx: Context, connection: str, child: str) -> None:
        """Remove a trap; one that is not set is fine."""
        trap = self._by_name.pop((connection, child), None)
        if trap is None:
            return
        self._by_op.pop(trap.op, None)
        if trap.reqid:
            ctx.emit(DeletePolicies(trap.owner))
            ctx.release_reqid(trap.reqid)

    def find(self, owner: int, reqid: int) -> Trap | None:
        """The trap that a packet has hit, by owner or, if the datapath does not know that, by reqid."""
        for trap in self._by_name.values():
            if (owner and trap.owner == owner) or (not owner and trap.reqid and trap.reqid == reqid):
                return trap
        return None
