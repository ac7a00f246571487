"""Selectors as the kernel has them: prefixes and port masks, where IKE negotiates ranges."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import lru_cache
from itertools import product
from math import prod
from socket import htons, ntohs
from struct import Struct
from typing import NamedTuple

from ikeengine.model.selector import ANY_PORTS, OPAQUE_PORTS, TrafficSelector

XFRM_SELECTOR = Struct("=16s16sHHHHHBBB3xiI")
"""`struct xfrm_selector`: daddr, saddr, ports and masks in network order, family, prefix lengths, protocol."""

MOST_EXACT_SELECTORS = 256
"""A pair of ranges that needs more prefixes than this gets the smallest prefixes around them instead."""

_PORT_BITS = 16
_ALL_PORT_BITS = 0xFFFF
_TYPE_PROTOCOLS = (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6)


class Block(NamedTuple):
    """An aligned block of numbers: a prefix of addresses, or a port with its mask."""

    first: int
    prefix: int


class PortMask(NamedTuple):
    """A port number and the bits of it that count."""

    port: int
    mask: int


Split = Callable[[int, int, int], tuple[Block, ...]]
"""Makes blocks from the first and last number of a range and the width of the numbers in bits."""

_Prefix = tuple[bytes, int]
_PortPair = tuple[PortMask, PortMask]

ANY_PORT = PortMask(0, 0)
NO_PORT = PortMask(0, _ALL_PORT_BITS)
"""What OPAQUE means to the kernel, which sees port 0 where a packet shows no ports."""


class KernelSelector(NamedTuple):
    """`struct xfrm_selector`. For ICMP the source port is the type and the destination port the code."""

    source: bytes
    source_prefix: int
    destination: bytes
    destination_prefix: int
    protocol: int = 0
    source_port: PortMask = ANY_PORT
    destination_port: PortMask = ANY_PORT

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6."""
        return socket.AF_INET6 if len(self.source) == 16 else socket.AF_INET

    def __str__(self) -> str:
        text = f"src {self._end(self.source, self.source_prefix)} dst {self._end(*self[2:4])}"
        if self.protocol:
            text += f" proto {self.protocol}"
        for name, (port, mask) in (("sport", self.source_port), ("dport", self.destination_port)):
            if mask:
                text += f" {name} {port}/{mask:#x}"
        return text

    def _end(self, address: bytes, prefix: int) -> str:
        return f"{socket.inet_ntop(self.family, address)}/{prefix}"


@lru_cache(maxsize=4096)
def write_selector(selector: KernelSelector) -> bytes:
    """The 56 octets of `struct xfrm_selector`."""
    return XFRM_SELECTOR.pack(
        selector.destination,
        selector.source,
        htons(selector.destination_port.port),
        htons(selector.destination_port.mask),
        htons(selector.source_port.port),
        htons(selector.source_port.mask),
        selector.family,
        selector.destination_prefix,
        selector.source_prefix,
        selector.protocol,
        0,
        0,
    )


def any_selector(family: int) -> bytes:
    """The octets of a selector that matches every packet of an address family."""
    any_address = bytes(16 if family == socket.AF_INET6 else 4)
    return write_selector(KernelSelector(any_address, 0, any_address, 0))


def read_selector(data: bytes, offset: int = 0) -> KernelSelector:
    """The selector in a kernel message."""
    fields = XFRM_SELECTOR.unpack_from(data, offset)
    destination, source, dport, dport_mask, sport, sport_mask, family, prefix_d, prefix_s, protocol = fields[:10]
    length = 16 if family == socket.AF_INET6 else 4
    return KernelSelector(
        source[:length],
        prefix_s,
        destination[:length],
        prefix_d,
        protocol,
        PortMask(ntohs(sport), ntohs(sport_mask)),
        PortMask(ntohs(dport), ntohs(dport_mask)),
    )


def kernel_selectors(source: TrafficSelector, destination: TrafficSelector) -> tuple[KernelSelector, ...]:
    """The kernel selectors that together match what a pair of traffic selectors matches, of one address family.

    Empty if no packet can match both. A pair of very ragged ranges is rounded up (`MOST_EXACT_SELECTORS`).
    """
    if source.protocol and destination.protocol and source.protocol != destination.protocol:
        return ()
    parts = _parts(source, destination, _blocks)
    if prod(len(part) for part in parts) > MOST_EXACT_SELECTORS:
        parts = _parts(source, destination, _covering_block)
    protocol = source.protocol or destination.protocol
    return tuple(KernelSelector(*s, *d, protocol, *ports) for s, d, ports in product(*parts))


def traffic_selectors(selector: KernelSelector) -> tuple[TrafficSelector, TrafficSelector]:
    """Source and destination of a packet, given as a kernel selector, as IKE writes them (RFC 7296 section 2.9)."""
    source_ports, destination_ports = _range(selector.source_port), _range(selector.destination_port)
    if selector.protocol in _TYPE_PROTOCOLS:
        source_ports = destination_ports = _icmp_range(selector)
    return (
        _traffic_selector(selector.source, selector.source_prefix, selector.protocol, source_ports),
        _traffic_selector(selector.destination, selector.destination_prefix, selector.protocol, destination_ports),
    )


def _parts(
    source: TrafficSelector, destination: TrafficSelector, split: Split
) -> tuple[tuple[_Prefix, ...], tuple[_Prefix, ...], tuple[_PortPair, ...]]:
    protocol = source.protocol or destination.protocol
    ports = _icmp_ports if protocol in _TYPE_PROTOCOLS else _ports
    return _prefixes(source, split), _prefixes(destination, split), ports(source, destination, split)


def _prefixes(selector: TrafficSelector, split: Split) -> tuple[_Prefix, ...]:
    length = len(selector.first)
    blocks = split(int.from_bytes(selector.first, "big"), int.from_bytes(selector.last, "big"), length * 8)
    return tuple((block.first.to_bytes(length, "big"), block.prefix) for block in blocks)


def _ports(source: TrafficSelector, destination: TrafficSelector, split: Split) -> tuple[_PortPair, ...]:
    return tuple(product(_port_masks(source, split), _port_masks(destination, split)))


def _port_masks(selector: TrafficSelector, split: Split) -> tuple[PortMask, ...]:
    ports = (selector.first_port, selector.last_port)
    if ports == ANY_PORTS:
        return (ANY_PORT,)
    if ports == OPAQUE_PORTS:
        return (NO_PORT,)
    return tuple(PortMask(block.first, _mask(block)) for block in split(*ports, _PORT_BITS))


def _icmp_ports(source: TrafficSelector, destination: TrafficSelector, split: Split) -> tuple[_PortPair, ...]:
    """ICMP type and code share one number in IKE (RFC 7296 section 3.13.1); the kernel has them as two ports."""
    first = max(source.first_port, destination.first_port)
    last = min(source.last_port, destination.last_port)
    if (first, last) == ANY_PORTS:
        return ((ANY_PORT, ANY_PORT),)
    return tuple(_type_and_code(block) for block in split(first, last, _PORT_BITS))


def _type_and_code(block: Block) -> _PortPair:
    mask = _mask(block)
    type_mask, code_mask = mask >> 8, mask & 0xFF
    return (
        PortMask(block.first >> 8, type_mask | 0xFF00 if type_mask else 0),
        PortMask(block.first & 0xFF, code_mask | 0xFF00 if code_mask else 0),
    )


def _mask(block: Block) -> int:
    return _ALL_PORT_BITS << (_PORT_BITS - block.prefix) & _ALL_PORT_BITS


@lru_cache(maxsize=1024)
def _blocks(first: int, last: int, width: int) -> tuple[Block, ...]:
    """The fewest aligned blocks that make up a range of `width`-bit numbers."""
    blocks = []
    while first <= last:
        size = first & -first or 1 << width
        while size > last - first + 1:
            size >>= 1
        blocks.append(Block(first, width + 1 - size.bit_length()))
        first += size
    return tuple(blocks)


def _covering_block(first: int, last: int, width: int) -> tuple[Block, ...]:
    """The smallest aligned block around a range, which is not empty."""
    host_bits = (first ^ last).bit_length()
    return (Block(first >> host_bits << host_bits, width - host_bits),)


def _range(port: PortMask) -> tuple[int, int]:
    return port.port, port.port | ~port.mask & _ALL_PORT_BITS


def _icmp_range(selector: KernelSelector) -> tuple[int, int]:
    if not selector.source_port.mask:
        return ANY_PORTS
    first = selector.source_port.port << 8
    if not selector.destination_port.mask:
        return first, first | 0xFF
    exact = first | selector.destination_port.port
    return exact, exact


def _traffic_selector(address: bytes, prefix: int, protocol: int, ports: tuple[int, int]) -> TrafficSelector:
    length = len(address)
    first = int.from_bytes(address, "big")
    last = first | (1 << (length * 8 - prefix)) - 1
    return TrafficSelector(address, last.to_bytes(length, "big"), protocol, *ports)
