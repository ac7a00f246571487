"""Clamps the segment size of TCP connections through a device, so that they need no path MTU discovery.

Routers on the way often drop the ICMP errors that it depends on. The host's packet filter does it, both ways, in a
table of our own that goes away with this process.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ikeengine.datapath.userspace.nftables import (
    POSTROUTING,
    PREROUTING,
    NfTable,
    came_in_by,
    goes_out_by,
    lower_segment_size,
    of_family,
    of_protocol,
    tcp_syn,
)
from ikeengine.errors import DatapathError

log = logging.getLogger(__name__)

_TCP = 6
_HOOKS = {"arriving": PREROUTING, "leaving": POSTROUTING}


class SegmentSizeClamp:
    """The rules for one device. Where nf_tables is not usable, `works` is false and nothing is done."""

    def __init__(self, device: str, index: int) -> None:
        self._matches = {"arriving": came_in_by(index), "leaving": goes_out_by(index)}
        self._rules: list[tuple[str, int]] = []
        self._sizes: Mapping[int, int] = {}
        self._table: NfTable | None = None
        try:
            self._table = NfTable(f"ikeengine-{device}")
            for chain, hook in _HOOKS.items():
                self._table.add_base_chain(chain, hook)
        except DatapathError as error:
            self.close()
            log.warning("%s: TCP segments are only limited by the MTU, nf_tables is not usable: %s", device, error)

    @property
    def works(self) -> bool:
        """Whether segments are clamped at all."""
        return self._table is not None

    def close(self) -> None:
        """Remove the rules."""
        if self._table is not None:
            self._table.close()
        self._table = None
        self._rules.clear()

    def set(self, sizes: Mapping[int, int]) -> None:
        """Allow these sizes, by the length of an address. What cannot be done is logged."""
        if self._table is None or sizes == self._sizes:
            return
        try:
            old, self._rules = self._rules, []
            for chain, match in self._matches.items():
                for length, size in sizes.items():
                    rule = match + of_family(length) + of_protocol(_TCP) + tcp_syn() + lower_segment_size(size)
                    self._rules.append((chain, self._table.add_rule(chain, rule)))
            for chain, handle in old:
                self._table.delete_rule(chain, handle)
            self._sizes = dict(sizes)
        except DatapathError as error:
            log.error("TCP segments cannot be limited to %s octets: %s", sizes[4], error)
