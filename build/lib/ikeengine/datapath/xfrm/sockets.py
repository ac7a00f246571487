"""What an IKE socket needs so that the kernel's policies leave it alone and its ESP packets find their states."""

from __future__ import annotations

import socket
from collections.abc import Callable

from ikeengine.datapath.xfrm.constants import (
    IP_XFRM_POLICY,
    IPV6_XFRM_POLICY,
    UDP_ENCAP,
    UDP_ENCAP_ESPINUDP,
    XfrmDir,
)
from ikeengine.datapath.xfrm.policy import write_exemption
from ikeengine.errors import DatapathError

_POLICY_OPTION = {
    socket.AF_INET: (socket.IPPROTO_IP, IP_XFRM_POLICY),
    socket.AF_INET6: (socket.IPPROTO_IPV6, IPV6_XFRM_POLICY),
}


def exempt_from_policies(sock: socket.socket) -> None:
    """Let IKE messages pass unprotected, whatever the policies say. Raises DatapathError.

    A socket can be exempt for one address family only, so an IPv6 socket must be IPV6_V6ONLY.
    """
    level, option = _POLICY_OPTION[socket.AddressFamily(sock.family)]
    if sock.family == socket.AF_INET6 and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        raise DatapathError("an IKE socket for IPv6 must be IPV6_V6ONLY: only then IPsec policies can be kept off it")
    for direction in (XfrmDir.IN, XfrmDir.OUT):
        policy = write_exemption(sock.family, direction)
        _try("exempt the IKE socket from IPsec policies", lambda: sock.setsockopt(level, option, policy))  # noqa: B023


def decapsulate_esp(sock: socket.socket) -> None:
    """Have the kernel take UDP-encapsulated ESP off a socket (RFC 3948). Raises DatapathError."""
    _try(
        "receive UDP-encapsulated ESP",
        lambda: sock.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP),
    )


def _try(purpose: str, set_option: Callable[[], None]) -> None:
    try:
        set_option()
    except OSError as error:
        raise DatapathError(f"cannot {purpose}: {error.strerror}") from error
