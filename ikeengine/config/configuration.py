"""A whole configuration, parsed and checked: what the daemon starts with and what a reload compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ikeengine.model.connection import ConnectionConfig, EngineSettings
from ikeengine.model.credentials import Authority, SharedKey
from ikeengine.model.secret import Secret


@dataclass(frozen=True, slots=True)
class PrivateKeyFile:
    """A private key (`secrets.private<suffix>`): the file's octets, PEM or DER, already checked to be loadable."""

    name: str
    path: str
    data: Secret
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The `engine` section. `settings` is for the core, the rest for the daemon."""

    listen: tuple[str, ...] = ()
    """Addresses; empty for all."""
    datapath: str = "auto"
    keylog: str = ""
    """Directory of the Wireshark tables, empty for none."""
    metrics: str = ""
    """`address:port`, IPv6 addresses in brackets; empty for none."""
    log: Mapping[str, int] = field(default_factory=lambda: {"default": 1})
    """Levels by group, with the group `default` for the others."""
    log_json: bool = False
    interfaces_use: tuple[str, ...] = ()
    """The only interfaces for MOBIKE; empty for all but `interfaces_ignore`."""
    interfaces_ignore: tuple[str, ...] = ()
    settings: EngineSettings = field(default_factory=EngineSettings)

    @property
    def port(self) -> int:
        """UDP port of IKE."""
        return self.settings.port

    @property
    def port_nat_t(self) -> int:
        """UDP port of IKE and ESP behind a NAT."""
        return self.settings.port_nat_t


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that a configuration file or directory says."""

    engine: EngineConfig = field(default_factory=EngineConfig)
    connections: Mapping[str, ConnectionConfig] = field(default_factory=dict)
    shared_keys: tuple[SharedKey, ...] = ()
    private_keys: tuple[PrivateKeyFile, ...] = ()
    authorities: tuple[Authority, ...] = ()
    certificates: tuple[bytes, ...] = ()
    """Intermediate certificates (DER) found in the files of our own ones."""
