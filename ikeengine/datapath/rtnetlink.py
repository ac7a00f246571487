"""The few rtnetlink messages that a datapath needs: addresses, a route lookup, routes and rules (rtnetlink(7)).

pyroute2 cannot be used here: its calls drive an event loop of their own, and the datapath runs inside the daemon's.
"""

from __future__ import annotations

import socket
from struct import Struct
from typing import NamedTuple

from ikeengine.datapath.netlink import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NetlinkSocket,
    attribute,
    read_attributes,
)

NETLINK_ROUTE = 0

_RTM_NEWROUTE, _RTM_DELROUTE, _RTM_GETROUTE = 24, 25, 26
_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_RTM_NEWRULE, _RTM_DELRULE = 32, 33

_IFADDRMSG = Struct("=BBBBI")
"""family, prefixlen, flags, scope, index."""

_RTMSG = Struct("=BBBBBBBBI")
"""family, dst_len, src_len, tos, table, protocol, scope, type, flags; `struct fib_rule_hdr` has the same shape."""

_U32 = Struct("=I")

_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_NOT_READY = 0x08 | 0x40  # IFA_F_DADFAILED, IFA_F_TENTATIVE
_RTA_DST, _RTA_SRC, _RTA_OIF, _RTA_GATEWAY, _RTA_PREFSRC, _RTA_TABLE, _RTA_MARK = 1, 2, 4, 5, 7, 15, 16
_FRA_PRIORITY, _FRA_FWMARK, _FRA_TABLE, _FRA_FWMASK, _FRA_PROTOCOL = 6, 10, 15, 16, 21

_RTN_UNICAST, _RTN_THROW = 1, 9
_FR_ACT_TO_TBL = 1
_FIB_RULE_INVERT = 2
_WHOLE_MARK = 0xFFFFFFFF
_RT_SCOPE_UNIVERSE, _RT_SCOPE_LINK = 0, 253
_RT_TABLE_UNSPEC = 0

RTPROT_IKEENGINE = 73
"""Marks our routes and rules. A free number, so that routing daemons leave them alone."""


class Network(NamedTuple):
    """An address and the length of its prefix."""

    address: bytes
    prefix: int

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6."""
        return socket.AF_INET6 if len(self.address) == 16 else socket.AF_INET

    def __contains__(self, address: object) -> bool:
        if not isinstance(address, bytes) or len(address) != len(self.address):
            return False
        host_bits = len(address) * 8 - self.prefix
        return int.from_bytes(address, "big") >> host_bits == int.from_bytes(self.address, "big") >> host_bits

    def __str__(self) -> str:
        return f"{socket.inet_ntop(self.family, self.address)}/{self.prefix}"

    def is_part_of(self, other: Network) -> bool:
        """Whether this network is a smaller one inside another."""
        return self.prefix > other.prefix and self.address in other


class Hop(NamedTuple):
    """How the host reaches an address. `gateway` and `source` are empty where there is none."""

    interface: int
    gateway: bytes
    source: bytes


class Route(NamedTuple):
    """A route to install. An empty `gateway` is a route to the link, an empty `source` leaves the choice open.

    Without an interface it is a `throw` route: the search goes on in the next table.
    """

    destination: Network
    interface: int = 0
    gateway: bytes = b""
    source: bytes = b""


class Rule(NamedTuple):
    """`not fwmark MARK lookup TABLE`: packets with the mark do not see the table."""

    family: int
    table: int
    priority: int
    exempt_mark: int


def local_addresses(kernel: NetlinkSocket) -> list[bytes]:
    """The global addresses of this host that are ready for use, IPv4 and IPv6. Raises NetlinkError."""
    addresses = []
    for message in kernel.dump(_RTM_GETADDR, _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        _unused, _unused, _unused, scope, _unused = _IFADDRMSG.unpack_from(message.body)
        attributes = read_attributes(message.body[_IFADDRMSG.size :])
        address = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
        (flags,) = _U32.unpack(attributes.get(_IFA_FLAGS, bytes(4)))
        if message.type == _RTM_NEWADDR and address and scope == _RT_SCOPE_UNIVERSE and not flags & _NOT_READY:
            addresses.append(address)
    return addresses


def lookup(kernel: NetlinkSocket, destination: bytes, source: bytes = b"", *, mark: int = 0) -> Hop:
    """The way to an address, from a source if given, for a packet with a firewall mark.

    Raises NetlinkError if there is none (ENETUNREACH and others).
    """
    bits = len(destination) * 8
    family = socket.AF_INET6 if bits == 128 else socket.AF_INET
    body = _RTMSG.pack(family, bits, bits if source else 0, 0, 0, 0, 0, 0, 0) + attribute(_RTA_DST, destination)
    if source:
        body += attribute(_RTA_SRC, source)
    if mark:
        body += attribute(_RTA_MARK, _U32.pack(mark))
    attributes = read_attributes(kernel.get(_RTM_GETROUTE, body).body[_RTMSG.size :])
    (interface,) = _U32.unpack(attributes.get(_RTA_OIF, bytes(4)))
    return Hop(interface, attributes.get(_RTA_GATEWAY, b""), attributes.get(_RTA_PREFSRC, b""))


def add_route(kernel: NetlinkSocket, route: Route, table: int) -> None:
    """Add a route. Raises NetlinkError, with EEXIST if there is one to the same destination."""
    kernel.request(_RTM_NEWROUTE, _write_route(route, table), NLM_F_CREATE | NLM_F_EXCL)


def replace_route(kernel: NetlinkSocket, route: Route, table: int) -> None:
    """Put a route in the place of one to the same destination, without a gap. Raises NetlinkError."""
    kernel.request(_RTM_NEWROUTE, _write_route(route, table), NLM_F_CREATE | NLM_F_REPLACE)


def delete_route(kernel: NetlinkSocket, route: Route, table: int) -> None:
    """Remove a route of ours. Raises NetlinkError, with ESRCH if there is none."""
    kernel.request(_RTM_DELROUTE, _write_route(route, table))


def add_rule(kernel: NetlinkSocket, rule: Rule) -> None:
    """Add a rule that consults a table. Raises NetlinkError, with EEXIST if there is one already."""
    kernel.request(_RTM_NEWRULE, _write_rule(rule), NLM_F_CREATE | NLM_F_EXCL)


def delete_rule(kernel: NetlinkSocket, rule: Rule) -> None:
    """Remove a rule. Raises NetlinkError, with ENOENT if there is none."""
    kernel.request(_RTM_DELRULE, _write_rule(rule))


def _write_route(route: Route, table: int) -> bytes:
    network = route.destination
    on_link = route.interface and not route.gateway and network.family == socket.AF_INET
    scope = _RT_SCOPE_LINK if on_link else _RT_SCOPE_UNIVERSE
    kind = _RTN_UNICAST if route.interface else _RTN_THROW
    header = _RTMSG.pack(network.family, network.prefix, 0, 0, _RT_TABLE_UNSPEC, RTPROT_IKEENGINE, scope, kind, 0)
    parts = [header, attribute(_RTA_TABLE, _U32.pack(table)), attribute(_RTA_DST, network.address)]
    if route.interface:
        parts.append(attribute(_RTA_OIF, _U32.pack(route.interface)))
    if route.gateway:
        parts.append(attribute(_RTA_GATEWAY, route.gateway))
    if route.source:
        parts.append(attribute(_RTA_PREFSRC, route.source))
    return b"".join(parts)


def _write_rule(rule: Rule) -> bytes:
    header = _RTMSG.pack(rule.family, 0, 0, 0, _RT_TABLE_UNSPEC, 0, 0, _FR_ACT_TO_TBL, _FIB_RULE_INVERT)
    numbers = (
        (_FRA_PRIORITY, rule.priority),
        (_FRA_FWMARK, rule.exempt_mark),
        (_FRA_FWMASK, _WHOLE_MARK),
        (_FRA_TABLE, rule.table),
    )
    parts = [header, *(attribute(kind, _U32.pack(number)) for kind, number in numbers)]
    parts.append(attribute(_FRA_PROTOCOL, bytes([RTPROT_IKEENGINE])))
    return b"".join(parts)
