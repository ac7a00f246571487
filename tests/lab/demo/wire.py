"""What passes on the wire between the sites: captured, counted and searched for plain text."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.lab import traffic
from tests.lab.netns import Namespace

_KINDS = {"IKE": traffic.IKE, "ESP": traffic.ESP, "NAT keepalive": traffic.KEEPALIVE, "ARP": "arp"}
"""tcpdump filters of everything that may be there. Anything else is a leak."""
_NOT_OURS = "ip6"
"""The demo has IPv4 addresses only; what an interface sends to find routers with IPv6 is not of the sites."""


@dataclass(frozen=True)
class Findings:
    """Packets by kind, packets of any other kind, and whether the marker was seen in the clear."""

    packets: Counter[str]
    leaked: int
    marker_seen: bool


class Capture:
    """A running tcpdump on an interface of a namespace."""

    def __init__(self, where: Namespace, interface: str, path: Path) -> None:
        self._path = path
        self._running = ExitStack()
        self._packets = self._running.enter_context(traffic.captured(where, path, interface, octets=traffic.BEGINNINGS))

    def stop(self, marker: bytes) -> Findings:
        """End the capture and look at it."""
        self._running.close()
        packets = Counter({kind: self._packets.count(expression) for kind, expression in _KINDS.items()})
        allowed = " or ".join(f"({expression})" for expression in (*_KINDS.values(), _NOT_OURS))
        return Findings(+packets, self._packets.count(f"not ({allowed})"), marker in self._path.read_bytes())
