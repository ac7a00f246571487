"""Reading the configuration again: all of it is checked first, then only what differs is changed (design D11)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from ikeengine.config.configuration import Configuration, EngineConfig
from ikeengine.config.diff import PlanAction, PlanEntry, plan, plan_credentials, plan_engine, plan_pools
from ikeengine.config.load import load
from ikeengine.daemon.credentials import Credentials, layer_of
from ikeengine.daemon.drops import Drop, drops
from ikeengine.daemon.service import Service
from ikeengine.daemon.statics import Statics
from ikeengine.errors import DatapathError
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.failure import Alert, FailureRecord
from ikeengine.model.immutable import immutable
from ikeengine.model.pool import PoolConfig
from ikeengine.outputs import Event, Failed

_STEPS = ((PlanAction.ADD, PlanAction.CHILD), (PlanAction.REPLACE,), (PlanAction.REMOVE,))
"""What is easily undone comes first: what it costs to find out that the datapath refuses something is little then."""


@immutable
class Plan:
    """What a reload changes: one entry per connection, lines about credentials and the engine, and SAs that go."""

    entries: tuple[PlanEntry, ...]
    others: tuple[str, ...]
    drops: tuple[Drop, ...] = ()

    def __str__(self) -> str:
        changed = [entry for entry in self.entries if entry.action is not PlanAction.UNCHANGED]
        unchanged = len(self.entries) - len(changed)
        words = [f"{entry.connection}: {entry.action.value}" for entry in changed] + list(self.others)
        return ", ".join([*words, f"{unchanged} connection{'' if unchanged == 1 else 's'} unchanged"])


class Loader:
    """Knows which connections came from the file and which from clients of the control socket.

    `apply_engine` puts those parts of the `engine` section into force that need no restart.
    """

    def __init__(
        self,
        path: Path,
        service: Service,
        credentials: Credentials,
        apply_engine: Callable[[EngineConfig], None],
    ) -> None:
        self.configuration = Configuration()
        self.client_connections: set[str] = set()
        self.client_pools: set[str] = set()
        self._path = path
        self._service = service
        self._credentials = credentials
        self._apply_engine = apply_engine
        self.statics = Statics(service)
        self._one_at_a_time = asyncio.Lock()

    def start(self, configuration: Configuration) -> None:
        """Put the first configuration into force. Raises LocalMisuse and DatapathError.

        Policies of connections that the datapath refuses are tried again, since the other connections are to work.
        """
        self._change_to(configuration, strict=False)

    @property
    def path(self) -> Path:
        """Where the configuration is."""
        return self._path

    async def plan(self, path: Path | None = None) -> Plan:
        """What `apply` would do. Raises ConfigErrors."""
        return self._plan(await self._read(path))

    async def apply(self, path: Path | None = None) -> Plan:
        """Reload, or change over to a configuration elsewhere and stay with it. Returns what has changed.

        Raises ConfigErrors, LocalMisuse and DatapathError; then everything is as it was.
        """
        async with self._one_at_a_time:
            made = self._change_to(await self._read(path))
            self._path = path or self._path
            return made

    async def borrow(self, path: Path) -> Plan:
        """Use a configuration from elsewhere until the next reload of ours. Raises as `apply` does."""
        async with self._one_at_a_time:
            return self._change_to(await self._read(path))

    async def reload_engine(self) -> None:
        """Reload only the `engine` section. Raises ConfigErrors; then nothing has changed."""
        async with self._one_at_a_time:
            engine = (await self._read()).engine
            self._apply_engine(engine)
            self.configuration = replace(self.configuration, engine=engine)

    def load_from_client(self, config: ConnectionConfig) -> None:
        """Add or replace a connection at a client's wish. One of the file stays of the file. Raises DatapathError."""
        self._service.interfaces.check_free(config)
        self._service.load_connection(config)
        if config.name not in self.configuration.connections:
            self.client_connections.add(config.name)

    def unload_from_client(self, name: str) -> None:
        """Forget a connection at a client's wish, until the next reload if it is one of the file."""
        self.client_connections.discard(name)
        self._service.unload_connection(name)

    def load_pool_from_client(self, pool: PoolConfig) -> None:
        """Add or replace a pool at a client's wish. One of the file stays one of the file."""
        if pool.name not in self.configuration.pools:
            self.client_pools.add(pool.name)
        self._service.core.leases.set_pool(pool)

    def unload_pool_from_client(self, name: str) -> None:
        """Forget a pool at a client's wish, until the next reload if it is one of the file."""
        self.client_pools.discard(name)
        self._service.core.leases.remove_pool(name)

    async def _read(self, path: Path | None = None) -> Configuration:
        """Parsing a large configuration takes seconds, during which the daemon has other things to do."""
        return await asyncio.to_thread(load, path or self._path)

    def _plan(self, new: Configuration) -> Plan:
        others = plan_credentials(self.configuration, new) + plan_engine(self.configuration.engine, new.engine)
        others += plan_pools(self._pools_in_force(new), new.pools)
        entries = tuple(plan(self._in_force(new), new))
        return Plan(entries, tuple(others), drops(entries, new.connections, self._service.core.status()))

    def _in_force(self, new: Configuration) -> Configuration:
        """What the core really has, apart from what clients have loaded under other names than the file's."""
        foreign = self.client_connections - new.connections.keys()
        live = {name: config for name, config in self._service.core.connections.items() if name not in foreign}
        return replace(self.configuration, connections=live)

    def _pools_in_force(self, new: Configuration) -> dict[str, PoolConfig]:
        foreign = self.client_pools - new.pools.keys()
        return {name: pool for name, pool in self._service.core.leases.pools().items() if name not in foreign}

    def _change_pools(self, new: Configuration) -> None:
        leases = self._service.core.leases
        old = self._pools_in_force(new)
        for name in old.keys() - new.pools.keys():
            leases.remove_pool(name)
        for name, pool in new.pools.items():
            if old.get(name) != pool:
                leases.set_pool(pool)

    def _change_to(self, new: Configuration, *, strict: bool = True) -> Plan:
        """All of it or nothing: what is done is undone if something later fails (design D11)."""
        layer = layer_of(new)
        old = self.configuration
        made = self._plan(new)
        with ExitStack() as undo:
            self.statics.change_to(new)
            undo.callback(self.statics.change_to, old)
            undo.callback(self._apply_engine, old.engine)
            self._apply_engine(new.engine)
            undo.callback(self._credentials.replace_file, layer_of(old))
            self._credentials.replace_file(layer)
            undo.callback(self._change_pools, old)
            self._change_pools(new)
            for actions in _STEPS:
                self._change_connections(made, new, actions, undo, strict=strict)
            undo.pop_all()
        self.client_connections -= new.connections.keys()
        self.client_pools -= new.pools.keys()
        self.configuration = new
        return made

    def _change_connections(
        self, made: Plan, new: Configuration, actions: tuple[PlanAction, ...], undo: ExitStack, *, strict: bool
    ) -> None:
        """Carry out one step of a plan. Raises DatapathError if the policies of a connection are refused."""
        names = [entry.connection for entry in made.entries if entry.action in actions]
        with self._refusals() as refused:
            for name in names:
                before = self._service.core.connections.get(name)
                undo.callback(self._restore, name, before)
                self._load(name, new.connections.get(name), strict=strict)
        if refused and strict:
            raise DatapathError(f"{refused[0].connection}: {refused[0].reason}")

    def _load(self, name: str, config: ConnectionConfig | None, *, strict: bool) -> None:
        """Raises DatapathError if a connection cannot have its device; not `strict`, the others go on without it."""
        try:
            self._restore(name, config)
        except DatapathError as error:
            if strict:
                raise DatapathError(f"{name}: {error}") from error
            self._service.observer.say("KNL", 0, f"the connection {name} is not loaded: {error}")

    def _restore(self, name: str, config: ConnectionConfig | None) -> None:
        if config is None:
            self._service.unload_connection(name)
        else:
            self._service.load_connection(config)

    @contextmanager
    def _refusals(self) -> Iterator[list[FailureRecord]]:
        """Collects what the datapath refuses at once during the block."""
        refused: list[FailureRecord] = []

        def listen(event: Event) -> None:
            if isinstance(event, Failed) and event.record.alert is Alert.INSTALL_CHILD_POLICY_FAILED:
                refused.append(event.record)

        listeners = self._service.observer.listeners
        listeners.append(listen)
        try:
            yield refused
        finally:
            listeners.remove(listen)
