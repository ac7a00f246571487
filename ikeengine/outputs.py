"""What the core wants done, in one ordered list (design D2). The shell carries the outputs out strictly in order.

`Ask*` and the datapath outputs carry an OpId. The shell answers an Ask with `Endpoint.complete(op, result, now)`,
and a datapath output only if it failed, with `Endpoint.complete(op, DatapathError(...), now)`.
"""

from __future__ import annotations

from enum import Enum

from ikeengine.model.connection import XauthBackend
from ikeengine.model.failure import FailureRecord
from ikeengine.model.immutable import immutable
from ikeengine.model.path import Path
from ikeengine.model.pool import Lease
from ikeengine.model.proposal import Transform
from ikeengine.model.sa import IpsecSa, PolicySet, SaId, UdpEncap
from ikeengine.model.secret import Secret
from ikeengine.model.status import ChildStatus, IkeStatus

OpId = int


@immutable
class Transmit:
    """Send a datagram. The shell adds the non-ESP marker on the NAT-T port (RFC 3948 section 2.2), not the core.

    `keepalive` marks the one-octet NAT keepalive, which is sent without the marker.
    """

    data: bytes
    path: Path
    keepalive: bool = False


@immutable
class InstallSa:
    """Install one unidirectional SA."""

    op: OpId
    sa: IpsecSa


@immutable
class UpdateSa:
    """Move an SA to other outer addresses or ports, keeping its sequence numbers."""

    op: OpId
    sa: SaId
    source: str
    destination: str
    encap: UdpEncap | None


@immutable
class DeleteSa:
    """Remove one unidirectional SA. Deleting an SA that is gone already is not an error."""

    sa: SaId


@immutable
class InstallPolicies:
    """Install or, for a known owner, replace the policies of one Child SA or trap."""

    op: OpId
    policies: PolicySet


@immutable
class DeletePolicies:
    """Remove the policies of an owner; what another owner wants for the same selectors comes back into force."""

    owner: int


@immutable
class InstallAddress:
    """Give this host a virtual IP address, on the interface that has the address `beside` unless configured otherwise.

    A failure is reported with `complete`, like that of a datapath output.
    """

    op: OpId
    address: str
    beside: str


@immutable
class DeleteAddress:
    """Take a virtual IP address away again."""

    address: str


@immutable
class InstallNameServers:
    """Use the name servers of a peer: for these domains (RFC 8598), or for all names if there are none."""

    owner: int
    servers: tuple[str, ...]
    domains: tuple[str, ...]
    beside: str
    """The address that the name servers are reached from."""


@immutable
class DeleteNameServers:
    """Do not use the name servers of this owner any more."""

    owner: int


@immutable
class LeaseChanged:
    """A virtual IP address of a pool was given to a peer, or given back."""

    lease: Lease
    connection: str
    ike_id: int


@immutable
class AskSignature:
    """Sign `data` with the private key `key_id` (see `crypto.sign.key_id`). Answer: the signature as bytes."""

    op: OpId
    key_id: bytes
    scheme: str
    """Name of a `crypto.sign.SignatureScheme`."""
    data: bytes


@immutable
class AskXauth:
    """Ask the program `engine.xauth_command` whether a password of XAUTH is right.

    Answer: True or False, or a LocalMisuse that says why nobody knows, which counts as False.
    """

    op: OpId
    connection: str
    backend: XauthBackend
    user: bytes
    password: Secret
    peer: str
    """Address of the client."""


@immutable
class AskPath:
    """Find a way to a peer: resolve host names and choose the source address.

    Answer: a Path, or a LocalMisuse / OSError text when there is none. `attempt` counts the tries, so that several
    remote addresses are used in turn.
    """

    op: OpId
    local_addrs: tuple[str, ...]
    remote_addrs: tuple[str, ...]
    local_port: int
    remote_port: int
    attempt: int = 0


@immutable
class AskFetch:
    """Fetch a CRL, or an OCSP response if there is a request to `post`, within `timeout` seconds.

    Answer: the document as bytes, or a LocalMisuse that says why there is none. A longer one than `max_octets` is none.
    """

    op: OpId
    uri: str
    post: bytes
    max_octets: int
    timeout: float


@immutable
class AskRoutes:
    """Ask with which source address each of these peer addresses can be reached; never resolves a name.

    `preferred` is the source address to stay with where it still does. Answer: a dictionary of remote to local
    addresses, without those that cannot be reached.
    """

    op: OpId
    preferred: str
    remotes: tuple[str, ...]


@immutable
class AskUsage:
    """Ask the datapath for the counters of an SA. Answer: `model.sa.Usage` or None."""

    op: OpId
    sa: SaId


@immutable
class AskConfirmation:
    """Say when every output before this one is carried out. Answer: None."""

    op: OpId


class DropReason(Enum):
    """Why a datagram was dropped. Each has a counter and a rate-limited log line."""

    TOO_SHORT = "too-short"
    BAD_HEADER = "bad-header"
    BAD_VERSION = "bad-version"
    BAD_PAYLOADS = "bad-payloads"
    UNKNOWN_SPI = "unknown-spi"
    NO_CONNECTION = "no-connection"
    WRONG_MESSAGE_ID = "wrong-message-id"
    INTEGRITY = "integrity"
    UNEXPECTED = "unexpected"
    BAD_COOKIE = "bad-cookie"
    LIMIT = "limit"
    REFLECTED = "reflected"
    FRAGMENT = "fragment"


@immutable
class Dropped:
    """A datagram was ignored."""

    reason: DropReason
    path: Path
    detail: str


@immutable
class StateChanged:
    """An IKE or Child SA changed its state. `story` is the prose of the table row that did it.

    With an IKE SA `child_id` is 0 and `child` is empty.
    """

    connection: str
    ike_id: int
    child_id: int
    old: str
    new: str
    story: str
    child: str = ""


@immutable
class IkeUpdown:
    """An IKE SA was established or is gone (VICI event ike-updown)."""

    up: bool
    ike: IkeStatus


@immutable
class ChildUpdown:
    """A Child SA was established or is gone (VICI event child-updown)."""

    up: bool
    ike: IkeStatus
    child: ChildStatus


@immutable
class IkeRekeyed:
    """An IKE SA was replaced by a rekeyed one (VICI event ike-rekey)."""

    old: IkeStatus
    new: IkeStatus


@immutable
class IkeMoved:
    """An IKE SA moves with its Child SAs (VICI event ike-update). `ike` is as it was, `path` is new."""

    ike: IkeStatus
    path: Path


@immutable
class ChildRekeyed:
    """A Child SA was replaced by a rekeyed one (VICI event child-rekey)."""

    ike: IkeStatus
    old: ChildStatus
    new: ChildStatus


@immutable
class Failed:
    """A negotiation failed; the record says why."""

    record: FailureRecord


@immutable
class LogLine:
    """Something worth telling the operator. `level` is a strongSwan log level, -1 to 4; `group` as in charon."""

    level: int
    group: str
    text: str
    connection: str = ""
    ike_id: int = 0


@immutable
class Counted:
    """A strongSwan counter (`ike-init-in-req`, `child-rekey`, ...) goes up by one, globally and per connection."""

    counter: str
    connection: str = ""


@immutable
class IkeKeys:
    """Keys for the Wireshark table; only emitted when `EngineSettings.keylog` is on."""

    spi_i: bytes
    spi_r: bytes
    sk_ei: Secret
    sk_er: Secret
    sk_ai: Secret
    sk_ar: Secret
    encr: Transform
    integ: Transform | None


@immutable
class IsakmpKeys:
    """The key of an IKEv1 SA for its Wireshark table; only emitted when `EngineSettings.keylog` is on."""

    spi_i: bytes
    key: Secret
    """What both sides encrypt with (RFC 2409 appendix B)."""


@immutable
class CrlVerified:
    """A CRL that was fetched or sent by a peer proved right and is new: worth a file (`engine.cache_crls`)."""

    der: bytes
    key_id: bytes
    """Identifier of the key that signed it."""
    is_delta: bool


@immutable
class CommandDone:
    """A command has ended. `reason` is empty on success, else one sentence for the operator."""

    op: OpId
    ok: bool
    reason: str = ""
    matched: int = 0
    """How many SAs a Terminate or Rekey applied to."""
    record: FailureRecord | None = None


Event = (
    Dropped
    | StateChanged
    | IkeUpdown
    | ChildUpdown
    | IkeRekeyed
    | IkeMoved
    | ChildRekeyed
    | LeaseChanged
    | Failed
    | LogLine
    | Counted
    | IkeKeys
    | IsakmpKeys
)
DatapathOutput = InstallSa | UpdateSa | DeleteSa | InstallPolicies | DeletePolicies
Ask = AskSignature | AskXauth | AskPath | AskFetch | AskRoutes | AskUsage | AskConfirmation
AddressOutput = InstallAddress | DeleteAddress | InstallNameServers | DeleteNameServers
Output = Transmit | DatapathOutput | AddressOutput | Ask | Event | CrlVerified | CommandDone
