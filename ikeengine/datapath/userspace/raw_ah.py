"""AH over raw sockets, IP protocol 51: whole IP packets in and out, because AH covers their headers (RFC 4302)."""

from __future__ import annotations

import contextlib
import errno
import secrets
import socket
from collections import Counter
from struct import Struct

from ikeengine.datapath.userspace.ah import AhSender
from ikeengine.datapath.userspace.ah_header import AH
from ikeengine.datapath.userspace.fragments import fragments
from ikeengine.datapath.userspace.headers import has_df, ipv4_header, ipv6_header, outer_traffic_class, traffic_class
from ikeengine.datapath.userspace.packet import DESTINATION_OPTIONS, HOP_BY_HOP, IPV6_ROUTING
from ikeengine.datapath.userspace.protection import BundleSender
from ikeengine.datapath.userspace.raw import BATCH, RawSockets, Received, prepare
from ikeengine.errors import DatapathError
from ikeengine.model.path import packed
from ikeengine.model.sa import IpsecSa

_BIGGEST = 65535
_ANCILLARY = 4096
_IDENTIFICATION = Struct(">H")
_PKTINFO = Struct("@16sI")
_INT = Struct("@i")

_EXTENSION_HEADERS = {
    socket.IPV6_HOPOPTS: HOP_BY_HOP,
    socket.IPV6_RTHDR: IPV6_ROUTING,
    socket.IPV6_DSTOPTS: DESTINATION_OPTIONS,
}


class AhSocket:
    """Receives AH of one address family."""

    def __init__(self, family: int, mark: int) -> None:
        """Raises OSError."""
        self.sock = socket.socket(family, socket.SOCK_RAW, AH)
        self._read = _receive_v4 if family == socket.AF_INET else _receive_v6
        try:
            self.sock.setblocking(False)
            prepare(self.sock, mark)
            if family == socket.AF_INET6:
                for option in (
                    socket.IPV6_RECVPKTINFO,
                    socket.IPV6_RECVTCLASS,
                    socket.IPV6_RECVHOPOPTS,
                    socket.IPV6_RECVRTHDR,
                    socket.IPV6_RECVDSTOPTS,
                ):
                    self.sock.setsockopt(socket.IPPROTO_IPV6, option, 1)
        except OSError:
            self.sock.close()
            raise

    def receive(self, received: Received) -> None:
        """Pass on what has arrived as whole IP packets, up to a batch."""
        with contextlib.suppress(BlockingIOError):
            for _unused in range(BATCH):
                packet = self._read(self.sock)
                if packet:
                    received(packet, traffic_class(packet))

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()


def open_ah_sockets(mark: int, families: dict[int, RawSockets]) -> list[AhSocket]:
    """A socket for each address family that the host has. Raises DatapathError."""
    found: list[AhSocket] = []
    try:
        found.extend(AhSocket(sockets.family, mark) for sockets in families.values())
    except OSError as error:
        for opened in found:
            opened.close()
        raise DatapathError(f"cannot open raw sockets for AH: {error.strerror}") from error
    return found


class AhCarrier:
    """Sends the packets of one SA. The IP header is complete before the packet is signed."""

    __slots__ = ("_drops", "_from", "_identification", "_raw", "_sa", "_sender", "_to")

    def __init__(self, sa: IpsecSa, sender: AhSender | BundleSender, raw: RawSockets, drops: Counter[str]) -> None:
        self._sa = sa
        self._sender = sender
        self._raw = raw
        self._drops = drops
        self._from = packed(sa.source)
        self._to = packed(sa.destination)
        self._identification = secrets.randbelow(0xFFFF)

    def __call__(self, sealed: bytes, inner: bytes) -> None:
        """Sign and send one packet; in fragments if it does not fit the way to the peer."""
        header = self._header(len(sealed), inner)
        packet = header + self._sender.sign(header, sealed)
        failure = self._raw.send(packet, self._sa.destination)
        if failure == errno.EMSGSIZE:
            for fragment in fragments(packet):
                failure = self._raw.send(fragment, self._sa.destination)
        if failure:
            self._drops["send-error"] += 1

    def _header(self, length: int, inner: bytes) -> bytes:
        sa = self._sa
        tos = outer_traffic_class(inner, copy_ecn=sa.copy_ecn, copy_dscp=sa.copy_dscp)
        if len(self._from) == 16:
            return ipv6_header(self._from, self._to, AH, length, tos=tos)
        header = ipv4_header(self._from, self._to, AH, length, tos=tos, df=sa.copy_df and has_df(inner))
        # The kernel fills in an identification of zero, but AH covers it.
        self._identification = self._identification % 0xFFFF + 1
        return header[:4] + _IDENTIFICATION.pack(self._identification) + header[6:]


def _receive_v4(sock: socket.socket) -> bytes:
    return sock.recv(_BIGGEST)


def _receive_v6(sock: socket.socket) -> bytes:
    """A packet with the headers that the kernel has taken off; empty if they are not known."""
    rest, control, _unused, sender = sock.recvmsg(_BIGGEST, _ANCILLARY)
    destination, tos, extensions = b"", 0, []
    for level, kind, data in control:
        if level != socket.IPPROTO_IPV6:
            continue
        if kind == socket.IPV6_PKTINFO and len(data) == _PKTINFO.size:
            destination = data[:16]
        elif kind == socket.IPV6_TCLASS:
            tos = _INT.unpack(data)[0]
        elif kind in _EXTENSION_HEADERS:
            extensions.append((_EXTENSION_HEADERS[kind], data))
    if not destination:
        return b""
    first = extensions[0][0] if extensions else AH
    length = len(rest) + sum(len(data) for _unused, data in extensions)
    source = packed(str(sender[0]).partition("%")[0])
    header = ipv6_header(source, destination, first, length, tos=tos)
    return header + b"".join(data for _unused, data in extensions) + rest
