"""An IKE SA as everything sees it that does not care about its version: plain data."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.identity import Identity
from ikeengine.model.path import Path
from ikeengine.model.proposal import IkeSuite
from ikeengine.model.status import IkeStatus
from ikeengine.negotiate.addresses import is_fixed
from ikeengine.outputs import OpId
from ikeengine.sa.states import Phase, SaState
from ikeengine.sa.task import Task, TaskKind
from ikeengine.timers import Timer, TimerTable

if TYPE_CHECKING:
    from ikeengine.sa.children.data import ChildSa
    from ikeengine.sa.version import IkeVersion

NO_SPI = bytes(8)


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
    bypass_owner: int = 0
    """Under which number there are policies for networks that the peer does not want to be tunnelled; 0 for none."""


@dataclass(slots=True)
class IkeSa:
    """One IKE SA."""

    version: IkeVersion = field(repr=False)
    """How it speaks to its peer."""
    connection: ConnectionConfig
    unique_id: int
    is_initiator: bool
    """Whether we were the original initiator: decides the SPI order, the I flag and the keys."""
    spi_i: bytes
    spi_r: bytes
    path: Path
    state: SaState
    suite: IkeSuite | None = None
    unreachable: str = ""
    """The last ICMP error, or error in sending, while a request was under way. Only for the operator."""
    timers: TimerTable = field(default_factory=TimerTable)
    children: dict[int, ChildSa] = field(default_factory=dict)
    queue: deque[Task] = field(default_factory=deque)
    active: Task | None = None
    local_id: Identity | None = None
    remote_id: Identity | None = None
    remote_xauth_id: Identity | None = None
    """The user behind the peer, who has proven to know a password (XAUTH)."""
    nat_local: bool = False
    nat_remote: bool = False
    nat_fake: bool = False
    """No NAT was found, but we made the peer believe in one, so that both sides encapsulate (`encap: yes`)."""
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
    """Responder: the way that the first message took."""
    replaces: bytes = b""
    """Our SPI of the IKE SA that is authenticated again by this one."""
    shared_key: str = ""
    """Name of the pre-shared key that the peer has proven to know; empty if it proved itself in another way."""
    predecessor: bytes = b""
    """Our SPI of the IKE SA that was rekeyed to make this one."""
    if_ids: tuple[int, int] | None = None
    """XFRM interface IDs, in and out, that all Child SAs share; None before the first one needs them."""
    vips: VirtualIps = field(default_factory=VirtualIps)
    is_announced: bool = False
    """The operator was told that this IKE SA is up, and will be told when it is down."""
    is_half_open: bool = False
    """Responder: the SA counts against the limits, because its peer has proven nothing yet."""

    @property
    def name(self) -> str:
        """Name of the connection."""
        return self.connection.name

    @property
    def peer_identity(self) -> Identity | None:
        """Who the peer is to leases and to `unique`: its user, if there is one, as strongSwan has it."""
        return self.remote_xauth_id or self.remote_id

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

    @property
    def uses_nat_t(self) -> bool:
        """Whether everything after the detection takes the NAT-T ports, ESP within UDP (RFC 3948)."""
        return self.nat_local or self.nat_remote or self.nat_fake

    @property
    def encapsulates(self) -> bool:
        """Whether the packets of the Child SAs are within UDP."""
        return self.uses_nat_t

    @property
    def traffic_path(self) -> Path:
        """The way of the Child SAs."""
        return self.path

    @property
    def phase(self) -> Phase:
        """Where the IKE SA is in its life."""
        return self.state.phase

    @property
    def awaits_answer(self) -> bool:
        """Whether a message is repeated until the peer answers it."""
        return self.timers.get(Timer.RETRANSMIT) is not None

    @property
    def has_only_called(self) -> bool:
        """Whether nothing but our first message has been said."""
        return False

    def status(self) -> IkeStatus:
        """A snapshot for operators."""
        active = (self.active.name,) if self.active is not None else ()
        is_rekeying = self.active is not None and self.active.kind is TaskKind.REKEY_IKE
        return IkeStatus(
            name=self.connection.name,
            unique_id=self.unique_id,
            version=self.version.number,
            state="REKEYING" if is_rekeying else self.phase.value,
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
            remote_xauth_id=self.remote_xauth_id,
        )
