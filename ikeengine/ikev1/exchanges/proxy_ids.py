"""Traffic selectors as ID payloads of Quick Mode: one for each side, IDci and IDcr (RFC 2407 section 4.6.2).

An ID payload holds one address, subnet or range, with one protocol and one port or all of them.
"""

from __future__ import annotations

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.numbers import IdType
from ikeengine.ikev1.wire.payloads import Id
from ikeengine.model.path import packed
from ikeengine.model.selector import ANY_PROTOCOL, TrafficSelector
from ikeengine.negotiate.selector_text import prefix_length

_HOSTS = {4: IdType.ID_IPV4_ADDR, 16: IdType.ID_IPV6_ADDR}
_SUBNETS = {4: IdType.ID_IPV4_ADDR_SUBNET, 16: IdType.ID_IPV6_ADDR_SUBNET}
_RANGES = {4: IdType.ID_IPV4_ADDR_RANGE, 16: IdType.ID_IPV6_ADDR_RANGE}
_ALL_PORTS = (0, 65535)


def to_id(selector: TrafficSelector) -> Id:
    """The ID payload of a selector. A range of ports, which it cannot say, becomes all ports, as with strongSwan."""
    first_port, last_port = selector.first_port, selector.last_port
    port = first_port if first_port == last_port else 0
    octets = len(selector.first)
    if selector.first == selector.last:
        return Id(_HOSTS[octets], selector.first, selector.protocol, port)
    bits = prefix_length(selector)
    if bits is not None:
        mask = ((1 << bits) - 1) << (8 * octets - bits)
        return Id(_SUBNETS[octets], selector.first + mask.to_bytes(octets, "big"), selector.protocol, port)
    return Id(_RANGES[octets], selector.first + selector.last, selector.protocol, port)


def to_selector(payload: Id) -> TrafficSelector:
    """The selector that an ID payload stands for. Raises InvalidSyntax if it is not for addresses."""
    first, last = _addresses(payload)
    ports = (payload.port, payload.port) if payload.port else _ALL_PORTS
    return TrafficSelector(first, last, payload.protocol, *ports)


def of_address(address: str) -> TrafficSelector:
    """What a Quick Mode without ID payloads is for: the peers themselves (RFC 2409 section 5.5)."""
    octets = packed(address)
    return TrafficSelector(octets, octets, ANY_PROTOCOL, *_ALL_PORTS)


def _addresses(payload: Id) -> tuple[bytes, bytes]:
    data, half = payload.data, len(payload.data) // 2
    if payload.kind in _HOSTS.values():
        return data, data
    if payload.kind in _SUBNETS.values():
        return _of_subnet(data[:half], data[half:])
    if payload.kind in _RANGES.values() and data[:half] <= data[half:]:
        return data[:half], data[half:]
    raise InvalidSyntax(f"an identity of type {payload.kind.name} is not for traffic, or its range is empty")


def _of_subnet(address: bytes, mask: bytes) -> tuple[bytes, bytes]:
    number, width = int.from_bytes(mask, "big"), 8 * len(mask)
    rest = ~number & ((1 << width) - 1)
    if rest & (rest + 1):
        raise InvalidSyntax(f"the mask {mask.hex()} is not that of a subnet")
    first = int.from_bytes(address, "big") & number
    return first.to_bytes(len(mask), "big"), (first | rest).to_bytes(len(mask), "big")
