"""list-policies."""

from __future__ import annotations

from ikeengine.daemon.vici.messages import Section, policy_section, static_policy_section
from ikeengine.daemon.vici.request import Handler, Request
from ikeengine.model.connection import ChildConfig
from ikeengine.model.sa import PolicyAction, PolicySet

_SHOWN = (PolicyAction.TRAP, PolicyAction.PASS, PolicyAction.DROP)


async def list_policies(request: Request) -> Section:
    """Stream installed policies as `list-policy` events. Filters: trap, pass, drop, ike, child."""
    ike, name = request.text("ike"), request.text("child")
    for policies in tuple(request.control.service.policies.values()):
        connection, _unused, child = policies.name.partition("/")
        if ike not in ("", connection) or name not in ("", child):
            continue
        if policies.action in _SHOWN and policies.name and request.flag(policies.action.value):
            await request.session.stream("list-policy", _section(request, policies, connection, child))
    return {}


def _section(request: Request, policies: PolicySet, connection: str, child: str) -> Section:
    config = _config(request, connection, child)
    return static_policy_section(policies) if config is None else policy_section(connection, config)


def _config(request: Request, connection: str, child: str) -> ChildConfig | None:
    loaded = request.control.service.core.connections.get(connection)
    return None if loaded is None else loaded.children.get(child)


COMMANDS: dict[str, Handler] = {"list-policies": list_policies}
