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
    algorithms,
    counters,
    configuration,
)
COMMANDS: dict[str, Handler] = {name: handler for group in _GROUPS for name, handler in group.COMMANDS.items()}
"""Every command by its name."""
