"""What can be chosen about the userspace datapath."""

from __future__ import annotations

from ikeengine.model.immutable import field, immutable


@immutable
class RouteSettings:
    """Where our routes are, and the bit of the firewall mark that exempts our own packets from them."""

    table: int = 220
    rule_priority: int = 220
    mark: int = 0x1000


@immutable
class UserspaceSettings:
    """The TUN device and the routes into it. `mtu` leaves room for ESP and UDP headers in a path of 1500 octets."""

    device: str = "ike0"
    mtu: int = 1400
    routes: RouteSettings = field(default_factory=RouteSettings)
    ike_ports: tuple[int, ...] = (500, 4500)
    """Where IKE and UDP-encapsulated ESP arrive."""
