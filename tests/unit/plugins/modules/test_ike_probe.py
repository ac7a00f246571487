# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import threading
import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.filter.tunnel_probes import tunnel_probes
from ansible_collections.keymesh.ike.plugins.module_utils import _probe, _probe_clear, _probe_icmp, _probe_tcp
from ansible_collections.keymesh.ike.plugins.modules import ike_probe
from ansible_collections.keymesh.ike.tests.unit.plugins.conftest import run
from ansible_collections.keymesh.ike.tests.unit.plugins.fake_daemon import FakeDaemon
from ansible_collections.keymesh.ike.tests.unit.plugins.verification import tunnel

TUNNEL = {"name": "a--b", "source": "127.0.0.1", "target": "127.0.0.1"}


def test_a_tunnel_that_is_down_gets_no_traffic(daemon: FakeDaemon) -> None:
    found = run(ike_probe, {"tunnels": [TUNNEL], "timeout": 0, "socket": daemon.socket})
    assert not found["changed"] and found["before"] == found["after"] == []
    (one,) = found["probes"]
    assert one["name"] == "a--b" and one["ping"] is one["mtu"] is one["tcp"] is None


def test_what_stops_one_tunnel_does_not_stop_the_others(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __init__(self, source: str, target: str) -> None:
            raise OSError(99, "Cannot assign requested address")

    monkeypatch.setattr(_probe, "Pinger", Broken)
    daemon.establish_child(daemon.establish_ike())
    found = run(ike_probe, {"tunnels": [TUNNEL], "socket": daemon.socket})
    assert found["probes"][0]["error"] == "127.0.0.1 to 127.0.0.1: Cannot assign requested address"
    assert found["after"][0]["children"][0]["name"] == "net"


def test_check_mode_sends_nothing(daemon: FakeDaemon) -> None:
    daemon.establish_child(daemon.establish_ike())
    assert run(ike_probe, {"tunnels": [TUNNEL], "socket": daemon.socket}, check_mode=True)["probes"] == []
    assert run(ike_probe, {"state": "listening", "tunnels": [TUNNEL]}, check_mode=True)["changed"]
    assert not run(ike_probe, {"state": "silent"}, check_mode=True)["changed"]


def test_no_daemon(daemon: FakeDaemon) -> None:
    failed = run(ike_probe, {"tunnels": [TUNNEL], "socket": daemon.socket + "-not"})
    assert failed["failed"] and "no daemon answers at" in failed["msg"]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_listener_answers_until_it_is_stopped() -> None:
    listener = _probe_tcp.Listener(free_port())
    listener.start(["127.0.0.1"], ["127.0.0.1"], 30)
    try:
        for again in range(2):
            result = _probe_tcp.exchange("127.0.0.1", "127.0.0.1", listener.port, 10)
            assert result["result"] == "ok" and result["octets"] == _probe_tcp.BULK
    finally:
        assert listener.stop()
    assert not listener.stop()
    assert _probe_tcp.exchange("127.0.0.1", "127.0.0.1", listener.port, 10)["result"] == "refused"


def test_a_listener_answers_only_peers() -> None:
    listener = _probe_tcp.Listener(free_port())
    listener.start(["127.0.0.1"], ["192.0.2.7"], 30)
    try:
        assert _probe_tcp.exchange("127.0.0.1", "127.0.0.1", listener.port, 10)["result"] != "ok"
    finally:
        listener.stop()


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        failed = run(ike_probe, {"state": "listening", "tunnels": [TUNNEL], "port": taken.getsockname()[1]})
    assert failed["failed"] and "127.0.0.1 port" in failed["msg"]


@pytest.mark.parametrize(
    ("greets", "takes", "expected"), [(True, False, "lost_to_peer"), (True, True, "lost_from_peer")]
)
def test_what_is_lost_on_the_way(greets: bool, takes: bool, expected: str) -> None:
    """A peer that stops to answer, as if large packets got lost."""
    done = threading.Event()

    def peer() -> None:
        connection = listener.accept()[0]
        with connection:
            connection.recv(len(_probe_tcp.GREETING))
            connection.sendall(_probe_tcp.GREETING)
            if takes:
                connection.sendall(_probe_tcp.RECEIVED)
            done.wait(30)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=peer)
        thread.start()
        result = _probe_tcp.exchange("127.0.0.1", "127.0.0.1", listener.getsockname()[1], 1)
        done.set()
        thread.join()
    assert result["result"] == expected


def test_the_checksum() -> None:
    # RFC 1071, section 3.
    assert _probe_icmp.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF ^ 0xDDF2
    assert _probe_icmp.checksum(b"\x01") == 0xFEFF


IPV4 = bytes.fromhex("4500005400004000400100000a0100010a020001") + bytes(8)
IPV6 = bytes.fromhex("6000000000003a40") + b"\xfd" + bytes(14) + b"\x01" + b"\xfd" + bytes(14) + b"\x02"


def test_addresses_of_packets() -> None:
    assert _probe_clear.addresses_of(IPV4) == ("10.1.0.1", "10.2.0.1")
    assert _probe_clear.addresses_of(IPV6) == ("fd00::1", "fd00::2")
    assert _probe_clear.addresses_of(b"E") is None and _probe_clear.addresses_of(b"") is None


def accepts(program: t.Sequence[_probe_clear.Instruction], packet: bytes, kind: int) -> bool:
    """Run a packet filter as the kernel does."""
    position, register = 0, 0
    while True:
        code, yes, no, value = program[position]
        position += 1
        if code == 0x06:
            return value > 0
        if code == 0x20 and value == 0xFFFFF004:
            register = kind
        elif code == 0x20:
            register = int.from_bytes(packet[value : value + 4], "big")
        elif code == 0x30:
            register = packet[value]
        elif code == 0x54:
            register &= value
        elif code == 0x15:
            position += yes if register == value else no


@pytest.mark.parametrize(
    ("packet", "kind", "sources", "expected"),
    [
        (IPV4, 4, ["10.1.0.1"], True),
        (IPV4, 4, ["10.9.0.1", "10.1.0.1", "fd00::1"], True),
        (IPV4, 0, ["10.1.0.1"], False),
        (IPV4, 4, ["10.2.0.1", "fd00::1"], False),
        (IPV6, 4, ["10.1.0.1", "fd00::1"], True),
        (IPV6, 4, ["fd00::2"], False),
        (IPV6, 4, [], False),
    ],
)
def test_the_packet_filter(packet: bytes, kind: int, sources: t.List[str], expected: bool) -> None:
    assert accepts(_probe_clear.packet_filter(sources), packet, kind) is expected


def test_what_the_module_is_told_of_tunnels() -> None:
    found = tunnel_probes([tunnel("a", "b"), tunnel("a", "c"), tunnel("a", "x", managed=False)], ["b", "x"])
    assert [(one["name"], one["listens"]) for one in found] == [("a--b", True), ("a--c", False), ("a--x", False)]
    assert found[0]["source"] == "10.1.0.1" and found[0]["target"] == "10.2.0.1" and found[0]["child"] == "net"
