"""Traffic selectors as text.

A configuration writes them as swanctl does: `10.1.0.0/16`, `10.1.0.1`, `10.1.0.5-10.1.0.9` (or `..`) or `dynamic`, each
with an optional `[protocol/port]`: `[tcp]`, `[tcp/80]`, `[udp/1000-2000]`, `[icmp/8]`, `[icmp/3(1)]`, `[tcp/opaque]`.
What is printed is what strongSwan prints in list-sas, except that ports are always numbers; it can be read back.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from ikeengine.errors import LocalMisuse
from ikeengine.model.selector import (
    ANY_PORTS,
    ANY_PROTOCOL,
    OPAQUE_PORTS,
    DynamicSelector,
    SelectorTemplate,
    TrafficSelector,
)

_ICMP = 1
_ICMPV6 = 58
PROTOCOLS = {
    "any": ANY_PROTOCOL,
    "icmp": _ICMP,
    "igmp": 2,
    "ipencap": 4,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "ipv6-icmp": _ICMPV6,
    "eigrp": 88,
    "ospf": 89,
    "ipip": 94,
    "etherip": 97,
    "pim": 103,
    "ipcomp": 108,
    "vrrp": 112,
    "l2tp": 115,
    "sctp": 132,
    "udplite": 136,
    "mpls-in-ip": 137,
}
"""Protocol names as in Debian's /etc/protocols, which strongSwan prints."""
_ALIASES = {"icmpv6": _ICMPV6, "icmp6": _ICMPV6}
_PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items() if number != ANY_PROTOCOL}
SERVICES = {
    "ftp": 21,
    "ssh": 22,
    "telnet": 23,
    "smtp": 25,
    "domain": 53,
    "bootps": 67,
    "bootpc": 68,
    "http": 80,
    "ntp": 123,
    "snmp": 161,
    "bgp": 179,
    "ldap": 389,
    "https": 443,
    "isakmp": 500,
    "syslog": 514,
    "l2f": 1701,
    "radius": 1812,
}
"""The services that VPNs are made for; other ports are written as numbers."""

_PARTS = re.compile(r"(?P<net>[^\[\]]+)(?:\[(?P<protocol>[^/\[\]]*)(?:/(?P<port>[^\[\]]*))?\])?")
_ICMP_PORT = re.compile(r"(?P<type>[0-9]{1,5})(?:\((?P<code>[0-9]{1,3})\))?")


def parse_selector(text: str) -> SelectorTemplate:
    """A selector of a configuration. Host bits of a subnet are cleared, as in swanctl. Raises LocalMisuse."""
    found = _PARTS.fullmatch(text.strip())
    if found is None:
        raise LocalMisuse(f"`{text}` is not a traffic selector such as `10.1.0.0/16[tcp/80]`")
    protocol = _parse_protocol(found["protocol"] or "any", text)
    ports = _parse_ports(found["port"] or "any", protocol, text)
    net = found["net"].strip()
    if net == "dynamic":
        return DynamicSelector(protocol, *ports)
    return TrafficSelector(*_parse_addresses(net, text), protocol, *ports)


def _parse_addresses(net: str, text: str) -> tuple[bytes, bytes]:
    first, _unused, last = net.replace("..", "-").partition("-")
    try:
        if "%" in net:
            raise ValueError("scope")
        if not last:
            network = ip_network(net, strict=False)
            return network[0].packed, network[-1].packed
        low, high = ip_address(first.strip()).packed, ip_address(last.strip()).packed
    except ValueError:
        raise LocalMisuse(f"`{text}`: `{net}` is not a subnet, an address, a range of addresses or `dynamic`") from None
    if len(low) != len(high) or low > high:
        raise LocalMisuse(f"`{text}`: the range ends before it starts, or mixes IPv4 and IPv6")
    return low, high


def _parse_protocol(word: str, text: str) -> int:
    name = word.strip().lower()
    number = PROTOCOLS.get(name, _ALIASES.get(name, -1))
    if number < 0 and name.isdecimal() and name.isascii() and len(name) <= 3:
        number = int(name)
    if not 0 <= number <= 255:
        raise LocalMisuse(f"`{text}`: the protocol `{word}` is not a name that is known here, nor a number up to 255")
    return number


def _parse_ports(words: str, protocol: int, text: str) -> tuple[int, int]:
    words = words.strip().lower()
    if words == "any":
        return ANY_PORTS
    if words == "opaque":
        return OPAQUE_PORTS
    first, dash, last = words.partition("-")
    if words in SERVICES or not dash:
        first = last = words
    ports = _parse_port(first, protocol), _parse_port(last, protocol)
    if not 0 <= ports[0] <= ports[1] <= 65535:
        raise LocalMisuse(f"`{text}`: `{words}` is not a port, a range of ports, `opaque` or `any`")
    return ports


def _parse_port(word: str, protocol: int) -> int:
    """The number of a port, or -1. For ICMP, type and code, or a type alone, which means code 0 as in strongSwan."""
    word = word.strip()
    if protocol in (_ICMP, _ICMPV6):
        return _parse_icmp(word)
    if word in SERVICES:
        return SERVICES[word]
    return int(word) if word.isdecimal() and word.isascii() and len(word) <= 5 else -1


def _parse_icmp(word: str) -> int:
    found = _ICMP_PORT.fullmatch(word)
    if found is None:
        return -1
    number, code = int(found["type"]), int(found["code"] or 0)
    if number > 255 and not found["code"]:
        return number  # type and code as one number
    return number << 8 | code if number <= 255 and code <= 255 else -1


def prefix_length(selector: TrafficSelector) -> int | None:
    """The length of the prefix that the addresses make, None if they are another range."""
    first, last = int.from_bytes(selector.first), int.from_bytes(selector.last)
    host_bits = (first ^ last).bit_length()
    size = 8 * len(selector.first)
    mask = (1 << host_bits) - 1
    return size - host_bits if first & mask == 0 and last & mask == mask else None


@lru_cache(maxsize=1024)
def format_selector(selector: SelectorTemplate) -> str:
    """The text of a selector as strongSwan prints it. Never raises, whatever a peer put into it."""
    protocol = selector.protocol
    ports = selector.first_port, selector.last_port
    net = "dynamic" if isinstance(selector, DynamicSelector) else _format_addresses(selector)
    if protocol == ANY_PROTOCOL and ports == ANY_PORTS:
        return net
    name = _PROTOCOL_NAMES.get(protocol, str(protocol))
    return f"{net}[{name}]" if ports == ANY_PORTS else f"{net}[{name}/{_format_ports(protocol, *ports)}]"


def _format_addresses(selector: TrafficSelector) -> str:
    address = {4: IPv4Address, 16: IPv6Address}.get(len(selector.first))
    if address is None or len(selector.first) != len(selector.last):
        return "(invalid)"
    length = prefix_length(selector)
    return (
        f"{address(selector.first)}..{address(selector.last)}"
        if length is None
        else f"{address(selector.first)}/{length}"
    )


def _format_ports(protocol: int, first: int, last: int) -> str:
    if (first, last) == OPAQUE_PORTS:
        return "OPAQUE"
    shown = _format_icmp if protocol in (_ICMP, _ICMPV6) else str
    return shown(first) if first == last else f"{shown(first)}-{shown(last)}"


def _format_icmp(number: int) -> str:
    kind, code = divmod(number, 256)
    return f"{kind}({code})" if code else str(kind)
