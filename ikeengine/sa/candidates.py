"""Which connections a peer may mean, as far as the addresses tell."""

from __future__ import annotations

from collections.abc import Mapping

from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.path import Path
from ikeengine.negotiate.addresses import match

MATCHES_CACHED = 4096
"""Address pairs for which the fitting connections are remembered."""


class Candidates:
    """The connections that fit a pair of addresses. `clear` it when a connection has changed."""

    __slots__ = ("_connections", "_known", "_versions")

    def __init__(self, connections: Mapping[str, ConnectionConfig]) -> None:
        self._connections = connections
        self._known: dict[tuple[str, str], tuple[ConnectionConfig, ...]] = {}
        self._versions: set[int] | None = None

    def clear(self) -> None:
        """Forget what is remembered."""
        self._known.clear()
        self._versions = None

    def speaks(self, version: int) -> bool:
        """Whether any connection allows this version."""
        if self._versions is None:
            self._versions = {connection.version for connection in self._connections.values()}
        return not self._versions.isdisjoint((0, version))

    def matching(self, path: Path, version: int) -> tuple[ConnectionConfig, ...]:
        """The connections for these addresses that speak this version, the most specific first."""
        key = (path.local, path.remote)
        found = self._known.get(key)
        if found is None:
            found = self._rank(path)
            if len(self._known) >= MATCHES_CACHED:
                self._known.clear()
            self._known[key] = found
        return tuple(connection for connection in found if connection.version in (0, version))

    def _rank(self, path: Path) -> tuple[ConnectionConfig, ...]:
        ranked = []
        for connection in self._connections.values():
            local = match(connection.local_addrs, path.local)
            remote = match(connection.remote_addrs, path.remote)
            if local and remote:
                ranked.append((local + remote, connection))
        ranked.sort(key=lambda entry: -entry[0])
        return tuple(connection for _unused, connection in ranked)
