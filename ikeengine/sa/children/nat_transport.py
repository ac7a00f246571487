"""Transport mode through a NAT: the addresses in traffic selectors are replaced (RFC 7296 section 2.23.1).

A NAT changes the addresses of the packets but not those in the selectors, which the peer has written as it sees them.
Both sides replace the addresses that they receive by those of the IKE SA, and only then look at the selectors.
"""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.model.path import packed
from ikeengine.model.selector import TrafficSelector
from ikeengine.sa.ike_sa import IkeSa

Selectors = tuple[TrafficSelector, ...]


def as_seen_here(sa: IkeSa, local_ts: Selectors, remote_ts: Selectors) -> tuple[Selectors, Selectors]:
    """Selectors that the peer has sent for transport mode, with the addresses that packets have on this host."""
    return (
        _substitute(local_ts, sa.path.local) if sa.nat_local else local_ts,
        _substitute(remote_ts, sa.path.remote) if sa.nat_remote else remote_ts,
    )


def _substitute(selectors: Selectors, address: str) -> Selectors:
    """All selectors must be for one and the same address; others are no business of transport mode and stay."""
    octets = packed(address)
    if not is_one_address(selectors) or len(selectors[0].first) != len(octets):
        return selectors
    return tuple(selector._replace(first=octets, last=octets) for selector in selectors)


def is_one_address(selectors: Sequence[TrafficSelector]) -> bool:
    """Whether all selectors are for the same single address."""
    return len({octets for selector in selectors for octets in (selector.first, selector.last)}) == 1
