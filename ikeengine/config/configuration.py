"""A whole configuration, parsed and checked: what the daemon starts with and what a reload compares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ikeengine.config.problems import ConfigError
from ikeengine.model.connection import ConnectionConfig, EngineSettings
from ikeengine.model.credentials import Authority, SharedKey
from ikeengine.model.immutable import field, immutable
from ikeengine.model.pool import PoolConfig
from ikeengine.model.secret import Secret
from ikeengine.model.selector import SelectorTemplate
from ikeengine.model.static import StaticEntry


@immutable
class PrivateKeyFile:
    """A private key (`secrets.private<suffix>`): the file's octets, PEM or DER, already checked to be loadable."""

    name: str
    path: str = field(compare=False)
    """Only for messages: a copy of the configuration elsewhere has the same key."""
    data: Secret
    password: Secret | None = None


@immutable
class EngineConfig:
    """The `engine` section. `settings` is for the core, the rest for the daemon."""

    listen: tuple[str, ...] = ()
    """Addresses; empty for all."""
    datapath: str = "auto"
    keylog: str = ""
    """Directory of the Wireshark tables, empty for none."""
    metrics: str = ""
    """`address:port`, IPv6 addresses in brackets; empty for none."""
    lease_file: str = ""
    """Where leases are kept over a restart; empty for the run directory."""
    install_virtual_ip: bool = True
    install_virtual_ip_on: str = ""
    """The interface for virtual IPs; empty for that of the IKE SA."""
    resolv_conf: str = ""
    """File for the name servers of peers; empty for none."""
    resolvectl: bool = False
    qcd_secret: str = ""
    """File with the secret of quick crash detection; empty for one in the run directory."""
    bypass_networks: tuple[SelectorTemplate, ...] = ()
    """Remote networks whose packets always pass unprotected."""
    bypass_ports: tuple[SelectorTemplate, ...] = ()
    """Our own services whose packets always pass unprotected, as selectors of any address."""
    log: Mapping[str, int] = field(default_factory=lambda: {"default": 1})
    """Levels by group, with the group `default` for the others."""
    log_json: bool = False
    xauth_command: tuple[str, ...] = ()
    """Program and arguments that check passwords of XAUTH; empty for none."""
    xauth_timeout: float = 10.0
    """Seconds."""
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


@immutable
class Configuration:
    """Everything that a configuration file or directory says."""

    engine: EngineConfig = field(default_factory=EngineConfig)
    connections: Mapping[str, ConnectionConfig] = field(default_factory=dict)
    shared_keys: tuple[SharedKey, ...] = ()
    passwords: tuple[SharedKey, ...] = ()
    """Secrets of users (`secrets.xauth<suffix>` and `secrets.eap<suffix>`)."""
    private_keys: tuple[PrivateKeyFile, ...] = ()
    authorities: tuple[Authority, ...] = ()
    pools: Mapping[str, PoolConfig] = field(default_factory=dict)
    certificates: tuple[bytes, ...] = ()
    """Intermediate certificates (DER) found in the files of our own ones."""
    crls: tuple[bytes, ...] = ()
    """CRLs (DER) of the directory `x509crl`."""
    responders: tuple[bytes, ...] = ()
    """Certificates (DER) of the directory `x509ocsp`: OCSP responders that are trusted as they are."""
    base: Path = Path()
    """The directory of the configuration."""
    manual: Mapping[str, StaticEntry] = field(default_factory=dict)
    """Manually keyed SAs by name."""
    warnings: tuple[ConfigError, ...] = field(default=(), compare=False)
    """What is allowed but weak."""
