"""get-pools, load-pool, unload-pool: there are no virtual IP addresses, so the list is always empty."""

from __future__ import annotations

from ikeengine.daemon.vici.messages import Section
from ikeengine.daemon.vici.request import CommandFailed, Handler, Request


async def get_pools(request: Request) -> Section:
    """No pools."""
    return {}


async def load_pool(request: Request) -> Section:
    """Refused."""
    raise CommandFailed("pools of virtual IP addresses are not supported")


async def unload_pool(request: Request) -> Section:
    """There is none of that name."""
    raise CommandFailed(f"{request.text('name')} not found")


COMMANDS: dict[str, Handler] = {"get-pools": get_pools, "load-pool": load_pool, "unload-pool": unload_pool}
