"""Packets that arrive unprotected although a policy wants them protected (RFC 4301 section 5.2)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from ikeengine.datapath.policies import SelectorPair
from ikeengine.datapath.userspace.cleartext import CleartextFilter, arrives
from ikeengine.model.sa import PolicyAction
from ikeengine.model.selector import OPAQUE_PORTS, TrafficSelector
from tests.engine.datapath.userspace.samples import (
    LEFT,
    LEFT6,
    LEFT6_HOST,
    LEFT_HOST,
    RIGHT,
    RIGHT6,
    RIGHT6_HOST,
    RIGHT_HOST,
    selector,
)
from tests.lab.netns import Namespace, wait_until

Hosts = tuple[Namespace, Namespace]
PROTECT, PASS, DROP, TRAP = PolicyAction.PROTECT, PolicyAction.PASS, PolicyAction.DROP, PolicyAction.TRAP
NO_DEVICE = 99


def pair(local: str, remote: str, protocol: int = 0, ports: tuple[int, int] = (0, 65535)) -> SelectorPair:
    """Selectors of the left host; the ports are its own."""
    ends = [selector(net) for net in (local, remote)]
    first = TrafficSelector(ends[0].first, ends[0].last, protocol, *ports)
    return SelectorPair(first, TrafficSelector(ends[1].first, ends[1].last, protocol))


@pytest.fixture
def routed(hosts: Hosts) -> Hosts:
    """Two hosts that reach each other's inner addresses without a tunnel."""
    left, right = hosts
    for host, destination, way, source in (
        (left, f"{RIGHT_HOST}/32", RIGHT, LEFT_HOST),
        (right, f"{LEFT_HOST}/32", LEFT, RIGHT_HOST),
        (left, f"{RIGHT6_HOST}/128", RIGHT6, LEFT6_HOST),
        (right, f"{LEFT6_HOST}/128", LEFT6, RIGHT6_HOST),
    ):
        host.run("ip", "route", "add", destination, "via", way, "src", source)
    return hosts


@contextlib.contextmanager
def filtering(host: Namespace, *policies: tuple[SelectorPair, PolicyAction | None]) -> Iterator[CleartextFilter]:
    with host.entered():
        found = CleartextFilter("test0", NO_DEVICE, (500, 4500))
    for each, action in policies:
        found.set(each, action)
    yield found
    found.close()


def reaches(source: Namespace, destination: str) -> bool:
    return source.ping(destination, wait=0.3)


def comes_through(source: Namespace, destination: str) -> bool:
    """For what must arrive, however busy the machine is."""
    wait_until(lambda: reaches(source, destination))
    return True


NETS = pair("10.1.0.0/16", "10.2.0.0/16")
NETS6 = pair("2001:db8:1::/64", "2001:db8:2::/64")


@pytest.mark.parametrize("action", [PROTECT, TRAP, DROP])
def test_unprotected_packets_are_refused(routed: Hosts, action: PolicyAction) -> None:
    left, right = routed
    assert comes_through(right, LEFT_HOST)
    assert comes_through(right, LEFT6_HOST)
    with filtering(left, (NETS, action), (NETS6, action)) as found:
        assert not reaches(right, LEFT_HOST)
        assert not reaches(right, LEFT6_HOST)
        assert comes_through(right, LEFT), "no policy is for the outer addresses"
        assert comes_through(right, LEFT6), "neighbour discovery works"
        assert comes_through(left, LEFT_HOST), "the host's own packets do not arrive from anywhere"
        found.set(NETS, None)
        assert comes_through(right, LEFT_HOST)
    assert comes_through(right, LEFT6_HOST), "nothing is left behind"


def test_pass_policies_are_exempt(routed: Hosts) -> None:
    left, right = routed
    with filtering(left, (NETS, PROTECT), (pair(f"{LEFT_HOST}/32", f"{RIGHT_HOST}/32"), PASS)) as found:
        assert comes_through(right, LEFT_HOST)
        found.set(pair(f"{LEFT_HOST}/32", f"{RIGHT_HOST}/32"), PROTECT)
        assert not reaches(right, LEFT_HOST)


def test_protocols_and_ports(routed: Hosts) -> None:
    left, right = routed
    tcp = pair("10.1.0.0/16", "10.2.0.0/16", 6, (80, 90))
    with filtering(left, (tcp, PROTECT)):
        assert comes_through(right, LEFT_HOST)
        assert connects(left, right, 91, wait=30)
        assert not connects(left, right, 85, wait=0.5)


def connects(server: Namespace, client: Namespace, port: int, *, wait: float) -> bool:
    with server.entered():
        listener = socket.create_server((LEFT_HOST, port))
    with client.entered():
        sock = socket.socket()
    with listener, sock:
        sock.settimeout(wait)
        with contextlib.suppress(OSError):
            sock.connect((LEFT_HOST, port))
            return True
    return False


def test_icmp_types(routed: Hosts) -> None:
    left, right = routed
    echo = pair("10.1.0.0/16", "10.2.0.0/16", 1, (0x800, 0x8FF))
    with filtering(left, (echo, PROTECT)):
        assert not reaches(right, LEFT_HOST), "echo requests"
        assert comes_through(left, RIGHT_HOST), "echo replies"


def test_the_tunnel_device_is_exempt(routed: Hosts) -> None:
    left, right = routed
    with left.entered():
        index = socket.if_nametoindex("eth0")
        found = CleartextFilter("test0", index, ())
    found.set(NETS, PROTECT)
    assert comes_through(right, LEFT_HOST)
    found.close()


def test_ike_and_esp_are_exempt(routed: Hosts) -> None:
    """A tunnel for everything must not shut out what it is made of."""
    left, right = routed
    with filtering(left, (pair("0.0.0.0/0", "0.0.0.0/0"), PROTECT)):
        for port, arrives_here in ((4500, True), (500, True), (501, False)):
            with left.entered():
                receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with right.entered():
                sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with receiver, sender:
                receiver.bind((LEFT, port))
                receiver.settimeout(30 if arrives_here else 0.5)
                sender.sendto(b"hello", (LEFT, port))
                if arrives_here:
                    assert receiver.recv(100) == b"hello"
                else:
                    with pytest.raises(TimeoutError):
                        receiver.recv(100)


def test_a_second_engine_does_without(routed: Hosts, caplog: pytest.LogCaptureFixture) -> None:
    """The table belongs to the socket that made it; who comes second says that it filters nothing."""
    left, _ = routed
    with filtering(left), filtering(left, (NETS, PROTECT)):
        assert "cannot be refused" in caplog.text


def test_what_the_filter_cannot_tell() -> None:
    """OPAQUE ports, and selectors of different protocols, which no packet matches."""
    assert arrives(pair("10.1.0.0/16", "10.2.0.0/16", 6, OPAQUE_PORTS)) is None
    tcp, udp = pair("10.1.0.0/16", "10.2.0.0/16", 6), pair("10.1.0.0/16", "10.2.0.0/16", 17)
    assert arrives(SelectorPair(tcp.local, udp.remote)) is None
