"""A small netlink socket: acknowledged requests, dumps and multicast events (netlink(7)).

Requests are synchronous: the kernel handles them inside `send`, so an answer is there at once or never.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple, Self

from ikeengine.errors import DatapathError

NETLINK_XFRM = 6

NLMSG_ERROR = 2
NLMSG_DONE = 3

NLM_F_REQUEST = 0x01
NLM_F_ACK = 0x04
NLM_F_DUMP_INTR = 0x10
NLM_F_REPLACE = 0x100
NLM_F_DUMP = 0x300
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
_NLM_F_CAPPED = 0x100
_NLM_F_ACK_TLVS = 0x200

_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_NLMSGERR_ATTR_MSG = 1

_HEADER = Struct("=IHHII")
_ERROR = Struct("=i")
_ATTRIBUTE = Struct("=HH")
_TIMEVAL = Struct("@ll")
_ATTRIBUTE_TYPE_MASK = 0x3FFF
_BUFFER = 1 << 16
_MOST_DUMP_TRIES = 5
_MOST_EVENTS = 256

ANSWER_TIMEOUT = 2
"""Seconds after which a kernel that does not answer counts as broken."""


class NetlinkError(DatapathError):
    """The kernel refused a request. `code` is the errno, `detail` the kernel's own explanation, often empty."""

    def __init__(self, code: int, detail: str = "") -> None:
        name = errno.errorcode.get(code, str(code))
        super().__init__(f"{name}: {detail or os.strerror(code)}")
        self.code = code
        self.detail = detail


class NoAnswer(NetlinkError):
    """The kernel's answer is lost, so nobody knows whether it did what it was asked to do."""


class Message(NamedTuple):
    """A netlink message without its header."""

    type: int
    body: bytes


class Events(NamedTuple):
    """What an EventSocket has read. `lost`: the kernel had more events than fit into the socket buffer."""

    messages: list[Message]
    lost: bool


class _Header(NamedTuple):
    length: int
    type: int
    flags: int
    sequence: int
    port: int


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four octets."""
    return _ATTRIBUTE.pack(4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def read_attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in a message, by type. Of repeated ones the last counts."""
    attributes = {}
    offset = 0
    while offset + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            break
        attributes[kind & _ATTRIBUTE_TYPE_MASK] = data[offset + 4 : offset + length]
        offset += length + 3 & ~3
    return attributes


class NetlinkSocket:
    """A socket for requests to one netlink family."""

    def __init__(self, family: int) -> None:
        """Raises DatapathError if the kernel does not have the family."""
        self._socket = _open(family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(ANSWER_TIMEOUT, 0))
        for option in (_NETLINK_EXT_ACK, _NETLINK_CAP_ACK):
            with contextlib.suppress(OSError):  # older kernels explain less
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def request(self, kind: int, body: bytes, flags: int = 0) -> None:
        """Ask for a change and wait for the acknowledgement. Raises NetlinkError."""
        self._send(kind, body, flags | NLM_F_ACK)
        for header, answer in self._answers():
            if header.type == NLMSG_ERROR:
                _raise_error(header, answer)
                return

    def get(self, kind: int, body: bytes) -> Message:
        """Ask for one object. Raises NetlinkError."""
        self._send(kind, body, 0)
        header, answer = next(self._answers())
        if header.type == NLMSG_ERROR:
            _raise_error(header, answer)
        return Message(header.type, answer)

    def dump(self, kind: int, body: bytes) -> list[Message]:
        """Ask for all objects, again if they changed meanwhile. Raises NetlinkError."""
        for _unused in range(_MOST_DUMP_TRIES):
            messages, interrupted = self._dump_once(kind, body)
            if not interrupted:
                break
        return messages

    def _dump_once(self, kind: int, body: bytes) -> tuple[list[Message], bool]:
        self._send(kind, body, NLM_F_DUMP)
        messages = []
        interrupted = False
        for header, answer in self._answers():
            interrupted = interrupted or bool(header.flags & NLM_F_DUMP_INTR)
            if header.type == NLMSG_DONE:
                break
            if header.type == NLMSG_ERROR:
                _raise_error(header, answer)
            messages.append(Message(header.type, answer))
        return messages, interrupted

    def _send(self, kind: int, body: bytes, flags: int) -> None:
        self._sequence = self._sequence + 1 & 0xFFFFFFFF
        header = _HEADER.pack(_HEADER.size + len(body), kind, flags | NLM_F_REQUEST, self._sequence, 0)
        try:
            self._socket.send(header + body)
        except OSError as error:
            raise NetlinkError(error.errno or errno.EIO, "the request cannot be sent") from error

    def _answers(self) -> Iterator[tuple[_Header, bytes]]:
        """Messages that answer the last request; left-overs of earlier ones are dropped."""
        while True:
            for header, body in _split(self._receive()):
                if header.sequence == self._sequence:
                    yield header, body

    def _receive(self) -> bytes:
        try:
            data, sender = self._socket.recvfrom(_BUFFER)
        except BlockingIOError as error:
            raise NoAnswer(errno.ETIMEDOUT, "the kernel does not answer") from error
        except OSError as error:
            raise NoAnswer(error.errno or errno.EIO, "the kernel's answer is lost") from error
        return data if _from_kernel(sender) else b""


class EventSocket:
    """A non-blocking socket that listens to multicast groups of one netlink family."""

    def __init__(self, family: int, groups: tuple[int, ...], receive_buffer: int = 1 << 20) -> None:
        """`receive_buffer` is in octets. Raises DatapathError if the kernel does not have the family."""
        self._socket = _open(family)
        self._socket.setblocking(False)
        for group in groups:
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
        _enlarge_buffer(self._socket, receive_buffer)

    def fileno(self) -> int:
        """The file descriptor, for an event loop."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def read(self) -> Events:
        """What is there now, at most some hundred events."""
        messages: list[Message] = []
        lost = False
        while len(messages) < _MOST_EVENTS:
            try:
                data, sender = self._socket.recvfrom(_BUFFER)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise DatapathError(f"netlink events cannot be read: {error.strerror}") from error
                lost = True
                continue
            if _from_kernel(sender):
                messages.extend(Message(header.type, body) for header, body in _split(data))
        return Events(messages, lost)


def _open(family: int) -> socket.socket:
    try:
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        sock.bind((0, 0))
    except OSError as error:
        raise DatapathError(f"netlink family {family} is not available: {error.strerror}") from error
    return sock


def _enlarge_buffer(sock: socket.socket, size: int) -> None:
    """Take more than net.core.rmem_max if we may (CAP_NET_ADMIN)."""
    so_rcvbufforce = 33
    try:
        sock.setsockopt(socket.SOL_SOCKET, so_rcvbufforce, size)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _from_kernel(sender: object) -> bool:
    return isinstance(sender, tuple) and sender[0] == 0


def _split(data: bytes) -> Iterator[tuple[_Header, bytes]]:
    offset = 0
    while offset + _HEADER.size <= len(data):
        header = _Header._make(_HEADER.unpack_from(data, offset))
        if header.length < _HEADER.size:
            return
        yield header, data[offset + _HEADER.size : offset + header.length]
        offset += header.length + 3 & ~3


def _raise_error(header: _Header, body: bytes) -> None:
    """Raise what an acknowledgement says; errno 0 is success (netlink(7), `struct nlmsgerr`)."""
    (code,) = _ERROR.unpack_from(body)
    if code:
        raise NetlinkError(-code, _explanation(header.flags, body))


def _explanation(flags: int, body: bytes) -> str:
    """The text of an extended acknowledgement, which follows the copy of the request."""
    if not flags & _NLM_F_ACK_TLVS:
        return ""
    request = _Header._make(_HEADER.unpack_from(body, _ERROR.size))
    copied = _HEADER.size if flags & _NLM_F_CAPPED else request.length + 3 & ~3
    text = read_attributes(body[_ERROR.size + copied :]).get(_NLMSGERR_ATTR_MSG, b"")
    return text.rstrip(b"\0").decode(errors="replace")
