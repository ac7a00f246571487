"""The IKE SA: plain data. What happens to it is in `machine`, `transitions` and `exchanges`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ikeengine.crypto.cipher import PacketCipher
from ikeengine.ikev2.messages.fragmentation import FragmentState
from ikeengine.ikev2.messages.window import Window
from ikeengine.ikev2.own_ke import OwnKe
from ikeengine.ikev2.peer.int_auth import IntAuth
from ikeengine.ikev2.peer.rounds import Rounds
from ikeengine.ikev2.states import IkeState
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.failure import FailureRecord
from ikeengine.model.identity import Identity
from ikeengine.model.path import Path
from ikeengine.model.proposal import IkeSuite
from ikeengine.model.secret import EMPTY, Secret
from ikeengine.model.status import IkeStatus
from ikeengine.negotiate.addresses import is_fixed
from ikeengine.outputs import OpId
from ikeengine.registry import HashId
from ikeengine.timers import Timer, TimerTable

if TYPE_CHECKING:
    from ikeengine.auth.revocation import RevocationCheck
    from ikeengine.ikev2.children.child import ChildSa
    from ikeengine.ikev2.exchange import Exchange
    from ikeengine.ikev2.exchanges.followup_ke import HalfDone
    from ikeengine.ikev2.messages.reassembly import Partial
    from ikeengine.ikev2.messages.received import Received
    from ikeengine.ikev2.mobike.mobility import Mobility
    from ikeengine.ikev2.peer.authentication import OwnCredential

NO_SPI = bytes(8)


@dataclass(slots=True)
class Keys:
    """What a live IKE SA needs of its key material (RFC 7296 section 2.14), in the direction seen from this host."""

    sk_d: Secret
    sk_p_own: Secret
    sk_p_peer: Secret
    cipher_out: PacketCipher
    cipher_in: PacketCipher
    sent: int = 0
    """How many messages were encrypted; the counter of counter-mode IVs."""


@dataclass(slots=True)
class Handshake:
    """What IKE_AUTH still needs from IKE_SA_INIT. Dropped when the IKE SA is established."""

    nonce_own: bytes
    ke: OwnKe | None = None
    nonce_peer: bytes = b""
    init_own: bytes = b""
    """Our IKE_SA_INIT message as sent, and the peer's as received: what the AUTH payloads cover."""
    init_peer: bytes = b""
    int_auth: IntAuth = field(default_factory=IntAuth)
    """The IKE_INTERMEDIATE exchanges so far, which the AUTH payloads cover too (RFC 9242)."""
    intermediate_own: bytes = b""
    """Initiator: what they cover of the request that is under way."""
    cipher_before: PacketCipher | None = None
    """Responder: what opens the last IKE_INTERMEDIATE request, should it come again in other fragments."""
    cookie: bytes = b""
    restarts: int = 0
    """Initiator: how often IKE_SA_INIT was sent again with a cookie or another key exchange method."""
    candidates: tuple[ConnectionConfig, ...] = ()
    """Responder: the connections that fit the addresses and the proposal."""
    peer_hashes: tuple[HashId, ...] | None = None
    """The peer's SIGNATURE_HASH_ALGORITHMS (RFC 7427); None if it did not send any."""
    peer_authorities: bytes | None = None
    """The CERTREQ payloads of the peer: concatenated SHA-1 hashes of public keys; None if it did not ask."""
    peer_asks_raw: bool = False
    """Whether a CERTREQ payload of the peer asks for a raw public key (RFC 7670)."""
    peer_looks_up: bool = False
    """Whether the peer fetches certificates itself (HTTP_CERT_LOOKUP_SUPPORTED)."""
    peer_is_childless: bool = False
    peer_asks_ocsp: bool = False
    """Whether the peer wants to know the status of our certificate (RFC 4806)."""
    checks: list[RevocationCheck] = field(default_factory=list)
    """Checks of revocation that are planned or under way."""
    arrived: Received | None = None
    """Initiator: the IKE_AUTH response that waits for these checks."""
    peer_does_nat_t: bool = False
    """Whether the peer has sent NAT_DETECTION notifies: without NAT traversal there is no MOBIKE."""
    own: OwnCredential | None = None
    rounds: Rounds = field(default_factory=Rounds)
    request: Received | None = None
    """Responder: the first IKE_AUTH request, which says what is wanted once both sides are authenticated."""
    unproven: FailureRecord | None = None
    """An error that came without protection: believed only if nothing better comes (RFC 7296 section 2.21.1)."""


@dataclass(slots=True)
class VirtualIps:
    """The virtual IP addresses of an IKE SA (RFC 7296 section 2.19), as text."""

    asked: tuple[str, ...] = ()
    """What we have asked the peer for: addresses, or the unspecified address of a family for any of it."""
    local: tuple[str, ...] = ()
    """What the peer has given to us."""
    remote: tuple[str, ...] = ()
    """What we have given to the peer."""
    dns_owner: int = 0
    """Under which number the peer's name servers were handed over; 0 for none."""


@dataclass(slots=True)
class IkeSa:
    """One IKE SA."""

    connection: ConnectionConfig
    unique_id: int
    is_initiator: bool
    """Whether we were the original initiator: decides the SPI order, the I flag and the keys."""
    spi_i: bytes
    spi_r: bytes
    path: Path
    state: IkeState = IkeState.CREATED
    suite: IkeSuite | None = None
    keys: Keys | None = None
    handshake: Handshake | None = None
    unreachable: str = ""
    """The last ICMP error, or error in sending, while a request was under way. Only for the operator."""
    window: Window = field(default_factory=Window)
    timers: TimerTable = field(default_factory=TimerTable)
    fragments: FragmentState = field(default_factory=FragmentState)
    partials: dict[bool, Partial] = field(default_factory=dict)
    """Messages that are not complete: at most one response (True) and one request (False)."""
    children: dict[int, ChildSa] = field(default_factory=dict)
    half_done: dict[bytes, HalfDone] = field(default_factory=dict)
    """What the peer asked for that waits for its additional key exchanges, by the link that we gave out (RFC 9370)."""
    queue: deque[Exchange] = field(default_factory=deque)
    active: Exchange | None = None
    local_id: Identity | None = None
    remote_id: Identity | None = None
    nat_local: bool = False
    nat_remote: bool = False
    nat_fake: bool = False
    """No NAT was found, but we made the peer believe in one, so that both sides encapsulate (`encap: yes`)."""
    mobility: Mobility | None = None
    """What MOBIKE knows; None if the two sides have not agreed on it."""
    reply_path: Path | None = None
    """The way that the request came which is being answered (RFC 7296 section 2.11)."""
    began_at: float = 0.0
    established_at: float | None = None
    last_inbound: float = 0.0
    waiting: tuple[OpId, ...] = ()
    """Commands that wait for the IKE SA alone."""
    attempt: int = 0
    """Which try this is at reaching the peer, from 0."""
    refused: int = 0
    """How often the peer would not rekey it."""
    init_path: Path | None = None
    """Responder: the way that the IKE_SA_INIT request took."""
    replaces: bytes = b""
    """Our SPI of the IKE SA that is authenticated again by this one."""
    shared_key: str = ""
    """Name of the pre-shared key that the peer has proven to know; empty if it proved itself in another way."""
    predecessor: bytes = b""
    """Our SPI of the IKE SA that was rekeyed to make this one."""
    if_ids: tuple[int, int] | None = None
    """XFRM interface IDs, in and out, that all Child SAs share; None before the first one needs them."""
    vips: VirtualIps = field(default_factory=VirtualIps)
    peer_token: Secret = EMPTY
    """What proves that the peer has lost this IKE SA (RFC 6290)."""
    hints_ignored_until: float = 0.0
    """Until then, unprotected messages do not make us ask the peer for a sign of life."""
    is_announced: bool = False
    """The operator was told that this IKE SA is up, and will be told when it is down."""
    is_half_open: bool = False
    """Responder: the SA counts against the limits, because its peer has proven nothing yet."""

    @property
    def name(self) -> str:
        """Name of the connection."""
        return self.connection.name

    @property
    def local_spi(self) -> bytes:
        """Our own SPI, the key of this SA in the endpoint's table."""
        return self.spi_i if self.is_initiator else self.spi_r

    @property
    def callee(self) -> str:
        """The peer's address, if the connection does not say whom to call again; else empty."""
        return "" if is_fixed(self.connection.remote_addrs) else self.path.remote

    @property
    def peer_spi(self) -> bytes:
        """The peer's SPI."""
        return self.spi_r if self.is_initiator else self.spi_i

    def running_handshake(self) -> Handshake:
        """What IKE_AUTH still needs; the states that ask for it have one."""
        if self.handshake is None:
            raise AssertionError(f"IKE SA {self.unique_id} has no handshake in state {self.state.value}")
        return self.handshake

    def keys_and_suite(self) -> tuple[Keys, IkeSuite]:
        """The keys and their algorithms; every state after IKE_SA_INIT has them."""
        if self.keys is None or self.suite is None:
            raise AssertionError(f"IKE SA {self.unique_id} has no keys in state {self.state.value}")
        return self.keys, self.suite

    @property
    def uses_nat_t(self) -> bool:
        """Whether everything after IKE_SA_INIT takes the NAT-T ports, ESP within UDP (RFC 7296 section 2.23)."""
        return self.nat_local or self.nat_remote or self.nat_fake

    @property
    def traffic_path(self) -> Path:
        """The way of the Child SAs: not a new one of the IKE SA before it is known to work (RFC 4555 section 3.5)."""
        held = self.mobility.held if self.mobility is not None else None
        return held or self.path

    def status(self) -> IkeStatus:
        """A snapshot for operators."""
        active = (self.active.name,) if self.active is not None else ()
        return IkeStatus(
            name=self.connection.name,
            unique_id=self.unique_id,
            version=2,
            state="REKEYING" if active == ("IKE_REKEY",) else self.state.shown,
            path=self.path,
            local_id=self.local_id,
            remote_id=self.remote_id,
            initiator=self.is_initiator,
            spi_i=self.spi_i,
            spi_r=self.spi_r,
            nat_local=self.nat_local,
            nat_remote=self.nat_remote,
            nat_fake=self.nat_fake,
            suite=self.suite,
            established_at=self.established_at,
            rekey_at=self.timers.get(Timer.IKE_REKEY),
            reauth_at=self.timers.get(Timer.IKE_REAUTH),
            tasks_queued=tuple(task.name for task in self.queue),
            tasks_active=active,
            tasks_passive=(),
            children=tuple(child.status(self) for child in self.children.values()),
            if_ids=self.if_ids or (0, 0),
            interface=self.connection.interface_name,
            local_vips=self.vips.local,
            remote_vips=self.vips.remote,
            shared_key=self.shared_key,
        )
