"""Packets through states and policies that XfrmDatapath has installed: every mode, every address family."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.model.connection import Mode
from ikeengine.model.sa import PolicyAction, PolicySet, Usage
from ikeengine.registry import IntegId, Protocol
from tests.engine.kernel.inside.gateways import (
    CBC_SHA256,
    GCM,
    LEFT,
    LEFT6,
    LEFT6_INSIDE,
    LEFT_INSIDE,
    NAT_T,
    RIGHT,
    RIGHT6,
    RIGHT6_INSIDE,
    RIGHT_INSIDE,
    Pair,
    Suite,
    transfer,
    ts,
)

AH_SHA256 = Suite(None, 0, None, IntegId.HMAC_SHA2_256_128, 32, Protocol.AH)


def test_without_sas_nothing_passes(pair: Pair):
    pair.protect("10.1.0.0/16", "10.2.0.0/16")
    assert not pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, wait=0.5)


def test_a_tunnel_carries_ping_and_tcp(pair: Pair):
    tunnel = pair.connect()
    with pair.sniff("esp") as esp, pair.sniff("icmp") as icmp:
        assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, count=3)
        assert len(esp.packets()) >= 3
        assert icmp.packets() == []
    assert transfer(pair.left.ns, pair.right.ns, RIGHT_INSIDE) == 199_936
    usage = pair.left.datapath.usage(tunnel.out.id)
    assert isinstance(usage, Usage)
    assert usage.packets > 100
    assert usage.bytes > 200_000
    assert usage.last_use is not None
    assert usage.last_use < 100
    assert (usage.replay_drops, usage.integrity_failures) == (0, 0)


def test_a_packet_that_nobody_protected_is_refused(pair: Pair):
    pair.connect()
    pair.right.datapath.delete_policies(1)
    assert not pair.right.ns.ping(LEFT_INSIDE, "-I", RIGHT_INSIDE, wait=0.5)


@pytest.mark.parametrize("suite", [GCM, CBC_SHA256, AH_SHA256], ids=["gcm", "cbc", "ah"])
def test_transport_mode(pair: Pair, suite: Suite):
    pair.install(pair.tunnel(suite, mode=Mode.TRANSPORT))
    pair.protect(f"{LEFT}/32", f"{RIGHT}/32", mode=Mode.TRANSPORT, protocol=suite.protocol)
    with pair.sniff(suite.protocol.name.lower()) as protected:
        assert pair.left.ns.ping(RIGHT, count=2)
        # Not exactly two: a last TCP segment of the test before may still be on its way.
        assert len(protected.packets()) >= 2
    assert transfer(pair.left.ns, pair.right.ns, RIGHT) == 199_936


def test_transport_mode_between_ipv6_hosts(pair: Pair):
    pair.install(pair.tunnel(mode=Mode.TRANSPORT, outer6=True))
    pair.protect(f"{LEFT6}/128", f"{RIGHT6}/128", mode=Mode.TRANSPORT, outer6=True)
    assert pair.left.ns.ping(RIGHT6, count=2)
    assert "dir fwd" not in pair.left.xfrm("policy")


@pytest.mark.parametrize("suite", [CBC_SHA256, AH_SHA256], ids=["esp", "ah"])
@pytest.mark.parametrize("outer6", [False, True], ids=["over-ipv4", "over-ipv6"])
@pytest.mark.parametrize("inner6", [False, True], ids=["ipv4", "ipv6"])
def test_tunnel_of_every_family_over_every_family(pair: Pair, suite: Suite, inner6: bool, outer6: bool):
    pair.install(pair.tunnel(suite, outer6=outer6))
    if inner6:
        pair.protect("fd00:1::/64", "fd00:2::/64", outer6=outer6, protocol=suite.protocol)
        assert pair.left.ns.ping(RIGHT6_INSIDE, "-I", LEFT6_INSIDE, count=2)
        assert transfer(pair.right.ns, pair.left.ns, LEFT6_INSIDE) == 199_936
    else:
        pair.protect("10.1.0.0/16", "10.2.0.0/16", outer6=outer6, protocol=suite.protocol)
        assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, count=2)
        assert transfer(pair.right.ns, pair.left.ns, LEFT_INSIDE) == 199_936


@pytest.mark.parametrize("mode", [Mode.TUNNEL, Mode.TRANSPORT])
@pytest.mark.parametrize("outer6", [False, True], ids=["ipv4", "ipv6"])
def test_udp_encapsulation(pair: Pair, mode: Mode, outer6: bool):
    left, right = (LEFT6, RIGHT6) if outer6 else (LEFT, RIGHT)
    sockets = [
        pair.left.ike_socket(left, 4500, nat_t=True),
        pair.right.ike_socket(right, 4500, nat_t=True),
    ]
    pair.install(pair.tunnel(CBC_SHA256, mode=mode, outer6=outer6, encap=NAT_T))
    target = right
    if mode is Mode.TUNNEL:
        pair.protect("10.1.0.0/16", "10.2.0.0/16", outer6=outer6)
        target = RIGHT_INSIDE
    else:
        bits = 128 if outer6 else 32
        pair.protect(f"{left}/{bits}", f"{right}/{bits}", mode=mode, outer6=outer6)
    with pair.sniff("udp") as udp, pair.sniff("esp") as esp:
        assert pair.left.ns.ping(target, count=2)
        if not outer6:
            assert len([p for p in udp.packets() if p[22:24] == (4500).to_bytes(2, "big")]) == 2
        assert esp.packets() == []
    assert transfer(pair.left.ns, pair.right.ns, target) == 199_936
    for sock in sockets:
        sock.close()


def test_ike_messages_pass_the_nat_t_socket_and_the_policies(pair: Pair):
    """The policies want everything between the hosts protected, and there is no SA: only IKE gets through."""
    pair.protect(f"{LEFT}/32", f"{RIGHT}/32", mode=Mode.TRANSPORT)
    for port, nat_t in ((500, False), (4500, True)):
        left = pair.left.ike_socket(LEFT, port, nat_t=nat_t)
        right = pair.right.ike_socket(RIGHT, port, nat_t=nat_t)
        left.sendto(bytes(4) + b"an IKE message", (RIGHT, port))
        assert right.recvfrom(100) == (bytes(4) + b"an IKE message", (LEFT, port))
        left.close()
        right.close()
    assert not pair.left.ns.ping(RIGHT, wait=0.5)


def test_ike_messages_pass_ipv6_policies(pair: Pair):
    pair.protect(f"{LEFT6}/128", f"{RIGHT6}/128", mode=Mode.TRANSPORT, outer6=True)
    left, right = pair.left.ike_socket(LEFT6, 500), pair.right.ike_socket(RIGHT6, 500)
    left.sendto(b"an IKE message", (RIGHT6, 500))
    assert right.recvfrom(100)[0] == b"an IKE message"
    left.close()
    right.close()


def test_selectors_with_protocol_and_port(pair: Pair):
    pair.install(pair.tunnel(CBC_SHA256))
    here, there = (ts("10.1.0.0/16"),), (ts("10.2.0.0/16", 6, 5001),)
    left = PolicySet(1, PolicyAction.PROTECT, here, there, reqid=1, local=LEFT, remote=RIGHT)
    pair.left.datapath.install_policies(left)
    pair.right.datapath.install_policies(replace(left, local_ts=there, remote_ts=here, local=RIGHT, remote=LEFT))
    pair.left.ns.add_route("10.2.0.0/16", "via", RIGHT, "src", LEFT_INSIDE)
    pair.right.ns.add_route("10.1.0.0/16", "via", LEFT, "src", RIGHT_INSIDE)
    with pair.sniff("icmp") as clear:
        assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE)
        assert len(clear.packets()) == 1
    with pair.sniff("tcp") as clear, pair.sniff("esp") as protected:
        assert transfer(pair.left.ns, pair.right.ns, RIGHT_INSIDE, 5001) == 199_936
        assert clear.packets() == []
        assert protected.packets() != []
