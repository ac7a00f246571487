"""What passes on the wire between the sites: captured, counted and searched for plain text."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.lab.netns import Namespace, wait_until

_KINDS = {
    "IKE": "udp port 500 or (udp port 4500 and udp[8:4] = 0)",
    "ESP": "esp or (udp port 4500 and udp[8:4] != 0 and greater 60)",
    "NAT keepalive": "udp port 4500 and less 60",
    "ARP": "arp",
}
"""tcpdump filters of everything that may be there. Anything else is a leak."""


@dataclass(frozen=True)
class Findings:
    """Packets by kind, packets of any other kind, and whether the marker was seen in the clear."""

    packets: Counter[str]
    leaked: int
    marker_seen: bool


class Capture:
    """A running tcpdump on every interface of a namespace."""

    def __init__(self, where: Namespace, interface: str, path: Path) -> None:
        self._path = path
        self._process = where.popen(
            "tcpdump", "-i", interface, "-U", "-w", str(path), "--immediate-mode", "ip or arp",
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(lambda: path.exists() and path.stat().st_size)

    def stop(self, marker: bytes) -> Findings:
        """End the capture and look at it."""
        time.sleep(0.3)
        self._process.terminate()
        self._process.wait(60)
        packets = Counter({kind: self._count(expression) for kind, expression in _KINDS.items()})
        allowed = " or ".join(f"({expression})" for expression in _KINDS.values())
        return Findings(+packets, self._count(f"not ({allowed})"), marker in self._path.read_bytes())

    def _count(self, expression: str) -> int:
        result = subprocess.run(
            ["tcpdump", "-n", "-r", str(self._path), expression], capture_output=True, text=True, check=True
        )
        return len(result.stdout.splitlines())
