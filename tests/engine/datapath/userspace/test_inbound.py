from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.crypto.rng import SeededRng
from ikeengine.datapath.policies import selector_pairs
from ikeengine.datapath.userspace import inbound as module
from ikeengine.datapath.userspace.esp import EspSender
from ikeengine.datapath.userspace.inbound import Inbound, InboundSa
from ikeengine.datapath.userspace.spd import PolicyDatabase
from ikeengine.model.connection import Mode
from ikeengine.model.sa import Direction, Limits, PolicyAction, SaId, UdpEncap
from tests.engine.datapath.userspace.samples import (
    LEFT,
    LEFT6_HOST,
    LEFT6_NET,
    LEFT_HOST,
    LEFT_NET,
    RIGHT,
    RIGHT6_HOST,
    RIGHT6_NET,
    RIGHT_HOST,
    RIGHT_NET,
    SPI,
    ip_packet,
    make_policies,
    make_sa,
    selector,
    udp_packet,
)


class Fixture:
    """The right end of the SA from left to right."""

    def __init__(self) -> None:
        self.delivered: list[bytes] = []
        self.drops: Counter[str] = Counter()
        self.expired: list[tuple[SaId, bool]] = []
        self.policies = PolicyDatabase()
        self.inbound = Inbound(self.delivered.append, self.drops)

    def install(self, **changes) -> EspSender:
        self.sa = InboundSa(make_sa(Direction.IN, **changes), self.policies, self.expire)
        self.inbound.add(self.sa)
        return EspSender(make_sa(Direction.OUT, **changes), SeededRng(1))

    def expire(self, sa: SaId, hard: bool) -> None:
        self.expired.append((sa, hard))

    def receive(self, sealed: bytes, traffic_class: int | None = None) -> None:
        self.inbound.process(sealed, traffic_class)


@pytest.fixture
def f() -> Fixture:
    return Fixture()


def test_delivery(f):
    sender = f.install()
    f.receive(sender.seal(udp_packet(), 4))
    assert f.delivered == [udp_packet()]
    assert not f.drops


def test_ipv6_delivery(f):
    sender = f.install(local_ts=(selector(RIGHT6_NET),), remote_ts=(selector(LEFT6_NET),))
    packet = udp_packet(LEFT6_HOST, RIGHT6_HOST)
    f.receive(sender.seal(packet, 41))
    assert f.delivered == [packet]


def test_unknown_spis_and_fragments_of_a_header(f):
    for packet in (b"", b"\1\2\3", bytes(100)):
        f.receive(packet)
    assert f.drops == {"unknown-spi": 3}


@given(st.binary(max_size=200))
def test_garbage_on_a_known_spi(garbage):
    f = Fixture()
    f.install()
    f.receive(SPI.to_bytes(4, "big") + garbage)
    assert f.delivered == []
    assert sum(f.drops.values()) == 1


def test_replays_and_forgeries_are_counted(f):
    sender = f.install()
    sealed = sender.seal(udp_packet(), 4)
    f.receive(sealed)
    f.receive(sealed)
    forged = sender.seal(udp_packet(), 4)
    f.receive(forged[:-1] + bytes([forged[-1] ^ 1]))
    usage = f.sa.usage
    assert (usage.packets, usage.bytes, usage.replay_drops, usage.integrity_failures) == (1, len(udp_packet()), 1, 1)
    assert f.drops == {"Replayed": 1, "IntegrityFailed": 1}


def test_dummy_packets_are_swallowed(f):
    """RFC 4303 section 2.6: next header 59."""
    sender = f.install()
    f.receive(sender.seal(b"any garbage", 59))
    assert f.delivered == []
    assert not f.drops
    assert f.sa.usage.packets == 1


def test_tfc_padding_is_removed(f):
    sender = f.install()
    f.receive(sender.seal(udp_packet() + bytes(300), 4))
    assert f.delivered == [udp_packet()]


@pytest.mark.parametrize(
    "packet",
    [
        udp_packet("10.9.0.1", RIGHT_HOST),
        udp_packet(LEFT_HOST, "10.9.0.1"),
        udp_packet(RIGHT_HOST, LEFT_HOST),
        udp_packet(LEFT6_HOST, RIGHT6_HOST),
    ],
)
def test_packets_outside_of_the_selectors(f, packet):
    sender = f.install()
    for _ in range(2):
        f.receive(sender.seal(packet, 4 if packet[0] == 0x45 else 41))
    assert f.delivered == []
    assert f.drops == {"WrongSelectors": 2}


def test_ports_of_the_selectors(f):
    sender = f.install(local_ts=(selector(RIGHT_NET, 17, 53, 53),))
    for port in (53, 54, 53):
        f.receive(sender.seal(udp_packet(ports=(1000, port)), 4))
    assert len(f.delivered) == 2
    later_fragment = udp_packet()[:6] + b"\x00\x10" + udp_packet()[8:]
    f.receive(sender.seal(later_fragment, 4))
    assert f.drops == {"WrongSelectors": 2}


def test_any_pair_of_selectors_will_do(f):
    changes = {
        "local_ts": (selector("10.7.0.0/16"), selector(RIGHT_NET), selector(RIGHT6_NET)),
        "remote_ts": (selector(LEFT6_NET), selector(LEFT_NET)),
    }
    sender = f.install(**changes)
    f.receive(sender.seal(udp_packet(), 4))
    f.receive(sender.seal(udp_packet(LEFT6_HOST, RIGHT6_HOST), 41))
    f.receive(sender.seal(udp_packet(LEFT_HOST, "10.7.1.1"), 4))
    assert len(f.delivered) == 3


def test_the_memory_of_flows_is_bounded(f, monkeypatch):
    monkeypatch.setattr(module, "MOST_FLOWS", 4)
    sender = f.install()
    for port in range(50):
        f.receive(sender.seal(udp_packet(ports=(port, 53)), 4))
        assert len(f.sa._allowed) <= 4
    assert len(f.delivered) == 50


def test_without_selectors_the_policies_decide(f):
    sender = f.install(local_ts=(), remote_ts=())
    policies = make_policies(local_ts=(selector(RIGHT_NET),), remote_ts=(selector(LEFT_NET),))
    pair = selector_pairs(policies)[0]
    f.receive(sender.seal(udp_packet(), 4))
    assert f.drops == {"WrongSelectors": 1}
    f.policies.set(pair, policies)
    f.receive(sender.seal(udp_packet(), 4))
    assert len(f.delivered) == 1
    f.policies.set(pair, make_policies(reqid=99, local_ts=policies.local_ts, remote_ts=policies.remote_ts))
    f.receive(sender.seal(udp_packet(), 4))
    f.policies.set(pair, make_policies(1, PolicyAction.PASS, local_ts=policies.local_ts, remote_ts=policies.remote_ts))
    f.receive(sender.seal(udp_packet(), 4))
    assert len(f.delivered) == 1


def icmp_error(inside: bytes) -> bytes:
    return ip_packet(b"\x03\x04" + bytes(6) + inside, 1, "192.0.2.99", RIGHT_HOST)


def test_icmp_errors_about_our_packets_may_come_from_any_router(f):
    """RFC 4301 section 6.2; and one of them does not open the door for others."""
    sender = f.install()
    report = icmp_error(udp_packet(RIGHT_HOST, LEFT_HOST))
    f.receive(sender.seal(report, 4))
    f.receive(sender.seal(icmp_error(udp_packet("10.7.0.1", "10.8.0.1")), 4))
    f.receive(sender.seal(icmp_error(b"\x45"), 4))
    assert f.delivered == [report]
    assert f.drops == {"WrongSelectors": 1, "MalformedPacket": 1}


def test_a_tunnel_delivers_nothing_but_ip(f):
    sender = f.install()
    f.receive(sender.seal(udp_packet()[20:], 17))
    assert f.drops == {"MalformedPacket": 1}


def test_transport_mode(f):
    hosts = {"local_ts": (selector(RIGHT),), "remote_ts": (selector(LEFT),)}
    sender = f.install(mode=Mode.TRANSPORT, **hosts)
    packet = udp_packet(LEFT, RIGHT)
    f.receive(sender.seal(packet[20:], 17))
    assert f.delivered == [packet]


def test_congestion_marks_and_dscp_of_the_outer_header(f):
    sender = f.install(copy_dscp="in")
    f.receive(sender.seal(udp_packet(tos=2), 4), 0xBB)
    f.receive(sender.seal(udp_packet(tos=0), 4), 0xBB)
    f.receive(sender.seal(udp_packet(tos=2), 4), None)
    assert f.delivered == [udp_packet(tos=0xBB), udp_packet(tos=2)]
    assert f.drops == {"CongestionLost": 1}


def test_limits(f):
    sender = f.install(limits=Limits(soft_packets=1, hard_packets=2))
    for _ in range(2):
        f.receive(sender.seal(udp_packet(), 4))
    assert f.expired == [(f.sa.sa.id, False), (f.sa.sa.id, True)]


def test_a_moved_sa_keeps_its_window(f):
    sender = f.install()
    sealed = sender.seal(udp_packet(), 4)
    f.receive(sealed)
    f.sa.move(make_sa(Direction.IN, destination="192.0.2.77"))
    f.receive(sealed)
    f.receive(sender.seal(udp_packet(), 4))
    assert (len(f.delivered), f.drops) == (2, {"Replayed": 1})


def test_an_authentic_packet_tells_where_its_sender_is(f):
    """Only such a one may move an SA (R07), and each change is told once."""
    sender = f.install(encap=UdpEncap(4500, 4500))
    sealed = sender.seal(udp_packet(), 4)
    assert f.inbound.process(sealed[:-1] + bytes([sealed[-1] ^ 1]), None) is None
    assert f.inbound.process(sealed, None) is f.sa
    assert f.inbound.process(sealed, None) is None, "a replay"
    source = f.sa.sa.source
    assert not f.sa.comes_from_elsewhere(source, 4500)
    assert f.sa.comes_from_elsewhere(source, 14500)
    assert not f.sa.comes_from_elsewhere(source, 14500)
    f.sa.move(make_sa(Direction.IN, encap=UdpEncap(14500, 4500)))
    assert not f.sa.comes_from_elsewhere(source, 14500)
    assert f.sa.comes_from_elsewhere(source, 4500)


def test_without_encapsulation_the_sender_is_no_matter(f):
    f.install(encap=None)
    assert not f.sa.comes_from_elsewhere("192.0.2.200", 14500)


def test_removal(f):
    sender = f.install()
    assert f.inbound.get(SPI) is f.sa
    f.inbound.remove(f.sa)
    f.inbound.remove(f.sa)
    f.receive(sender.seal(udp_packet(), 4))
    assert f.drops == {"unknown-spi": 1}


def test_packets_that_overtake_their_sa(f):
    """The peer sends behind its IKE_AUTH response; nothing is lost when that is still being checked here."""
    sender = EspSender(make_sa(Direction.OUT), SeededRng(1))
    packets = [udp_packet(LEFT_HOST, RIGHT_HOST, data=b"%d" % number) for number in range(3)]
    for packet in packets:
        f.receive(sender.seal(packet, 4))
    assert f.delivered == []
    f.install()
    assert f.delivered == packets
    assert f.drops["unknown-spi"] == 0
