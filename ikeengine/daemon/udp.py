"""The UDP sockets of IKE and of UDP-encapsulated ESP (RFC 7296 section 2.23, RFC 3948).

Each datagram is known with both its addresses (IP_PKTINFO), and a reply leaves from the address that was asked.
On the NAT-T port four zero octets mark IKE; one octet 0xFF is a keepalive; everything else is ESP.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import lru_cache
from ipaddress import ip_address

from ikeengine.daemon import icmp
from ikeengine.datapath.base import PLAIN, OuterFields
from ikeengine.datapath.userspace.outer import (
    TRAFFIC_CLASS_SPACE,
    fragmentable,
    read_traffic_class,
    receive_traffic_class,
    traffic_class_control,
)
from ikeengine.datapath.userspace.segments import CONTROL_SPACE, join_datagrams, send_datagrams, split
from ikeengine.errors import LocalMisuse
from ikeengine.model.immutable import immutable
from ikeengine.model.path import Path, packed

NON_ESP_MARKER = bytes(4)
KEEPALIVE = b"\xff"
MAX_DATAGRAM = 65535
BATCH = 64
"""Datagrams taken from one socket before timers and the control socket get their turn."""
RECEIVE_BUFFER = 4 * 1024 * 1024
"""Octets of kernel buffer wanted per socket: a burst of a few thousand IKE_SA_INIT while the loop is busy."""
ANY = ("%any",)

_IPV6_RECVPKTINFO, _IPV6_PKTINFO, _IP_PKTINFO = 49, 50, 8
_SO_RCVBUFFORCE = 33
_PKTINFO4 = struct.Struct("=i4s4s")
_PKTINFO6 = struct.Struct("=16si")
_PKTINFO_SPACE = socket.CMSG_SPACE(max(_PKTINFO4.size, _PKTINFO6.size))

_NAT_T_SPACE = _PKTINFO_SPACE + CONTROL_SPACE + TRAFFIC_CLASS_SPACE

Receiver = Callable[[bytes, Path], None]
EspReceiver = Callable[[bytes, Path, int | None], None]
"""Takes also the traffic class of the outer header, None if it is unknown."""
Prepare = Callable[[socket.socket, bool], None]


@immutable
class BoundSocket:
    """One socket. `address` is empty where it is bound to every address of its family."""

    sock: socket.socket
    address: str
    port: int
    nat_t: bool
    ipv6: bool


class UdpSockets:
    """All sockets of the daemon: IKE and NAT-T port, IPv4 and IPv6, for every address or the configured ones."""

    def __init__(self, listen: tuple[str, ...], port: int, port_nat_t: int) -> None:
        self.port = port
        self.port_nat_t = port_nat_t
        self._listen = tuple(address for address in listen if address not in ANY)
        self._bound: list[BoundSocket] = []
        self._for_path: dict[tuple[str, int], BoundSocket] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.on_error: Callable[[Path | None, OSError], None] = _ignore
        """Called for a datagram that could not be sent, and for a socket that could not be read."""
        self.on_unreachable: Callable[[Path, str], None] = _unheard
        """Called for an ICMP error about an IKE message that was sent from the IKE port."""

    def open(self, prepare: Prepare, *, join_esp: bool = False) -> None:
        """Bind everything. `prepare(socket, nat_t)` is called for each. Raises LocalMisuse and what `prepare` raises.

        `join_esp` lets the kernel hand over ESP packets several at a time, for a datapath that processes them here.
        """
        try:
            for port, nat_t in ((self.port, False), (self.port_nat_t, True)):
                for address in self._listen or ("0.0.0.0", "::"):  # noqa: S104 - IKE serves every address by default
                    self._open_one(address, port, nat_t, prepare)
            for bound in self._bound:
                if bound.nat_t and join_esp:
                    join_datagrams(bound.sock)
                    receive_traffic_class(bound.sock, ipv6=bound.ipv6)
        except BaseException:
            self.close()
            raise

    def _open_one(self, address: str, port: int, nat_t: bool, prepare: Prepare) -> None:
        ipv6 = ":" in address
        try:
            sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        except OSError as error:
            if ipv6 and not self._listen:
                return
            raise LocalMisuse(_cannot_listen(address, port, error)) from error
        try:
            _set_options(sock, ipv6)
            sock.bind(_sockaddr(address, port))
            if not nat_t:
                # Not on the NAT-T port: each error would cost one of the many ESP packets there.
                icmp.ask_for_errors(sock, ipv6=ipv6)
            prepare(sock, nat_t)
        except OSError as error:
            sock.close()
            if ipv6 and not self._listen and error.errno == errno.EADDRNOTAVAIL:
                return
            raise LocalMisuse(_cannot_listen(address, port, error)) from error
        except BaseException:
            sock.close()
            raise
        self._bound.append(BoundSocket(sock, address if self._listen else "", port, nat_t, ipv6))

    def start(self, loop: asyncio.AbstractEventLoop, on_ike: Receiver, on_esp: EspReceiver) -> None:
        """Hand every datagram to one of the receivers from now on."""
        self._loop = loop
        for bound in self._bound:
            if bound.nat_t:
                loop.add_reader(bound.sock.fileno(), self._drain_nat_t, bound, on_ike, on_esp)
            else:
                loop.add_reader(bound.sock.fileno(), self._drain, bound, on_ike)

    def close(self) -> None:
        """Stop receiving and close all sockets."""
        for bound in self._bound:
            if self._loop is not None:
                self._loop.remove_reader(bound.sock.fileno())
            bound.sock.close()
        self._bound.clear()
        self._for_path.clear()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses we are bound to; empty for all."""
        return self._listen

    def serves(self, port: int) -> bool:
        """Whether there is a socket with this local port."""
        return port in (self.port, self.port_nat_t)

    def send(self, data: bytes, path: Path, *, keepalive: bool = False) -> None:
        """Send an IKE message, with the non-ESP marker if it leaves from the NAT-T port, or a NAT keepalive."""
        bound = self._socket(path)
        buffers = [NON_ESP_MARKER, data] if bound is not None and bound.nat_t and not keepalive else [data]
        try:
            if bound is None:
                raise _no_socket(path)
            control = () if bound.address else _control(path.local)
            bound.sock.sendmsg(buffers, control, 0, _sockaddr(path.remote, path.remote_port))
        except OSError as error:
            # UDP may lose a datagram anyway; the retransmission of the core is the remedy.
            self.on_error(path, error)
            if bound is not None:
                self._fetch_errors(bound)

    def send_encapsulated(self, packets: Sequence[bytes], path: Path, outer: OuterFields = PLAIN) -> None:
        """Send ESP packets in this order (RFC 3948 section 2.1), with what is copied to their outer headers."""
        bound = self._socket(path)
        try:
            if bound is None:
                raise _no_socket(path)
            control = () if bound.address else _control(path.local)
            if outer.traffic_class:
                control = (*control, traffic_class_control(outer.traffic_class, ipv6=bound.ipv6))
            with fragmentable(bound.sock) if not (outer.df or bound.ipv6) else nullcontext():
                send_datagrams(bound.sock, packets, control, _sockaddr(path.remote, path.remote_port))
        except OSError as error:
            self.on_error(path, error)

    def _socket(self, path: Path) -> BoundSocket | None:
        key = (path.local, path.local_port)
        bound = self._for_path.get(key)
        if bound is None:
            bound = self._find(path)
            if bound is not None:
                self._for_path[key] = bound
        return bound

    def _find(self, path: Path) -> BoundSocket | None:
        ipv6 = ":" in path.remote
        candidates = [b for b in self._bound if b.port == path.local_port and b.ipv6 == ipv6]
        exact = [b for b in candidates if b.address == path.local]
        return next(iter(exact or [b for b in candidates if not b.address]), None)

    def _drain(self, bound: BoundSocket, on_ike: Receiver) -> None:
        receive = bound.sock.recvmsg
        for number in range(BATCH):
            try:
                data, control, _flags, sender = receive(MAX_DATAGRAM, _PKTINFO_SPACE)
            except BlockingIOError:
                if not number:
                    self._fetch_errors(bound)
                return
            except OSError as error:
                if not self._fetch_errors(bound):
                    self.on_error(None, error)
                return
            on_ike(data, _path(bound, control, sender))

    def _fetch_errors(self, bound: BoundSocket) -> bool:
        """Report the ICMP errors that wait. False if there are none."""
        if bound.nat_t:
            return False
        found = list(icmp.errors(bound.sock))
        for address, port, reason in found:
            self.on_unreachable(Path(bound.address, bound.port, address, port), reason)
        return bool(found)

    def _drain_nat_t(self, bound: BoundSocket, on_ike: Receiver, on_esp: EspReceiver) -> None:
        receive = bound.sock.recvmsg
        for _unused in range(BATCH):
            try:
                joined, control, _flags, sender = receive(MAX_DATAGRAM, _NAT_T_SPACE)
            except BlockingIOError:
                return
            except OSError as error:
                self.on_error(None, error)
                return
            path = _path(bound, control, sender)
            traffic_class = read_traffic_class(control)
            for data in split(joined, control):
                if data[:4] == NON_ESP_MARKER:
                    on_ike(data[4:], path)
                elif data not in (KEEPALIVE, b""):
                    on_esp(data, path, traffic_class)


def _path(bound: BoundSocket, control: list[tuple[int, int, bytes]], sender: tuple[str, int]) -> Path:
    return Path(_local_address(control) or bound.address, bound.port, _remote_address(sender), sender[1])


def _no_socket(path: Path) -> OSError:
    return OSError(errno.EADDRNOTAVAIL, f"no socket for {path.local}[{path.local_port}]")


def _set_options(sock: socket.socket, ipv6: bool) -> None:
    sock.setblocking(False)
    if ipv6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def _cannot_listen(address: str, port: int, error: OSError) -> str:
    text = f"cannot listen on {address}[{port}]: {error.strerror}"
    if error.errno == errno.EADDRINUSE:
        text += " (is another IKE daemon running?)"
    return text


def _local_address(control: list[tuple[int, int, bytes]]) -> str:
    for level, kind, data in control:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            return _text(data[4:8])
        if level == socket.IPPROTO_IPV6 and kind == _IPV6_PKTINFO:
            return _text(data[:16])
    return ""


def _remote_address(sender: tuple[str, int] | tuple[str, int, int, int]) -> str:
    if len(sender) == 4 and sender[3]:
        return f"{sender[0].partition('%')[0]}%{sender[3]}"
    return sender[0]


@lru_cache(maxsize=4096)
def _text(octets: bytes) -> str:
    return str(ip_address(octets))


@lru_cache(maxsize=4096)
def _sockaddr(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    if ":" not in address:
        return address, port
    host, _unused, scope = address.partition("%")
    return host, port, 0, int(scope) if scope.isdigit() else 0


@lru_cache(maxsize=4096)
def _control(local: str) -> tuple[tuple[int, int, bytes], ...]:
    """Ancillary data that makes a datagram leave from `local`; nothing where the routing table shall choose."""
    if not local:
        return ()
    octets = packed(local)
    if not any(octets):
        return ()
    if len(octets) == 4:
        return ((socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO4.pack(0, octets, bytes(4))),)
    return ((socket.IPPROTO_IPV6, _IPV6_PKTINFO, _PKTINFO6.pack(octets, 0)),)


def _unheard(path: Path, reason: str) -> None:
    """Before the service has taken over."""


def _ignore(path: Path | None, error: OSError) -> None:
    """Before the service has taken over."""
