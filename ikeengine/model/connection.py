"""A connection as the core uses it: swanctl's vocabulary, already parsed, validated and with defaults filled in.

The configuration file and the control socket both produce these objects (`config.schema`); names and defaults are
those of swanctl.conf(5). Durations are seconds, 0 switches the timer off.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from ikeengine.model.identity import ANY_IDENTITY, Identity, IdentityPattern
from ikeengine.model.immutable import field, immutable
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.marks import NO_IF_ID, NO_MARK_OPTION, IfIdOption, MarkOption
from ikeengine.model.path import IKE_PORT
from ikeengine.model.proposal import Proposal
from ikeengine.model.selector import DynamicSelector, SelectorTemplate

TFC_PAD_TO_MTU = -1
"""Value of `tfc_padding` that fills every packet up to the MTU."""


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


class Fragmentation(Enum):
    """When IKE messages are sent in fragments (RFC 7383). Fragments of the peer are always taken."""

    YES = "yes"
    """If the peer has announced that it takes them."""
    ACCEPT = "accept"
    """Never, but the peer is told that we take them."""
    FORCE = "force"
    """Even if the peer has not announced anything."""
    NO = "no"
    """Never, and nothing is announced."""


class Childless(Enum):
    """Whether an IKE SA may begin without a Child SA (RFC 6023)."""

    ALLOW = "allow"
    PREFER = "prefer"
    FORCE = "force"
    NEVER = "never"


class SendCert(Enum):
    """When to send our certificate."""

    IF_ASKED = "ifasked"
    ALWAYS = "always"
    NEVER = "never"


class Revocation(Enum):
    """How sure to be that a peer's certificate is not revoked (`remote.revocation`)."""

    STRICT = "strict"
    """Refuse a certificate whose status is unknown."""
    IF_URI = "ifuri"
    """Refuse it if there is a URI where its status should be."""
    RELAXED = "relaxed"
    """Refuse only what is known to be revoked."""


class Ocsp(Enum):
    """OCSP responses inside IKE_AUTH (RFC 4806): answer the peer's request, ask the peer, or both."""

    REPLY = "reply"
    NEVER = "never"
    REQUEST = "request"
    BOTH = "both"


FETCH_SCHEMES = ("http", "https", "file")
"""Where CRLs and OCSP responses may come from. Only the configuration may name files, not a certificate."""


class AuthKind(Enum):
    """How one side proves its identity."""

    PSK = "psk"
    PUBKEY = "pubkey"
    XAUTH = "xauth"
    """User name and password after phase 1 of IKEv1 (draft-beaulieu-ike-xauth)."""


class XauthBackend(Enum):
    """Who knows whether a password is right (`auth: xauth-<backend>`)."""

    GENERIC = "generic"
    """The secrets of the configuration."""
    PAM = "pam"
    """The program `engine.xauth_command`, as for the next."""
    RADIUS = "radius"


@immutable
class LocalAuth:
    """How we authenticate (`local` section). `certs` are DER; `id` None: from the certificate, else our address."""

    auth: AuthKind = AuthKind.PSK
    id: Identity | None = None
    certs: tuple[bytes, ...] = ()
    schemes: tuple[str, ...] = ()
    """Signature constraints after `ike:`, such as `rsa/pss-sha256` or `ecdsa-sha384`; empty allows all."""
    pubkeys: tuple[bytes, ...] = ()
    """Raw public keys (SubjectPublicKeyInfo) to authenticate with instead of certificates, RFC 7670."""
    xauth_id: Identity | None = None
    """Our user name for XAUTH is the data of this identity; None: of `id`."""


@immutable
class RemoteAuth:
    """What we demand from the peer (`remote` section). Empty `cacerts` means any loaded authority."""

    auth: AuthKind = AuthKind.PSK
    id: IdentityPattern = ANY_IDENTITY
    certs: tuple[bytes, ...] = ()
    cacerts: tuple[bytes, ...] = ()
    schemes: tuple[str, ...] = ()
    pubkeys: tuple[bytes, ...] = ()
    """Raw public keys that are trusted without a certificate, RFC 7670."""
    chain_constraints: tuple[str, ...] = ()
    """Keys and hashes that the certificates of the peer's chain must have, such as `rsa-3072-sha256-ecdsa-sha384`."""
    cert_policy: tuple[str, ...] = ()
    """OIDs of policies for which the peer's chain must be valid."""
    revocation: Revocation = Revocation.RELAXED
    xauth: XauthBackend = XauthBackend.GENERIC


@immutable
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
    keep_up: bool = False
    """Bring it up at load, and again whenever it is down, whatever the reason."""
    replay_window: int = 32
    reqid: int = 0
    priority: int = 0
    policies: bool = True
    mark_in: MarkOption = NO_MARK_OPTION
    mark_in_sa: bool = False
    mark_out: MarkOption = NO_MARK_OPTION
    set_mark_in: MarkOption = NO_MARK_OPTION
    set_mark_out: MarkOption = NO_MARK_OPTION
    if_id_in: IfIdOption = NO_IF_ID
    if_id_out: IfIdOption = NO_IF_ID
    hw_offload: str = "no"
    ipcomp: bool = False
    tfc_padding: int = 0
    """Octets to pad packets to; `TFC_PAD_TO_MTU` for as many as fit."""
    single_pair: bool = False
    """Each pair of addresses needs a Child SA of its own (RFC 7296 section 2.9)."""
    copy_df: bool = True
    copy_ecn: bool = True
    copy_dscp: str = "out"
    ah_proposals: tuple[Proposal, ...] = ()
    """AH around the ESP of `esp_proposals` (an SA bundle of IKEv1). AH alone is in `esp_proposals`."""
    sha256_96: bool = False
    """Truncate HMAC-SHA-256 to 96 instead of 128 bits, as drafts before RFC 4868 said."""


@immutable
class ConnectionConfig:
    """One `connections.<name>` section."""

    name: str
    proposals: tuple[Proposal, ...]
    version: int = 2
    local_addrs: tuple[str, ...] = ("%any",)
    """Addresses, host names, subnets (`10.0.0.0/8`), ranges (`10.0.0.1-10.0.0.9`) or `%any`, as in `remote_addrs`."""
    remote_addrs: tuple[str, ...] = ("%any",)
    local_port: int = IKE_PORT
    remote_port: int = IKE_PORT
    encap: bool = False
    fragmentation: Fragmentation = Fragmentation.YES
    mobike: bool = True
    aggressive: bool = False
    """Aggressive instead of Main Mode, also the next only with IKEv1."""
    pull: bool = True
    """The client asks for its virtual IP addresses (mode config pull); else the server begins (push)."""
    dpd_delay: float = 0.0
    dpd_timeout: float = 0.0
    qcd: bool = True
    """Quick crash detection (RFC 6290)."""
    keyingtries: int = 1
    retransmit_timeout: float | None = None
    """This and the next four stand for the settings of the same names, if there is a value."""
    retransmit_base: float | None = None
    retransmit_tries: int | None = None
    retransmit_jitter: float | None = None
    retransmit_limit: float | None = None
    unique: Unique = Unique.NO
    reauth_time: float = 0.0
    rekey_time: float = 14400.0
    over_time: float = 1440.0
    rand_time: float = 1440.0
    childless: Childless = Childless.ALLOW
    send_cert: SendCert = SendCert.IF_ASKED
    send_certreq: bool = True
    if_id_in: IfIdOption = NO_IF_ID
    if_id_out: IfIdOption = NO_IF_ID
    interface: InterfaceConfig | None = None
    """The device of a route-based connection."""
    vips: tuple[str, ...] = ()
    """Virtual IP addresses to ask for; `0.0.0.0` and `::` ask for any of their family."""
    pools: tuple[str, ...] = ()
    """Names of the pools that virtual IP addresses for the peer come from."""
    ocsp: Ocsp = Ocsp.REPLY
    local: tuple[LocalAuth, ...] = (LocalAuth(),)
    """One for each authentication round, in their order (RFC 4739); so are those of `remote`."""
    remote: tuple[RemoteAuth, ...] = (RemoteAuth(),)
    children: dict[str, ChildConfig] = field(default_factory=dict)

    @property
    def interface_name(self) -> str:
        """The device of a route-based connection, empty if it has none."""
        return self.interface.name if self.interface is not None else ""

    def has_same_ike(self, other: ConnectionConfig) -> bool:
        """Whether the two differ at most in their children, in how their device looks, and in what counts from the next
        authentication on: pre-shared key or certificate, our certificates, and the authorities that vouch for the peer.
        """
        return self._without_children() == replace(other._without_children(), interface=self.interface) and (
            self.interface_name == other.interface_name
        )

    def _without_children(self) -> ConnectionConfig:
        local = tuple(replace(auth, auth=self._lasting(auth.auth), certs=()) for auth in self.local)
        remote = tuple(replace(auth, auth=self._lasting(auth.auth), cacerts=()) for auth in self.remote)
        return replace(self, children={}, local=local, remote=remote)

    def _lasting(self, kind: AuthKind) -> AuthKind:
        """In IKEv1 the kind is a part of what the IKE SA has negotiated."""
        return AuthKind.PUBKEY if self.version == 2 and kind is AuthKind.PSK else kind


@immutable
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
    retry_initiate_limit: float = 120.0
    make_before_break: bool = True
    delete_rekeyed_delay: float = 5.0
    reuse_ikesa: bool = True
    lease_limit: int = 16
    fragment_size: int = 1280
    """Octets of a whole IP datagram; 0 for the defaults of IPv4 and IPv6."""
    multiple_authentication: bool = True
    signature_authentication: bool = True
    hash_and_url: bool = False
    enable_crl: bool = True
    enable_ocsp: bool = True
    fetch_timeout: float = 10.0
    fetch_schemes: tuple[str, ...] = FETCH_SCHEMES
    cache_crls: bool = False
    return_routability: bool = True
    """Ask a peer that has moved for a sign of life at its new address, before traffic is sent there."""
    i_dont_care_about_security_and_use_aggressive_mode_psk: bool = False
    """Answer Aggressive Mode with a pre-shared key."""
    cisco_unity: bool = False
    """Announce Cisco's Unity extensions of IKEv1."""
    keylog: bool = False
