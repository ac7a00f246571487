"""The netlink socket against a scripted kernel, and against the real one where that needs no privilege."""

from __future__ import annotations

import errno
import os
import socket
import struct

import pytest

from ikeengine.datapath import netlink
from ikeengine.datapath.netlink import (
    NETLINK_XFRM,
    Events,
    EventSocket,
    Message,
    NetlinkError,
    NetlinkSocket,
    NoAnswer,
    attribute,
    read_attributes,
)
from ikeengine.errors import DatapathError

KERNEL = (0, 0)


def message(kind: int, body: bytes, sequence: int = 1, flags: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body + bytes(-len(body) % 4)


def acknowledgement(code: int, text: str = "", *, capped: bool = True, sequence: int = 1) -> bytes:
    request = struct.pack("=IHHII", 16 + 8, 0x10, 5, sequence, 0)
    body = struct.pack("=i", -code) + request + (b"" if capped else b"KEYBYTES")
    flags = 0x100 if capped else 0
    if text:
        body += attribute(1, text.encode() + b"\0")
        flags |= 0x200
    return message(netlink.NLMSG_ERROR, body, sequence, flags)


class ScriptedSocket:
    """Plays back answers: bytes are datagrams of the kernel, exceptions are raised, tuples name the sender."""

    def __init__(self, *script) -> None:
        self.script = list(script)
        self.sent: list[bytes] = []

    def setsockopt(self, *args) -> None:
        pass

    def setblocking(self, flag: bool) -> None:
        pass

    def close(self) -> None:
        pass

    def send(self, data: bytes) -> int:
        self.sent.append(data)
        return len(data)

    def recvfrom(self, size: int):
        answer = self.script.pop(0) if self.script else BlockingIOError(errno.EAGAIN, "nothing")
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, tuple) else (answer, KERNEL)


@pytest.fixture
def scripted(monkeypatch):
    def make(*script) -> tuple[NetlinkSocket, ScriptedSocket]:
        sock = ScriptedSocket(*script)
        monkeypatch.setattr(netlink, "_open", lambda family: sock)
        return NetlinkSocket(NETLINK_XFRM), sock

    return make


def test_attributes_are_padded_and_found_again():
    data = attribute(5, b"abc") + attribute(0x8000 | 7, b"defg") + attribute(9, b"")
    assert len(data) == 8 + 8 + 4
    assert read_attributes(data) == {5: b"abc", 7: b"defg", 9: b""}


@pytest.mark.parametrize("data", [b"", b"\1", b"\3\0\5\0abcd", b"\0\0\5\0"])
def test_a_broken_attribute_ends_the_list(data):
    assert read_attributes(data) == {}


def test_a_request_is_numbered_and_acknowledged(scripted):
    sock, script = scripted(acknowledgement(0))
    sock.request(0x10, b"body", netlink.NLM_F_CREATE)
    assert script.sent == [struct.pack("=IHHII", 20, 0x10, 0x405, 1, 0) + b"body"]


def test_an_error_carries_the_errno_and_its_name(scripted):
    sock, _ = scripted(acknowledgement(errno.EEXIST))
    with pytest.raises(NetlinkError, match=r"^EEXIST: File exists$") as raised:
        sock.request(0x10, b"")
    assert raised.value.code == errno.EEXIST


@pytest.mark.parametrize("capped", [True, False])
def test_the_kernels_own_words_are_quoted(scripted, capped):
    sock, _ = scripted(acknowledgement(errno.EPROTONOSUPPORT, "Requested type not found", capped=capped))
    with pytest.raises(NetlinkError, match="EPROTONOSUPPORT: Requested type not found"):
        sock.request(0x10, b"")


def test_answers_to_earlier_requests_and_from_processes_are_ignored(scripted):
    forged = (acknowledgement(errno.EPERM), (4711, 0))
    sock, _ = scripted(acknowledgement(errno.ENOENT, sequence=77), forged, acknowledgement(0))
    sock.request(0x10, b"")


def test_a_silent_kernel_is_an_error(scripted):
    sock, _ = scripted()
    with pytest.raises(NoAnswer, match="ETIMEDOUT: the kernel does not answer"):
        sock.request(0x10, b"")


def test_a_lost_answer_is_an_error(scripted):
    sock, _ = scripted(OSError(errno.ENOBUFS, "No buffer space available"))
    with pytest.raises(NoAnswer, match="ENOBUFS: the kernel's answer is lost"):
        sock.request(0x10, b"")


def test_a_request_that_cannot_be_sent(scripted):
    sock, script = scripted()

    def refuse(data: bytes) -> int:
        raise OSError(errno.EMSGSIZE, "Message too long")

    script.send = refuse
    with pytest.raises(NetlinkError, match="EMSGSIZE: the request cannot be sent"):
        sock.request(0x10, b"")


def test_one_object(scripted):
    sock, _ = scripted(message(0x10, b"state"))
    assert sock.get(0x12, b"") == Message(0x10, b"state")


def test_one_object_that_is_not_there(scripted):
    sock, _ = scripted(acknowledgement(errno.ESRCH))
    with pytest.raises(NetlinkError, match="ESRCH"):
        sock.get(0x12, b"")


def test_a_dump_ends_with_done(scripted):
    first = message(0x10, b"abc") + message(0x10, b"wxyz")
    sock, _ = scripted(first, message(0x10, b"last"), message(netlink.NLMSG_DONE, bytes(4)))
    assert sock.dump(0x12, b"") == [Message(0x10, b"abc"), Message(0x10, b"wxyz"), Message(0x10, b"last")]


def test_an_interrupted_dump_is_taken_again(scripted):
    torn = message(0x10, b"old!", flags=netlink.NLM_F_DUMP_INTR) + message(netlink.NLMSG_DONE, bytes(4))
    whole = message(0x10, b"new!", sequence=2) + message(netlink.NLMSG_DONE, bytes(4), sequence=2)
    sock, script = scripted(torn, whole)
    assert sock.dump(0x12, b"") == [Message(0x10, b"new!")]
    assert len(script.sent) == 2


def test_a_dump_can_fail(scripted):
    sock, _ = scripted(acknowledgement(errno.EPERM))
    with pytest.raises(NetlinkError, match="EPERM"):
        sock.dump(0x12, b"")


def test_events_and_an_overrun(monkeypatch):
    sock = ScriptedSocket(
        message(0x18, b"one!"), OSError(errno.ENOBUFS, "No buffer space available"), (message(0x18, b"forged"), (7, 0))
    )
    monkeypatch.setattr(netlink, "_open", lambda family: sock)
    events = EventSocket(NETLINK_XFRM, (1, 2))
    assert events.read() == Events([Message(0x18, b"one!")], lost=True)
    assert events.read() == Events([], lost=False)


def test_without_privileges_the_buffer_is_what_the_system_allows(monkeypatch):
    options = []

    class Modest(ScriptedSocket):
        def setsockopt(self, level: int, option: int, value: int) -> None:
            if option == 33:  # SO_RCVBUFFORCE
                raise OSError(errno.EPERM, "Operation not permitted")
            options.append((level, option, value))

    monkeypatch.setattr(netlink, "_open", lambda family: Modest())
    EventSocket(NETLINK_XFRM, (), receive_buffer=4096)
    assert options == [(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)]


def test_a_datagram_that_is_no_message(scripted):
    sock, _ = scripted(bytes(16), acknowledgement(0))
    sock.request(0x10, b"")


def test_a_dump_that_never_settles_is_taken_as_it_is(scripted):
    torn = [
        message(0x10, b"torn", sequence=n, flags=netlink.NLM_F_DUMP_INTR) + message(netlink.NLMSG_DONE, bytes(4), n)
        for n in range(1, 6)
    ]
    sock, script = scripted(*torn)
    assert sock.dump(0x12, b"") == [Message(0x10, b"torn")]
    assert len(script.sent) == 5


def test_a_broken_event_socket_is_reported(monkeypatch):
    sock = ScriptedSocket(OSError(errno.EBADF, "Bad file descriptor"))
    monkeypatch.setattr(netlink, "_open", lambda family: sock)
    with pytest.raises(DatapathError, match="Bad file descriptor"):
        EventSocket(NETLINK_XFRM, ()).read()


def test_a_family_that_does_not_exist():
    with pytest.raises(DatapathError, match="netlink family 29 is not available"):
        NetlinkSocket(29)


def test_the_real_kernel_lists_the_loopback_address():
    rtm_newaddr, rtm_getaddr = 20, 22
    with NetlinkSocket(0) as sock:
        messages = sock.dump(rtm_getaddr, bytes(8))
    assert all(m.type == rtm_newaddr for m in messages)
    assert bytes([127, 0, 0, 1]) in [read_attributes(m.body[8:]).get(1) for m in messages]


def test_the_real_kernel_refuses_nonsense():
    with NetlinkSocket(0) as sock, pytest.raises(NetlinkError) as raised:
        sock.request(16, b"\xff" * 3)
    assert raised.value.code in (errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP)
    assert os.strerror(raised.value.code) or raised.value.detail


def test_an_event_socket_has_a_descriptor_and_nothing_to_say():
    with EventSocket(0, (1,)) as events:
        assert events.fileno() > 2
        assert events.read() == Events([], lost=False)
