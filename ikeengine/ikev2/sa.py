"""The IKE SA: plain data. What happens to it is in `machine`, `transitions` and `exchanges`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ikeengine.crypto.cipher import PacketCipher
from ikeengine.ikev2.messages.fragmentation import FragmentState
from ikeengine.ikev2.messages.window import Window
from ikeengine.ikev2.peer.int_auth import IntAuth
from ikeengine.ikev2.peer.rounds import Rounds
from ikeengine.ikev2.states import IkeState
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.failure import FailureRecord
from ikeengine.model.path import Path
from ikeengine.model.proposal import IkeSuite
from ikeengine.model.secret import EMPTY, Secret
from ikeengine.registry import HashId
from ikeengine.sa import ike_sa
from ikeengine.sa.own_ke import OwnKe

if TYPE_CHECKING:
    from ikeengine.auth.revocation import RevocationCheck
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
class IkeSa(ike_sa.IkeSa):
    """One IKE SA of IKEv2."""

    state: IkeState = IkeState.CREATED
    keys: Keys | None = None
    handshake: Handshake | None = None
    window: Window = field(default_factory=Window)
    fragments: FragmentState = field(default_factory=FragmentState)
    partials: dict[bool, Partial] = field(default_factory=dict)
    """Messages that are not complete: at most one response (True) and one request (False)."""
    half_done: dict[bytes, HalfDone] = field(default_factory=dict)
    """What the peer asked for that waits for its additional key exchanges, by the link that we gave out (RFC 9370)."""
    queue: deque[Exchange] = field(default_factory=deque)  # type: ignore[assignment]  # its version makes all of them
    active: Exchange | None = None
    mobility: Mobility | None = None
    """What MOBIKE knows; None if the two sides have not agreed on it."""
    reply_path: Path | None = None
    """The way that the request came which is being answered (RFC 7296 section 2.11)."""
    peer_token: Secret = EMPTY
    """What proves that the peer has lost this IKE SA (RFC 6290)."""
    hints_ignored_until: float = 0.0
    """Until then, unprotected messages do not make us ask the peer for a sign of life."""

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
    def traffic_path(self) -> Path:
        """The way of the Child SAs: not a new one of the IKE SA before it is known to work (RFC 4555 section 3.5)."""
        held = self.mobility.held if self.mobility is not None else None
        return held or self.path

    @property
    def awaits_answer(self) -> bool:
        """Whether a request is under way."""
        return self.window.request is not None

    @property
    def has_only_called(self) -> bool:
        """Whether nothing but our IKE_SA_INIT request has been said."""
        return self.is_initiator and self.state in (IkeState.CREATED, IkeState.INIT_SENT)
