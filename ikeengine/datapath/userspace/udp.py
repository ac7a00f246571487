"""UDP-encapsulated ESP leaves through the daemon's NAT-T socket, several packets at a time (RFC 3948 section 2.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ikeengine.datapath.base import PLAIN, DatapathHost, OuterFields
from ikeengine.datapath.userspace.headers import has_df, outer_traffic_class
from ikeengine.datapath.userspace.segments import MOST_SEGMENTS
from ikeengine.errors import DatapathError
from ikeengine.model.path import Path
from ikeengine.model.sa import IpsecSa

SendBatch = Callable[[Sequence[bytes], Path, OuterFields], None]


class UdpCarrier:
    """Collects the ESP packets of one SA until `flush`, which it asks for with `flush_later`."""

    __slots__ = ("_collected", "_copy_df", "_copy_dscp", "_copy_ecn", "_flush_later", "_outer", "_path", "_send")

    def __init__(self, sa: IpsecSa, host: DatapathHost, flush_later: Callable[[Callable[[], None]], None]) -> None:
        """Raises DatapathError if the SA has no ports."""
        if sa.encap is None:
            raise DatapathError("an SA without UDP encapsulation")
        self._path = Path(sa.source, sa.encap.source_port, sa.destination, sa.encap.destination_port)
        self._send = _batch_sender(host)
        self._flush_later = flush_later
        self._copy_df, self._copy_dscp, self._copy_ecn = sa.copy_df, sa.copy_dscp, sa.copy_ecn
        self._outer = PLAIN
        self._collected: list[bytes] = []

    def __call__(self, sealed: bytes, inner: bytes) -> None:
        """Take one packet. Only packets with equal outer headers are sent together."""
        tos = outer_traffic_class(inner, copy_ecn=self._copy_ecn, copy_dscp=self._copy_dscp)
        outer = OuterFields(tos, self._copy_df and has_df(inner))
        if outer != self._outer:
            self.flush()
            self._outer = outer
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
            self._send(collected, self._path, self._outer)


def _batch_sender(host: DatapathHost) -> SendBatch:
    batch: SendBatch | None = getattr(host, "send_encapsulated_batch", None)
    if batch is not None:
        return batch

    def one_by_one(packets: Sequence[bytes], path: Path, outer: OuterFields) -> None:
        for packet in packets:
            host.send_encapsulated(packet, path, outer)

    return one_by_one
