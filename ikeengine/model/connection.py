"""A connection as the core uses it: swanctl's vocabulary, already parsed, validated and with defaults filled in.

The configuration file and the control socket both produce these objects (`config.schema`); names and defaults are
those of swanctl.conf(5). Durations are seconds, 0 switches the timer off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ikeengine.model.identity import ANY_IDENTITY, Identity, IdentityPattern
from ikeengine.model.path import IKE_PORT
from ikeengine.model.proposal import Proposal
from ikeengine.model.selector import DynamicSelector, SelectorTemplate


class Action(Enum):
    """What to do at load (`start_action`), when the peer closes (`close_action`) or is dead (`dpd_action`)."""

    NONE = "none"
    CLEAR = "clear"
    TRAP = "trap"
    START = "start"
    TRAP_START = "trap|start"
    RESTART = "restart"


class Mode(Enum):
    """Encapsulation mode of a Child SA."""

    TUNNEL = "tunnel"
    TRANSPORT = "transport"
    PASS = "pass"
    DROP = "drop"


class Unique(Enum):
    """What to do with a second IKE SA of the same identities."""

    NEVER = "never"
    NO = "no"
    KEEP = "keep"
    REPLACE = "replace"


class SendCert(Enum):
    """When to send our certificate."""

    IF_ASKED = "ifasked"
    ALWAYS = "always"
    NEVER = "never"


class AuthKind(Enum):
    """How one side proves its identity."""

    PSK = "psk"
    PUBKEY = "pubkey"


@dataclass(frozen=True, slots=True)
class LocalAuth:
    """How we authenticate (`local` section). `certs` are DER; `id` None: from the certificate, else our address."""

    auth: AuthKind = AuthKind.PSK
    id: Identity | None = None
    certs: tuple[bytes, ...] = ()
    schemes: tuple[str, ...] = ()
    """Signature constraints after `ike:`, such as `rsa/pss-sha256` or `ecdsa-sha384`; empty allows all."""


@dataclass(frozen=True, slots=True)
class RemoteAuth:
    """What we demand from the peer (`remote` section). Empty `cacerts` means any loaded authority."""

    auth: AuthKind = AuthKind.PSK
    id: IdentityPattern = ANY_IDENTITY
    certs: tuple[bytes, ...] = ()
    cacerts: tuple[bytes, ...] = ()
    schemes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChildConfig:
    """One `children.<name>` section."""

    name: str
    esp_proposals: tuple[Proposal, ...]
    local_ts: tuple[SelectorTemplate, ...] = (DynamicSelector(),)
    remote_ts: tuple[SelectorTemplate, ...] = (DynamicSelector(),)
    mode: Mode = Mode.TUNNEL
    start_action: Action = Action.NONE
    close_action: Action = Action.NONE
    dpd_action: Action = Action.CLEAR
    rekey_time: float = 3600.0
    life_time: float = 3960.0
    rand_time: float = 360.0
    rekey_bytes: int = 0
    life_bytes: int = 0
    rand_bytes: int = 0
    rekey_packets: int = 0
    life_packets: int = 0
    rand_packets: int = 0
    inactivity: float = 0.0
    replay_window: int = 32
    reqid: int = 0
    priority: int = 0
    policies: bool = True
    hw_offload: str = "no"
    copy_df: bool = True
    copy_ecn: bool = True
    copy_dscp: str = "out"


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One `connections.<name>` section."""

    name: str
    proposals: tuple[Proposal, ...]
    version: int = 2
    local_addrs: tuple[str, ...] = ("%any",)
    """Addresses, host names, subnets (`10.0.0.0/8`), or `%any`; the same for `remote_addrs`."""
    remote_addrs: tuple[str, ...] = ("%any",)
    local_port: int = IKE_PORT
    remote_port: int = IKE_PORT
    encap: bool = False
    dpd_delay: float = 0.0
    keyingtries: int = 1
    unique: Unique = Unique.NO
    reauth_time: float = 0.0
    rekey_time: float = 14400.0
    over_time: float = 1440.0
    rand_time: float = 1440.0
    send_cert: SendCert = SendCert.IF_ASKED
    send_certreq: bool = True
    vips: tuple[str, ...] = ()
    """Virtual IP addresses to ask for; `0.0.0.0` and `::` ask for any of their family."""
    pools: tuple[str, ...] = ()
    """Names of the pools that virtual IP addresses for the peer come from."""
    local: tuple[LocalAuth, ...] = (LocalAuth(),)
    remote: tuple[RemoteAuth, ...] = (RemoteAuth(),)
    children: dict[str, ChildConfig] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The daemon-wide knobs that the core obeys (`engine` section; names of strongswan.conf's charon section)."""

    port: int = IKE_PORT
    port_nat_t: int = 4500
    retransmit_timeout: float = 4.0
    retransmit_base: float = 1.8
    retransmit_tries: int = 5
    retransmit_jitter: float = 0.0
    retransmit_limit: float = 0.0
    half_open_timeout: float = 30.0
    cookie_threshold: int = 30
    cookie_threshold_ip: int = 3
    block_threshold: int = 5
    ikesa_limit: int = 0
    keep_alive: float = 20.0
    retry_initiate_interval: float = 10.0
    delete_rekeyed_delay: float = 5.0
    reuse_ikesa: bool = True
    lease_limit: int = 16
    keylog: bool = False
