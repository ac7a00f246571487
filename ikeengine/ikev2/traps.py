"""Trap policies: Child SAs that come up when the first packet wants through (`start_action: trap`)."""

from __future__ import annotations

from dataclasses import dataclass

from ikeengine.ikev2.context import Context, Wanted
from ikeengine.model.connection import ChildConfig, ConnectionConfig, Mode
from ikeengine.model.path import Path
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.negotiate.addresses import is_fixed
from ikeengine.negotiate.selectors import resolve
from ikeengine.outputs import AskPath, DeletePolicies, InstallPolicies, LogLine, OpId
from ikeengine.registry import Protocol

SHUNTS = {Mode.PASS: PolicyAction.PASS, Mode.DROP: PolicyAction.DROP}
"""Modes of a child that is nothing but policies."""

_NO_PATH = Path("", 0, "", 0)
_UNSPECIFIED = "0.0.0.0"  # noqa: S104 - `dynamic` without a peer means everything


@dataclass(slots=True)
class Trap:
    """A trap and the child that it brings up. `reqid` is 0 until the way to the peer is known.

    A child with `mode: pass` or `drop` is a trap that is never sprung.
    """

    owner: int
    connection: ConnectionConfig
    child: ChildConfig
    op: OpId
    reqid: int = 0
    is_installed: bool = False


class TrapTable:
    """The traps of an endpoint."""

    __slots__ = ("_by_name", "_by_op")

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, str], Trap] = {}
        self._by_op: dict[OpId, Trap] = {}

    def set(self, ctx: Context, connection: ConnectionConfig, child: ChildConfig) -> None:
        """Install a trap, as soon as the way to the peer is known. One that is set already is fine."""
        if (connection.name, child.name) in self._by_name:
            return
        if not is_fixed(connection.remote_addrs) and child.mode not in SHUNTS:
            ctx.emit(LogLine(0, "CFG", f"no trap for {child.name}: remote_addrs names no address", connection.name))
            return
        op = ctx.new_op()
        trap = Trap(ctx.new_unique_id(), connection, child, op)
        self._by_name[connection.name, child.name] = trap
        if child.mode in SHUNTS:
            _install(ctx, trap, _NO_PATH)
            return
        self._by_op[op] = trap
        ports = (connection.local_port, connection.remote_port)
        ctx.emit(AskPath(op, connection.local_addrs, connection.remote_addrs, *ports))

    def on_path(self, ctx: Context, op: OpId, path: object) -> bool:
        """The way to the peer is known. False if the operation was not for a trap."""
        trap = self._by_op.pop(op, None)
        if trap is None:
            return False
        if not isinstance(path, Path):
            name, child = trap.connection.name, trap.child.name
            ctx.emit(LogLine(0, "CFG", f"no trap for {child} yet: {path}", name))
            self._by_name.pop((name, child), None)
            ctx.wanted.append(Wanted(name, child, ctx.settings.retry_initiate_interval, trap=True))
            return True
        _install(ctx, trap, path)
        return True

    def clear(self, ctx: Context, connection: str, child: str) -> None:
        """Remove a trap; one that is not set is fine."""
        trap = self._by_name.pop((connection, child), None)
        if trap is None:
            return
        self._by_op.pop(trap.op, None)
        if trap.is_installed:
            ctx.emit(DeletePolicies(trap.owner))
            ctx.release_reqid(trap.reqid)

    def find(self, owner: int, reqid: int) -> Trap | None:
        """The trap that a packet has hit, by owner or, if the datapath does not know that, by reqid."""
        for trap in self._by_name.values():
            if trap.child.mode in SHUNTS:
                continue
            if (owner and trap.owner == owner) or (not owner and trap.reqid and trap.reqid == reqid):
                return trap
        return None


def _install(ctx: Context, trap: Trap, path: Path) -> None:
    child = trap.child
    local_ts = resolve(child.local_ts, path.local or _UNSPECIFIED)
    remote_ts = resolve(child.remote_ts, path.remote or _UNSPECIFIED)
    if child.mode not in SHUNTS:
        trap.reqid = ctx.take_reqid((local_ts, remote_ts, child.mode, path.local, path.remote), child.reqid)
    policies = PolicySet(
        owner=trap.owner,
        action=SHUNTS.get(child.mode, PolicyAction.TRAP),
        local_ts=local_ts,
        remote_ts=remote_ts,
        mode=child.mode,
        protocol=child.esp_proposals[0].protocol if child.esp_proposals else Protocol.ESP,
        reqid=trap.reqid,
        local=path.local,
        remote=path.remote,
        priority=child.priority,
    )
    trap.is_installed = True
    ctx.emit(InstallPolicies(trap.owner, policies))
