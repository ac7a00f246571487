"""get-pools, load-pool, unload-pool: pools of virtual IP addresses and their leases."""

from __future__ import annotations

from ipaddress import ip_address

from ikeengine.config.problems import ConfigErrors
from ikeengine.config.vici import pool_from_vici
from ikeengine.daemon.vici.messages import Section, identity_text
from ikeengine.daemon.vici.request import SUCCESS, CommandFailed, Handler, Request
from ikeengine.model.pool import Lease, PoolConfig


async def get_pools(request: Request) -> Section:
    """The pools, or the one of that `name`; with every lease if `leases` is set."""
    table = request.control.service.core.leases
    wanted = request.text("name")
    sections: Section = {}
    for name, pool in table.pools().items():
        if wanted in ("", name):
            leases = list(table.leases(name))
            sections[name] = _pool(pool, leases) | (_leases(leases) if request.flag("leases") else {})
    return sections


def _pool(pool: PoolConfig, leases: list[Lease]) -> Section:
    online = sum(lease.online for lease in leases)
    counts = {"size": pool.size, "online": online, "offline": len(leases) - online}
    return {"base": str(ip_address(pool.base)), **counts}


def _leases(leases: list[Lease]) -> Section:
    return {
        "leases": {
            str(number): {
                "address": str(ip_address(lease.address)),
                "identity": identity_text(lease.identity),
                "status": "online" if lease.online else "offline",
            }
            for number, lease in enumerate(leases)
        }
    }


async def load_pool(request: Request) -> Section:
    """Add or replace pools. All of the message is checked before any of it is loaded."""
    table = request.control.service.core.leases
    pools = []
    for name, section in request.message.items():
        if not isinstance(section, dict):
            raise CommandFailed(f"invalid value for: {name}")
        try:
            pool = pool_from_vici(name, section)
        except ConfigErrors as error:
            raise CommandFailed(f"{error}, pool discarded") from error
        if other := table.overlapping(pool):
            raise CommandFailed(f"vici pool {name} overlaps with {other}")
        old = table.pools().get(name)
        if old is not None and (old.first, old.last) != (pool.first, pool.last):
            _check_offline(request, name, "replace")
        pools.append(pool)
    for pool in pools:
        request.control.loader.load_pool_from_client(pool)
    return SUCCESS


async def unload_pool(request: Request) -> Section:
    """Forget a pool that nobody has an address of."""
    name = request.text("name")
    if name not in request.control.service.core.leases.pools():
        raise CommandFailed(f"failed to find a pool with name '{name}'")
    _check_offline(request, name, "unload")
    request.control.loader.unload_pool_from_client(name)
    return SUCCESS


def _check_offline(request: Request, name: str, verb: str) -> None:
    online = sum(lease.online for lease in request.control.service.core.leases.leases(name))
    if online:
        raise CommandFailed(f"vici pool {name} has {online} online leases, unable to {verb}")


COMMANDS: dict[str, Handler] = {"get-pools": get_pools, "load-pool": load_pool, "unload-pool": unload_pool}
