"""Options of `connections.<conn>.interface`."""

from __future__ import annotations

from ikeengine.config.interface_kinds import DEVICE_NAME, INTERFACE_ADDRESSES, MSS, MTU
from ikeengine.config.kinds import BOOLEAN, Kind
from ikeengine.config.schema import Option, Section

_NAME: Kind[str | None] = DEVICE_NAME

NAME = Option("name", _NAME, "The name of the device; no two connections share one. Without it there is no device.")
ADDRESSES = Option("addresses", INTERFACE_ADDRESSES, "Addresses of the device, each with the length of its prefix.", "")
MTU_OPTION = Option(
    "mtu",
    MTU,
    "Longest packet inside, at least 576; 0: what fits through the path to the peer with the algorithms of the SA.",
    "0",
    unit="octets",
)
MSS_OPTION = Option(
    "mss", MSS, "Longest TCP segment, at least 536; 0: what fits into a packet of the MTU.", "0", unit="octets"
)
ROUTES = Option(
    "routes",
    BOOLEAN,
    "Route the networks of the peer (`remote_ts` as negotiated) to the device. Networks that hold the peer's own "
    "address, such as 0.0.0.0/0, are left to the operator.",
    "yes",
)

INTERFACE = Section(
    "connections.<conn>.interface",
    "The network device of a route-based connection: what is routed into it is protected by the Child SAs of the "
    "connection, and what they protected comes out of it. A TUN device with the userspace datapath, an XFRM interface "
    "with the kernel's.",
    (NAME, ADDRESSES, MTU_OPTION, MSS_OPTION, ROUTES),
)
