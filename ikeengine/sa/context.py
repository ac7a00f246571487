"""What an IKE SA may use of its endpoint: the clock, randomness, credentials, numbers, and a place for outputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ikeengine.auth.credentials import CredentialStore
from ikeengine.crypto.rng import Rng
from ikeengine.limits import Attempts
from ikeengine.model.commands import Packet
from ikeengine.model.connection import ConnectionConfig, EngineSettings
from ikeengine.model.failure import FailureRecord
from ikeengine.model.immutable import immutable
from ikeengine.model.secret import Secret
from ikeengine.negotiate.leases import LeaseTable
from ikeengine.outputs import CommandDone, Counted, Failed, OpId, Output
from ikeengine.sa.candidates import Candidates
from ikeengine.sa.states import Answer
from ikeengine.sa.table import SaTable

if TYPE_CHECKING:
    from ikeengine.sa.children.data import ChildSa
    from ikeengine.sa.ike_sa import IkeSa
    from ikeengine.sa.version import IkeVersion

FIRST_OP = 1 << 32
"""Operation numbers start beyond the unique numbers of SAs, which serve as operation numbers of datapath outputs."""

FAILURES_KEPT = 16
"""Failure records kept per connection."""

LAST_CONFIGURED_REQID = 0x3FFF
"""Reqids up to here are left to configurations that choose their own."""

NONCE_OCTETS = 32
"""At least half of the key length of every PRF that there is (RFC 7296 section 2.10)."""

LOWEST_CHILD_SPI = 0x100
"""RFC 4303 section 2.1 reserves the SPIs 1 to 255."""


@immutable
class PendingOp:
    """An Ask that is under way: which IKE SA waits for it, and for what.

    If there is a `subject`, the answer comes with it: (subject, answer).
    """

    local_spi: bytes
    what: Answer
    subject: object = None


@immutable
class Wanted:
    """A Child SA that somebody wants up: the endpoint initiates it, now or after `delay` seconds.

    `ops` are the commands that wait for it; `attempt` counts the tries to reach the peer, and `refused` how often the
    peer asked to try again later. `trap`: it is not to come up before a packet wants through. `replaces`: our SPI of
    an IKE SA that is to be authenticated again. `packet` is what asked for the Child SA, and `remote` the address of
    the peer where the connection names none. `renew`: only if a Child SA of an older configuration is up.
    """

    connection: str
    child: str
    delay: float = 0.0
    attempt: int = 0
    ops: tuple[OpId, ...] = ()
    refused: int = 0
    trap: bool = False
    packet: Packet | None = None
    replaces: bytes = b""
    remote: str = ""
    renew: bool = False


@dataclass(slots=True)
class _Progress:
    """How far a command has come that applies to several SAs."""

    expected: int
    answered: int = 0
    ok: bool = True
    reason: str = ""
    record: FailureRecord | None = None


class Context:
    """One per endpoint. `now` is valid during one call into the core."""

    __slots__ = (
        "_expected",
        "_last_op",
        "_last_reqid",
        "_last_tag",
        "_last_unique_id",
        "_reqid_of",
        "_reqid_users",
        "address_ops",
        "addresses",
        "candidates",
        "confirmations",
        "connections",
        "credentials",
        "failures",
        "guesses",
        "is_shutting_down",
        "leases",
        "now",
        "ops",
        "outputs",
        "own_addresses",
        "qcd_secret",
        "rng",
        "settings",
        "table",
        "touched",
        "versions",
        "wall_offset",
        "wanted",
    )

    def __init__(self, settings: EngineSettings, rng: Rng, credentials: CredentialStore) -> None:
        self.settings = settings
        self.rng = rng
        self.credentials = credentials
        self.table = SaTable()
        self.connections: dict[str, ConnectionConfig] = {}
        self.candidates = Candidates(self.connections)
        self.versions: dict[int, IkeVersion] = {}
        """The versions of IKE that are spoken here, by number."""
        self.is_shutting_down = False
        self.addresses: tuple[str, ...] = ()
        """Where this host can be reached, as far as anybody has told."""
        self.qcd_secret: Secret | None = None
        """What our tokens of quick crash detection are made from; None: we make none."""
        self.now = 0.0
        self.wall_offset = 0.0
        self.outputs: list[Output] = []
        self.ops: dict[OpId, PendingOp] = {}
        self.confirmations: dict[OpId, ChildSa] = {}
        """Child SAs that commands wait for, until the datapath has them."""
        self.leases = LeaseTable()
        self.guesses = Attempts()
        """How often each user may try a password."""
        self.own_addresses: dict[str, set[int]] = {}
        """Virtual IP addresses of this host, with the numbers of the IKE SAs that use them."""
        self.address_ops: dict[OpId, IkeSa] = {}
        """Virtual IP addresses that are being installed, and the IKE SA that they came with."""
        self.failures: dict[str, deque[FailureRecord]] = {}
        self.wanted: list[Wanted] = []
        self.touched: dict[bytes, IkeSa] = {}
        """IKE SAs that may have something to send, or other timers than before, after this call."""
        self._expected: dict[OpId, _Progress] = {}
        self._last_op = FIRST_OP
        self._last_unique_id = 0
        self._last_tag = 0
        self._last_reqid = LAST_CONFIGURED_REQID
        self._reqid_of: dict[Hashable, int] = {}
        self._reqid_users: dict[int, tuple[Hashable, int]] = {}

    @property
    def wall(self) -> datetime:
        """The calendar time, for certificates only."""
        return datetime.fromtimestamp(self.now + self.wall_offset, UTC)

    def version_of(self, config: ConnectionConfig) -> IkeVersion:
        """The version of IKE to initiate a connection with; the newest one if it leaves that open."""
        return self.versions[config.version or max(self.versions)]

    def emit(self, output: Output) -> None:
        """Append to the one ordered list of outputs."""
        self.outputs.append(output)

    def count(self, counter: str, connection: str = "") -> None:
        """Raise one of strongSwan's counters."""
        self.outputs.append(Counted(counter, connection))

    def fail(self, record: FailureRecord) -> None:
        """Keep and report why a negotiation failed."""
        self.failures.setdefault(record.connection, deque(maxlen=FAILURES_KEPT)).append(record)
        self.outputs.append(Failed(record))

    def expect(self, op: OpId, count: int) -> None:
        """A command applies to this many SAs: it is done when all of them have answered."""
        self._expected[op] = _Progress(count)

    def answer(self, ops: Iterable[OpId], *, ok: bool, reason: str = "", record: FailureRecord | None = None) -> None:
        """Tell the commands that waited for something how it ended."""
        for op in ops:
            progress = self._expected.get(op) or _Progress(1)
            progress.answered += 1
            if not ok:
                progress.ok, progress.reason, progress.record = False, reason, record
            if progress.answered >= progress.expected:
                self._expected.pop(op, None)
                done = CommandDone(op, progress.ok, progress.reason, progress.expected, progress.record)
                self.outputs.append(done)

    def touch(self, sa: IkeSa) -> None:
        """Look after this IKE SA at the end of the call."""
        self.touched[sa.local_spi] = sa

    def new_op(self) -> OpId:
        """A fresh operation number."""
        self._last_op += 1
        return self._last_op

    def ask(self, sa: IkeSa, what: Answer, subject: object = None) -> OpId:
        """A fresh operation number whose answer goes to this IKE SA as this."""
        op = self.new_op()
        self.ops[op] = PendingOp(sa.local_spi, what, subject)
        return op

    def forget(self, sa: IkeSa) -> None:
        """An IKE SA waits for no answers any more."""
        for op in [op for op, pending in self.ops.items() if pending.local_spi == sa.local_spi]:
            del self.ops[op]

    def new_unique_id(self) -> int:
        """A fresh number for an IKE SA, a Child SA or a trap."""
        self._last_unique_id += 1
        return self._last_unique_id

    def new_tag(self) -> int:
        """A fresh number for marks and XFRM interface IDs (`%unique`)."""
        self._last_tag += 1
        return self._last_tag

    def new_ike_spi(self) -> bytes:
        """A fresh IKE SPI. Its first octet numbers the worker process, of which there is one so far (design D8)."""
        while True:
            spi = b"\0" + self.rng.bytes(7)
            if spi != bytes(8) and self.table.find(spi) is None:
                return spi

    def new_nonce(self) -> bytes:
        """A fresh nonce for one exchange."""
        return self.rng.bytes(NONCE_OCTETS)

    def new_child_spi(self) -> int:
        """A fresh inbound SPI for a Child SA."""
        while True:
            spi = int.from_bytes(self.rng.bytes(4), "big")
            if spi >= LOWEST_CHILD_SPI and not self.table.has_child(spi):
                return spi

    def take_reqid(self, key: Hashable, configured: int = 0) -> int:
        """The reqid that ties policies to SAs: the same for the same key as long as someone holds it."""
        if configured:
            return configured
        reqid = self._reqid_of.get(key)
        if reqid is None:
            self._last_reqid += 1
            reqid = self._reqid_of[key] = self._last_reqid
            self._reqid_users[reqid] = (key, 0)
        return self.share_reqid(reqid)

    def share_reqid(self, reqid: int) -> int:
        """One more Child SA uses this reqid (a rekeyed one)."""
        if reqid in self._reqid_users:
            key, users = self._reqid_users[reqid]
            self._reqid_users[reqid] = (key, users + 1)
        return reqid

    def release_reqid(self, reqid: int) -> None:
        """A Child SA with this reqid is gone."""
        if reqid not in self._reqid_users:
            return
        key, users = self._reqid_users[reqid]
        if users > 1:
            self._reqid_users[reqid] = (key, users - 1)
        else:
            del self._reqid_users[reqid], self._reqid_of[key]
