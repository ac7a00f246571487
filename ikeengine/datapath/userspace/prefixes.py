"""Ranges of addresses as the prefixes that routes and rules are made of."""

from __future__ import annotations

import socket
from ipaddress import IPv4Network, IPv6Network, ip_address, summarize_address_range

from ikeengine.model.selector import TrafficSelector

Network = IPv4Network | IPv6Network


def networks(selector: TrafficSelector) -> list[Network]:
    """The fewest prefixes that make up the addresses of a selector."""
    return list(summarize_address_range(ip_address(selector.first), ip_address(selector.last)))


def family(network: Network) -> int:
    """AF_INET or AF_INET6."""
    return socket.AF_INET if network.version == 4 else socket.AF_INET6
