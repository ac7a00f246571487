"""list-policies."""

from __future__ import annotations

from collections.abc import Collection

from ikeengine.daemon.vici.messages import Section, is_shunt, policy_section
from ikeengine.daemon.vici.request import Handler, Request
from ikeengine.model.connection import Action, ChildConfig, Mode
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.model.selector import SelectorTemplate, TrafficSelector

_ACTIONS = {Mode.PASS: PolicyAction.PASS, Mode.DROP: PolicyAction.DROP}
_TRAPS = (Action.TRAP, Action.TRAP_START)


async def list_policies(request: Request) -> Section:
    """Stream installed policies as `list-policy` events. Filters: trap, pass, drop, ike, child."""
    installed = request.control.service.policies.values()
    ike, name = request.text("ike"), request.text("child")
    for config in tuple(request.control.service.core.connections.values()):
        for child in config.children.values():
            if ike not in ("", config.name) or name not in ("", child.name):
                continue
            action = _ACTIONS.get(child.mode, PolicyAction.TRAP)
            if request.flag(action.value) and is_installed(child, action, installed):
                await request.session.stream("list-policy", policy_section(config.name, child))
    return {}


def is_installed(child: ChildConfig, action: PolicyAction, installed: Collection[PolicySet]) -> bool:
    """Whether the datapath holds the policies of this child: a shunt, or a trap that waits or is in use."""
    if not is_shunt(child) and not _may_trap(child):
        return False
    return any(
        policies.action is action
        and _covers(child.local_ts, policies.local_ts)
        and _covers(child.remote_ts, policies.remote_ts)
        for policies in installed
    )


def _may_trap(child: ChildConfig) -> bool:
    return any(action in _TRAPS for action in (child.start_action, child.close_action, child.dpd_action))


def _covers(templates: tuple[SelectorTemplate, ...], selectors: tuple[TrafficSelector, ...]) -> bool:
    """Whether selectors are what these templates become; a `dynamic` one may have become any address."""
    fixed = {template for template in templates if isinstance(template, TrafficSelector)}
    others = [selector for selector in selectors if selector not in fixed]
    return fixed <= set(selectors) and len(others) <= len(templates) - len(fixed)


COMMANDS: dict[str, Handler] = {"list-policies": list_policies}
