"""Native ESP over raw sockets, IP protocol 50, and packets that pass unprotected (RFC 4303 section 3.1).

Outgoing headers are made here (`IPPROTO_RAW`), because DF and the traffic class follow the packet inside. What does
not fit the way to the peer goes through the plain socket instead, whose packets the kernel fragments.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections import Counter
from collections.abc import Callable
from struct import Struct

from ikeengine.datapath.userspace.headers import has_df, ipv4_header, ipv6_header, outer_traffic_class
from ikeengine.datapath.userspace.packet import IPV4_HEADER
from ikeengine.errors import DatapathError
from ikeengine.model.path import packed
from ikeengine.model.sa import IpsecSa

ESP = 50
BATCH = 128
"""Packets read before other work gets its turn."""

_BIGGEST = 65535
_BUFFER = 4 << 20
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_IP_MTU_DISCOVER = 10
_IPV6_MTU_DISCOVER = 23
_PMTUDISC_DONT = 0
_IP_PKTINFO = 8
_PKTINFO_V4 = Struct("@I4s4x")
_PKTINFO_V6 = Struct("@16sI")
_INT = Struct("@i")
_IPV6_RECVPKTINFO = 49
_CONTROL_V6 = socket.CMSG_SPACE(_INT.size) + socket.CMSG_SPACE(_PKTINFO_V6.size)

Received = Callable[[bytes, int], object]
"""Takes an ESP packet, from its SPI on, and the traffic class of its outer header. None: no SA has taken it."""
NotTaken = Callable[[bytes, str, str], object]
"""Looks at an ESP packet that no SA has taken, from this source to this destination."""


class RawSockets:
    """The raw sockets of one address family. `plain` receives ESP, `sender` sends packets that bring their header."""

    def __init__(self, family: int, mark: int, drops: Counter[str]) -> None:
        """Raises OSError."""
        self.family = family
        self._drops = drops
        with contextlib.ExitStack() as cleanup:
            self.plain = cleanup.enter_context(socket.socket(family, socket.SOCK_RAW, ESP))
            self.sender = cleanup.enter_context(socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW))
            for sock in (self.plain, self.sender):
                sock.setblocking(False)
                prepare(sock, mark)
            if family == socket.AF_INET:
                self.plain.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
            else:
                self.plain.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT)
                self.plain.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
                self.plain.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
            cleanup.pop_all()

    def close(self) -> None:
        """Close the sockets."""
        self.plain.close()
        self.sender.close()

    def receive(self, received: Received, not_taken: NotTaken = lambda *_unused: None) -> None:
        """Pass on what has arrived, up to a batch of packets."""
        read_one = _receive_v4 if self.family == socket.AF_INET else _receive_v6
        with contextlib.suppress(BlockingIOError):
            for _unused in range(BATCH):
                read_one(self.plain, received, not_taken)

    def send(self, packet: bytes, destination: str) -> int:
        """Send an IP packet as it is; 0, or the errno if it was dropped."""
        try:
            self.sender.sendto(packet, (destination, 0))
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def send_unprotected(self, packet: bytes) -> None:
        """Send a packet that no policy protects."""
        destination = packet[16:20] if self.family == socket.AF_INET else packet[24:40]
        if self.send(packet, socket.inet_ntop(self.family, destination)):
            self._drops["send-error"] += 1

    def send_esp(self, sealed: bytes, source: str, destination: str, traffic_class: int) -> None:
        """Send an ESP packet that the kernel gives a header and may fragment."""
        if self.family == socket.AF_INET:
            level, pktinfo, tos = socket.IPPROTO_IP, _IP_PKTINFO, socket.IP_TOS
            info = _PKTINFO_V4.pack(0, packed(source))
        else:
            level, pktinfo, tos = socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, socket.IPV6_TCLASS
            info = _PKTINFO_V6.pack(packed(source), 0)
        control = [(level, pktinfo, info), (level, tos, _INT.pack(traffic_class))]
        try:
            self.plain.sendmsg([sealed], control, 0, (destination, 0))
        except OSError:
            self._drops["send-error"] += 1


def open_raw_sockets(mark: int, drops: Counter[str]) -> dict[int, RawSockets]:
    """The raw sockets by length of an address: 4 and, where the host has IPv6, 16. Raises DatapathError."""
    found = {}
    try:
        found[4] = RawSockets(socket.AF_INET, mark, drops)
        found[16] = RawSockets(socket.AF_INET6, mark, drops)
    except OSError as error:
        if error.errno not in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT) or not found:
            for sockets in found.values():
                sockets.close()
            raise DatapathError(f"cannot open raw sockets: {error.strerror}") from error
    return found


class RawCarrier:
    """Sends the ESP packets of one SA natively, with an outer header that follows the packet inside."""

    __slots__ = ("_drops", "_esp_from", "_esp_to", "_raw", "_sa")

    def __init__(self, sa: IpsecSa, raw: RawSockets, drops: Counter[str]) -> None:
        self._sa = sa
        self._raw = raw
        self._drops = drops
        self._esp_from = packed(sa.source)
        self._esp_to = packed(sa.destination)

    def __call__(self, sealed: bytes, inner: bytes) -> None:
        """Send one packet."""
        sa = self._sa
        tos = outer_traffic_class(inner, copy_ecn=sa.copy_ecn, copy_dscp=sa.copy_dscp)
        if len(self._esp_from) == 4:
            df = sa.copy_df and has_df(inner)
            header = ipv4_header(self._esp_from, self._esp_to, ESP, len(sealed), tos=tos, df=df)
        else:
            header = ipv6_header(self._esp_from, self._esp_to, ESP, len(sealed), tos=tos)
        failure = self._raw.send(header + sealed, sa.destination)
        if failure == errno.EMSGSIZE:
            self._raw.send_esp(sealed, sa.source, sa.destination, tos)
        elif failure:
            self._drops["send-error"] += 1


def is_own_address(address: bytes) -> bool:
    """Whether an address belongs to this host."""
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((socket.inet_ntop(family, address), 0))
        return True
    return False


def prepare(sock: socket.socket, mark: int) -> None:
    """Exempt a socket from the routes into the tunnel, and give it room for bursts. Raises OSError."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    for option in (_SO_RCVBUFFORCE, _SO_SNDBUFFORCE):
        sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)


def _receive_v4(sock: socket.socket, received: Received, not_taken: NotTaken) -> None:
    packet = sock.recv(_BIGGEST)
    if len(packet) >= IPV4_HEADER:
        esp = packet[(packet[0] & 0x0F) * 4 :]
        if received(esp, packet[1]) is None:
            not_taken(esp, socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]))


def _receive_v6(sock: socket.socket, received: Received, not_taken: NotTaken) -> None:
    packet, control, _unused, sender = sock.recvmsg(_BIGGEST, _CONTROL_V6)
    traffic_class, destination = 0, b""
    for level, kind, data in control:
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO and len(data) == _PKTINFO_V6.size:
            destination = data[:16]
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_TCLASS and len(data) == _INT.size:
            traffic_class = _INT.unpack(data)[0]
    if received(packet, traffic_class) is None and destination:
        not_taken(packet, str(sender[0]).partition("%")[0], socket.inet_ntop(socket.AF_INET6, destination))
