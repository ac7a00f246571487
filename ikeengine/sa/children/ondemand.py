"""What a packet that has sprung a trap brings up, and how a storm of them brings it up only once."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

from ikeengine.model.commands import Acquire, Install, Packet, Uninstall
from ikeengine.model.connection import ChildConfig, ConnectionConfig
from ikeengine.negotiate.selectors import is_host
from ikeengine.outputs import LogLine, OpId
from ikeengine.sa import reasons
from ikeengine.sa.children.address_pairs import covers
from ikeengine.sa.children.data import UP_STATES, ChildSa
from ikeengine.sa.children.traps import PacketKey, Trap, TrapTable
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.task import pending

MOST_POSTPONED = 16
"""Packets of a trap that wait for the end of a negotiation to be looked at again."""
LOOK_AGAIN = 2.0
"""Seconds until then."""
MOST_TRIED = 256
"""Packets of a trap that are remembered because no Child SA was made for them."""
TRY_AGAIN = 60.0
"""Seconds until such a packet may ask again: a peer that narrows it away would get one Child SA after the other."""
MOST_CHILDREN = 256
"""Child SAs that packets may bring up for one child configuration."""
MOST_CONNECTING = 64
"""IKE SAs of a trap for any peer that are being established at the same time."""


def acquire(ctx: Context, traps: TrapTable, command: Acquire, op: OpId) -> None:
    """A packet has met a trap: bring up what it needs."""
    trap = traps.find(command.owner, command.reqid)
    if trap is None:
        ctx.answer((op,), ok=False, reason="no such trap")
        return
    remote = _peer_of(command.packet) if trap.is_open else ""
    connecting = sum(sa.state.is_connecting for sa in ctx.table.of_connection(trap.connection.name))
    if trap.is_open and (not remote or connecting >= MOST_CONNECTING):
        reason = "too many peers are being called" if remote else "the packet names no peer that could be called"
        ctx.emit(LogLine(2, "CFG", f"trap {trap.child.name}: {reason}", trap.connection.name))
        ctx.answer((op,), ok=False, reason=reason)
        return
    ctx.wanted.append(Wanted(trap.connection.name, trap.child.name, packet=command.packet, remote=remote))
    ctx.answer((op,), ok=True)


def is_needed(ctx: Context, trap: Trap | None, sas: list[IkeSa], child: ChildConfig, wanted: Wanted) -> bool:
    """Whether a Child SA has to be created; not if one is up or under way that does for this packet (or at all).

    A peer may narrow a Child SA, so that other packets that meet the same trap need one of their own.
    """
    key = _key(wanted.packet)
    if trap is not None and key is not None:
        trap.postponed.discard(key)
    up = [c for sa in sas for c in sa.children.values() if c.config == child and c.state in UP_STATES]
    if any(_serves(c, wanted.packet) for c in up):
        return False
    coming = [task for sa in sas for task in pending(sa) if task.config == child]
    if coming:
        if trap is not None and key is not None and all(_key(task.packet) != key for task in coming):
            _postpone(ctx, trap, key, wanted)
        return False
    if not up:
        return True
    return trap is not None and key is not None and len(up) < MOST_CHILDREN and _may_try(ctx, trap, key)


def install(ctx: Context, traps: TrapTable, command: Install | Uninstall, op: OpId) -> None:
    """Set or take back a trap or shunt at an operator's wish."""
    config = _find(ctx, command.child, command.ike)
    if config is None:
        ctx.answer((op,), ok=False, reason=reasons.not_configured(ctx, command.child, command.ike))
    elif isinstance(command, Install):
        traps.set(ctx, config, config.children[command.child], (op,))
    elif traps.clear(ctx, config.name, command.child):
        ctx.answer((op,), ok=True)
    else:
        ctx.answer((op,), ok=False, reason=f"no policy of {command.child} is installed")


def _find(ctx: Context, child: str, ike: str) -> ConnectionConfig | None:
    fitting = (c for c in ctx.connections.values() if ike in ("", c.name) and child in c.children)
    return next(fitting, None)


def _serves(child: ChildSa, packet: Packet | None) -> bool:
    return packet is None or covers(packet, child.local_ts, child.remote_ts)


def _postpone(ctx: Context, trap: Trap, key: PacketKey, wanted: Wanted) -> None:
    if len(trap.postponed) < MOST_POSTPONED:
        trap.postponed.add(key)
        ctx.wanted.append(replace(wanted, delay=LOOK_AGAIN))


def _may_try(ctx: Context, trap: Trap, key: PacketKey) -> bool:
    last = trap.tried.get(key)
    if last is not None and ctx.now - last < TRY_AGAIN:
        return False
    if len(trap.tried) >= MOST_TRIED:
        trap.tried.pop(next(iter(trap.tried)))
    trap.tried[key] = ctx.now
    return True


def _key(packet: Packet | None) -> PacketKey | None:
    return None if packet is None else (packet.source.first, packet.destination.first, packet.source.protocol)


def _peer_of(packet: Packet | None) -> str:
    """The address that a packet is for; empty if that is nobody in particular."""
    if packet is None or not is_host(packet.destination):
        return ""
    address = ip_address(packet.destination.first)
    nobody = address.is_multicast or address.is_unspecified or address == IPv4Address("255.255.255.255")
    return "" if nobody else str(address)
