"""Snapshots of the live state, for list-sas, events and people. Times are `now` values of the core, in seconds."""

from __future__ import annotations

from ikeengine.model.connection import Mode
from ikeengine.model.identity import Identity
from ikeengine.model.immutable import immutable
from ikeengine.model.marks import NO_TAGS, Tags
from ikeengine.model.path import Path
from ikeengine.model.proposal import ChildSuite, IkeSuite
from ikeengine.model.sa import SaId
from ikeengine.model.selector import TrafficSelector
from ikeengine.registry import Protocol


@immutable
class AhPair:
    """The pair of AH SAs around the ESP of a Child SA (IKEv1)."""

    suite: ChildSuite
    spi_in: int
    spi_out: int


@immutable
class ChildStatus:
    """One Child SA. `state` is strongSwan's name (INSTALLED, REKEYING, REKEYED, DELETING, ...)."""

    name: str
    unique_id: int
    reqid: int
    state: str
    mode: Mode
    protocol: Protocol
    encap: bool
    spi_in: int
    spi_out: int
    suite: ChildSuite | None
    installed_at: float
    rekey_at: float | None
    expires_at: float | None
    local_ts: tuple[TrafficSelector, ...]
    remote_ts: tuple[TrafficSelector, ...]
    sa_in: SaId | None
    """Key for asking the datapath for usage counters; None before installation."""
    sa_out: SaId | None
    cpi_in: int = 0
    """Compression Parameter Indices of IPComp, 0 without."""
    cpi_out: int = 0
    ah: AhPair | None = None
    tags: Tags = NO_TAGS


@immutable
class IkeStatus:
    """One IKE SA. `state` is strongSwan's name (CONNECTING, ESTABLISHED, REKEYING, REKEYED, DELETING)."""

    name: str
    unique_id: int
    version: int
    state: str
    path: Path
    local_id: Identity | None
    remote_id: Identity | None
    initiator: bool
    spi_i: bytes
    spi_r: bytes
    nat_local: bool
    nat_remote: bool
    nat_fake: bool
    suite: IkeSuite | None
    established_at: float | None
    rekey_at: float | None
    reauth_at: float | None
    tasks_queued: tuple[str, ...]
    tasks_active: tuple[str, ...]
    tasks_passive: tuple[str, ...]
    children: tuple[ChildStatus, ...]
    if_ids: tuple[int, int] = (0, 0)
    """XFRM interface IDs, in and out, 0 for none."""
    interface: str = ""
    """The device of a route-based connection."""
    local_vips: tuple[str, ...] = ()
    """Virtual IP addresses that the peer has given to us."""
    remote_vips: tuple[str, ...] = ()
    """Virtual IP addresses that we have given to the peer."""
    remote_xauth_id: Identity | None = None
    """The user that XAUTH has authenticated (IKEv1)."""
    shared_key: str = ""
    """Name of the pre-shared key that the peer has proven to know."""
