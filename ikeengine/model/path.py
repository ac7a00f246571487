"""The way a datagram takes: two addresses and two ports."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

IKE_PORT = 500
NAT_T_PORT = 4500


class Path(NamedTuple):
    """Local and remote transport addresses of a datagram, seen from this host. Addresses are in canonical text form."""

    local: str
    local_port: int
    remote: str
    remote_port: int

    def __str__(self) -> str:
        return f"{_endpoint(self.local, self.local_port)} <-> {_endpoint(self.remote, self.remote_port)}"


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@lru_cache(maxsize=4096)
def packed(address: str) -> bytes:
    """Network byte order octets (4 or 16) of an address in text form. Raises ValueError if it is not an address."""
    return ip_address(address).packed


def is_address(text: str) -> bool:
    """Whether a text is an IP address, and neither a name nor a network."""
    try:
        packed(text)
    except ValueError:
        return False
    return True
