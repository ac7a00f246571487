"""Cisco's Unity in Quick Mode: the gateway's side is 0.0.0.0/0 in every message, and what goes through is less.

A client tunnels the networks that the gateway has told it (split include), but not those that it has told to leave out
(split exclude); a gateway, those of its configuration.
"""

from __future__ import annotations

from ikeengine.ikev1.sa import IkeSa
from ikeengine.model.connection import Mode
from ikeengine.model.sa import FIRST_PRIORITY, PolicyAction, PolicySet
from ikeengine.model.selector import TrafficSelector
from ikeengine.negotiate.selectors import narrow, parse_selector
from ikeengine.outputs import InstallPolicies, LogLine
from ikeengine.sa.context import Context

Selectors = tuple[TrafficSelector, ...]
Pair = tuple[TrafficSelector, TrafficSelector]
"""A local and a remote traffic selector."""
Traffic = tuple[Selectors, Selectors]
"""The local and the remote ones of a Child SA."""

_FIRST, _LAST = bytes(4), b"\xff" * 4


def is_spoken(ctx: Context, sa: IkeSa) -> bool:
    """Whether one side has given an address to the other, and both know Unity."""
    return ctx.settings.cisco_unity and sa.peer_does_unity and bool(sa.vips.local or sa.vips.remote)


def said(ctx: Context, sa: IkeSa, pair: Pair) -> Pair:
    """What to offer instead of these."""
    local, remote = pair
    if not is_spoken(ctx, sa):
        return pair
    return (local, _everything(remote)) if sa.vips.local else (_everything(local), remote)


def used(ctx: Context, sa: IkeSa, traffic: Traffic) -> Traffic:
    """What of the traffic of a child may go through. Nothing of the remote side if the gateway does not want it."""
    local, remote = traffic
    if not is_spoken(ctx, sa) or sa.given is None or not sa.given.split_include:
        return traffic
    return local, narrow(remote, tuple(parse_network(network) for network in sa.given.split_include))


def bypass(ctx: Context, sa: IkeSa) -> None:
    """Let what the gateway does not want in the tunnel go past it, as `engine.bypass_networks` does."""
    if not is_spoken(ctx, sa) or sa.given is None or not sa.given.split_exclude:
        return
    sa.vips.bypass_owner = ctx.new_unique_id()
    shunt = PolicySet(
        sa.vips.bypass_owner,
        PolicyAction.PASS,
        (TrafficSelector(_FIRST, _LAST),),
        tuple(parse_network(network) for network in sa.given.split_exclude),
        mode=Mode.PASS,
        priority=FIRST_PRIORITY,
        name=f"{sa.name}/split-exclude",
    )
    ctx.emit(InstallPolicies(ctx.new_op(), shunt))
    ctx.emit(LogLine(1, "CFG", f"past the tunnel: {' '.join(sa.given.split_exclude)}", sa.name, sa.unique_id))


def is_meant(ctx: Context, sa: IkeSa, offered: Pair, fits: Traffic) -> bool:
    """Whether an offer of everything at the gateway's side means no more than what fits to a child."""
    if not is_spoken(ctx, sa):
        return False
    local, remote = offered
    if sa.vips.local:
        return fits[0] == (local,) and remote == _everything(remote)
    return fits[1] == (remote,) and local == _everything(local)


def parse_network(network: str) -> TrafficSelector:
    """A network that a gateway has told, which was checked when it came."""
    selector = parse_selector(network)
    if not isinstance(selector, TrafficSelector):
        raise AssertionError(f"{network} is a network")
    return selector


def _everything(selector: TrafficSelector) -> TrafficSelector:
    """All of IPv4 in the place of a selector for it; Unity knows nothing of IPv6."""
    return selector if selector.is_ipv6 else TrafficSelector(_FIRST, _LAST)
