"""Traffic selectors: protocols, ports, several at once, both address families, and who gets which Child SA."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.interop.lab import Lab, child
from tests.lab.control import Refused
from tests.lab.netns import Namespace, wait_until

NETS = ("10.1.0.0/24", "10.2.0.0/24")
NETS6 = ("fd00:1::/64", "fd00:2::/64")
OUTER6 = ("2001:db8::1", "2001:db8::2")


def selected(suffix: str, nets: tuple[str, str] = NETS) -> dict[str, dict[str, Any]]:
    """Selectors of the left side and, the other way round, of the right side."""
    return facing([nets[0] + suffix], [nets[1] + suffix])


def facing(local: list[str], remote: list[str]) -> dict[str, dict[str, Any]]:
    left, right = {"local_ts": local, "remote_ts": remote}, {"local_ts": remote, "remote_ts": local}
    return {"engine": left, "charon": right}


def connect(site: Lab, children: dict[str, dict[str, dict[str, Any]]], **both: Any) -> None:
    """Children by name instead of the usual one."""
    esp = {"esp_proposals": ["aes128gcm16-x25519"]}
    sides = {
        side: {"children": {"net": None, **{name: halves[side] | esp | both for name, halves in children.items()}}}
        for side in ("engine", "charon")
    }
    site.connect(**sides)


def opens(client: Namespace, server: Namespace, address: str, port: int, *, wait: float = 30) -> bool:
    """Whether a TCP connection comes about."""
    with server.entered():
        listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    with client.entered():
        sock = socket.socket(listener.family)
    with listener, sock:
        sock.settimeout(wait)
        with contextlib.suppress(OSError):
            sock.connect((address, port))
            return True
    return False


@contextlib.contextmanager
def counting(site: Lab, name: str, least: int) -> Iterator[None]:
    """So many packets go through a Child SA in each direction."""

    def packets() -> tuple[int, int]:
        (found,) = [each for each in site.engine.children() if each["name"] == name]
        return int(found["packets-in"]), int(found["packets-out"])

    before = packets()
    yield
    assert all(now - then >= least for now, then in zip(packets(), before, strict=True)), (before, packets())


@pytest.mark.scenario("ikev2/protoport-dual")
def test_a_child_for_each_protocol(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/protoport-dual: ICMP and one TCP port in Child SAs of their own, nothing else."""
    ssh = facing(["10.1.0.0/24[tcp]"], ["10.2.0.0/24[tcp/ssh]"])
    connect(site, {"icmp": selected("[icmp]"), "ssh": ssh})
    for name in ("icmp", "ssh"):
        site.daemon(initiator).initiate(name)
    wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == 2)
    with counting(site, "icmp", 2):
        assert site.left.client.ping(site.right.host, count=2)
    with counting(site, "ssh", 1):
        assert opens(site.left.client, site.right.client, site.right.host, 22)
    assert not opens(site.left.client, site.right.client, site.right.host, 23, wait=0.5)


@pytest.mark.scenario("ikev2/protoport-range")
def test_ranges_of_ports_and_icmp_types(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/protoport-range: echo requests and their answers by type, and TCP ports by range."""
    icmp = facing(["10.1.0.0/24[icmp/2048]", "10.1.0.0/24[icmp/0]"], ["10.2.0.0/24[icmp/2048]", "10.2.0.0/24[icmp/0]"])
    ports = facing(["10.1.0.0/24[tcp/32768-65535]"], ["10.2.0.0/24[tcp/21-22]"])
    connect(site, {"icmp": icmp, "ports": ports})
    for name in ("icmp", "ports"):
        site.daemon(initiator).initiate(name)
    wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == 2)
    names = {found["name"]: found for found in site.engine.children()}
    assert names["icmp"]["local-ts"] == ["10.1.0.0/24[icmp/8]", "10.1.0.0/24[icmp/0]"]
    assert names["ports"]["remote-ts"] == ["10.2.0.0/24[tcp/21-22]"]
    with counting(site, "icmp", 2):
        assert site.left.client.ping(site.right.host, count=2)
    with counting(site, "ports", 1):
        assert opens(site.left.client, site.right.client, site.right.host, 21)
    assert not opens(site.left.client, site.right.client, site.right.host, 23, wait=0.5)


@pytest.mark.scenario("ikev2/net2net-route-narrow", role="both")
def test_the_packet_goes_first(site: Lab) -> None:
    """Mirrors ikev2/protoport-trap and net2net-route-narrow: a trap asks for the packet, the peer narrows to ICMP."""
    connect(site, {"icmp": selected("[icmp]")})
    site.engine.clear()
    site.engine.load_psk("a secret that only the two gateways know")
    wide = {**facing([NETS[0]], [NETS[1]])["engine"], "start_action": "trap", "esp_proposals": ["aes128gcm16-x25519"]}
    site.engine.load({site.name: {**site.connection("engine"), "children": {"any": wide}}})
    site.left.client.ping(site.right.host, count=1, wait=3)
    wait_until(site.engine.children)
    assert site.engine.child()["local-ts"] == ["10.1.0.0/24[icmp]"]
    assert "10.1.0.10/32[icmp/8]" in site.charon.log()
    assert site.left.client.ping(site.right.host, count=2)


def test_many_selectors_in_one_child(site: Lab, initiator: str) -> None:
    """Several networks, protocols and both families in one Child SA."""
    local = ["10.1.0.0/25", "10.1.0.128/25[udp]", "10.9.0.1-10.9.0.7", NETS6[0]]
    connect(site, {"many": facing(local, [NETS[1], NETS6[1]])})
    site.daemon(initiator).initiate("many")
    site.assert_same_ike()
    mine, theirs = site.engine.child(), site.charon.child()
    assert mine["local-ts"] == theirs["remote-ts"]
    assert len(mine["local-ts"]) == 4
    with counting(site, "many", 4):
        assert site.left.client.ping(site.right.host, count=2)
        assert site.left.client.ping(site.right.host6, count=2)


@pytest.mark.scenario("ipv6/net2net-ikev2")
def test_ipv6_over_ipv6(site: Lab, initiator: str) -> None:
    """Mirrors ipv6/net2net-ikev2."""
    begin_over_ipv6(site, initiator, NETS6)
    assert site.left.client.ping(site.right.host6, count=2)
    assert site.right.client.ping(site.left.host6, "-s", "1000", count=2)


@pytest.mark.scenario("ipv6/net2net-ip4-in-ip6-ikev2")
def test_ipv4_over_ipv6(site: Lab, initiator: str) -> None:
    """Mirrors ipv6/net2net-ip4-in-ip6-ikev2."""
    begin_over_ipv6(site, initiator, NETS)
    site.assert_traffic()


def begin_over_ipv6(site: Lab, initiator: str, nets: tuple[str, str]) -> None:
    halves = facing([nets[0]], [nets[1]])
    site.connect(
        engine={"local_addrs": [OUTER6[0]], "remote_addrs": [OUTER6[1]], **child(**halves["engine"])},
        charon={"local_addrs": [OUTER6[1]], "remote_addrs": [OUTER6[0]], **child(**halves["charon"])},
    )
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    assert site.engine.ike()["remote-host"] == OUTER6[1]


@pytest.mark.scenario("ikev2/net2net-childless")
@pytest.mark.parametrize("childless", ["prefer", "force"])
def test_childless(site: Lab, initiator: str, childless: str) -> None:
    """Mirrors ikev2/net2net-childless: the first Child SA has a key exchange of its own."""
    site.connect(engine={"childless": childless}, charon={"childless": "force"})
    site.daemon(initiator).initiate("net")
    mine, theirs = site.assert_same_child()
    assert mine["dh-group"] == theirs["dh-group"] == "CURVE_25519"
    site.assert_traffic()


@pytest.mark.scenario("ikev2/net2net-childless", role="responder")
def test_childless_forced_on_one_side(site: Lab) -> None:
    """Mirrors ikev2/net2net-childless where the initiator does not know of it: it is sent away."""
    site.connect(engine={"childless": "force"}, charon={"childless": "never"})
    with pytest.raises(Refused):
        site.charon.initiate("net")
    (record,) = site.engine.failures(site.name)
    assert "childless" in record["reason"]


def test_selectors_that_nobody_accepts(site: Lab, initiator: str) -> None:
    """TS_UNACCEPTABLE closes no IKE SA, and both sides know why there is no Child SA."""
    site.connect(engine=child(remote_ts=["10.7.0.0/24"]))
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    (record,) = site.engine.failures(site.name)
    assert record["alert"] == "ts-mismatch"


def test_two_equal_children(site: Lab) -> None:
    """A second Child SA of the same selectors, and what is left when one of the two ends."""
    site.connect()
    site.engine.initiate("net")
    site.engine.initiate("net")
    wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == 2)
    assert site.left.client.ping(site.right.host, count=2)
    for number in (1, 0):
        found = site.engine.children()[number if len(site.engine.children()) > number else 0]
        site.engine.request("terminate", {"child-id": found["uniqueid"]})
        wait_until(lambda number=number: len(site.engine.children()) == len(site.charon.children()) == number)
        assert site.left.client.ping(site.right.host, wait=10 if number else 0.5) == bool(number)
