"""ESP packets for SAs that are not here: their sender may have missed that this host was restarted (RFC 6290)."""

from __future__ import annotations

from collections.abc import Callable

from ikeengine.datapath.userspace.inbound import Inbound, spi_of_esp
from ikeengine.model.commands import UnknownSpi
from ikeengine.model.path import IKE_PORT, Path

INTERVAL = 0.05
"""Seconds between two packets that the core hears of, whatever a flood of them may want."""


class Strays:
    """Looks at the packets that no SA has taken."""

    def __init__(self, inbound: Inbound, clock: Callable[[], float], tell: Callable[[UnknownSpi], None]) -> None:
        self._inbound = inbound
        self._clock = clock
        self._tell = tell
        self._silent_until = 0.0

    def native(self, packet: bytes, source: str, destination: str) -> None:
        """A packet of IP protocol 50. Its sender is to hear of it where IKE is spoken."""
        self.encapsulated(packet, Path(destination, IKE_PORT, source, IKE_PORT))

    def encapsulated(self, packet: bytes, path: Path) -> None:
        """A packet over UDP. Known SPIs are of packets that were not authentic, or came twice."""
        spi, now = spi_of_esp(packet), self._clock()
        if now >= self._silent_until and self._inbound.get(spi) is None:
            self._silent_until = now + INTERVAL
            self._tell(UnknownSpi(spi, path))
