"""DSCP, ECN and DF of UDP datagrams (ip(7), ipv6(7)), for headers that follow the packet inside."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from struct import Struct

from ikeengine.datapath.userspace.segments import Control

_IP_RECVTOS = 13
_IP_MTU_DISCOVER = 10
_PMTUDISC_DONT, _PMTUDISC_WANT = 0, 1
_INT = Struct("@i")

TRAFFIC_CLASS_SPACE = socket.CMSG_SPACE(_INT.size)


def receive_traffic_class(sock: socket.socket, *, ipv6: bool) -> None:
    """Let `recvmsg` tell the traffic class of each datagram."""
    if ipv6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTOS, 1)


def read_traffic_class(control: Control) -> int | None:
    """What `recvmsg` has told; None if it has not."""
    for level, kind, data in control:
        if level == socket.IPPROTO_IP and kind == socket.IP_TOS and data:
            return data[0]
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_TCLASS and len(data) == _INT.size:
            return int(_INT.unpack(data)[0])
    return None


def traffic_class_control(traffic_class: int, *, ipv6: bool) -> tuple[int, int, bytes]:
    """Ancillary data that gives a datagram its traffic class."""
    if ipv6:
        return socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _INT.pack(traffic_class)
    return socket.IPPROTO_IP, socket.IP_TOS, _INT.pack(traffic_class)


@contextlib.contextmanager
def fragmentable(sock: socket.socket) -> Iterator[None]:
    """Send without DF for a while. There is no ancillary data for that, so it is an option of the socket."""
    sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
    try:
        yield
    finally:
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_WANT)
