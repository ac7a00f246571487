"""Many UDP datagrams in one system call: segmentation and receive offload of Linux (udp(7), UDP_SEGMENT, UDP_GRO).

A system call for each packet costs more than its encryption. With `UDP_SEGMENT` the kernel cuts one large buffer into
datagrams of equal size, the last may be shorter; with `UDP_GRO` it joins such datagrams again before they are read.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct

Control = Sequence[tuple[int, int, bytes]]
"""Ancillary data of `sendmsg` and `recvmsg`."""

MOST_SEGMENTS = 64
"""Datagrams in one call, UDP_MAX_SEGMENTS of the oldest kernel with this feature."""
MOST_OCTETS = 65000
CONTROL_SPACE = socket.CMSG_SPACE(4)

_UDP_SEGMENT = 103
_UDP_GRO = 104
_U16 = Struct("@H")
_INT = Struct("@i")
_NOT_OFFLOADED = (errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP)


def join_datagrams(sock: socket.socket) -> None:
    """Let a socket receive joined datagrams, to be cut with `split`. Older kernels (before 5.0) just do not join."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)


def split(data: bytes, control: Control) -> Iterator[bytes]:
    """The datagrams in what `recvmsg` has returned."""
    size = _segment_size(control) or len(data)
    if size >= len(data):
        yield data
        return
    for start in range(0, len(data), size):
        yield data[start : start + size]


def send_datagrams(
    sock: socket.socket, datagrams: Iterable[bytes], control: Control, address: tuple[str | int, ...]
) -> None:
    """Send datagrams to one address, in order, with as few system calls as possible. Raises OSError."""
    for train in _trains(datagrams):
        if len(train) == 1:
            sock.sendmsg(train, control, 0, address)
            continue
        segment = (socket.IPPROTO_UDP, _UDP_SEGMENT, _U16.pack(len(train[0])))
        try:
            sock.sendmsg(train, (*control, segment), 0, address)
        except OSError as error:
            if error.errno not in _NOT_OFFLOADED:
                raise
            for datagram in train:
                sock.sendmsg([datagram], control, 0, address)


def _trains(datagrams: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Runs of datagrams of equal length, of which only the last may be shorter."""
    train: list[bytes] = []
    room = 0
    for datagram in datagrams:
        if train and (len(datagram) > len(train[0]) or len(datagram) > room or len(train) == MOST_SEGMENTS):
            yield train
            train = []
        if not train:
            room = MOST_OCTETS
        train.append(datagram)
        room -= len(datagram)
        if len(datagram) < len(train[0]):
            yield train
            train = []
    if train:
        yield train


def _segment_size(control: Control) -> int:
    for level, kind, data in control:
        if level == socket.IPPROTO_UDP and kind == _UDP_GRO and len(data) >= _INT.size:
            return int(_INT.unpack_from(data)[0])
    return 0
