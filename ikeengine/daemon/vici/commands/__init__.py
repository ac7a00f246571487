"""The commands of the control socket, one file per group."""

from __future__ import annotations

from ikeengine.daemon.vici.commands import (
    actions,
    algorithms,
    authorities,
    certificates,
    configuration,
    connections,
    counters,
    info,
    keys,
    manual,
    policies,
    pools,
    sas,
    shared,
)
from ikeengine.daemon.vici.request import Handler

_GROUPS = (
    info,
    connections,
    shared,
    keys,
    certificates,
    authorities,
    pools,
    actions,
    sas,
    policies,
    manual,
    algorithms,
    counters,
    configuration,
)
COMMANDS: dict[str, Handler] = {name: handler for group in _GROUPS for name, handler in group.COMMANDS.items()}
"""Every command by its name."""
