"""ICMP errors: what the kernel's error queue says, in words."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address

import pytest

from ikeengine.daemon.icmp import describe
from ikeengine.daemon.udp import UdpSockets
from ikeengine.model.path import Path
from tests.engine.unit.daemon.test_udp import free_ports
from tests.lab.netns import wait_until


def extended_error(origin: int, kind: int, code: int, offender: str = "") -> bytes:
    """struct sock_extended_err and the sockaddr after it."""
    head = struct.pack("=IBBBxII", 111, origin, kind, code, 0, 0)
    if not offender:
        return head
    octets = ip_address(offender).packed
    if len(octets) == 4:
        return head + struct.pack("=HH4s8x", socket.AF_INET, 0, octets)
    return head + struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, octets, 0)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (extended_error(2, 3, 3, "192.0.2.2"), "ICMP port unreachable from 192.0.2.2"),
        (extended_error(2, 3, 13, "192.0.2.254"), "ICMP administratively prohibited from 192.0.2.254"),
        (extended_error(3, 1, 4, "2001:db8::2"), "ICMP port unreachable from 2001:db8::2"),
        (extended_error(2, 11, 0, "192.0.2.9"), "ICMP type 11 code 0 from 192.0.2.9"),
        (extended_error(2, 3, 1), "ICMP host unreachable from an unknown host"),
        (extended_error(1, 0, 0), "a local error in sending"),
    ],
)
def test_words(error: bytes, words: str) -> None:
    assert describe(error) == words


def test_real_error() -> None:
    """A datagram to a port of this host where nobody listens: the kernel answers with ICMP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    sockets = UdpSockets(("127.0.0.1",), *free_ports("127.0.0.1"))
    seen: list[tuple[Path, str]] = []
    sockets.on_unreachable = lambda path, reason: seen.append((path, reason))
    sockets.open(lambda sock, nat_t: None)
    try:
        sockets.send(b"hello", Path("127.0.0.1", sockets.port, "127.0.0.1", port))
        bound = next(bound for bound in sockets._bound if not bound.nat_t)

        def drained() -> bool:
            sockets._drain(bound, lambda data, path: None)
            return bool(seen)

        wait_until(drained)
    finally:
        sockets.close()
    ((path, reason),) = seen
    assert (path.remote, path.remote_port) == ("127.0.0.1", port)
    assert reason == "ICMP port unreachable from 127.0.0.1"
