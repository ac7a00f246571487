"""ICMP errors for our datagrams, from the error queue of a socket (ip(7), IP_RECVERR).

They come from anybody on the way, or from somebody who pretends to be there: they are reported, and nothing else.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

_IP_RECVERR, _IPV6_RECVERR = 11, 25
_MSG_ERRQUEUE = 0x2000
_EXTENDED_ERROR = struct.Struct("=IBBBxII")
"""struct sock_extended_err: errno, origin, type, code, padding, info, data. The address of the sender follows."""
_ORIGIN_ICMP, _ORIGIN_ICMP6 = 2, 3
_CONTROL_SPACE = 512
_MAX_ERRORS = 64
"""Errors taken from the queue at once."""

_WORDS = {
    (_ORIGIN_ICMP, 3, 0): "network unreachable",
    (_ORIGIN_ICMP, 3, 1): "host unreachable",
    (_ORIGIN_ICMP, 3, 3): "port unreachable",
    (_ORIGIN_ICMP, 3, 4): "the datagram is too large",
    (_ORIGIN_ICMP, 3, 9): "administratively prohibited",
    (_ORIGIN_ICMP, 3, 10): "administratively prohibited",
    (_ORIGIN_ICMP, 3, 13): "administratively prohibited",
    (_ORIGIN_ICMP6, 1, 0): "no route",
    (_ORIGIN_ICMP6, 1, 1): "administratively prohibited",
    (_ORIGIN_ICMP6, 1, 3): "address unreachable",
    (_ORIGIN_ICMP6, 1, 4): "port unreachable",
    (_ORIGIN_ICMP6, 2, 0): "the datagram is too large",
}


def ask_for_errors(sock: socket.socket, *, ipv6: bool) -> None:
    """Let the kernel keep ICMP errors for this socket. They must be fetched, or the socket stays readable."""
    if ipv6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def errors(sock: socket.socket) -> Iterator[tuple[str, int, str]]:
    """Fetch what is in the error queue: address and port that the datagram was for, and what happened to it."""
    for _unused in range(_MAX_ERRORS):
        try:
            _data, control, _flags, target = sock.recvmsg(0, _CONTROL_SPACE, _MSG_ERRQUEUE)
        except OSError:
            return
        for level, kind, data in control:
            if (level, kind) in ((socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)):
                yield target[0], target[1], describe(data)


def describe(data: bytes) -> str:
    """Such as `ICMP port unreachable from 192.0.2.2`."""
    _number, origin, kind, code, _info, _data = _EXTENDED_ERROR.unpack_from(data)
    if origin not in (_ORIGIN_ICMP, _ORIGIN_ICMP6):
        return "a local error in sending"
    words = _WORDS.get((origin, kind, code), f"type {kind} code {code}")
    return f"ICMP {words} from {_offender(data[_EXTENDED_ERROR.size :])}"


def _offender(sockaddr: bytes) -> str:
    """The address in a sockaddr_in or sockaddr_in6."""
    family = int.from_bytes(sockaddr[:2], "little") if len(sockaddr) >= 2 else 0
    if family == socket.AF_INET and len(sockaddr) >= 8:
        return socket.inet_ntop(socket.AF_INET, sockaddr[4:8])
    if family == socket.AF_INET6 and len(sockaddr) >= 24:
        return socket.inet_ntop(socket.AF_INET6, sockaddr[8:24])
    return "an unknown host"
