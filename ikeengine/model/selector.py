"""Traffic selectors (RFC 7296 section 3.13.1, RFC 4301 section 4.4.1.1)."""

from __future__ import annotations

from typing import NamedTuple

from ikeengine.model.immutable import immutable

ANY_PROTOCOL = 0
ANY_PORTS = (0, 65535)
OPAQUE_PORTS = (65535, 0)


class TrafficSelector(NamedTuple):
    """A range of addresses, an IP protocol and a range of ports.

    `first` and `last` are packed addresses of 4 or 16 octets; equal lengths make them comparable as bytes.
    For ICMP the ports hold type and code as RFC 7296 section 3.13.1 says. `OPAQUE_PORTS` means OPAQUE. A tuple, because
    the policies are looked up by it.
    """

    first: bytes
    last: bytes
    protocol: int = ANY_PROTOCOL
    first_port: int = 0
    last_port: int = 65535

    @property
    def is_ipv6(self) -> bool:
        """Whether the addresses are IPv6."""
        return len(self.first) == 16


@immutable
class DynamicSelector:
    """`dynamic` in a configuration: the IKE endpoint's own address (or its virtual IP), once known."""

    protocol: int = ANY_PROTOCOL
    first_port: int = 0
    last_port: int = 65535


SelectorTemplate = TrafficSelector | DynamicSelector
