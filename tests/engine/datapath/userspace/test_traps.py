import pytest

from ikeengine.datapath.userspace.traps import ASK_INTERVAL, LONGEST_WAIT, MOST_WAITING, WaitingPackets
from ikeengine.model.commands import Acquire
from ikeengine.model.sa import PolicyAction
from ikeengine.model.selector import ANY_PORTS
from tests.engine.datapath.userspace.samples import (
    LEFT_HOST,
    REQID,
    RIGHT_HOST,
    ip_packet,
    make_policies,
    selector,
    udp_packet,
)

TRAP = make_policies(5, PolicyAction.TRAP)


class Fixture:
    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: list[Acquire] = []
        self.waiting = WaitingPackets(self.asked.append, lambda: self.now)


@pytest.fixture
def f() -> Fixture:
    return Fixture()


def test_the_first_packet_waits_and_asks(f):
    assert f.waiting.hold(TRAP, udp_packet())
    assert f.asked == [
        Acquire(5, REQID, selector(LEFT_HOST, 17, 4000, 4000), selector(RIGHT_HOST, 17, 53, 53)),
    ]
    assert f.waiting.release(REQID) == [udp_packet()]
    assert f.waiting.release(REQID) == []


def test_protocols_without_ports_ask_for_all(f):
    f.waiting.hold(TRAP, ip_packet(bytes(8), 47))
    assert f.asked[0].source == selector(LEFT_HOST, 47, *ANY_PORTS)


def test_asking_is_rate_limited(f):
    for _ in range(10):
        f.waiting.hold(TRAP, udp_packet())
    assert len(f.asked) == 1
    f.now += ASK_INTERVAL - 0.1
    f.waiting.hold(TRAP, udp_packet())
    assert len(f.asked) == 1
    f.now += 0.2
    f.waiting.hold(TRAP, udp_packet())
    assert len(f.asked) == 2


def test_each_policy_asks_for_itself(f):
    f.waiting.hold(TRAP, udp_packet())
    f.waiting.hold(make_policies(6, PolicyAction.TRAP, reqid=8), udp_packet())
    assert [a.owner for a in f.asked] == [5, 6]
    assert f.waiting.release(8) == [udp_packet()]
    assert f.waiting.release(REQID) == [udp_packet()]


def test_the_queue_is_bounded_and_keeps_the_first(f):
    packets = [udp_packet(data=bytes([n])) for n in range(MOST_WAITING + 5)]
    kept = [f.waiting.hold(TRAP, packet) for packet in packets]
    assert kept == [True] * MOST_WAITING + [False] * 5
    assert f.waiting.release(REQID) == packets[:MOST_WAITING]


def test_old_packets_are_of_no_use(f):
    f.waiting.hold(TRAP, udp_packet(data=b"old"))
    f.now += LONGEST_WAIT - 1
    f.waiting.hold(TRAP, udp_packet(data=b"new"))
    f.now += 2
    assert f.waiting.release(REQID) == [udp_packet(data=b"new")]


def test_old_packets_make_room(f):
    for _ in range(MOST_WAITING):
        f.waiting.hold(TRAP, udp_packet(data=b"old"))
    f.now += LONGEST_WAIT + 1
    assert f.waiting.hold(TRAP, udp_packet(data=b"new"))


def test_a_second_look_does_not_ask_again(f):
    f.waiting.hold(TRAP, udp_packet())
    assert f.waiting.release_all() == [udp_packet()]
    f.waiting.hold(TRAP, udp_packet())
    assert len(f.asked) == 1
    assert f.waiting.release(REQID) == [udp_packet()]


def test_once_there_was_an_sa_the_next_want_is_told_at_once(f):
    f.waiting.hold(TRAP, udp_packet())
    f.waiting.release(REQID)
    f.waiting.hold(TRAP, udp_packet())
    assert len(f.asked) == 2


def test_forgetting(f):
    f.waiting.hold(TRAP, udp_packet())
    f.waiting.forget(5)
    f.waiting.forget(5)
    assert f.waiting.release(REQID) == []
