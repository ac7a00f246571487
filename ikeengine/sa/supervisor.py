"""What operators, configurations and the datapath want: connections loaded, SAs up, SAs down, SAs replaced."""

from __future__ import annotations

from collections.abc import Iterable

from ikeengine.model.commands import (
    Acquire,
    Command,
    Initiate,
    Install,
    NatMappingChanged,
    NetworkChanged,
    Rekey,
    SaExpired,
    Shutdown,
    Terminate,
    Uninstall,
    Unreachable,
)
from ikeengine.model.connection import Action, ChildConfig, ConnectionConfig
from ikeengine.negotiate.addresses import is_fixed
from ikeengine.outputs import LogLine, OpId
from ikeengine.sa import reasons
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children import lifetime, ondemand, renewal, succession
from ikeengine.sa.children.child import find_expired
from ikeengine.sa.children.data import UP_STATES
from ikeengine.sa.children.traps import SHUNTS, TRAP_ACTIONS, TrapTable
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.lifecycle import close
from ikeengine.sa.matching import Match, find
from ikeengine.sa.states import ChildState, Closing, Phase
from ikeengine.sa.task import TaskKind, is_queued
from ikeengine.sa.upkeep import initiation, revival
from ikeengine.sa.upkeep.keeper import Keeper

_STARTS = (Action.START, Action.TRAP_START)


class Supervisor:
    """Turns wishes into exchanges."""

    __slots__ = ("_ctx", "_keeper", "_traps")

    def __init__(self, ctx: Context, keeper: Keeper) -> None:
        self._ctx = ctx
        self._keeper = keeper
        self._traps = TrapTable()

    # --- connections ------------------------------------------------------------------------------------------

    def load(self, config: ConnectionConfig) -> None:
        """Add or replace a connection. SAs whose configuration did not change are not touched."""
        ctx = self._ctx
        old = ctx.connections.get(config.name)
        if old == config:
            return
        ctx.connections[config.name] = config
        if old is None:
            self._start_children(config, config.children.values())
        elif old.has_same_ike(config):
            self._replace_children(old, config)
        else:
            revived = revival.take_over(ctx, old, config)
            self._close_all(old)
            self._start_children(config, config.children.values())
            ctx.wanted += revived
        self._keeper.load(config)

    def unload(self, name: str) -> None:
        """Remove a connection and close its SAs."""
        old = self._ctx.connections.pop(name, None)
        self._keeper.unload(name)
        if old is not None:
            self._close_all(old)

    def _start_children(self, config: ConnectionConfig, children: Iterable[ChildConfig]) -> None:
        for child in children:
            if child.start_action in TRAP_ACTIONS:
                self._traps.set(self._ctx, config, child)
            if child.start_action in _STARTS:
                self._ctx.wanted.append(Wanted(config.name, child.name))

    def _replace_children(self, old: ConnectionConfig, config: ConnectionConfig) -> None:
        """Only children differ: the IKE SA stays, and so do the Child SAs of unchanged children."""
        changed = {name for name, child in old.children.items() if config.children.get(name) != child}
        for name in changed:
            self._traps.replace(self._ctx, config, name)
        for sa in self._ctx.table.of_connection(config.name):
            self._ctx.touch(sa)
            sa.connection = config
            _update_pending(self._ctx, sa, changed)
            _update_children(sa, changed)
        fresh = [child for name, child in config.children.items() if old.children.get(name) != child]
        self._start_children(config, fresh)

    def _close_all(self, config: ConnectionConfig) -> None:
        for name in config.children:
            self._traps.clear(self._ctx, config.name, name)
        for sa in self._ctx.table.of_connection(config.name):
            self._terminate_ike(sa, (), force=False, reason="the connection was changed or removed")

    # --- bringing up ------------------------------------------------------------------------------------------

    def bring_up(self, wanted: Wanted) -> None:
        """Initiate a Child SA (or only the IKE SA) on an IKE SA that is there, or on a new one."""
        ctx = self._ctx
        config = ctx.connections.get(wanted.connection)
        child = None if config is None else config.children.get(wanted.child)
        if config is None or (wanted.child and child is None) or ctx.is_shutting_down:
            ctx.answer(wanted.ops, ok=False, reason=f"the connection {wanted.connection} is no longer configured")
            return
        if wanted.replaces:
            self._reauthenticate(config, wanted)
            return
        if wanted.renew and child is not None:
            self._renew(config, child)
            return
        if child is not None and (wanted.trap or child.mode in SHUNTS):
            self._traps.set(ctx, config, child, wanted.ops)
            return
        if child is not None and not wanted.ops and not self._is_needed(config, child, wanted):
            return
        sa = initiation.usable(ctx, config, wanted.remote)
        if sa is None:
            sa = ctx.version_of(config).new_ike_sa(config, wanted.attempt, wanted.remote)
            initiation.begin(ctx, sa, wanted.remote)
        ctx.touch(sa)
        if child is not None:
            task = sa.version.create_child(child, refused=wanted.refused, packet=wanted.packet, ops=wanted.ops)
            sa.queue.append(task)
        elif sa.phase is Phase.ESTABLISHED:
            ctx.answer(wanted.ops, ok=True)
        else:
            sa.waiting += wanted.ops

    def _reauthenticate(self, config: ConnectionConfig, wanted: Wanted) -> None:
        """Replace the IKE SA that `wanted` names, if that is possible and not under way."""
        ctx = self._ctx
        old = ctx.table.find(wanted.replaces)
        if old is None or old.phase is not Phase.ESTABLISHED:
            ctx.answer(wanted.ops, ok=False, reason="the IKE SA is gone")
        elif any(sa.replaces == old.local_spi for sa in ctx.table.of_connection(config.name)):
            ctx.answer(wanted.ops, ok=False, reason="the IKE SA is being authenticated again already")
        elif not (is_fixed(config.remote_addrs) or old.is_initiator or old.version.calls_back):
            reason = "only the peer can authenticate again, because remote_addrs names no address"
            ctx.emit(LogLine(1, "IKE", reason, old.name, old.unique_id))
            ctx.answer(wanted.ops, ok=False, reason=reason)
        else:
            old.version.reauthenticate(old, config, wanted)

    def _renew(self, config: ConnectionConfig, child: ChildConfig) -> None:
        for sa in self._ctx.table.of_connection(config.name):
            self._ctx.touch(sa)
            renewal.renew(sa, child)

    def _is_needed(self, config: ConnectionConfig, child: ChildConfig, wanted: Wanted) -> bool:
        """Whether no Child SA is up or under way that would do."""
        ctx = self._ctx
        sas = [sa for sa in ctx.table.of_connection(config.name) if initiation.is_usable(sa, config, wanted.remote)]
        return ondemand.is_needed(ctx, self._traps.get(config.name, child.name), sas, child, wanted)

    # --- commands ---------------------------------------------------------------------------------------------

    def execute(self, command: Command, op: OpId) -> None:
        """Carry out a command; a CommandDone with this number tells how it went."""
        match command:
            case Initiate():
                self._initiate(command, op)
            case Terminate():
                self._terminate(command, op)
            case Rekey():
                self._rekey(command, op)
            case Acquire():
                ondemand.acquire(self._ctx, self._traps, command, op)
            case Install() | Uninstall():
                ondemand.install(self._ctx, self._traps, command, op)
            case SaExpired():
                self._expired(command, op)
            case NatMappingChanged():
                self._nat_mapping_changed(command)
                self._ctx.answer((op,), ok=True)
            case NetworkChanged():
                self._network_changed(command)
                self._ctx.answer((op,), ok=True)
            case Unreachable():
                self._note_unreachable(command)
                self._ctx.answer((op,), ok=True)
            case Shutdown():
                self._shut_down(op)

    def _initiate(self, command: Initiate, op: OpId) -> None:
        ctx = self._ctx
        config = self._find_connection(command)
        if config is None:
            ctx.answer((op,), ok=False, reason=reasons.not_configured(ctx, command.child, command.ike))
        elif not is_fixed(config.remote_addrs):
            reason = f"{config.name} cannot be initiated: remote_addrs names no address, so the peer must begin"
            ctx.answer((op,), ok=False, reason=reason)
        else:
            self._keeper.resume(config.name, command.child)
            ctx.wanted.append(Wanted(config.name, command.child, ops=(op,)))

    def _find_connection(self, command: Initiate) -> ConnectionConfig | None:
        connections = self._ctx.connections
        if command.ike:
            config = connections.get(command.ike)
            fits = config is not None and (not command.child or command.child in config.children)
            return config if fits else None
        return next((c for c in connections.values() if command.child and command.child in c.children), None)

    def _terminate(self, command: Terminate, op: OpId) -> None:
        matches = find(self._ctx.table, command)
        if not matches:
            self._ctx.answer((op,), ok=False, reason="no SA matches")
            return
        self._ctx.expect(op, len(matches))
        self._let_go(matches)
        for found in matches:
            self._ctx.touch(found.sa)
            if found.child is None:
                self._terminate_ike(found.sa, (op,), force=command.force)
                continue
            ops = () if command.force else (op,)
            delete = found.sa.version.delete_child(found.child.unique_id, for_good=True, ops=ops)
            found.sa.queue.append(delete)
            if command.force:
                self._ctx.answer((op,), ok=True)

    def _let_go(self, matches: list[Match]) -> None:
        """What the operator terminates altogether is not kept up any longer."""
        whole = {id(found.sa) for found in matches if found.child is None}
        parts = {id(found.child) for found in matches}
        for name in {found.sa.name for found in matches}:
            config = self._ctx.connections.get(name)
            for child in config.children.values() if config is not None else ():
                up = initiation.all_up(self._ctx, self._ctx.connections[name], child)
                if all(id(sa) in whole or id(found) in parts for sa, found in up):
                    self._keeper.pause(name, (child.name,))

    def _terminate_ike(
        self, sa: IkeSa, ops: tuple[OpId, ...], *, force: bool, reason: str = "the IKE SA is being terminated"
    ) -> None:
        ctx = self._ctx
        ctx.touch(sa)
        if force or sa.state.is_connecting:
            sa.version.say_goodbye(sa)
            close(ctx, sa, Closing.TERMINATED)
            ctx.answer(ops, ok=True)
            return
        for waiting in sa.queue:
            waiting.abandon(ctx, sa, reason)
        sa.queue.clear()
        sa.queue.append(sa.version.delete_ike(ops=ops))

    def _rekey(self, command: Rekey, op: OpId) -> None:
        matches = find(self._ctx.table, command)
        if not matches:
            self._ctx.answer((op,), ok=False, reason="no SA matches")
            return
        self._ctx.expect(op, len(matches))
        for found in matches:
            self._ctx.touch(found.sa)
            if found.child is None and command.reauth:
                self._ctx.wanted.append(Wanted(found.sa.name, "", ops=(op,), replaces=found.sa.local_spi))
            elif found.child is None:
                found.sa.queue.append(found.sa.version.rekey_ike((op,)))
            else:
                found.sa.queue.append(found.sa.version.rekey_child(found.child.unique_id, (op,)))

    def _expired(self, command: SaExpired, op: OpId) -> None:
        for sa in self._ctx.table:
            child = find_expired(sa, command)
            if child is None or child.state not in UP_STATES:
                continue
            self._ctx.touch(sa)
            if command.hard:
                lifetime.expire(sa, child)
            else:
                lifetime.rekey(sa, child)
        self._ctx.answer((op,), ok=True)

    def _shut_down(self, op: OpId) -> None:
        self._ctx.is_shutting_down = True
        self._keeper.stop()
        for config in self._ctx.connections.values():
            for name in config.children:
                self._traps.clear(self._ctx, config.name, name)
        sas = list(self._ctx.table)
        if not sas:
            self._ctx.answer((op,), ok=True)
            return
        self._ctx.expect(op, len(sas))
        for sa in sas:
            self._terminate_ike(sa, (op,), force=sa.phase is not Phase.ESTABLISHED)

    # --- the network ------------------------------------------------------------------------------------------

    def _nat_mapping_changed(self, event: NatMappingChanged) -> None:
        sa = self._ctx.table.of_child_spi(event.sa.spi)
        if sa is not None:
            sa.version.follow(sa, event)

    def _network_changed(self, event: NetworkChanged) -> None:
        ctx = self._ctx
        # What peers have lent to us is not where they reach us.
        ctx.addresses = tuple(address for address in event.addresses if address not in ctx.own_addresses)
        for version in ctx.versions.values():
            version.network_changed()

    def _note_unreachable(self, error: Unreachable) -> None:
        """Remember an ICMP error, or an error in sending, with the IKE SAs that wait for an answer from there."""
        for sa in self._ctx.table:
            there = sa.path.remote == error.path.remote and sa.path.remote_port == error.path.remote_port
            if there and sa.awaits_answer:
                sa.unreachable = error.reason

    # --- the datapath -----------------------------------------------------------------------------------------

    def complete(self, op: OpId, result: object) -> bool:
        """An answer that is not for an IKE SA. False if it is."""
        return self._traps.complete(self._ctx, op, result)

    def datapath_failed(self, owner: int, error: object) -> None:
        """The datapath did not take a Child SA: take it back, here and at the peer."""
        ctx = self._ctx
        sa = ctx.table.of_child(owner)
        if sa is None:
            self._traps.failed(ctx, owner, error)
            return
        child = sa.children[owner]
        if is_queued(sa, TaskKind.DELETE_CHILD, owner) or child.state is ChildState.DELETED:
            return
        record = reasons.datapath_refused(ctx, sa, child.config.name, str(error))
        ctx.fail(record)
        child_sa.answer_waiting(ctx, child, ok=False, reason=record.reason, record=record)
        ctx.touch(sa)
        sa.queue.append(sa.version.delete_child(owner))
        if any(other.replaced_by == owner for other in sa.children.values()):
            # The peer may be deleting the old one just now, or has done so: then a new one is needed at once.
            succession.reinstate(ctx, sa, succession.replaced_by(sa, child))
            self._keeper.restore(sa.name, child.config.name)


def _update_children(sa: IkeSa, changed: set[str]) -> None:
    """Child SAs of what is no longer configured go; those of what is configured otherwise are replaced."""
    for name in changed:
        config = sa.connection.children.get(name)
        if config is not None and config.mode not in SHUNTS:
            renewal.renew(sa, config)
            continue
        for child in sa.children.values():
            if child.config.name == name:
                sa.queue.append(sa.version.delete_child(child.unique_id, for_good=True))


def _update_pending(ctx: Context, sa: IkeSa, changed: set[str]) -> None:
    """What waits to be created is created as it is configured now, or not at all."""
    for task in list(sa.queue):
        if task.brings_up not in changed:
            continue
        config = sa.connection.children.get(task.brings_up)
        if config is None:
            sa.queue.remove(task)
            task.abandon(ctx, sa, f"the child {task.brings_up} is no longer configured")
        else:
            task.config = config
