"""The network device of a route-based connection."""

from __future__ import annotations

from ikeengine.model.immutable import immutable


@immutable
class InterfaceConfig:
    """One `connections.<conn>.interface` section."""

    name: str
    if_id: int
    """What ties an XFRM interface to its SAs and policies."""
    addresses: tuple[str, ...] = ()
    """With the length of their prefix, such as `169.254.0.1/30`."""
    mtu: int = 0
    """Octets of a packet inside; 0 for as many as fit through the path to the peer."""
    mss: int = 0
    """Octets of a TCP segment; 0 for as many as fit into a packet."""
    routes: bool = True
    """Whether the networks of the peer are routed to the device."""
