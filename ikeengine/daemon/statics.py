"""What the daemon installs by itself, without IKE: manually keyed SAs and the bypass of the `engine` section.

An entry that did not change is not touched by a reload: its sequence numbers and replay windows go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain

from ikeengine.config.configuration import Configuration, EngineConfig
from ikeengine.daemon.service import Service
from ikeengine.errors import DatapathError
from ikeengine.model.connection import Mode
from ikeengine.model.sa import FIRST_PRIORITY, PolicyAction, PolicySet
from ikeengine.model.selector import DynamicSelector, TrafficSelector
from ikeengine.model.static import StaticEntry
from ikeengine.negotiate.open_selectors import resolve_open

FIRST_OWNER = -1000
"""Owners of static policies count down from here: those of the core are positive."""
FIRST_REQID = 0x20000000
"""Reqids of manual SAs that choose none count up from here, far from those that the core gives."""

_EVERYBODY = resolve_open((DynamicSelector(),), ("%any4", "%any6"))


class Statics:
    """The static entries that are in force."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._entries: dict[str, StaticEntry] = {}
        self._installed: dict[str, StaticEntry] = {}
        self._owners = 0
        self._reqids: dict[str, int] = {}

    @property
    def manual(self) -> Mapping[str, StaticEntry]:
        """The manually keyed SAs as they are installed, by name."""
        return {name: entry for name, entry in self._installed.items() if entry.sas}

    def change_to(self, configuration: Configuration) -> None:
        """Install what is new, remove what is gone, leave alone what stays.

        Raises DatapathError; then everything is as it was.
        """
        wanted = {entry.name: entry for entry in chain(bypass(configuration.engine), configuration.manual.values())}
        gone = [name for name, entry in self._entries.items() if wanted.get(name) != entry]
        fresh = [entry for name, entry in wanted.items() if self._entries.get(name) != entry]
        before = {name: self._entries[name] for name in gone}
        for name in gone:
            self._remove(name)
        done: list[str] = []
        try:
            for entry in fresh:
                self._install(entry)
                done.append(entry.name)
        except DatapathError:
            for name in done:
                self._remove(name)
            self._restore(before.values())
            raise

    def _restore(self, entries: Iterable[StaticEntry]) -> None:
        for entry in entries:
            try:
                self._install(entry)
            except DatapathError as error:
                self._service.observer.say("KNL", 0, f"cannot bring {entry.name} back: {error}")

    def _install(self, entry: StaticEntry) -> None:
        """Raises DatapathError; then nothing of the entry is installed."""
        made = self._numbered(entry)
        datapath = self._service.datapath
        installed = []
        try:
            for sa in made.sas:
                self._service.observer.esp_keys(sa)
                datapath.install_sa(sa)
                installed.append(sa)
            datapath.install_policies(made.policies)
        except DatapathError as error:
            for sa in installed:
                datapath.delete_sa(sa.id)
            raise DatapathError(f"{entry.name}: {error}") from error
        self._service.policies[made.policies.owner] = made.policies
        self._entries[entry.name], self._installed[entry.name] = entry, made
        if made.sas:
            self._service.observer.say(
                "KNL", 1, f"{entry.name} has manual keys: there is no rekeying, and sequence numbers begin at 1 again"
            )

    def _numbered(self, entry: StaticEntry) -> StaticEntry:
        """The entry with an owner and, if it wants one, a reqid of its own."""
        self._owners += 1
        owner = FIRST_OWNER - self._owners
        if not entry.sas:
            return replace(entry, policies=replace(entry.policies, owner=owner))
        reqid = entry.policies.reqid or self._reqids.setdefault(entry.name, FIRST_REQID + len(self._reqids))
        sas = tuple(replace(sa, reqid=reqid) for sa in entry.sas)
        return replace(entry, policies=replace(entry.policies, owner=owner, reqid=reqid), sas=sas)

    def _remove(self, name: str) -> None:
        del self._entries[name]
        entry = self._installed.pop(name)
        self._service.policies.pop(entry.policies.owner, None)
        try:
            self._service.datapath.delete_policies(entry.policies.owner)
            for sa in entry.sas:
                self._service.datapath.delete_sa(sa.id)
        except DatapathError as error:
            self._service.observer.say("KNL", 0, f"cannot remove {name}: {error}")


def bypass(engine: EngineConfig) -> list[StaticEntry]:
    """Policies that let traffic pass whatever else is configured: of management networks, and of our own ports."""
    entries = []
    if engine.bypass_networks:
        networks = resolve_open(engine.bypass_networks, ("%any4", "%any6"))
        entries.append(_pass("bypass/networks", _EVERYBODY, networks))
    if engine.bypass_ports:
        ports = resolve_open(engine.bypass_ports, ("%any4", "%any6"))
        entries.append(_pass("bypass/ports", ports, _EVERYBODY))
    return entries


def _pass(name: str, local_ts: tuple[TrafficSelector, ...], remote_ts: tuple[TrafficSelector, ...]) -> StaticEntry:
    policies = PolicySet(0, PolicyAction.PASS, local_ts, remote_ts, mode=Mode.PASS, priority=FIRST_PRIORITY, name=name)
    return StaticEntry(name, policies)
