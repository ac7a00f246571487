"""What is known of a Child SA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.immutable import immutable
from ikeengine.model.marks import NO_TAGS, Tags
from ikeengine.model.proposal import ChildSuite
from ikeengine.model.sa import IpsecSa, SaId
from ikeengine.model.secret import EMPTY, Secret
from ikeengine.model.selector import TrafficSelector
from ikeengine.model.status import AhPair, ChildStatus
from ikeengine.outputs import OpId
from ikeengine.registry import Protocol
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.states import ChildState
from ikeengine.timers import Timer

UP_STATES = (ChildState.INSTALLED, ChildState.REKEYING)
"""States in which losing a Child SA means losing the tunnel."""


@immutable
class ChildKeys:
    """Encryption and integrity keys of both directions, as seen from this host."""

    encr_in: Secret
    integ_in: Secret
    encr_out: Secret
    integ_out: Secret
    ah_in: Secret = EMPTY
    ah_out: Secret = EMPTY
    """Of the AH around ESP."""


@dataclass(slots=True)
class ChildSa:
    """One Child SA. Times are `now` values in seconds."""

    config: ChildConfig
    unique_id: int
    reqid: int
    suite: ChildSuite
    mode: Mode
    spi_in: int
    spi_out: int
    local_ts: tuple[TrafficSelector, ...]
    remote_ts: tuple[TrafficSelector, ...]
    installed_at: float
    tags: Tags = NO_TAGS
    state: ChildState = ChildState.INSTALLED
    encap: bool = False
    sa_in: SaId | None = None
    sa_out: SaId | None = None
    waiting_outbound: IpsecSa | None = None
    """The outbound SA of a Child SA that the peer made by rekeying. It is installed when the old one is deleted:
    only then the peer is known to have our response (RFC 7296 section 2.8)."""
    cpi_in: int = 0
    """Compression Parameter Indices of IPComp, 0 without (RFC 3173)."""
    cpi_out: int = 0
    ah: AhPair | None = None
    """AH around the ESP, which has the SPIs above (IKEv1)."""
    tfc_padding: int = 0
    single_pair: bool = False
    """Negotiated for one pair of addresses, and rekeyed for that one."""
    more_possible: bool = False
    """The peer allows more traffic than this, in other Child SAs (ADDITIONAL_TS_POSSIBLE)."""
    replaced_by: int = 0
    """Number of the Child SA that rekeyed this one."""
    supersedes: int = 0
    """Number of the Child SA that is to be deleted as soon as the datapath has this one."""
    followed_by: int = 0
    """Number of a Child SA for the same traffic that the peer made beside this one, and will keep."""
    refused: int = 0
    """How often the peer would not rekey it."""
    most_bytes: int = 0
    """Octets after which the peer ends it, whatever our configuration says; 0 for no such limit."""
    waiting: tuple[OpId, ...] = ()
    """Commands that are done when the datapath has this Child SA."""

    def spis(self) -> Iterator[tuple[Protocol, int, int]]:
        """Each protocol with its SPIs, in and out: one, or ESP and the AH around it."""
        yield self.suite.protocol, self.spi_in, self.spi_out
        if self.ah is not None:
            yield self.ah.suite.protocol, self.ah.spi_in, self.ah.spi_out

    def status(self, timers_of: IkeSa) -> ChildStatus:
        """A snapshot for operators."""
        return ChildStatus(
            name=self.config.name,
            unique_id=self.unique_id,
            reqid=self.reqid,
            state=self.state.value,
            mode=self.mode,
            protocol=self.suite.protocol,
            encap=self.encap,
            spi_in=self.spi_in,
            spi_out=self.spi_out,
            suite=self.suite,
            installed_at=self.installed_at,
            rekey_at=timers_of.timers.get(Timer.CHILD_REKEY, self.unique_id),
            expires_at=timers_of.timers.get(Timer.CHILD_EXPIRE, self.unique_id),
            local_ts=self.local_ts,
            remote_ts=self.remote_ts,
            sa_in=self.sa_in,
            sa_out=self.sa_out,
            tags=self.tags,
            cpi_in=self.cpi_in,
            cpi_out=self.cpi_out,
            ah=self.ah,
        )
