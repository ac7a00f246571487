import errno
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.datapath.userspace.segments import (
    CONTROL_SPACE,
    MOST_OCTETS,
    MOST_SEGMENTS,
    _trains,
    join_datagrams,
    send_datagrams,
    split,
)


@given(st.lists(st.integers(1, 3000), max_size=200))
def test_trains_keep_everything_in_order(lengths):
    datagrams = [bytes([n & 0xFF]) * length for n, length in enumerate(lengths)]
    trains = list(_trains(datagrams))
    assert [d for train in trains for d in train] == datagrams
    for train in trains:
        assert len(train) <= MOST_SEGMENTS
        assert sum(map(len, train)) <= MOST_OCTETS
        assert all(len(d) == len(train[0]) for d in train[:-1])
        assert len(train[-1]) <= len(train[0])


def test_equal_datagrams_share_a_train():
    assert [len(t) for t in _trains([b"x" * 1000] * 130)] == [64, 64, 2]
    assert [len(t) for t in _trains([b"x" * 1400] * 60)] == [46, 14]
    assert [len(t) for t in _trains([b"xx", b"xx", b"x", b"xx"])] == [3, 1]
    assert [len(t) for t in _trains([b"x", b"xx"])] == [1, 1]


@pytest.fixture
def sockets():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        yield sender, receiver


def received(receiver: socket.socket, count: int) -> tuple[list[bytes], int]:
    """`count` datagrams, and how many calls it took."""
    datagrams: list[bytes] = []
    calls = 0
    while len(datagrams) < count:
        data, control, _, _ = receiver.recvmsg(65535, CONTROL_SPACE)
        datagrams += split(data, control)
        calls += 1
    return datagrams, calls


DATAGRAMS = [bytes([n]) * 1200 for n in range(30)] + [b"short", bytes(700), b"last", b"alone"]


@pytest.mark.parametrize("joined", [False, True])
def test_datagrams_arrive_as_they_were_sent(sockets, joined):
    sender, receiver = sockets
    if joined:
        join_datagrams(receiver)
    send_datagrams(sender, DATAGRAMS, (), receiver.getsockname())
    datagrams, calls = received(receiver, len(DATAGRAMS))
    assert datagrams == DATAGRAMS
    assert calls == (3 if joined else len(DATAGRAMS))


class Refusing:
    """A socket of a host that cannot segment."""

    def __init__(self, sock: socket.socket, code: int) -> None:
        self.sock, self.code = sock, code

    def sendmsg(self, buffers, control, flags, address) -> int:
        if control:
            raise OSError(self.code, "no")
        return self.sock.sendmsg(buffers, control, flags, address)


def test_without_segmentation_they_are_sent_one_by_one(sockets):
    sender, receiver = sockets
    send_datagrams(Refusing(sender, errno.EINVAL), DATAGRAMS, (), receiver.getsockname())
    assert received(receiver, len(DATAGRAMS)) == (DATAGRAMS, len(DATAGRAMS))


def test_a_full_buffer_is_reported(sockets):
    sender, receiver = sockets
    with pytest.raises(BlockingIOError):
        send_datagrams(Refusing(sender, errno.EAGAIN), DATAGRAMS, (), receiver.getsockname())


def test_sockets_that_cannot_join_stay_as_they_are():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        join_datagrams(sock)


@pytest.mark.parametrize("control", [[], [(socket.IPPROTO_UDP, 99, b"\4\0\0\0")], [(socket.IPPROTO_UDP, 104, b"\4")]])
def test_other_control_messages_do_not_split(control):
    assert list(split(b"some datagram", control)) == [b"some datagram"]


def test_an_empty_datagram():
    assert list(split(b"", [])) == [b""]
