"""Traps, shunts, priorities, routes, and how `ip xfrm` shows what we have installed."""

from __future__ import annotations

import pytest

from ikeengine.model.commands import Acquire
from ikeengine.model.connection import Mode
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.registry import Protocol
from tests.engine.kernel.inside.gateways import (
    CBC_SHA256,
    LEFT,
    LEFT_INSIDE,
    NAT_T,
    RIGHT,
    RIGHT_INSIDE,
    Pair,
    ts,
)
from tests.lab.netns import Namespace, veth


def test_a_trap_asks_for_an_sa_with_the_packets_selectors(pair: Pair):
    pair.protect("10.1.0.0/16", "10.2.0.0/16", action=PolicyAction.TRAP, owner=5, reqid=9)
    assert not pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, wait=0.2)
    event = pair.left.wait_for_event()
    icmp_echo = 8 << 8
    assert isinstance(event, Acquire)
    assert (event.owner, event.reqid) == (5, 9)
    assert event.source is not None
    assert event.destination is not None
    assert (event.source.first, event.source.last) == (bytes([10, 1, 0, 1]),) * 2
    assert (event.destination.first, event.destination.last) == (bytes([10, 2, 0, 1]),) * 2
    assert (event.source.protocol, event.source.first_port, event.source.last_port) == (1, icmp_echo, icmp_echo)
    assert pair.left.no_event()


def test_the_trapped_traffic_flows_once_there_is_an_sa(pair: Pair):
    pair.protect("10.1.0.0/16", "10.2.0.0/16", action=PolicyAction.TRAP, owner=5, reqid=9)
    pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, wait=0.2)
    assert isinstance(pair.left.wait_for_event(), Acquire)
    pair.install(pair.tunnel(reqid=9))
    pair.protect("10.1.0.0/16", "10.2.0.0/16", owner=6, reqid=9)
    assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE)
    assert "spi 0x00000000" not in pair.left.xfrm("state")  # the larval state has made room


def test_the_acquire_of_a_tcp_connection_names_its_ports(pair: Pair):
    pair.protect(f"{LEFT}/32", f"{RIGHT}/32", action=PolicyAction.TRAP, owner=5, mode=Mode.TRANSPORT)
    command = "import socket; socket.create_connection(('192.0.2.2', 80), 0.2, ('192.0.2.1', 40000))"
    pair.left.ns.run("python3", "-c", command, check=False)
    event = pair.left.wait_for_event()
    assert isinstance(event, Acquire)
    assert event.source == ts(f"{LEFT}/32", 6, 40000)
    assert event.destination == ts(f"{RIGHT}/32", 6, 80)


def test_a_trap_without_a_local_address(pair: Pair):
    here, there = (ts("10.1.0.0/16"),), (ts("10.2.0.0/16"),)
    pair.left.datapath.install_policies(PolicySet(5, PolicyAction.TRAP, here, there, reqid=9, remote=RIGHT))
    pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, wait=0.2)
    event = pair.left.wait_for_event()
    assert isinstance(event, Acquire)
    assert event.owner == 5


def test_a_foreign_trap_is_not_our_business(pair: Pair):
    selector, template = "src 10.1.0.0/16 dst 10.2.0.0/16 dir out", f"tmpl src {LEFT} dst {RIGHT} proto esp reqid 77"
    pair.left.xfrm("policy", "add", *selector.split(), *template.split())
    pair.left.ns.add_route("10.2.0.0/16", "via", RIGHT)
    pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, wait=0.2)
    assert pair.left.no_event()


def test_a_policy_whose_sa_is_gone_asks_again(pair: Pair):
    tunnel = pair.connect()
    for gateway in (pair.left, pair.right):
        gateway.datapath.delete_sa(tunnel.out.id)
    pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, wait=0.2)
    event = pair.left.wait_for_event()
    assert isinstance(event, Acquire)
    assert (event.owner, event.reqid) == (1, 1)


def test_shunts_take_packets_out_of_a_tunnel(pair: Pair):
    """A PASS shunt leaves its packets unprotected although the tunnel would take them; DROP catches the rest."""
    pair.connect()
    pair.protect("10.1.0.1/32", "10.2.0.1/32", owner=2, action=PolicyAction.PASS)
    pair.right.ns.add_address("lo", "10.3.0.1/32")
    pair.left.ns.add_route("10.0.0.0/8", "via", RIGHT, "src", LEFT_INSIDE)
    pair.right.ns.add_route("10.1.0.0/16", "via", LEFT)
    with pair.sniff("icmp") as clear, pair.sniff("esp") as protected:
        assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE)
        assert len(clear.packets()) == 1
        assert protected.packets() == []
        assert pair.left.ns.ping("10.3.0.1")
        pair.protect("0.0.0.0/0", "0.0.0.0/0", owner=3, action=PolicyAction.DROP)
        assert not pair.left.ns.ping("10.3.0.1", wait=0.3)
        assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE)
    for gateway in (pair.left, pair.right):
        gateway.datapath.delete_policies(3)
    assert pair.left.ns.ping("10.3.0.1")


def test_the_more_specific_policy_wins(pair: Pair):
    pair.right.ns.add_address("lo", "10.2.7.1/32")
    pair.install(pair.tunnel(reqid=1))
    pair.install(pair.tunnel(spi=0x3000, reqid=2))
    pair.protect("10.1.0.0/16", "10.2.7.0/24", owner=2, reqid=2)
    pair.protect("10.1.0.0/16", "10.2.0.0/16", owner=1, reqid=1)
    with pair.sniff("esp") as esp:
        assert pair.left.ns.ping("10.2.7.1", "-I", LEFT_INSIDE)
        assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE)
        assert [packet[20:24].hex() for packet in esp.packets()] == ["00003000", "00001000"]


def test_the_gateway_itself_can_use_the_tunnel(pair: Pair):
    """No `-I`: the route in table 220 chooses the source address inside the selectors."""
    pair.connect()
    with pair.sniff("esp") as esp:
        assert pair.left.ns.ping(RIGHT_INSIDE)
        assert len(esp.packets()) >= 1
    assert "lookup 220" in pair.left.ns.run("ip", "rule").stdout
    route = pair.left.ns.run("ip", "route", "show", "table", "220").stdout
    assert route.startswith("10.2.0.0/16 dev eth0")
    assert f"src {LEFT_INSIDE}" in route
    pair.left.datapath.delete_policies(1)
    assert pair.left.ns.run("ip", "route", "show", "table", "220", check=False).stdout == ""


def test_a_default_route_through_the_tunnel_stays_when_its_policies_are_replaced(pair: Pair):
    pair.left.ns.add_route("default", "via", RIGHT)
    pair.install(pair.tunnel())
    for owner in (1, 2):
        pair.protect("10.1.0.0/16", "0.0.0.0/0", owner=owner)
        route = pair.left.ns.run("ip", "route", "show", "table", "220").stdout
        assert route.startswith("default dev eth0")
        assert pair.left.ns.ping(RIGHT_INSIDE)
        pair.left.datapath.delete_policies(owner - 1)


def test_a_tunnel_for_everything_leaves_the_way_to_the_own_network_open(pair: Pair):
    """The default route in table 220 must not hide the network behind the gateway."""
    with Namespace("lan") as lan:
        veth(pair.left.ns, lan, "eth1", "eth0")
        pair.left.ns.add_address("eth1", "10.1.7.1/24")
        lan.add_address("eth0", "10.1.7.50/24")
        lan.add_route("default", "via", "10.1.7.1")
        pair.left.ns.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        pair.left.ns.add_route("default", "via", RIGHT)
        pair.install(pair.tunnel())
        pair.protect("10.1.0.0/16", "0.0.0.0/0")
        assert "throw 10.1.0.0/16" in pair.left.ns.run("ip", "route", "show", "table", "220").stdout
        with pair.sniff("icmp") as clear:
            assert pair.right.ns.ping("10.1.7.50", "-I", RIGHT_INSIDE)
            assert lan.ping(RIGHT_INSIDE)
            assert clear.packets() == []
        assert pair.left.ns.run("ip", "route", "get", "10.1.7.50").stdout.split()[2] == "eth1"


def test_no_route_where_the_host_has_the_right_one(pair: Pair):
    pair.left.ns.add_route("10.2.0.0/16", "via", RIGHT, "src", LEFT_INSIDE)
    pair.connect()
    assert pair.left.ns.ping(RIGHT_INSIDE)
    assert pair.left.ns.run("ip", "route", "show", "table", "220", check=False).stdout == ""


def test_how_ip_shows_a_state(pair: Pair):
    pair.connect(CBC_SHA256, encap=NAT_T, copy_df=False, copy_ecn=False, copy_dscp="in", esn=True, reqid=1)
    text = pair.left.xfrm("state", "get", "src", LEFT, "dst", RIGHT, "proto", "esp", "spi", "0x1000")
    words = " ".join(text.split())
    for expected in (
        f"src {LEFT} dst {RIGHT} proto esp spi 0x00001000 reqid 1 mode tunnel",
        "flag noecn nopmtudisc af-unspec esn",
        "auth-trunc hmac(sha256) 0x",
        "enc cbc(aes) 0x",
        "encap type espinudp sport 4500 dport 4500",
        "anti-replay esn context",
    ):
        assert expected in words


def test_how_ip_shows_policies(pair: Pair):
    pair.protect("10.1.0.0/16", "10.2.0.0/16", reqid=7)
    text = " ".join(pair.left.xfrm("policy").split()).replace(" ptype main", "")
    tunnel = "proto esp reqid 7 mode tunnel"
    assert f"src 10.1.0.0/16 dst 10.2.0.0/16 dir out priority 383615 tmpl src {LEFT} dst {RIGHT} {tunnel}" in text
    assert f"src 10.2.0.0/16 dst 10.1.0.0/16 dir fwd priority 383615 tmpl src {RIGHT} dst {LEFT} {tunnel}" in text
    assert f"src 10.2.0.0/16 dst 10.1.0.0/16 dir in priority 383615 tmpl src {RIGHT} dst {LEFT} {tunnel}" in text


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        (PolicyAction.TRAP, "priority 383616"),
        (PolicyAction.PASS, "priority 183615"),
        (PolicyAction.DROP, "action block priority 583615"),
    ],
)
def test_how_ip_shows_other_actions(pair: Pair, action: PolicyAction, shown: str):
    pair.protect("10.1.0.0/16", "10.2.0.0/16", action=action)
    assert shown in pair.left.xfrm("policy")


def test_ah_policies_want_ah(pair: Pair):
    pair.protect("10.1.0.0/16", "10.2.0.0/16", protocol=Protocol.AH)
    assert "proto ah reqid 1 mode tunnel" in pair.left.xfrm("policy")
