"""How long a packet inside may be, so that its encapsulation fits through the path to the peer."""

from __future__ import annotations

from ikeengine.datapath.userspace.ah import header_length
from ikeengine.datapath.userspace.esp import HEADER_LENGTH, TRAILER_LENGTH, shape
from ikeengine.errors import DatapathError
from ikeengine.model.sa import IpsecSa
from ikeengine.registry import Protocol

LEAST_MTU = 576
_UDP_HEADER = 8
_IPV4_HEADER, _IPV6_HEADER = 20, 40
_TCP_HEADER = 20
_LARGEST_ESP = (16, 16, 32)
"""IV, alignment and ICV of an algorithm that only the kernel knows: none has more."""


def inner_mtu(sa: IpsecSa, path_mtu: int) -> int:
    """The MTU inside a tunnel mode SA whose packets may have `path_mtu` octets (RFC 4303 section 2, RFC 3948)."""
    room = path_mtu - (_IPV6_HEADER if ":" in sa.destination else _IPV4_HEADER) - (_UDP_HEADER if sa.encap else 0)
    if sa.outermost.protocol is Protocol.AH:
        room -= header_length(sa.outermost)
    if sa.protocol is Protocol.AH:
        return max(room, LEAST_MTU)
    iv, align, icv = _shape(sa)
    room -= HEADER_LENGTH + iv + icv
    return max(room - room % align - TRAILER_LENGTH, LEAST_MTU)


def segment_sizes(mtu: int, mss: int) -> dict[int, int]:
    """The maximum TCP segment size by the length of an address, 4 or 16; `mss` 0 for what fits into the MTU."""
    headers = {4: _IPV4_HEADER, 16: _IPV6_HEADER}
    return {length: mss or mtu - header - _TCP_HEADER for length, header in headers.items()}


def _shape(sa: IpsecSa) -> tuple[int, int, int]:
    try:
        return shape(sa)
    except DatapathError:
        return _LARGEST_ESP
