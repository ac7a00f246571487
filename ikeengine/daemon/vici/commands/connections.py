"""load-conn, unload-conn, get-conns, list-conns."""

from __future__ import annotations

from ikeengine.config.problems import ConfigErrors
from ikeengine.config.vici import connection_from_vici
from ikeengine.daemon.vici.messages import Section, connection_section
from ikeengine.daemon.vici.request import SUCCESS, CommandFailed, Handler, Request
from ikeengine.errors import DatapathError


async def load_conn(request: Request) -> Section:
    """Add or replace connections. All of the message is checked before any of it is loaded."""
    connections = []
    for name, section in request.message.items():
        if not isinstance(section, dict):
            raise CommandFailed(f"invalid value for: {name}")
        try:
            connections.append(connection_from_vici(name, section))
        except ConfigErrors as error:
            raise CommandFailed(f"{error}, config discarded") from error
    for config in connections:
        try:
            request.control.loader.load_from_client(config)
        except DatapathError as error:
            raise CommandFailed(f"connection '{config.name}' cannot be loaded: {error}") from error
    return SUCCESS


async def unload_conn(request: Request) -> Section:
    """Forget a connection."""
    name = request.text("name")
    if not name:
        raise CommandFailed("unload: missing connection name")
    if name not in request.control.service.core.connections:
        raise CommandFailed(f"unload: connection '{name}' not found")
    request.control.loader.unload_from_client(name)
    return SUCCESS


async def get_conns(request: Request) -> Section:
    """Names of the connections that came over the control socket, not those of the configuration file."""
    return {"conns": sorted(request.control.loader.client_connections)}


async def list_conns(request: Request) -> Section:
    """Stream all connections as `list-conn` events."""
    wanted = request.text("ike")
    for config in tuple(request.control.service.core.connections.values()):
        if wanted in ("", config.name):
            await request.session.stream("list-conn", connection_section(config, request.control.subject_of))
    return {}


COMMANDS: dict[str, Handler] = {
    "load-conn": load_conn,
    "unload-conn": unload_conn,
    "get-conns": get_conns,
    "list-conns": list_conns,
}
