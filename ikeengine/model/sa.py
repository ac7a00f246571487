"""IPsec SAs and policies as the datapath receives them. The datapath never sees an IKE message."""

from __future__ import annotations

from dataclasses import fields, replace
from enum import Enum
from operator import attrgetter
from typing import NamedTuple

from ikeengine.model.connection import Mode
from ikeengine.model.immutable import field, immutable
from ikeengine.model.marks import NO_MARK, NO_TAGS, Mark, Tags
from ikeengine.model.proposal import Transform
from ikeengine.model.secret import EMPTY, Secret
from ikeengine.model.selector import TrafficSelector
from ikeengine.registry import Protocol


class Direction(Enum):
    """Seen from this host."""

    IN = "in"
    OUT = "out"


class PolicyAction(Enum):
    """What a policy does with matching packets."""

    PROTECT = "protect"
    TRAP = "trap"
    """Protect, but no SA yet: the first packet asks for one (an Acquire)."""
    PASS = "pass"
    DROP = "drop"


@immutable
class UdpEncap:
    """UDP encapsulation of ESP (RFC 3948)."""

    source_port: int
    destination_port: int


@immutable
class Limits:
    """Volume limits of an SA, 0 for none. The datapath reports them as `SaExpired`; time limits are the core's own."""

    soft_bytes: int = 0
    hard_bytes: int = 0
    soft_packets: int = 0
    hard_packets: int = 0
    hard_seconds: int = 0
    """A safety net in the kernel for the case that the daemon is gone."""


class SaId(NamedTuple):
    """What names an SA in a datapath: protocol, destination address and SPI (RFC 4301 section 4.1)."""

    protocol: Protocol
    destination: str
    spi: int


@immutable
class OuterAh:
    """AH around the packets of an ESP SA: both are one bundle (RFC 2401 section 4.3, transport adjacency)."""

    spi: int
    integ: Transform | None
    integ_key: Secret
    esn: bool = False


@immutable
class IpsecSa:
    """One unidirectional SA, or with `ah` a bundle of two that are always used together."""

    direction: Direction
    protocol: Protocol
    spi: int
    source: str
    destination: str
    mode: Mode
    reqid: int
    encr: Transform | None
    encr_key: Secret
    """Key material of the cipher: for combined modes and AES-CTR it ends with the salt or nonce, as in KEYMAT."""
    integ: Transform | None = None
    integ_key: Secret = EMPTY
    encap: UdpEncap | None = None
    esn: bool = False
    replay_window: int = 32
    limits: Limits = Limits()
    copy_df: bool = True
    copy_ecn: bool = True
    copy_dscp: str = "out"
    cpi: int = 0
    """IPComp with this Compression Parameter Index (RFC 3173 section 2.2), DEFLATE; 0 for none."""
    tfc_padding: int = 0
    """As in `ChildConfig`."""
    hw_offload: str = "no"
    mark: Mark = NO_MARK
    """Which packets the SA is for."""
    set_mark: Mark = NO_MARK
    """What packets get when the SA has processed them."""
    if_id: int = 0
    """XFRM interface ID, 0 for none."""
    interface: str = ""
    """The device of a route-based connection that it belongs to."""
    local_ts: tuple[TrafficSelector, ...] = ()
    remote_ts: tuple[TrafficSelector, ...] = ()
    ah: OuterAh | None = None
    """What stands around the ESP, only with IKEv1."""

    @property
    def id(self) -> SaId:
        """The SA's name in a datapath; that of a bundle is that of its ESP."""
        return SaId(self.protocol, self.destination, self.spi)

    @property
    def outermost(self) -> IpsecSa:
        """The SA that makes the outermost header: itself, or the AH of a bundle.

        That is in transport mode: what it protects goes from gateway to gateway already. The volume is counted by ESP.
        """
        if self.ah is None:
            return self
        return replace(
            self,
            protocol=Protocol.AH,
            mode=Mode.TRANSPORT,
            spi=self.ah.spi,
            encr=None,
            encr_key=EMPTY,
            integ=self.ah.integ,
            integ_key=self.ah.integ_key,
            esn=self.ah.esn,
            limits=Limits(hard_seconds=self.limits.hard_seconds),
            cpi=0,
            tfc_padding=0,
            hw_offload="no",
            ah=None,
        )


FIRST_PRIORITY = 1
"""Nothing comes before a policy of this priority."""


@immutable
class PolicySet:
    """All policies of one Child SA (out, in and, in tunnel mode, fwd), for every pair of its selectors.

    `owner` is the unique number of what wants them (a Child SA or a trap); several owners may want the same
    selectors, and the last one that installed them is in force.
    """

    owner: int
    action: PolicyAction
    local_ts: tuple[TrafficSelector, ...]
    remote_ts: tuple[TrafficSelector, ...]
    mode: Mode = Mode.TUNNEL
    protocol: Protocol = Protocol.ESP
    reqid: int = 0
    local: str = ""
    """Outer address of this host; empty for PASS and DROP."""
    remote: str = ""
    ipcomp: bool = False
    """Packets are compressed before they are protected."""
    ah: bool = False
    """AH stands around the ESP."""
    priority: int = 0
    """0: calculated from the selectors, the more specific first."""
    tags: Tags = NO_TAGS
    interface: str = ""
    """As in `IpsecSa`."""
    name: str = field(default="", compare=False)
    """For operators: `connection/child` of a trap or shunt."""

    def has_effect_of(self, other: PolicySet) -> bool:
        """Whether both are the same, whoever wants them."""
        return _EFFECT(self) == _EFFECT(other)


_EFFECT = attrgetter(*(one.name for one in fields(PolicySet) if one.compare and one.name != "owner"))


@immutable
class Usage:
    """Counters of one unidirectional SA."""

    bytes: int
    packets: int
    last_use: float | None
    """Seconds since something was last sent or received, None if never."""
    replay_drops: int = 0
    integrity_failures: int = 0
