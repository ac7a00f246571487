"""Child SAs for one pair of addresses, and the packet that asks for one (RFC 7296 section 2.9)."""

from __future__ import annotations

from ikeengine.errors import SinglePairRequired
from ikeengine.model.commands import Packet
from ikeengine.model.selector import TrafficSelector
from ikeengine.negotiate.selectors import intersect, is_subset
from ikeengine.sa.children.nat_transport import is_one_address

Selectors = tuple[TrafficSelector, ...]


def offered_for(
    packet: Packet | None, local_ts: Selectors, remote_ts: Selectors, *, single_pair: bool
) -> list[Selectors]:
    """The local and remote selectors to offer: those of the packet first, so that the peer knows what is wanted most.

    With `single_pair` nothing beyond the addresses of the packet, or without a packet of the first selectors.
    """
    if packet is None or not covers(packet, local_ts, remote_ts):
        if not single_pair:
            return [local_ts, remote_ts]
        return [_for_address(local_ts, local_ts[0]), _for_address(remote_ts, remote_ts[0])]
    halves = []
    for own, configured in ((packet.source, local_ts), (packet.destination, remote_ts)):
        wanted = _for_address(configured, own) if single_pair else configured
        halves.append(tuple(dict.fromkeys((own, *wanted))))
    return halves


def covers(packet: Packet, local_ts: Selectors, remote_ts: Selectors) -> bool:
    """Whether a packet is within the selectors."""
    return is_subset((packet.source,), local_ts) and is_subset((packet.destination,), remote_ts)


def is_single_pair(local_ts: Selectors, remote_ts: Selectors) -> bool:
    """Whether the selectors are for one address on each side."""
    return is_one_address(local_ts) and is_one_address(remote_ts)


def narrowed_to_pair(
    local_ts: Selectors, remote_ts: Selectors, first: tuple[TrafficSelector, TrafficSelector]
) -> list[Selectors]:
    """What is left for one pair of addresses: the one in the first selectors of the offer, which are a packet's own.

    Raises SinglePairRequired if the offer does not tell which pair is wanted.
    """
    if is_single_pair(local_ts, remote_ts):
        return [local_ts, remote_ts]
    if not (is_one_address(first[:1]) and is_one_address(first[1:])):
        raise SinglePairRequired("each pair of addresses needs a Child SA of its own (`single_pair`)")
    halves = [_for_address(local_ts, first[0]), _for_address(remote_ts, first[1])]
    if not all(halves):
        raise SinglePairRequired("the first pair of addresses in the offer is not allowed here")
    return halves


def _for_address(selectors: Selectors, whose: TrafficSelector) -> Selectors:
    """The selectors as far as they are for the addresses of another one."""
    addresses = TrafficSelector(whose.first, whose.last)
    return tuple(piece for selector in selectors if (piece := intersect(selector, addresses)) is not None)
