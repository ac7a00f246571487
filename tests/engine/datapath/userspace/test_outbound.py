from collections import Counter

import pytest

from ikeengine.crypto.rng import SeededRng
from ikeengine.datapath.policies import selector_pairs
from ikeengine.datapath.userspace import outbound as module
from ikeengine.datapath.userspace.esp import LAST_SEQUENCE, EspReceiver
from ikeengine.datapath.userspace.headers import with_header_checksum
from ikeengine.datapath.userspace.outbound import Outbound, OutboundSa
from ikeengine.model.connection import Mode
from ikeengine.model.sa import IpsecSa, Limits, PolicyAction, SaId
from tests.engine.datapath.userspace.samples import (
    LEFT,
    LEFT6_HOST,
    LEFT6_NET,
    LEFT_HOST,
    REQID,
    RIGHT,
    RIGHT6_HOST,
    RIGHT6_NET,
    RIGHT_HOST,
    SPI,
    ip_packet,
    make_policies,
    make_sa,
    packed,
    selector,
    udp_packet,
)


class Fixture:
    """An Outbound whose packets end up in lists: `clear`, and `sent` as (SPI, packet inside)."""

    def __init__(self) -> None:
        self.clear: list[bytes] = []
        self.asked: list[object] = []
        self.own = {packed(address) for address in (LEFT_HOST, LEFT, "10.9.0.1", "192.0.2.99", "fe80::2")}
        self.drops: Counter[str] = Counter()
        self.sent: list[tuple[int, bytes]] = []
        self.expired: list[tuple[SaId, bool]] = []
        self.out = Outbound(self.clear.append, self.asked.append, self.own.__contains__, self.drops)

    def install(self, **changes) -> OutboundSa:
        sa = make_sa(**changes)
        receiver = EspReceiver(sa)

        def carry(sealed: bytes, inner: bytes) -> None:
            payload, _ = receiver.open(sealed)
            assert inner.endswith(payload)
            self.sent.append((sa.spi, inner))

        installed = OutboundSa(sa, SeededRng(1), lambda sa, sender: carry, self.expire)
        self.out.add(installed)
        return installed

    def expire(self, sa: SaId, hard: bool) -> None:
        self.expired.append((sa, hard))

    def policies(self, *args, **changes) -> None:
        policies = make_policies(*args, **changes)
        for pair in selector_pairs(policies):
            self.out.set_policy(pair, policies)

    def spis(self) -> list[int]:
        return [spi for spi, _ in self.sent]


@pytest.fixture
def f() -> Fixture:
    return Fixture()


def test_protect(f):
    f.policies()
    f.install()
    f.out.process(udp_packet())
    assert f.sent == [(SPI, udp_packet())]


def test_protect_ipv6(f):
    f.policies(local_ts=(selector(LEFT6_NET),), remote_ts=(selector(RIGHT6_NET),))
    f.install()
    f.out.process(udp_packet(LEFT6_HOST, RIGHT6_HOST))
    assert f.sent == [(SPI, udp_packet(LEFT6_HOST, RIGHT6_HOST))]


def test_pass(f):
    f.policies(action=PolicyAction.PASS)
    f.out.process(udp_packet())
    assert f.clear == [udp_packet()]


def test_drop(f):
    f.policies(action=PolicyAction.DROP)
    f.out.process(udp_packet())
    f.out.process(udp_packet())
    assert f.drops == {"policy": 2}
    assert f.clear == f.sent == []


def test_without_a_policy_packets_pass_as_in_the_kernel(f):
    f.policies()
    f.install()
    stranger = udp_packet("10.9.0.1", RIGHT_HOST)
    f.out.process(stranger)
    assert f.clear == [stranger]


def test_without_a_policy_nothing_is_forwarded(f):
    f.policies()
    f.out.process(udp_packet("10.9.0.2", RIGHT_HOST))
    assert f.clear == []
    assert f.drops == {"unrouted": 1}


@pytest.mark.parametrize("destination", ["224.0.0.22", "255.255.255.255", "169.254.1.1", "ff02::1", "fe80::1"])
def test_chatter_on_the_new_interface_goes_nowhere(f, destination):
    f.out.process(udp_packet("fe80::2" if ":" in destination else LEFT_HOST, destination))
    assert f.clear == []
    assert f.drops == {"unrouted": 1}


def test_a_policy_may_protect_multicast(f):
    f.policies(remote_ts=(selector("224.0.0.0/4"),))
    f.install()
    f.out.process(udp_packet(LEFT_HOST, "224.0.0.22"))
    assert f.spis() == [SPI]


@pytest.mark.parametrize("action", [PolicyAction.TRAP, PolicyAction.PROTECT])
def test_without_an_sa_packets_wait(f, action):
    f.policies(action=action)
    for n in range(3):
        f.out.process(udp_packet(data=bytes([n])))
    assert f.sent == f.clear == []
    assert len(f.asked) == 1
    f.install()
    assert f.sent == [(SPI, udp_packet(data=bytes([n]))) for n in range(3)]


def test_too_many_waiting_packets_are_counted(f):
    f.policies(action=PolicyAction.TRAP)
    for _ in range(20):
        f.out.process(udp_packet())
    assert f.drops == {"no-sa": 4}


def test_waiting_packets_look_at_new_policies(f):
    f.policies(owner=1, action=PolicyAction.TRAP, reqid=1)
    f.out.process(udp_packet())
    f.install(reqid=2)
    assert f.sent == []
    f.policies(owner=2, reqid=2)
    f.out.retry_waiting()
    assert f.spis() == [SPI]


def test_rekeying_uses_the_newest_and_falls_back(f):
    f.policies()
    first, second = f.install(spi=1), f.install(spi=2)
    f.out.process(udp_packet())
    f.out.remove(second)
    f.out.process(udp_packet())
    third = f.install(spi=3)
    f.out.remove(first)
    f.out.process(udp_packet())
    f.out.remove(third)
    f.out.process(udp_packet())
    assert f.spis() == [2, 1, 3]
    assert len(f.asked) == 1


def test_removing_the_old_one_changes_nothing(f):
    f.policies()
    old = f.install(spi=1)
    f.install(spi=2)
    f.out.remove(old)
    f.out.remove(old)
    f.out.process(udp_packet())
    assert f.spis() == [2]


def test_another_reqid_is_another_sa(f):
    f.policies()
    f.install(reqid=REQID + 1)
    f.out.process(udp_packet())
    assert f.sent == []


def test_policy_changes_reach_known_flows(f):
    f.policies()
    f.install()
    f.out.process(udp_packet())
    f.policies(action=PolicyAction.PASS)
    f.out.process(udp_packet())
    pair = selector_pairs(make_policies())[0]
    f.out.set_policy(pair, make_policies(action=PolicyAction.DROP))
    f.out.process(udp_packet())
    f.out.set_policy(pair, None)
    f.out.process(udp_packet())
    assert (len(f.sent), len(f.clear), f.drops["policy"]) == (1, 2, 1)


def test_the_memory_of_flows_is_bounded(f, monkeypatch):
    monkeypatch.setattr(module, "MOST_FLOWS", 4)
    f.policies()
    f.install()
    for port in range(50):
        f.out.process(udp_packet(ports=(port, 53)))
        assert len(f.out._flows) <= 4
    assert len(f.sent) == 50


def fragments(packet: bytes, size: int = 8) -> list[bytes]:
    """An IPv4 packet in pieces of `size` octets."""
    data, pieces = packet[20:], []
    for offset in range(0, len(data), size):
        more = 0x2000 if offset + size < len(data) else 0
        piece = data[offset : offset + size]
        head = packet[:2] + (20 + len(piece)).to_bytes(2, "big") + packet[4:6]
        head += (offset // 8 | more).to_bytes(2, "big") + packet[8:20]
        pieces.append(with_header_checksum(head) + piece)
    return pieces


def test_fragments_pass_through_a_tunnel_for_all_ports_as_they_are(f):
    f.policies()
    f.install()
    pieces = fragments(udp_packet())
    for piece in pieces:
        f.out.process(piece)
    assert f.sent == [(SPI, piece) for piece in pieces]


@pytest.mark.parametrize("port", [53, 54])
def test_fragments_are_whole_again_for_policies_that_ask_for_ports(f, port):
    """Otherwise the later ones would pass in the clear."""
    f.policies(remote_ts=(selector(RIGHT_HOST, 17, 53, 53),))
    f.install()
    packet = udp_packet(ports=(4000, port))
    for piece in reversed(fragments(packet)):
        assert f.sent == f.clear == []
        f.out.process(piece)
    assert (f.sent, f.clear) == (([(SPI, packet)], []) if port == 53 else ([], [packet]))


def test_fragments_are_whole_again_for_transport_mode(f):
    f.policies(mode=Mode.TRANSPORT, local_ts=(selector(LEFT),), remote_ts=(selector(RIGHT),))
    f.install(mode=Mode.TRANSPORT)
    for piece in fragments(udp_packet(LEFT, RIGHT)):
        f.out.process(piece)
    assert f.sent == [(SPI, udp_packet(LEFT, RIGHT))]


def test_impossible_fragments_are_counted(f):
    f.policies(remote_ts=(selector(RIGHT_HOST, 17, 53, 53),))
    f.out.process(udp_packet()[:6] + b"\x3f\xff" + udp_packet()[8:])
    assert f.drops == {"MalformedPacket": 1}


@pytest.mark.parametrize("garbage", [b"", b"\x45", b"\x60" * 10, b"\x00" * 50])
def test_garbage_is_dropped(f, garbage):
    f.policies()
    f.install()
    f.out.process(garbage)
    assert f.drops == {"malformed": 1}


def icmp_error(inside: bytes, source: str = "192.0.2.99", destination: str = RIGHT_HOST) -> bytes:
    return ip_packet(b"\x03\x04" + bytes(6) + inside, 1, source, destination)


def test_icmp_errors_take_the_way_of_what_they_report_on(f):
    """RFC 4301 section 6.2: a router on our side answers to a packet that came through the tunnel."""
    f.policies()
    f.install()
    report = icmp_error(udp_packet(RIGHT_HOST, LEFT_HOST))
    unrelated = icmp_error(udp_packet("10.7.0.1", "10.8.0.1"))
    f.out.process(report)
    f.out.process(unrelated)
    f.out.process(report)
    assert f.sent == [(SPI, report)] * 2
    assert f.clear == [unrelated]


def test_an_icmp_error_about_garbage(f):
    f.out.process(icmp_error(b"\x45"))
    assert f.drops == {"malformed": 1}


def test_what_transport_mode_cannot_carry_is_counted(f):
    f.policies(mode=Mode.TRANSPORT, local_ts=(selector(LEFT),), remote_ts=(selector(RIGHT),))
    f.install(mode=Mode.TRANSPORT)
    packet = udp_packet(LEFT, RIGHT)
    f.out.process(b"\x46" + packet[1:20] + bytes(4) + packet[20:])
    f.out.process(packet)
    assert f.drops == {"Untransportable": 1}
    assert f.spis() == [SPI]


def test_limits(f):
    f.policies()
    sa = f.install(limits=Limits(soft_packets=2, hard_packets=3))
    for _ in range(3):
        f.out.process(udp_packet())
    assert f.expired == [(sa.sa.id, False), (sa.sa.id, True)]


def test_usage_counts_the_packets_inside(f):
    f.policies()
    sa = f.install()
    f.out.process(udp_packet())
    f.out.process(udp_packet(data=bytes(100)))
    assert (sa.usage.packets, sa.usage.bytes) == (2, len(udp_packet()) + len(udp_packet(data=bytes(100))))
    assert sa.usage.last_use is not None


def test_used_up_sequence_numbers_are_a_hard_limit(f):
    f.policies()
    sa = f.install()
    sa._sender.sequence = LAST_SEQUENCE
    f.out.process(udp_packet())
    assert f.expired == [(sa.sa.id, True)]
    assert f.sent == []


def test_a_moved_sa_keeps_its_sequence_numbers(f):
    f.policies()
    sa = f.install()
    f.out.process(udp_packet())
    elsewhere: list[bytes] = []
    moved: IpsecSa = make_sa(destination="192.0.2.77")
    sa.move(moved, lambda sa, sender: lambda sealed, inner: elsewhere.append(sealed))
    f.out.process(udp_packet())
    assert elsewhere[0][4:8] == b"\0\0\0\2"
    assert sa.sa.id == SaId(moved.protocol, "192.0.2.77", SPI)


def test_carriers_are_flushed_once(f):
    flushed = []
    f.out.flush_later(lambda: flushed.append(1))
    f.out.flush()
    f.out.flush()
    assert flushed == [1]
