"""Real packets through real TUN devices, between two namespaces."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from dataclasses import replace

import pytest

from ikeengine.model.commands import Acquire, SaExpired
from ikeengine.model.connection import Mode
from ikeengine.model.sa import Direction, Limits, PolicyAction, UdpEncap
from ikeengine.registry import EncrId, IntegId
from tests.engine.datapath.userspace.samples import (
    CBC,
    LEFT,
    LEFT_HOST,
    LEFT_NET,
    REQID,
    RIGHT,
    RIGHT_HOST,
    RIGHT_NET,
    encr,
    integ,
    make_policies,
    selector,
    suite_name,
)
from tests.engine.datapath.userspace.site import Shape, Site, captured, ping, transfer
from tests.lab.netns import Namespace, veth, wait_until

ESP, UDP, ICMP = 50, 17, 1

SHAPES = {
    "udp": Shape(),
    "raw": Shape(encap=None),
    "udp-6in6": Shape(outer_v6=True, inner_v6=True),
    "raw-6in6": Shape(encap=None, outer_v6=True, inner_v6=True),
    "udp-6in4": Shape(inner_v6=True),
    "raw-4in6": Shape(encap=None, outer_v6=True),
    "transport-udp": Shape(mode=Mode.TRANSPORT),
    "transport-raw": Shape(mode=Mode.TRANSPORT, encap=None),
    "transport-udp6": Shape(mode=Mode.TRANSPORT, outer_v6=True),
    "transport-raw6": Shape(mode=Mode.TRANSPORT, encap=None, outer_v6=True),
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def site(request, hosts):
    with Site(hosts, request.param) as site:
        yield site.up()


@pytest.fixture
def plain(hosts):
    """A UDP encapsulated tunnel."""
    with Site(hosts, Shape()) as site:
        yield site.up()


@pytest.fixture
def raw(hosts):
    """A tunnel over IP protocol 50."""
    with Site(hosts, Shape(encap=None)) as site:
        yield site.up()


def test_ping_and_tcp(site):
    assert site.ping(0)
    assert site.ping(1)
    assert transfer(*site.hosts, site.shape.inner[1], 1 << 20)
    assert transfer(*reversed(site.hosts), site.shape.inner[0], 1 << 20)
    assert site.packets(0) > 700
    assert site.packets(1) > 700
    assert site.drops(0) == site.drops(1) == {}


@pytest.mark.parametrize(
    "suite",
    [
        CBC,
        (encr(EncrId.AES_CTR, 128), integ(IntegId.HMAC_SHA2_512_256)),
        (encr(EncrId.AES_CCM_8, 256), None),
        (encr(EncrId.CHACHA20_POLY1305), None),
        (encr(EncrId.NULL), integ(IntegId.AES_CMAC_96)),
        (encr(EncrId.TRIPLE_DES_CBC), integ(IntegId.HMAC_SHA1_96)),
    ],
    ids=suite_name,
)
def test_other_suites_with_extended_sequence_numbers(hosts, suite):
    with Site(hosts, Shape(suite=suite, esn=True)) as site:
        site.up()
        assert site.ping(0, "-s", "1300", count=3)


def test_only_esp_is_on_the_wire(raw):
    frames = captured(raw.hosts[1], lambda: raw.ping(count=3))
    assert {frame[9] for frame in frames if frame[0] == 0x45} == {ESP}


def test_only_udp_4500_is_on_the_wire(plain):
    frames = captured(plain.hosts[1], lambda: plain.ping(count=3))
    packets = [frame for frame in frames if frame[0] == 0x45]
    assert {packet[9] for packet in packets} == {UDP}
    assert {packet[20:24] for packet in packets} == {b"\x11\x94\x11\x94"}


def test_big_packets(plain):
    assert plain.ping(0, "-s", "1372", "-M", "do")
    assert plain.ping(0, "-s", "4000", count=2)
    too_big = plain.hosts[0].run("ping", "-c1", "-W10", "-s", "1373", "-M", "do", RIGHT_HOST, check=False)
    assert "mtu=1400" in (too_big.stdout + too_big.stderr).replace(" = ", "=")


@pytest.mark.parametrize("encap", [None, UdpEncap(4500, 4500)])
@pytest.mark.parametrize("outer_v6", [False, True])
def test_big_packets_in_transport_mode(hosts, encap, outer_v6):
    """The host's fragments are put together, and ESP is fragmented instead."""
    with Site(hosts, Shape(mode=Mode.TRANSPORT, encap=encap, outer_v6=outer_v6)) as site:
        site.up()
        assert site.ping(0, "-s", "4000", count=2)
        assert site.packets(0) == 2


def test_a_narrow_path_makes_fragments_of_esp(raw):
    """The peer reassembles them; DF inside cannot be kept then."""
    for host in raw.hosts:
        host.ip("link set eth0 mtu 1300")
    assert raw.ping(0, "-s", "1300", "-M", "do")
    assert raw.ping(1, "-s", "1300", "-M", "dont")


def test_rekeying_under_ping_loses_nothing(plain):
    pings = plain.hosts[0].popen("ping", "-q", "-i", "0.01", "-I", LEFT_HOST, RIGHT_HOST, stdout=subprocess.DEVNULL)
    for generation in range(1, 8):
        plain.install_sas(generation)
        wait_until(lambda: _used(plain, generation))  # noqa: B023
        plain.delete_sas(generation - 1, Direction.OUT)
        wait_until(lambda: _used(plain, generation))  # noqa: B023
        plain.delete_sas(generation - 1, Direction.IN)
    pings.send_signal(signal.SIGINT)
    pings.wait(60)
    wait_until(lambda: icmp_messages(plain.hosts[0], "OutType8") == icmp_messages(plain.hosts[0], "InType0") > 7)
    assert plain.drops(0) == plain.drops(1) == {}


def icmp_messages(host: Namespace, kind: str) -> int:
    """A counter of the host, whatever ping(8) itself thinks of late answers."""
    names, values = (line.split() for line in host.run("grep", "IcmpMsg:", "/proc/net/snmp").stdout.splitlines())
    return int(dict(zip(names, values, strict=True)).get(kind, 0))


def _used(site: Site, generation: int) -> bool:
    return site.ends[0].call("usage", site.sa(0, Direction.OUT, generation).id).packets > 5


def test_a_deleted_successor_falls_back(plain):
    plain.install_sas(1)
    plain.delete_sas(1, Direction.OUT)
    assert plain.ping()


def test_the_packet_that_wakes_a_trap_arrives(hosts):
    with Site(hosts, Shape()) as site:
        site.install_policies(PolicyAction.TRAP)
        arguments = ("-n", "-c", "1", "-W", "10", "-I", LEFT_HOST, RIGHT_HOST)
        first = hosts[0].popen("ping", *arguments, stdout=subprocess.PIPE)
        events: list[object] = []
        wait_until(lambda: events.extend(site.ends[0].call("take_events")) or events)
        assert isinstance(events[0], Acquire)
        assert (events[0].owner, events[0].reqid) == (1, REQID)
        assert events[0].source == selector(LEFT_HOST, ICMP, 0x0800, 0x0800)
        assert events[0].destination == selector(RIGHT_HOST, ICMP, 0x0800, 0x0800)
        site.up()
        output, _ = first.communicate(timeout=15)
        assert "1 received" in output, output
        assert site.ends[0].call("take_events") == []


def test_a_remote_selector_with_the_outer_address_of_the_peer(hosts):
    """Our own packets to the peer must not come back into the device."""
    with Site(hosts, Shape(nets=("", "0.0.0.0/0"))) as site:
        site.up()
        assert site.ping(0, count=3)
        assert ping(hosts[0], RIGHT, "-I", LEFT_HOST, count=3), "the peer's outer address through the tunnel"
        assert site.packets(0) == 6


@pytest.mark.parametrize("encap", [None, UdpEncap(4500, 4500)])
def test_host_to_host_tunnel(hosts, encap):
    """Selectors and outer addresses are the same here: without the mark every packet would loop."""
    with Site(hosts, Shape(nets=(LEFT, RIGHT), encap=encap)) as site:
        site.up()
        assert ping(hosts[0], RIGHT, count=3)
        assert (site.packets(0), site.packets(1)) == (3, 3)


def test_what_no_policy_covers_passes_in_the_clear(hosts):
    """As with the kernel's datapath: SSH to the peer survives a policy for one port of it."""
    with Site(hosts, Shape()) as site:
        for end, (here, there) in enumerate(((LEFT, RIGHT), (RIGHT, LEFT))):
            policies = make_policies(local_ts=(selector(here),), remote_ts=(selector(there, 6, 7, 7),))
            site.ends[end].call("install_policies", policies)
        frames = captured(hosts[1], lambda: ping(hosts[0], RIGHT))
        assert {frame[9] for frame in frames if frame[0] == 0x45} == {ICMP}
        assert transfer(*hosts, RIGHT, 1 << 16)


def test_pass_policies_win(plain):
    bypass = make_policies(
        9, PolicyAction.PASS, local_ts=(selector(LEFT_NET),), remote_ts=(selector(RIGHT_HOST, ICMP),), reqid=0
    )
    back = make_policies(
        9, PolicyAction.PASS, local_ts=(selector(RIGHT_HOST, ICMP),), remote_ts=(selector(LEFT_NET),), reqid=0
    )
    for end, policies in zip(plain.ends, (bypass, back), strict=True):
        end.call("install_policies", policies)
    for host, net, gateway in ((plain.hosts[0], RIGHT_NET, RIGHT), (plain.hosts[1], LEFT_NET, LEFT)):
        host.add_route(net, "via", gateway)
    assert plain.ping()
    assert (plain.packets(0), plain.packets(1)) == (0, 0)
    plain.ends[0].call("delete_policies", 9)
    plain.ends[1].call("delete_policies", 9)
    assert plain.ping()
    assert plain.packets(0) == 1


def test_drop_policies(plain):
    plain.ends[0].call("install_policies", make_policies(9, PolicyAction.DROP, priority=1))
    assert not plain.ping(wait=0.3)
    assert plain.drops(0) == {"policy": 1}
    plain.ends[0].call("delete_policies", 9)
    assert plain.ping()


def test_packets_outside_of_the_selectors_of_the_sa_are_refused(hosts):
    with Site(hosts, Shape()) as site:
        site.up()
        site.ends[1].call("delete_sa", site.sa(0, Direction.IN).id)
        other = site.sa(0, Direction.IN, remote_ts=(selector("10.1.0.7"),))
        site.ends[1].call("install_sa", other)
        assert not site.ping(wait=0.3)
        assert site.drops(1) == {"WrongSelectors": 1}


def test_moving_to_another_address(plain):
    """MOBIKE: the right end gets another address, both move their SAs."""
    left, right = plain.ends
    assert plain.ping(count=2)
    plain.hosts[1].ip("address add 192.0.2.22/24 dev eth0")
    there = "192.0.2.22"
    encap = UdpEncap(4500, 4500)
    left.call("update_sa", plain.sa(0, Direction.OUT).id, LEFT, there, encap)
    left.call("update_sa", plain.sa(1, Direction.IN).id, there, LEFT, encap)
    right.call("rebind", there)
    right.call("update_sa", plain.sa(0, Direction.IN).id, LEFT, there, encap)
    right.call("update_sa", plain.sa(1, Direction.OUT).id, there, LEFT, encap)
    assert plain.ping(count=2)
    moved = replace(plain.sa(0, Direction.OUT), destination=there)
    assert left.call("usage", moved.id).packets == 4
    assert right.call("usage", moved.id).packets == 4


def test_moving_from_udp_to_native(plain):
    for sender in (0, 1):
        source, destination = plain.shape.outer[sender], plain.shape.outer[1 - sender]
        for direction, end in ((Direction.OUT, sender), (Direction.IN, 1 - sender)):
            sa = plain.sa(sender, direction).id
            plain.ends[end].call("update_sa", sa, source, destination, None)
    frames = captured(plain.hosts[1], plain.ping)
    assert {frame[9] for frame in frames if frame[0] == 0x45} == {ESP}


def test_limits_are_reported(hosts):
    with Site(hosts, Shape()) as site:
        site.install_sas(limits=Limits(soft_packets=2, hard_packets=4))
        site.install_policies()
        assert site.ping(count=3)
        out, in_ = site.sa(0, Direction.OUT).id, site.sa(1, Direction.IN).id
        assert site.ends[0].call("take_events") == [SaExpired(out, hard=False), SaExpired(in_, hard=False)]
        assert not site.ping(count=2, wait=0.3)
        events = site.ends[0].call("take_events")
        assert SaExpired(out, hard=True) in events
        assert site.ends[0].call("usage", out) is None
        assert [e.reqid for e in events if isinstance(e, Acquire)] == [REQID]


def outer_headers(site: Site, *options: str) -> bytes:
    """The first outer IPv4 header that the right host sees of a ping from the left."""
    frames = captured(site.hosts[1], lambda: site.ping(0, *options))
    return next(f for f in frames if f[0] == 0x45 and f[9] == ESP and f[12:16] == socket.inet_aton(LEFT))


def test_the_outer_header_follows_the_inner_one(raw):
    plain, marked = outer_headers(raw, "-M", "dont"), outer_headers(raw, "-M", "do", "-Q", "0xba")
    assert (plain[1], plain[6] & 0x40) == (0, 0)
    assert (marked[1], marked[6] & 0x40) == (0xBA, 0x40)
    assert plain[8] == marked[8] == 64


def test_the_outer_header_follows_the_settings_of_the_sa(hosts):
    with Site(hosts, Shape(encap=None)) as site:
        site.install_sas(copy_df=False, copy_dscp="no", copy_ecn=False)
        site.install_policies()
        header = outer_headers(site, "-M", "do", "-Q", "0xba")
        assert (header[1], header[6] & 0x40) == (0, 0)


def test_ipv6_traffic_class(hosts):
    with Site(hosts, Shape(encap=None, outer_v6=True)) as site:
        site.up()
        frames = captured(hosts[1], lambda: site.ping(0, "-Q", "0xb8"))
        headers = [f for f in frames if f[0] >> 4 == 6 and f[6] == ESP]
        assert (headers[0][0] << 4 | headers[0][1] >> 4) & 0xFF == 0xB8


def test_hostile_packets_change_nothing(raw):
    """Garbage and forgeries on protocol 50 from the neighbour."""
    spi = raw.sa(1, Direction.OUT).spi.to_bytes(4, "big")
    with raw.hosts[1].entered(), socket.socket(socket.AF_INET, socket.SOCK_RAW, ESP) as sock:
        for payload in (b"", b"\0", spi, spi + b"\xff\xff\xff\xff", spi + b"\0\0\xff\xff" + bytes(200), bytes(1400)):
            sock.sendto(payload, (LEFT, 0))
    assert raw.ping(count=3)
    usage = raw.ends[0].call("usage", raw.sa(1, Direction.IN).id)
    assert usage.packets == 3
    assert usage.integrity_failures == 1


def test_replayed_packets_are_refused(raw):
    frames = captured(raw.hosts[1], lambda: raw.ping(count=2))
    sent = [f for f in frames if f[0] == 0x45 and f[12:16] == socket.inet_aton(LEFT)]
    with raw.hosts[0].entered(), socket.socket(socket.AF_INET, socket.SOCK_RAW, ESP) as sock:
        for frame in sent:
            sock.sendto(frame[20:], (RIGHT, 0))
    inbound = raw.sa(0, Direction.IN).id
    wait_until(lambda: raw.ends[1].call("usage", inbound).replay_drops == len(sent) == 2)
    assert raw.ends[1].call("usage", inbound).packets == 2


def test_segments_are_joined_for_the_host(plain):
    """The right host's TCP sees far fewer packets than were sent, thanks to GRO behind the device."""
    assert transfer(*plain.hosts, RIGHT_HOST, 8 << 20)
    counters = plain.hosts[1].run("nstat", "-asz", "TcpInSegs", check=False).stdout
    segments = re.search(r"TcpInSegs\s+(\d+)", counters)
    sent = plain.packets(0)
    assert sent > 5000
    if segments:
        assert int(segments[1]) < sent


def test_a_gateway_of_two_networks(hosts):
    """One goes through the tunnel, whatever the destination; the other one takes the way that it always took."""
    left, right = hosts
    with Namespace(f"{left.name}-lan") as lan, Site(hosts, Shape(nets=("10.1.0.128/25", "0.0.0.0/0"))) as site:
        veth(left, lan, "lan0", "eth0")
        left.ip("address add 10.1.0.129/25 dev lan0", "address add 10.5.0.1/24 dev lan0")
        left.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        lan.add_address("eth0", "10.1.0.130/25", "10.5.0.2/24")
        lan.add_route("default", "via", "10.1.0.129")
        right.add_route("10.5.0.0/24", "via", LEFT)
        site.up()
        assert ping(lan, RIGHT, "-I", "10.5.0.2")
        assert site.packets(0) == 0
        assert ping(lan, RIGHT, "-I", "10.1.0.130")
        assert site.packets(0) == 1


def test_a_forwarding_gateway(hosts):
    """A host behind the left gateway reaches one behind the right gateway."""
    left, right = hosts
    with Namespace(f"{left.name}-lan") as lan, Site(hosts, Shape()) as site:
        veth(left, lan, "lan0", "eth0")
        left.ip("address add 10.1.0.129/25 dev lan0")
        left.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        lan.add_address("eth0", "10.1.0.130/25")
        lan.add_route("default", "via", "10.1.0.129")
        site.up()
        assert ping(lan, RIGHT_HOST, count=3)
        assert ping(right, "10.1.0.130", "-I", RIGHT_HOST, count=3)
        ttl = lan.run("ping", "-n", "-c1", "-t1", "-W10", RIGHT_HOST, check=False).stdout
        assert "Time to live exceeded" in ttl, "the gateway counts the packet down before the tunnel"
        too_big = lan.run("ping", "-n", "-c2", "-W10", "-s", "1440", "-M", "do", RIGHT_HOST, check=False)
        assert "mtu = 1400" in too_big.stdout + too_big.stderr
        assert transfer(lan, right, RIGHT_HOST, 1 << 20)
