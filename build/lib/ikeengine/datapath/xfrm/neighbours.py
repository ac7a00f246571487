"""A hole for IPv6 Neighbour Discovery, the ARP of IPv6, which is made of ordinary IP packets.

Without it a policy between two hosts on one link keeps them from finding each other: they need an SA to ask for the
link address, and the link address to negotiate an SA. The messages never leave their link (RFC 4861 section 11.2).
"""

from __future__ import annotations

import socket

from ikeengine.model.connection import Mode
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.model.selector import TrafficSelector

OWNER = -1
"""No Child SA has a negative number."""

_ROUTER_SOLICITATION = 133
_NEIGHBOUR_ADVERTISEMENT = 136

_EVERYBODY = TrafficSelector(
    bytes(16),
    b"\xff" * 16,
    socket.IPPROTO_ICMPV6,
    _ROUTER_SOLICITATION << 8,
    _NEIGHBOUR_ADVERTISEMENT << 8 | 0xFF,
)

NEIGHBOUR_DISCOVERY = PolicySet(OWNER, PolicyAction.PASS, (_EVERYBODY,), (_EVERYBODY,), mode=Mode.TRANSPORT)
"""Router and neighbour solicitations and advertisements pass. Not forwarded, so mode transport."""
