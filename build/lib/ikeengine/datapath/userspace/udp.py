"""UDP-encapsulated ESP leaves through the daemon's NAT-T socket, several packets at a time (RFC 3948 section 2.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ikeengine.datapath.base import DatapathHost
from ikeengine.datapath.userspace.segments import MOST_SEGMENTS
from ikeengine.errors import DatapathError
from ikeengine.model.path import Path
from ikeengine.model.sa import IpsecSa

SendBatch = Callable[[Sequence[bytes], Path], None]


class UdpCarrier:
    """Collects the ESP packets of one SA until `flush`, which it asks for with `flush_later`."""

    __slots__ = ("_collected", "_flush_later", "_path", "_send")

    def __init__(self, sa: IpsecSa, host: DatapathHost, flush_later: Callable[[Callable[[], None]], None]) -> None:
        """Raises DatapathError if the SA has no ports."""
        if sa.encap is None:
            raise DatapathError("an SA without UDP encapsulation")
        self._path = Path(sa.source, sa.encap.source_port, sa.destination, sa.encap.destination_port)
        self._send = _batch_sender(host)
        self._flush_later = flush_later
        self._collected: list[bytes] = []

    def __call__(self, sealed: bytes, inner: bytes) -> None:
        """Take one packet."""
        collected = self._collected
        if not collected:
            self._flush_later(self.flush)
        collected.append(sealed)
        if len(collected) >= MOST_SEGMENTS:
            self.flush()

    def flush(self) -> None:
        """Send what was collected."""
        if self._collected:
            collected, self._collected = self._collected, []
            self._send(collected, self._path)


def _batch_sender(host: DatapathHost) -> SendBatch:
    batch: SendBatch | None = getattr(host, "send_encapsulated_batch", None)
    if batch is not None:
        return batch

    def one_by_one(packets: Sequence[bytes], path: Path) -> None:
        for packet in packets:
            host.send_encapsulated(packet, path)

    return one_by_one
