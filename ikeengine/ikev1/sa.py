"""The ISAKMP SA: plain data. What happens to it is in `machine`, `transitions` and `exchanges`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ikeengine.ikev1.keys.encryption import MessageCipher
from ikeengine.ikev1.keys.ivs import IvState
from ikeengine.ikev1.keys.phase1 import PhaseOneKeys
from ikeengine.ikev1.messages.conversation import Conversation, Conversations
from ikeengine.ikev1.messages.fragments import Partial
from ikeengine.ikev1.messages.nat_t import NatTraversal
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.wire.algorithms import AuthMethod
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.failure import FailureRecord
from ikeengine.model.immutable import immutable
from ikeengine.model.path import Path
from ikeengine.model.proposal import IkeSuite
from ikeengine.sa import ike_sa

if TYPE_CHECKING:
    from ikeengine.ikev1.exchange import Exchange
    from ikeengine.ikev1.exchanges.mode_config import Given
    from ikeengine.ikev1.messages.received import Received
    from ikeengine.ikev1.peer.admission import Admission
    from ikeengine.ikev1.peer.credential import OwnCredential
    from ikeengine.ikev1.peer.signatures import Believed
    from ikeengine.ikev1.wire.payloads import Payload, Sa
    from ikeengine.model.identity import Identity
    from ikeengine.sa.context import Context
    from ikeengine.sa.own_ke import OwnKe
    from ikeengine.sa.peer.vetting import Checks


@dataclass(slots=True)
class Keyring:
    """The keys of an ISAKMP SA with everything that is done with them (RFC 2409 section 5 and appendix B)."""

    keys: PhaseOneKeys
    cipher: MessageCipher
    ivs: IvState
    shared_key: str = ""
    """Name of the pre-shared key that they come from."""


@immutable
class Role:
    """How a side of Main Mode or of Aggressive Mode proves its identity."""

    send: Callable[[Context, IkeSa, Conversation, Sequence[Payload]], None]
    """Sends the message with our CERT payloads and our proof."""
    signing: IkeState
    """The state in which the private key is at work for it."""
    is_last: bool
    """Whether that is the last message of phase 1: the peer has proven itself before."""


@dataclass(slots=True)
class Handshake:
    """What phase 1 needs until it is over."""

    role: Role
    candidates: tuple[ConnectionConfig, ...] = ()
    """The connections that fit the addresses and the proposal; the initiator has one."""
    offer: Sa | None = None
    """Initiator: what we have offered."""
    answer: Sa | None = None
    """Responder of Aggressive Mode: what we have chosen."""
    sai_b: bytes = b""
    """Body of the initiator's SA payload, which HASH_I and HASH_R cover."""
    ke: OwnKe | None = None
    nonce_own: bytes = b""
    nonce_peer: bytes = b""
    g_own: bytes = b""
    """Our public value, and the peer's."""
    g_peer: bytes = b""
    shared: bytes = field(default=b"", repr=False)
    """g^xy."""
    id_own: bytes = b""
    """Body of our ID payload."""
    id_peer: tuple[Identity, bytes] | None = None
    """Who the peer says to be, with the body of that ID payload, if it comes before the proof."""
    peer_requests: tuple[bytes, ...] | None = None
    """The authorities that the peer's CERTREQ payloads name, as DER names; None if it did not ask."""
    own: OwnCredential | None = None
    believed: Believed | None = None
    """A peer whose signature is right."""
    checks: Checks = field(default_factory=list)
    """Whether its certificates are revoked."""
    arrived: Received | None = None
    """The peer's proof of its identity, while something else is waited for."""
    disbelieved: int = 0
    """How many proofs of the peer were wrong."""
    iv_of_proof: bytes = b""
    """What follows from the last message with a proof that could be decrypted, for the answer that refuses it."""
    rivals: str = ""
    """What the operator should know if phase 1 fails: Aggressive Mode had to take one of several pre-shared keys."""
    unproven: FailureRecord | None = None
    """What is wrong, if nothing better comes: it was learned without protection."""


@dataclass(slots=True)
class IkeSa(ike_sa.IkeSa):
    """One ISAKMP SA."""

    state: IkeState = IkeState.CREATED
    auth_method: AuthMethod = AuthMethod.PRE_SHARED_KEY
    """As IKEv1 numbers it (RFC 2409 appendix A)."""
    lifetime: float = 0.0
    """Seconds that were negotiated, 0 for no limit."""
    keyrings: tuple[Keyring, ...] = ()
    """The keys. As long as it is not known which pre-shared key the peer uses, there are several sets."""
    handshake: Handshake | None = None
    admission: Admission | None = None
    """What is to come after phase 1, until it is over."""
    given: Given | None = None
    """Client: what the gateway has given to us."""
    cisco_udp: Path | None = None
    """Gateway: the way of the Child SAs if the client encapsulates them as Cisco did; see `exchanges.cisco_udp`."""
    conversations: Conversations = field(default_factory=Conversations)
    queue: deque[Exchange] = field(default_factory=deque)  # type: ignore[assignment]  # its version makes all of them
    active: Exchange | None = None
    nat_traversal: NatTraversal | None = None
    """How both sides do it; None if one of them cannot."""
    peer_does_dpd: bool = False
    dpd_sequence: int = 0
    """Number of our last question (RFC 3706 section 6.2)."""
    dpd_tries: int = 0
    """How often it was asked without an answer."""
    peer_does_unity: bool = False
    peer_takes_fragments: bool = False
    successor: bytes = b""
    """Our SPI of the ISAKMP SA that has replaced this one."""
    partial: Partial = field(default_factory=Partial)
    """The message of which only some fragments have come."""

    def running_handshake(self) -> Handshake:
        """What phase 1 still needs; the states that ask for it have one."""
        if self.handshake is None:
            raise AssertionError(f"ISAKMP SA {self.unique_id} has no handshake in state {self.state.value}")
        return self.handshake

    @property
    def encapsulates(self) -> bool:
        """Whether the packets of the Child SAs are within UDP."""
        return self.uses_nat_t or self.cisco_udp is not None

    @property
    def traffic_path(self) -> Path:
        """The way of the Child SAs."""
        return self.cisco_udp or self.path

    @property
    def keyring(self) -> Keyring:
        """The keys; every state after the key exchange has them."""
        return self.keyrings[0]

    def chosen_suite(self) -> IkeSuite:
        """The algorithms; every state after the first answer has them."""
        if self.suite is None:
            raise AssertionError(f"ISAKMP SA {self.unique_id} has no suite in state {self.state.value}")
        return self.suite

    @property
    def prf_id(self) -> int:
        """The PRF that the negotiated hash makes."""
        return self.chosen_suite().prf.id

    @property
    def has_only_called(self) -> bool:
        """Whether nothing but our first message has been said."""
        return self.is_initiator and self.state in (IkeState.CREATED, IkeState.SA_SENT, IkeState.AGGRESSIVE_SENT)
