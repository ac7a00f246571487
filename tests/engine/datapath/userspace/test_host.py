"""One datapath on a real host: what it installs, what it leaves behind, what it refuses."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from ikeengine.crypto.rng import SeededRng
from ikeengine.datapath.userspace.datapath import UserspaceDatapath
from ikeengine.datapath.userspace.outbound import OutboundSa
from ikeengine.datapath.userspace.settings import RouteSettings, UserspaceSettings
from ikeengine.errors import DatapathError
from ikeengine.model.commands import SaExpired
from ikeengine.model.path import Path
from ikeengine.model.sa import Direction, Limits, PolicyAction, SaId, UdpEncap
from ikeengine.model.secret import Secret
from ikeengine.registry import Protocol
from tests.engine.datapath.userspace.samples import (
    LEFT,
    LEFT6,
    LEFT6_HOST,
    LEFT6_NET,
    LEFT_HOST,
    LEFT_NET,
    RIGHT,
    RIGHT6,
    RIGHT6_NET,
    RIGHT_NET,
    SPI,
    make_policies,
    make_sa,
    packed,
    selector,
    udp_packet,
)
from tests.lab.netns import Namespace, wait_until
from tests.lab.userspace_host import RemoteDatapath


class Host:
    """A DatapathHost that only remembers."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.sent: list[tuple[bytes, Path]] = []
        self.events: list[object] = []

    def send_encapsulated(self, packet: bytes, path: Path, outer: object = None) -> None:
        self.sent.append((packet, path))

    def event(self, event: object) -> None:
        self.events.append(event)

    def run(self, seconds: float = 0.05) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))


class Machine:
    """A started datapath in a namespace."""

    def __init__(self, namespace: Namespace, settings: UserspaceSettings | None = None) -> None:
        self.namespace = namespace
        self.host = Host()
        self.datapath = UserspaceDatapath(settings or UserspaceSettings())

    def start(self) -> None:
        with self.namespace.entered():
            self.datapath.start(self.host)

    def send(self, packet: bytes) -> None:
        """Let the host send a packet of its own. Nobody listens, so that UDP is what to send."""
        family = socket.AF_INET6 if packet[0] >> 4 == 6 else socket.AF_INET
        start = 40 if family == socket.AF_INET6 else 20
        addresses = (packet[8:24], packet[24:40]) if family == socket.AF_INET6 else (packet[12:16], packet[16:20])
        source, destination = (socket.inet_ntop(family, a) for a in addresses)
        with self.namespace.entered(), socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((source, int.from_bytes(packet[start : start + 2], "big")))
            sock.sendto(packet[start + 8 :], (destination, int.from_bytes(packet[start + 2 : start + 4], "big")))
        self.host.run()

    def routes(self, *options: str) -> list[str]:
        output = self.namespace.run("ip", *options, "route", "show", "table", "220", check=False).stdout
        return sorted(line.split(" metric")[0].strip() for line in output.splitlines())


@pytest.fixture
def machine(host: Namespace) -> Iterator[Machine]:
    machine = Machine(host)
    host.ip(f"address add {LEFT}/24 dev lo")
    machine.start()
    yield machine
    machine.datapath.stop()


def snapshot(namespace: Namespace) -> str:
    commands = ("rule", "-6 rule", "route show table all", "-6 route show table all", "-d link", "address")
    return "\n".join(namespace.run("ip", *command.split(), check=False).stdout for command in commands)


def test_stop_removes_exactly_what_was_installed(host):
    before = snapshot(host)
    machine = Machine(host)
    machine.start()
    machine.datapath.install_policies(make_policies())
    machine.datapath.install_policies(
        make_policies(2, local_ts=(selector(LEFT6_NET),), remote_ts=(selector(RIGHT6_NET),), local=LEFT6)
    )
    machine.datapath.install_sa(make_sa())
    during = snapshot(host)
    assert "ike0" in during
    assert "fwmark 0/0x1000" in during
    machine.datapath.stop()
    assert snapshot(host) == before


def test_stop_is_repeatable_and_start_works_again(host):
    before = snapshot(host)
    machine = Machine(host)
    for _ in range(2):
        machine.start()
        machine.datapath.install_sa(make_sa())
        machine.datapath.stop()
        machine.datapath.stop()
    assert snapshot(host) == before


def test_foreign_routes_and_rules_stay(host):
    host.ip(
        "link add foreign0 type veth peer name foreign1",
        "link set foreign0 up",
        "route add 10.66.0.0/16 dev foreign0 table 220",
        "rule add priority 220 lookup 220",
        "rule add priority 220 fwmark 0x42 lookup 99",
    )
    before = snapshot(host)
    machine = Machine(host)
    machine.start()
    machine.datapath.install_policies(make_policies())
    machine.datapath.delete_policies(1)
    machine.datapath.stop()
    assert snapshot(host) == before


def test_the_device(machine):
    link = machine.namespace.run("ip", "-d", "address", "show", "ike0").stdout
    assert "mtu 1400" in link
    assert "POINTOPOINT" in link
    assert "inet" not in link, "the device has no addresses, not even a link-local one"


def test_settings(host):
    settings = UserspaceSettings("tunnel7", 1300, RouteSettings(table=77, rule_priority=70, mark=0x80))
    machine = Machine(host, settings)
    machine.start()
    machine.datapath.install_policies(make_policies())
    everything = snapshot(host)
    machine.datapath.stop()
    assert "tunnel7: <POINTOPOINT" in everything
    assert "mtu 1300" in everything
    assert "70:\tfrom all fwmark 0/0x80 iif lo lookup 77" in everything
    assert "10.2.0.0/24 dev tunnel7 table 77" in everything


def test_a_killed_predecessor_leaves_no_trouble(host):
    before = snapshot(host)
    predecessor = RemoteDatapath(host.name, "127.0.0.1")
    predecessor.call("install_policies", make_policies())
    predecessor.kill()
    assert "fwmark 0/0x1000" in snapshot(host), "the rule outlives the process"
    machine = Machine(host)
    machine.start()
    machine.datapath.install_policies(make_policies())
    assert machine.routes() == [f"10.2.0.0/24 dev ike0 proto 105 src {LEFT_HOST}"]
    machine.datapath.stop()
    assert snapshot(host) == before


def test_an_abandoned_persistent_device_is_replaced(host):
    before = snapshot(host)
    host.ip("tuntap add dev ike0 mode tun", "link set ike0 up", "address add 10.77.0.1/24 dev ike0")
    machine = Machine(host)
    machine.start()
    assert "10.77.0.1" not in snapshot(host)
    machine.datapath.stop()
    assert snapshot(host) == before


def test_a_device_in_use_is_left_alone(host):
    first, second = Machine(host), Machine(host)
    first.start()
    before = snapshot(host)
    with pytest.raises(DatapathError, match="ike0"):
        second.start()
    assert snapshot(host) == before
    first.datapath.stop()


def test_a_foreign_device_of_that_name_is_left_alone(host):
    host.ip("link add ike0 type veth peer name foreign1")
    before = snapshot(host)
    with pytest.raises(DatapathError, match="ike0"):
        Machine(host).start()
    assert snapshot(host) == before


@pytest.mark.parametrize("name", ["", "a-name-that-is-too-long", "a/b"])
def test_impossible_device_names(host, name):
    before = snapshot(host)
    with pytest.raises(DatapathError):
        Machine(host, UserspaceSettings(name)).start()
    assert snapshot(host) == before


def test_a_failed_start_leaves_nothing_behind(host, monkeypatch):
    def fail(*arguments: object) -> None:
        raise DatapathError("no raw sockets today")

    monkeypatch.setattr("ikeengine.datapath.userspace.datapath.open_raw_sockets", fail)
    before = snapshot(host)
    machine = Machine(host)
    with pytest.raises(DatapathError, match="today"):
        machine.start()
    assert snapshot(host) == before
    monkeypatch.undo()
    machine.start()
    machine.datapath.stop()


def test_starting_twice_is_refused(machine):
    with pytest.raises(DatapathError):
        machine.start()


def test_without_ipv6(host):
    for path in ("all", "default", "lo"):
        host.run("sysctl", "-qw", f"net.ipv6.conf.{path}.disable_ipv6=1")
    before = snapshot(host)
    machine = Machine(host)
    machine.start()
    machine.datapath.install_policies(make_policies())
    machine.datapath.stop()
    assert snapshot(host) == before


def test_routes_have_a_source_address_inside_the_local_selector(machine):
    machine.datapath.install_policies(make_policies())
    assert machine.routes() == [f"10.2.0.0/24 dev ike0 proto 105 src {LEFT_HOST}"]


def test_the_outer_address_is_the_first_choice_for_a_source(machine):
    machine.datapath.install_policies(make_policies(local_ts=(selector("0.0.0.0/0"),)))
    assert machine.routes() == [f"10.2.0.0/24 dev ike0 proto 105 src {LEFT}"]


def test_a_gateway_without_an_inner_address_leaves_the_source_open(machine):
    machine.datapath.install_policies(make_policies(local_ts=(selector("10.50.0.0/16"),)))
    assert machine.routes() == ["10.2.0.0/24 dev ike0 proto 105"]


def test_ipv6_routes(machine):
    machine.datapath.install_policies(make_policies(local_ts=(selector(LEFT6_NET),), remote_ts=(selector(RIGHT6_NET),)))
    assert machine.routes("-6") == [f"{RIGHT6_NET} dev ike0 proto 105 src {LEFT6_HOST}"]


def test_a_range_becomes_prefixes(machine):
    wide = selector("10.2.0.0/31")
    machine.datapath.install_policies(make_policies(remote_ts=(wide._replace(last=selector("10.2.0.2").last),)))
    assert [route.split()[0] for route in machine.routes()] == ["10.2.0.0/31", "10.2.0.2"]
    machine.datapath.delete_policies(1)
    assert machine.routes() == []


def test_routes_that_the_kernel_has_dropped_come_back(machine):
    machine.datapath.install_policies(make_policies())
    before = machine.routes()
    assert before
    machine.namespace.ip("route flush table 220")
    assert machine.routes() != before
    machine.datapath.network_changed()
    assert machine.routes() == before


def test_a_default_route(machine):
    machine.datapath.install_policies(
        make_policies(
            local_ts=(selector(LEFT_HOST), selector(LEFT6_HOST)), remote_ts=(selector("0.0.0.0/0"), selector("::/0"))
        )
    )
    assert machine.routes() == [f"default dev ike0 proto 105 src {LEFT_HOST}"]
    assert machine.routes("-6") == [f"default dev ike0 proto 105 src {LEFT6_HOST}"]
    machine.datapath.delete_policies(1)
    assert machine.routes() == machine.routes("-6") == []


def test_two_policies_share_a_route(machine):
    machine.datapath.install_policies(make_policies(1, local_ts=(selector(LEFT_HOST),)))
    machine.datapath.install_policies(make_policies(2, local_ts=(selector(f"{LEFT}/32"),)))
    assert machine.routes() == [f"10.2.0.0/24 dev ike0 proto 105 src {LEFT}"]
    machine.datapath.delete_policies(2)
    assert machine.routes() == [f"10.2.0.0/24 dev ike0 proto 105 src {LEFT_HOST}"]
    machine.datapath.delete_policies(1)
    assert machine.routes() == []


def test_a_trap_below_a_child_keeps_its_route(machine):
    machine.datapath.install_policies(make_policies(1, PolicyAction.TRAP))
    machine.datapath.install_policies(make_policies(2))
    machine.datapath.delete_policies(2)
    assert len(machine.routes()) == 1
    machine.datapath.delete_policies(1)
    assert machine.routes() == []


def test_forwarded_packets_need_a_source_that_a_policy_mentions(machine):
    def sources() -> list[str]:
        rules = machine.namespace.run("ip", "rule").stdout.splitlines()
        return [rule.split()[2] for rule in rules if rule.startswith("220:") and "iif lo" not in rule]

    assert sources() == []
    machine.datapath.install_policies(make_policies())
    machine.datapath.install_policies(make_policies(2, remote_ts=(selector("10.3.0.0/24"),)))
    assert sources() == [LEFT_NET]
    machine.datapath.delete_policies(1)
    assert sources() == [LEFT_NET]
    machine.datapath.delete_policies(2)
    assert sources() == []


def test_pass_needs_no_route(machine):
    machine.datapath.install_policies(make_policies(1, PolicyAction.PASS))
    assert machine.routes() == []
    machine.datapath.install_policies(make_policies(1, PolicyAction.DROP))
    assert len(machine.routes()) == 1
    machine.datapath.install_policies(make_policies(1, PolicyAction.PASS))
    assert machine.routes() == []


def test_policies_that_cannot_be_routed_are_refused_as_a_whole(machine):
    machine.datapath.install_policies(make_policies(1, remote_ts=(selector("10.3.0.0/24"),)))
    machine.namespace.ip("link set ike0 down")
    with pytest.raises(DatapathError):
        machine.datapath.install_policies(make_policies(2))
    machine.namespace.ip("link set ike0 up")
    assert machine.datapath._policies.of_owner(2) is None
    machine.datapath.install_policies(make_policies(2))
    assert len(machine.routes()) == 1, "the kernel has taken the other route away with the link"


def test_nothing_works_before_the_start():
    datapath = UserspaceDatapath()
    for call in (
        lambda: datapath.install_sa(make_sa()),
        lambda: datapath.install_policies(make_policies()),
        lambda: datapath.update_sa(make_sa().id, LEFT, RIGHT, None),
    ):
        with pytest.raises(DatapathError):
            call()
    datapath.delete_sa(make_sa().id)
    datapath.delete_policies(1)
    datapath.stop()
    assert datapath.usage(make_sa().id) is None


def test_protected_packets_leave_through_the_host(machine):
    machine.datapath.install_policies(make_policies())
    machine.datapath.install_sa(make_sa(encap=UdpEncap(4500, 40000)))
    machine.send(udp_packet())
    ((packet, path),) = machine.host.sent
    assert packet[:4] == SPI.to_bytes(4, "big")
    assert path == Path(LEFT, 4500, RIGHT, 40000)
    assert machine.datapath.usage(make_sa().id).packets == 1


def test_the_first_packet_of_a_trap_is_sent_later(machine):
    machine.datapath.install_policies(make_policies(action=PolicyAction.TRAP))
    machine.send(udp_packet())
    assert machine.host.sent == []
    assert len(machine.host.events) == 1
    machine.datapath.install_sa(make_sa())
    assert len(machine.host.sent) == 1


def test_an_sa_at_its_hard_limit_is_gone(machine):
    machine.datapath.install_policies(make_policies())
    machine.datapath.install_sa(make_sa(limits=Limits(hard_packets=2)))
    for _ in range(3):
        machine.send(udp_packet())
    assert machine.host.events[0] == SaExpired(make_sa().id, hard=True)
    assert len(machine.host.sent) == 2
    assert machine.datapath.usage(make_sa().id) is None


def test_sas_that_exist_are_refused(machine):
    for direction in Direction:
        sa = make_sa(direction, destination=RIGHT if direction is Direction.OUT else LEFT)
        machine.datapath.install_sa(sa)
        with pytest.raises(DatapathError, match="exists"):
            machine.datapath.install_sa(sa)
    with pytest.raises(DatapathError, match="exists"):
        machine.datapath.install_sa(make_sa(Direction.IN, destination="192.0.2.9"))


def test_ah_is_refused(machine):
    with pytest.raises(DatapathError, match="AH"):
        machine.datapath.install_sa(make_sa(protocol=Protocol.AH))


def test_a_bad_key_leaves_no_sa(machine):
    bad = make_sa(encr_key=Secret(b"short"))
    with pytest.raises(DatapathError):
        machine.datapath.install_sa(bad)
    assert machine.datapath.usage(bad.id) is None
    machine.datapath.install_sa(make_sa())


def test_deleting_is_repeatable(machine):
    for direction in Direction:
        machine.datapath.install_sa(make_sa(direction))
        machine.datapath.delete_sa(make_sa(direction).id)
        machine.datapath.delete_sa(make_sa(direction).id)
        assert machine.datapath.usage(make_sa(direction).id) is None


def test_moving_sas(machine):
    machine.datapath.install_policies(make_policies())
    machine.datapath.install_sa(make_sa())
    machine.send(udp_packet())
    machine.datapath.update_sa(make_sa().id, LEFT, "192.0.2.9", UdpEncap(4500, 1234))
    machine.send(udp_packet())
    assert [packet[4:8] for packet, _ in machine.host.sent] == [b"\0\0\0\1", b"\0\0\0\2"]
    assert machine.host.sent[1][1] == Path(LEFT, 4500, "192.0.2.9", 1234)
    assert machine.datapath.usage(make_sa().id) is None
    assert machine.datapath.usage(SaId(Protocol.ESP, "192.0.2.9", SPI)).packets == 2


def test_moves_that_cannot_be(machine):
    with pytest.raises(DatapathError, match="no SA"):
        machine.datapath.update_sa(make_sa().id, LEFT, RIGHT, None)
    machine.datapath.install_sa(make_sa())
    machine.datapath.install_sa(make_sa(destination="192.0.2.9"))
    with pytest.raises(DatapathError, match="exists"):
        machine.datapath.update_sa(make_sa().id, LEFT, "192.0.2.9", None)
    assert machine.datapath.usage(make_sa().id) is not None


def test_the_device_may_vanish(machine, caplog):
    machine.namespace.ip("link del ike0")
    machine.host.run(0.2)
    assert "ike0 is gone" in caplog.text
    machine.datapath.receive_esp(b"\0" * 40, Path(LEFT, 4500, RIGHT, 4500))


def test_an_unprivileged_user_is_told(host):
    code = (
        "import os, asyncio\n"
        "from ikeengine.datapath.userspace.datapath import UserspaceDatapath\n"
        "from types import SimpleNamespace\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "UserspaceDatapath().start(SimpleNamespace(loop=asyncio.new_event_loop()))"
    )
    result = subprocess.run(host.prefix((sys.executable, "-c", code)), capture_output=True, text=True, timeout=120)
    assert "DatapathError" in result.stderr
    assert "ike0" in result.stderr


def test_packets_that_pass_are_sent_by_the_host(machine):
    machine.datapath.install_policies(make_policies(1, PolicyAction.DROP))
    machine.datapath.install_policies(make_policies(2, PolicyAction.PASS, remote_ts=(selector("10.2.0.9"),)))
    with machine.namespace.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as wire:
        machine.namespace.ip("route add 10.2.0.0/24 dev lo")
        wire.bind(("lo", 3))
        wire.settimeout(60)
        machine.send(udp_packet(destination="10.2.0.9"))
        assert wire.recv(2000)[16:20] == packed("10.2.0.9")


def test_received_packets_reach_the_host(machine):
    machine.datapath.install_sa(make_sa(Direction.IN, local_ts=(selector(LEFT_NET),), remote_ts=(selector(RIGHT_NET),)))
    sealed: list[bytes] = []
    sender = OutboundSa(
        make_sa(), SeededRng(1), lambda sa, sender: lambda esp, inner: sealed.append(esp), lambda sa, hard: None
    )
    with machine.namespace.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LEFT_HOST, 53))
        sock.settimeout(60)
        sender.send(udp_packet("10.2.0.1", LEFT_HOST))
        machine.datapath.receive_esp(sealed[0], Path(LEFT, 4500, RIGHT, 4500))
        assert sock.recv(100) == b"some words"


def test_undeliverable_packets_are_counted(machine):
    machine.namespace.ip("link set ike0 down")
    machine.datapath._deliver(udp_packet())
    assert machine.datapath.drops == {"undeliverable": 1}


def test_native_esp_needs_its_address_family(machine):
    machine.datapath._raw.pop(16)
    with pytest.raises(DatapathError, match="IPv6"):
        machine.datapath.install_sa(make_sa(source=LEFT6, destination=RIGHT6, encap=None))
    machine.datapath._send_unprotected(udp_packet(LEFT6_HOST, "2001:db8:9::1"))


def test_prepare_socket_marks(machine):
    with machine.namespace.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        machine.datapath.prepare_socket(sock, nat_t=True)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_MARK) == 0x1000


def test_a_socket_that_cannot_be_marked(machine):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        pass
    with pytest.raises(DatapathError):
        machine.datapath.prepare_socket(sock, nat_t=False)


def test_ipv6_outer_addresses(machine):
    machine.datapath.install_sa(make_sa(source=LEFT6, destination=RIGHT6, encap=None))
    machine.datapath.update_sa(SaId(Protocol.ESP, RIGHT6, SPI), LEFT, RIGHT, None)
    assert machine.datapath.usage(make_sa().id) is not None


def test_a_running_process_ends_in_order(host):
    before = snapshot(host)
    worker = RemoteDatapath(host.name, "127.0.0.1")
    worker.close()
    wait_until(lambda: snapshot(host) == before)


def test_the_clock_is_monotonic(machine):
    machine.datapath.install_policies(make_policies())
    machine.datapath.install_sa(make_sa())
    machine.send(udp_packet())
    time.sleep(0.05)
    assert 0.05 <= machine.datapath.usage(make_sa().id).last_use < 60
