"""IKE fragmentation, the sending side (RFC 7383): who announces it, and how large a datagram may become.

A message that does not fit is sent as several SKF payloads. The threshold is `engine.fragment_size`. It shrinks when a
request stays without an answer, or when the peer sends smaller fragments itself (section 2.5.1), and it stays for the
rest of the IKE SA and for those that replace it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ikeengine.ikev2.messages.received import Received
from ikeengine.model.connection import ConnectionConfig, EngineSettings, Fragmentation
from ikeengine.registry import NotifyType
from ikeengine.sa.datagram import overhead, safe
from ikeengine.wire.payloads import Notify

if TYPE_CHECKING:
    from ikeengine.ikev2.sa import IkeSa

PROBE_TRIES = 2
"""Retransmissions of one size; then a smaller one is tried (section 2.5.2)."""


@dataclass(slots=True)
class FragmentState:
    """What an IKE SA knows about its peer and the path to it."""

    is_supported: bool = False
    """The peer has announced that it takes fragments."""
    datagram: int = 0
    """Largest IP datagram that seems to pass, in octets; 0 as long as nothing is known."""


def announcement(connection: ConnectionConfig) -> list[Notify]:
    """The notify of IKE_SA_INIT (section 2.3)."""
    if connection.fragmentation is Fragmentation.NO:
        return []
    return [Notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED)]


def answer(connection: ConnectionConfig, state: FragmentState) -> list[Notify]:
    """The responder's notify: only for an initiator that has sent it."""
    return announcement(connection) if state.is_supported else []


def read(message: Received) -> FragmentState:
    """What an IKE_SA_INIT message says about fragments."""
    return FragmentState(message.notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) is not None)


def message_limit(settings: EngineSettings, sa: IkeSa) -> int | None:
    """Octets that an IKE message may have until it is sent in fragments; None if it never is."""
    if not _may_fragment(sa):
        return None
    return _datagram(settings, sa) - overhead(settings, sa.path)


def shrink(settings: EngineSettings, sa: IkeSa, longest: int) -> bool:
    """Use smaller datagrams from now on, if that changes a message whose longest datagram has so many octets."""
    smaller = safe(sa.path)
    if not _may_fragment(sa) or longest <= smaller - overhead(settings, sa.path):
        return False
    sa.fragments.datagram = smaller
    return True


def learn(settings: EngineSettings, sa: IkeSa, longest: int) -> None:
    """The peer has sent fragments of at most so many octets: it may know the path better than we do."""
    seen = max(longest + overhead(settings, sa.path), safe(sa.path))
    sa.fragments.datagram = min(_datagram(settings, sa), seen)


def _may_fragment(sa: IkeSa) -> bool:
    mode = sa.connection.fragmentation
    return mode is Fragmentation.FORCE or (mode is Fragmentation.YES and sa.fragments.is_supported)


def _datagram(settings: EngineSettings, sa: IkeSa) -> int:
    return sa.fragments.datagram or settings.fragment_size or safe(sa.path)
