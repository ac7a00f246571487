"""Against the kernel that runs the tests, in a namespace of its own. It need not have ESP: policies always work."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ikeengine.datapath import rtnetlink
from ikeengine.datapath.netlink import NETLINK_XFRM, EventSocket, NetlinkError, NetlinkSocket
from ikeengine.datapath.rtnetlink import NETLINK_ROUTE, Network, Route, Rule
from ikeengine.datapath.xfrm import datapath as datapath_module
from ikeengine.datapath.xfrm.constants import XfrmGroup, XfrmMsg
from ikeengine.datapath.xfrm.datapath import XfrmDatapath
from ikeengine.datapath.xfrm.esp_check import check_esp
from ikeengine.datapath.xfrm.events import read_acquire
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.datapath.xfrm.policy import policy_keys, read_policy, write_policy_id
from ikeengine.datapath.xfrm.sockets import decapsulate_esp, exempt_from_policies
from ikeengine.datapath.xfrm.spd import SecurityPolicies
from ikeengine.errors import DatapathError
from ikeengine.model.path import packed
from ikeengine.model.sa import PolicyAction
from tests.engine.datapath.xfrm.fake_kernel import Host
from tests.engine.datapath.xfrm.samples import LEFT, RIGHT, protect, ts
from tests.lab.needs import give_up, need_programs, need_root
from tests.lab.netns import Namespace, veth


@pytest.fixture
def peer() -> Iterator[Namespace]:
    need_root()
    need_programs("ip", "ping")
    with Namespace(f"peer{os.getpid()}") as namespace:
        yield namespace


@pytest.fixture
def host(peer: Namespace) -> Iterator[Namespace]:
    """A host seen from the inside, with a cable to its peer."""
    with Namespace(f"host{os.getpid()}") as namespace:
        veth(namespace, peer)
        namespace.add_address("eth0", f"{LEFT}/24", "2001:db8::1/64")
        peer.add_address("eth0", f"{RIGHT}/24", "2001:db8::2/64")
        namespace.add_address("lo", "10.1.0.1/32")
        namespace.add_route("default", "via", "192.0.2.254")
        with namespace.entered():
            yield namespace


@pytest.fixture
def xfrm(host: Namespace) -> Iterator[NetlinkSocket]:
    with NetlinkSocket(NETLINK_XFRM) as kernel:
        yield kernel


@pytest.fixture
def route(host: Namespace) -> Iterator[NetlinkSocket]:
    with NetlinkSocket(NETLINK_ROUTE) as kernel:
        yield kernel


def test_policies_are_installed_replaced_and_removed(host: Namespace, xfrm: NetlinkSocket):
    database = SecurityPolicies(xfrm, Journal(None))
    database.install(protect(1, reqid=5))
    database.install(protect(2, reqid=6, remote_ts=(ts("10.2.0.0/16"), ts("10.3.0.0/24", 6, 80, 80))))
    text = " ".join(host.run("ip", "xfrm", "policy").stdout.split())
    assert "src 10.1.0.0/16 dst 10.2.0.0/16 dir out priority 383615" in text
    assert "src 10.1.0.0/16 dst 10.3.0.0/24 proto tcp dport 80 dir out priority 379199" in text
    assert text.count("reqid 6 mode tunnel") == 6
    database.delete(2)
    assert host.run("ip", "xfrm", "policy").stdout.count("reqid 5 mode tunnel") == 3
    database.delete_all()
    assert host.run("ip", "xfrm", "policy").stdout == ""


def test_the_kernel_and_we_agree_about_a_policy(xfrm: NetlinkSocket):
    policies = protect(reqid=5, remote_ts=(ts("10.3.0.0/24", 1, 8 << 8, 8 << 8 | 255),))
    SecurityPolicies(xfrm, Journal(None)).install(policies)
    for key in policy_keys(policies):
        policy = read_policy(xfrm.get(XfrmMsg.GETPOLICY, write_policy_id(key)).body)
        assert (policy.key, policy.reqid) == (key, 5)


def test_foreign_policies_are_not_replaced(host: Namespace, xfrm: NetlinkSocket):
    host.run("ip", "xfrm", "policy", "add", "src", "10.1.0.0/16", "dst", "10.2.0.0/16", "dir", "out")
    before = host.run("ip", "xfrm", "policy").stdout
    with pytest.raises(DatapathError, match="another program has a policy"):
        SecurityPolicies(xfrm, Journal(None)).install(protect())
    assert host.run("ip", "xfrm", "policy").stdout == before


def test_a_trap_is_heard(host: Namespace, xfrm: NetlinkSocket):
    policies = protect(action=PolicyAction.TRAP, reqid=9)
    with EventSocket(NETLINK_XFRM, (XfrmGroup.ACQUIRE,)) as events:
        SecurityPolicies(xfrm, Journal(None)).install(policies)
        host.run("ping", "-c", "1", "-W", "0.1", "-I", "10.1.0.1", "10.2.0.1", check=False)
        messages, lost = events.read()
    if not messages:
        give_up("this kernel cannot make larval ESP states")
    acquire = read_acquire(messages[0].body)
    assert (acquire.policy, acquire.reqid, lost) == (policy_keys(policies)[2], 9, False)
    assert acquire.destination == ts("10.2.0.1/32", 1, 8 << 8, 8 << 8)


def test_the_kernels_words_are_understood(xfrm: NetlinkSocket):
    with pytest.raises(NetlinkError, match="ENOENT"):
        xfrm.get(XfrmMsg.GETPOLICY, write_policy_id(policy_keys(protect())[0]))


@pytest.mark.parametrize(("everything", "address"), [("0.0.0.0/0", RIGHT), ("::/0", "2001:db8::2")])
def test_ike_sockets_are_exempt(peer: Namespace, xfrm: NetlinkSocket, everything: str, address: str):
    """A policy that drops everything does not touch them."""
    drop = protect(action=PolicyAction.DROP, local_ts=(ts(everything),), remote_ts=(ts(everything),))
    SecurityPolicies(xfrm, Journal(None)).install(drop)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with peer.entered():
        receiver = socket.socket(family, socket.SOCK_DGRAM)
        receiver.bind((address, 500))
        receiver.settimeout(60)
    with receiver, socket.socket(family, socket.SOCK_DGRAM) as ike, socket.socket(family, socket.SOCK_DGRAM) as other:
        if family == socket.AF_INET6:
            ike.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        exempt_from_policies(ike)
        ike.sendto(b"an IKE message", (address, 500))
        assert receiver.recv(100) == b"an IKE message"
        with pytest.raises(OSError, match="permitted"):
            other.sendto(b"something else", (address, 500))


def test_a_dual_stack_socket_cannot_be_exempt(host: Namespace):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        with pytest.raises(DatapathError, match="IPV6_V6ONLY"):
            exempt_from_policies(sock)


def test_a_socket_that_cannot_be_exempt(host: Namespace):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.close()
    with pytest.raises(DatapathError, match="cannot exempt the IKE socket from IPsec policies: Bad file descriptor"):
        exempt_from_policies(sock)


def test_decapsulation_is_for_udp_only(host: Namespace):
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock,
        pytest.raises(DatapathError, match="cannot receive"),
    ):
        decapsulate_esp(sock)


def test_addresses_are_the_usable_ones(route: NetlinkSocket):
    assert set(rtnetlink.local_addresses(route)) == {packed(LEFT), packed("10.1.0.1"), packed("2001:db8::1")}


def test_lookups(route: NetlinkSocket):
    hop = rtnetlink.lookup(route, packed("10.2.0.1"))
    assert (hop.gateway, hop.source) == (packed("192.0.2.254"), packed(LEFT))
    assert rtnetlink.lookup(route, packed("10.2.0.1"), packed("10.1.0.1")).source in (b"", packed("10.1.0.1"))
    assert rtnetlink.lookup(route, packed("2001:db8::2")).gateway == b""
    with pytest.raises(NetlinkError, match="ENETUNREACH"):
        rtnetlink.lookup(route, packed("2001:db9::1"))


def test_routes_and_rules_come_and_go(host: Namespace, route: NetlinkSocket):
    interface = rtnetlink.lookup(route, packed("10.2.0.1")).interface
    wanted = Route(Network(packed("10.2.0.0"), 16), interface, packed("192.0.2.254"), packed("10.1.0.1"))
    rule = Rule(socket.AF_INET, 220, 220, 0x494B45)
    rtnetlink.add_route(route, wanted, 220)
    rtnetlink.add_rule(route, rule)
    assert host.run("ip", "route", "get", "10.2.0.1").stdout.split()[:7][-1] == "220"
    assert rtnetlink.lookup(route, packed("10.2.0.1")).source == packed("10.1.0.1")
    assert rtnetlink.lookup(route, packed("10.2.0.1"), mark=0x494B45).source == packed(LEFT)
    for again in (lambda: rtnetlink.add_route(route, wanted, 220), lambda: rtnetlink.add_rule(route, rule)):
        with pytest.raises(NetlinkError, match="EEXIST"):
            again()
    rtnetlink.replace_route(route, wanted._replace(source=b""), 220)
    assert host.run("ip", "route", "show", "table", "220").stdout.count("10.2.0.0/16") == 1
    rtnetlink.delete_route(route, wanted._replace(source=b""), 220)
    rtnetlink.delete_rule(route, rule)
    with pytest.raises(NetlinkError, match="ESRCH"):
        rtnetlink.delete_route(route, wanted, 220)
    with pytest.raises(NetlinkError, match="ENOENT"):
        rtnetlink.delete_rule(route, rule)
    assert "220" not in host.run("ip", "rule").stdout


@pytest.mark.parametrize("network", [Network(packed("10.1.0.0"), 16), Network(packed("fd00:1::"), 64)])
def test_throw_routes(host: Namespace, route: NetlinkSocket, network: Network):
    family = "-6" if network.family == socket.AF_INET6 else "-4"
    rtnetlink.add_route(route, Route(network), 220)
    assert f"throw {network}" in host.run("ip", family, "route", "show", "table", "220").stdout
    rtnetlink.delete_route(route, Route(network), 220)
    assert "throw" not in host.run("ip", family, "route", "show", "table", "220", check=False).stdout


def test_ipv6_routes(host: Namespace, route: NetlinkSocket):
    interface = rtnetlink.lookup(route, packed("2001:db8::2")).interface
    wanted = Route(Network(packed("fd00:2::"), 64), interface, b"", packed("2001:db8::1"))
    rtnetlink.add_route(route, wanted, 220)
    assert "fd00:2::/64 dev eth0" in host.run("ip", "-6", "route", "show", "table", "220").stdout
    rtnetlink.delete_route(route, wanted, 220)


def test_networks():
    network = Network(packed("10.2.0.0"), 16)
    assert packed("10.2.255.1") in network
    assert packed("10.3.0.1") not in network
    assert packed("::1") not in network
    assert "10.2.0.1" not in network
    assert str(network) == "10.2.0.0/16"
    assert packed("2001:db8::1") in Network(bytes(16), 0)
    assert Network(packed("10.2.7.0"), 24).is_part_of(network)
    assert not network.is_part_of(network)
    assert not Network(packed("10.3.0.0"), 24).is_part_of(network)


def test_the_whole_datapath_with_policies_and_routes(host: Namespace, monkeypatch, tmp_path: Path):
    """All but the states, which need ESP in the kernel."""
    monkeypatch.setattr(datapath_module, "check_esp", lambda kernel: None)
    datapath = XfrmDatapath(journal=tmp_path / "journal")
    datapath.start(Host())
    datapath.install_policies(protect())
    assert "src 10.1.0.1" in host.run("ip", "route", "show", "table", "220").stdout
    assert "not from all fwmark 0x494b45 lookup 220" in host.run("ip", "rule").stdout
    assert (tmp_path / "journal").read_text().count("\n+policy") == 3
    datapath.stop()
    assert host.run("ip", "xfrm", "policy").stdout == ""
    assert "220" not in host.run("ip", "rule").stdout
    assert not (tmp_path / "journal").exists()


def test_what_a_killed_engine_left_behind_is_removed(host: Namespace, monkeypatch, tmp_path: Path):
    monkeypatch.setattr(datapath_module, "check_esp", lambda kernel: None)
    before = host.run("ip", "rule").stdout
    datapath = XfrmDatapath(journal=tmp_path / "journal")
    datapath.start(Host())
    datapath.install_policies(protect())
    os.close(datapath._journal._file)
    successor = XfrmDatapath(journal=tmp_path / "journal")
    successor.start(Host())
    assert host.run("ip", "xfrm", "policy").stdout == ""
    assert host.run("ip", "route", "show", "table", "220", check=False).stdout == ""
    assert host.run("ip", "rule").stdout == before
    successor.stop()


def test_esp_in_the_kernel_is_found_out_without_a_trace(host: Namespace, xfrm: NetlinkSocket):
    reason = ""
    try:
        check_esp(xfrm)
    except DatapathError as error:
        reason = str(error)
    assert not reason or "the kernel has no usable ESP" in reason
    assert host.run("ip", "xfrm", "state").stdout == ""


def test_without_privileges_the_reason_is_named(host: Namespace, xfrm: NetlinkSocket):
    def refuse(*args: object) -> None:
        raise NetlinkError(1)

    xfrm.request = refuse
    with pytest.raises(DatapathError, match=r"needs CAP_NET_ADMIN \(EPERM"):
        check_esp(xfrm)
