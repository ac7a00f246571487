"""get-manual: manually keyed SAs, which strongSwan does not have.

get-manual() => { manual = { <name> = { protocol, mode, local-host, remote-host, reqid, encr-alg, ..., spi-in, spi-out,
                  bytes-in, packets-in, ..., local-ts = [], remote-ts = [] } } }
"""

from __future__ import annotations

from ikeengine.daemon.vici.messages import Section, manual_section
from ikeengine.daemon.vici.request import Handler, Request


async def get_manual(request: Request) -> Section:
    """SAs with manual keys and their counters. Never their keys."""
    service = request.control.service
    entries = request.control.loader.statics.manual
    return {"manual": {name: manual_section(entry, service.usage) for name, entry in entries.items()}}


COMMANDS: dict[str, Handler] = {"get-manual": get_manual}
