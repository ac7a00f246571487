"""Trap policies: Child SAs that come up when the first packet wants through (`start_action: trap`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ikeengine.model.connection import Action, ChildConfig, ConnectionConfig, Mode
from ikeengine.model.path import Path
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.model.selector import TrafficSelector
from ikeengine.negotiate.addresses import is_fixed
from ikeengine.negotiate.open_selectors import families_of, resolve_open
from ikeengine.negotiate.selectors import resolve
from ikeengine.outputs import AskConfirmation, AskPath, DeletePolicies, InstallPolicies, LogLine, OpId
from ikeengine.registry import Protocol
from ikeengine.sa import reasons
from ikeengine.sa.children import tags
from ikeengine.sa.context import Context, Wanted

SHUNTS = {Mode.PASS: PolicyAction.PASS, Mode.DROP: PolicyAction.DROP}
"""Modes of a child that is nothing but policies."""

TRAP_ACTIONS = (Action.TRAP, Action.TRAP_START)
_ANYBODY = ("%any",)
_BOTH_FAMILIES = (4, 6)

PacketKey = tuple[bytes, bytes, int]
"""Addresses and protocol of a packet: what a packet that was refused is remembered by."""


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
    ops: tuple[OpId, ...] = ()
    """Commands that wait until the datapath has the policies."""
    postponed: set[PacketKey] = field(default_factory=set)
    """Packets that are looked at again when what is being negotiated has come to an end."""
    predecessor: Trap | None = None
    """The trap of an older configuration, in force until this one is."""
    tried: dict[PacketKey, float] = field(default_factory=dict)
    """When Child SAs were asked for because those that are up do not cover a packet."""

    @property
    def is_open(self) -> bool:
        """Whether the packet decides who the peer is, because `remote_addrs` does not."""
        return not is_fixed(self.connection.remote_addrs)


class TrapTable:
    """The traps of an endpoint."""

    __slots__ = ("_by_name", "_by_op", "_confirmations")

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, str], Trap] = {}
        self._by_op: dict[OpId, Trap] = {}
        self._confirmations: dict[OpId, Trap] = {}

    def set(self, ctx: Context, connection: ConnectionConfig, child: ChildConfig, ops: tuple[OpId, ...] = ()) -> None:
        """Install a trap, as soon as the way to the peer is known. One that is set already is fine."""
        known = self._by_name.get((connection.name, child.name))
        if known is not None:
            _answer_when_installed(ctx, known, ops)
            return
        is_open = not is_fixed(connection.remote_addrs) and child.mode not in SHUNTS
        if is_open and child.mode is not Mode.TRANSPORT:
            reason = (
                f"no trap for {child.name}: remote_addrs names no address, which only transport mode can do without"
            )
            ctx.emit(LogLine(0, "CFG", reason, connection.name))
            ctx.answer(ops, ok=False, reason=reason)
            return
        trap = Trap(ctx.new_unique_id(), connection, child, ctx.new_op(), ops=ops)
        self._by_name[connection.name, child.name] = trap
        if is_open or child.mode in SHUNTS:
            self._install(ctx, trap, None)
            return
        self._by_op[trap.op] = trap
        ports = (connection.local_port, connection.remote_port)
        ctx.emit(AskPath(trap.op, connection.local_addrs, connection.remote_addrs, *ports))

    def replace(self, ctx: Context, connection: ConnectionConfig, child: str) -> None:
        """The configuration of a child has changed: a trap that is to stay is in force until its successor is."""
        config = connection.children.get(child)
        old = self._by_name.get((connection.name, child))
        if old is None or not old.is_installed or config is None or not _stays(old, config):
            self.clear(ctx, connection.name, child)
            return
        del self._by_name[connection.name, child]
        self.set(ctx, connection, config)
        successor = self._by_name.get((connection.name, child))
        if successor is None or successor.is_installed:
            _remove(ctx, old)
        else:
            successor.predecessor = old

    def complete(self, ctx: Context, op: OpId, result: object) -> bool:
        """The way to the peer is known, or the datapath has the policies. False if the answer was not for a trap."""
        if (confirmed := self._confirmations.pop(op, None)) is not None:
            ops, confirmed.ops = confirmed.ops, ()
            ctx.answer(ops, ok=True)
            return True
        trap = self._by_op.pop(op, None)
        if trap is None:
            return False
        if isinstance(result, Path):
            self._install(ctx, trap, result)
        else:
            ctx.emit(LogLine(0, "CFG", f"no trap for {trap.child.name} yet: {result}", trap.connection.name))
            self._give_up(ctx, trap, str(result))
        return True

    def failed(self, ctx: Context, owner: int, error: object) -> None:
        """The datapath does not take the policies of a trap or shunt. It is tried again."""
        for trap in list(self._by_name.values()):
            if trap.owner == owner:
                record = reasons.policies_refused(ctx, trap.connection.name, trap.child.name, str(error))
                ctx.fail(record)
                ctx.release_reqid(trap.reqid)
                self._give_up(ctx, trap, record.reason)

    def clear(self, ctx: Context, connection: str, child: str) -> bool:
        """Remove a trap; False if there was none."""
        trap = self._by_name.pop((connection, child), None)
        if trap is None:
            return False
        self._by_op.pop(trap.op, None)
        ops, trap.ops = trap.ops, ()
        ctx.answer(ops, ok=False, reason="the trap was taken back")
        _remove(ctx, trap)
        return True

    def get(self, connection: str, child: str) -> Trap | None:
        """The trap of a child."""
        return self._by_name.get((connection, child))

    def find(self, owner: int, reqid: int) -> Trap | None:
        """The trap that a packet has hit, by owner or, if the datapath does not know that, by reqid."""
        for trap in self._by_name.values():
            if trap.child.mode in SHUNTS:
                continue
            if (owner and trap.owner == owner) or (not owner and trap.reqid and trap.reqid == reqid):
                return trap
        return None

    def _install(self, ctx: Context, trap: Trap, path: Path | None) -> None:
        child = trap.child
        local_ts, remote_ts = _selectors(trap, path)
        local, remote = (path.local, path.remote) if path is not None else ("", "")
        chosen = tags.fixed(trap.connection, child)
        if child.mode not in SHUNTS:
            trap.reqid = ctx.take_reqid((local_ts, remote_ts, child.mode, local, remote, chosen), child.reqid)
        policies = PolicySet(
            owner=trap.owner,
            action=SHUNTS.get(child.mode, PolicyAction.TRAP),
            local_ts=local_ts,
            remote_ts=remote_ts,
            mode=child.mode,
            protocol=_protocol(child),
            reqid=trap.reqid,
            local=local,
            remote=remote,
            priority=child.priority,
            name=f"{trap.connection.name}/{child.name}",
            tags=chosen,
            interface="" if child.mode in SHUNTS else trap.connection.interface_name,
        )
        trap.is_installed = True
        ctx.emit(InstallPolicies(trap.owner, policies))
        _remove_predecessor(ctx, trap)
        if trap.ops:
            op = ctx.new_op()
            self._confirmations[op] = trap
            ctx.emit(AskConfirmation(op))

    def _give_up(self, ctx: Context, trap: Trap, reason: str) -> None:
        """Nothing is installed. What nobody waits for is tried again."""
        name, child = trap.connection.name, trap.child.name
        self._by_name.pop((name, child), None)
        _remove_predecessor(ctx, trap)
        ops, trap.ops = trap.ops, ()
        delay = ctx.settings.retry_initiate_interval
        if ops:
            ctx.answer(ops, ok=False, reason=reason)
        elif delay:
            ctx.wanted.append(Wanted(name, child, delay, trap=True))


def _stays(trap: Trap, config: ChildConfig) -> bool:
    """Whether a changed child wants a trap as well; one that an operator has set is not taken away."""
    return config.start_action in TRAP_ACTIONS or config.start_action is trap.child.start_action


def _remove(ctx: Context, trap: Trap) -> None:
    _remove_predecessor(ctx, trap)
    if trap.is_installed:
        ctx.emit(DeletePolicies(trap.owner))
        ctx.release_reqid(trap.reqid)


def _remove_predecessor(ctx: Context, trap: Trap) -> None:
    old, trap.predecessor = trap.predecessor, None
    if old is not None:
        _remove(ctx, old)


def _answer_when_installed(ctx: Context, trap: Trap, ops: tuple[OpId, ...]) -> None:
    if trap.is_installed:
        ctx.answer(ops, ok=True)
    else:
        trap.ops += ops


def _selectors(trap: Trap, path: Path | None) -> tuple[tuple[TrafficSelector, ...], tuple[TrafficSelector, ...]]:
    """What the policies are for. Without a path `dynamic` means all addresses that the connection allows."""
    connection, child = trap.connection, trap.child
    if path is not None:
        return resolve(child.local_ts, path.local), resolve(child.remote_ts, path.remote)
    if child.mode in SHUNTS:
        sides = (child.local_ts, child.remote_ts)
        local_ts, remote_ts = (resolve_open(side, _ANYBODY, _BOTH_FAMILIES) for side in sides)
        return local_ts, remote_ts
    families = families_of(*connection.local_addrs, *connection.remote_addrs)
    return (
        resolve_open(child.local_ts, connection.local_addrs, families),
        resolve_open(child.remote_ts, connection.remote_addrs, families),
    )


def _protocol(child: ChildConfig) -> Protocol:
    return child.esp_proposals[0].protocol if child.esp_proposals else Protocol.ESP
