"""The algebra of traffic selectors (RFC 7296 sections 2.9 and 3.13). Their text form is in `selector_text`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ikeengine.errors import LocalMisuse
from ikeengine.model.path import packed
from ikeengine.model.selector import (
    ANY_PORTS,
    ANY_PROTOCOL,
    OPAQUE_PORTS,
    DynamicSelector,
    SelectorTemplate,
    TrafficSelector,
)
from ikeengine.negotiate.selector_text import format_selector, parse_selector, prefix_length

__all__ = [
    "format_selector",
    "intersect",
    "is_host",
    "is_subset",
    "narrow",
    "parse_selector",
    "prefix_length",
    "resolve",
]

MAX_SELECTORS = 255
"""Most selectors in a TS payload, whose count is one octet (RFC 7296 section 3.13)."""
MAX_PIECES = 1024
"""Most pieces into which `is_subset` cuts a selector before it gives up and says no."""


def narrow(offered: Sequence[TrafficSelector], allowed: Sequence[TrafficSelector]) -> tuple[TrafficSelector, ...]:
    """What is both offered and allowed (RFC 7296 section 2.9). Empty means TS_UNACCEPTABLE.

    The order is that of the offer, so what the initiator wants most, its first selector, is covered if it is allowed
    at all. Selectors that others cover are left out, and neighbours that were cut from one offered selector are joined.
    """
    if len(offered) == 1 and len(allowed) == 1:
        common = intersect(offered[0], allowed[0])
        return () if common is None else (common,)
    found: dict[TrafficSelector, None] = {}
    for offer in offered:
        pieces = [piece for policy in allowed if (piece := intersect(offer, policy)) is not None]
        found.update(dict.fromkeys(_join(pieces)))
        if len(found) >= MAX_SELECTORS:
            break
    return _maximal(list(found)[:MAX_SELECTORS])


def intersect(one: TrafficSelector, other: TrafficSelector) -> TrafficSelector | None:
    """The traffic that both select, None for none. One of the two itself, if it is within the other."""
    if len(one.first) != len(other.first):
        return None
    first = one.first if one.first >= other.first else other.first
    last = one.last if one.last <= other.last else other.last
    if first > last:
        return None
    protocol = one.protocol or other.protocol
    if other.protocol not in (protocol, ANY_PROTOCOL):
        return None
    ports = _common_ports((one.first_port, one.last_port), (other.first_port, other.last_port))
    if ports is None:
        return None
    common = (first, last, protocol, *ports)
    for known in (one, other):
        if common == (known.first, known.last, known.protocol, known.first_port, known.last_port):
            return known
    return TrafficSelector(*common)


def _common_ports(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int] | None:
    """OPAQUE is part of ANY and of nothing else (RFC 4301 section 4.4.1.1)."""
    if one == other:
        return one
    if OPAQUE_PORTS in (one, other):
        return OPAQUE_PORTS if ANY_PORTS in (one, other) else None
    first, last = max(one[0], other[0]), min(one[1], other[1])
    return (first, last) if first <= last else None


def _maximal(selectors: list[TrafficSelector]) -> tuple[TrafficSelector, ...]:
    """Without those that lie within another one."""
    if len(selectors) < 2:
        return tuple(selectors)
    return tuple(one for one in selectors if not any(one is not other and _within(one, other) for other in selectors))


def _within(inner: TrafficSelector, outer: TrafficSelector) -> bool:
    return intersect(inner, outer) is inner


def _join(pieces: list[TrafficSelector]) -> list[TrafficSelector]:
    """Join neighbours of the same protocol and ports, as long as the result is a prefix: kernels like no ranges."""
    if len(pieces) < 2:
        return pieces
    joined: list[TrafficSelector] = []
    for piece in sorted(set(pieces), key=lambda s: (s.protocol, s.first_port, s.last_port, s.first)):
        joined.append(piece)
        while len(joined) > 1 and (union := _union(joined[-2], joined[-1])) is not None:
            joined[-2:] = [union]
    return joined if len(joined) < len(pieces) else pieces


def _union(low: TrafficSelector, high: TrafficSelector) -> TrafficSelector | None:
    """The prefix that two adjacent selectors make, None if they make none."""
    if (low.protocol, low.first_port, low.last_port) != (high.protocol, high.first_port, high.last_port):
        return None
    if int.from_bytes(low.last) + 1 != int.from_bytes(high.first):
        return None
    union = TrafficSelector(low.first, high.last, low.protocol, low.first_port, low.last_port)
    return None if prefix_length(union) is None else union


def is_host(selector: TrafficSelector, address: str = "") -> bool:
    """Whether a selector is for one address only, and for this one if it is given. Protocol and ports do not matter."""
    return selector.first == selector.last and (not address or selector.first == packed(address))


_Box = tuple[tuple[int, int], ...]
"""Inclusive ranges of address size, address, protocol and port, where OPAQUE is port 65536: no range but ANY has it."""


def is_subset(inner: Iterable[TrafficSelector], outer: Sequence[TrafficSelector]) -> bool:
    """Whether every packet that one list selects is selected by the other (needed when rekeying, section 2.9.2)."""
    return all(_is_covered(selector, outer) for selector in inner)


def _is_covered(selector: TrafficSelector, outer: Sequence[TrafficSelector]) -> bool:
    for candidate in outer:
        if _within(selector, candidate):
            return True
    remaining = [_box(selector)]
    for cutter in map(_box, outer):
        remaining = [piece for box in remaining for piece in _cut(box, cutter)]
        if len(remaining) > MAX_PIECES:
            return False
    return not remaining


def _box(selector: TrafficSelector) -> _Box:
    ports = (selector.first_port, selector.last_port)
    size = len(selector.first)
    return (
        (size, size),
        (int.from_bytes(selector.first), int.from_bytes(selector.last)),
        (0, 255) if selector.protocol == ANY_PROTOCOL else (selector.protocol, selector.protocol),
        (0, 65536) if ports == ANY_PORTS else (65536, 65536) if ports == OPAQUE_PORTS else ports,
    )


def _cut(box: _Box, cutter: _Box) -> list[_Box]:
    """What is left of a box outside of the cutter, in disjoint pieces: at most two for each dimension."""
    if any(low > cut_high or high < cut_low for (low, high), (cut_low, cut_high) in zip(box, cutter, strict=True)):
        return [box]
    pieces: list[_Box] = []
    for axis, (cut_low, cut_high) in enumerate(cutter):
        low, high = box[axis]
        outside = [side for side in ((low, cut_low - 1), (cut_high + 1, high)) if side[0] <= side[1]]
        pieces += [(*box[:axis], side, *box[axis + 1 :]) for side in outside]
        box = (*box[:axis], (max(low, cut_low), min(high, cut_high)), *box[axis + 1 :])
    return pieces


def resolve(templates: Iterable[SelectorTemplate], *addresses: str) -> tuple[TrafficSelector, ...]:
    """Selectors for a connection whose endpoint has these addresses: `dynamic` becomes each of them as a host.

    The unspecified address (`0.0.0.0` or `::`) stands for any of its family. Raises LocalMisuse for no address.
    """
    selectors: list[TrafficSelector] = []
    for template in templates:
        if isinstance(template, DynamicSelector):
            selectors += [_dynamic(template, address) for address in addresses]
        else:
            selectors.append(template)
    return tuple(selectors)


def _dynamic(template: DynamicSelector, address: str) -> TrafficSelector:
    try:
        octets = packed(address)
    except ValueError:
        raise LocalMisuse(f"`dynamic` needs an address, and `{address}` is none") from None
    last = octets if any(octets) else b"\xff" * len(octets)
    return TrafficSelector(octets, last, template.protocol, template.first_port, template.last_port)
