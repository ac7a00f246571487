"""Tunnels that come up when a packet wants through, and packets that policies let pass or drop.

The traps are the engine's: charon's own ESP, which these tests use, has none. The other way round: `kernel/inside`.
"""

from __future__ import annotations

import pytest

from tests.engine.interop.lab import Lab, child, merged
from tests.lab.netns import wait_until
from tests.lab.traffic import iperf3

KINDS = (("icmp", "icmp", "icmp"), ("tcp", "tcp", "tcp/5201"))


@pytest.mark.scenario("ikev2/net2net-route", role="initiator")
def test_first_packet_brings_up_the_tunnel(site: Lab) -> None:
    """Mirrors ikev2/net2net-route; no packet is lost, not even the first."""
    site.connect(engine=child(start_action="trap"))
    assert not site.engine.sas()
    assert site.left.client.ping(site.right.host, count=3, wait=30)
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/net2net-route-narrow", role="initiator")
def test_packets_outside_of_what_the_peer_has_narrowed(site: Lab) -> None:
    """Mirrors ikev2/net2net-route-narrow: a wide trap, a responder with a child for each host, one SA per packet."""
    second = "10.1.0.20"
    site.left.client.add_address("eth0", f"{second}/24")
    hosts = {"one": f"{site.left.host}/32", "two": f"{second}/32"}
    esp = {"esp_proposals": ["aes128gcm16"]}
    children = {name: {"local_ts": [site.right.net], "remote_ts": [host], **esp} for name, host in hosts.items()}
    site.connect(engine=child(start_action="trap", **esp), charon={"children": {"net": None, **children}})
    assert site.left.client.ping(site.right.host, "-I", site.left.host, count=3, wait=30)
    assert site.left.client.ping(site.right.host, "-I", second, count=3, wait=30)
    assert {ts for found in site.engine.children() for ts in found["local-ts"]} == set(hosts.values())
    assert len(site.engine.ikes()) == 1
    assert site.left.client.ping(site.right.host, "-I", site.left.host, count=3, wait=30)


@pytest.mark.scenario("ikev2/protoport-trap", role="initiator")
def test_traps_for_protocols_and_ports(site: Lab) -> None:
    """Mirrors ikev2/protoport-trap: each kind of packet brings up its own Child SA, and nothing else does."""
    esp = {"esp_proposals": ["aes128gcm16"]}
    ts = {name: (["10.1.0.0/24[" + p + "]"], ["10.2.0.0/24[" + q + "]"]) for name, p, q in KINDS}
    mine = {n: {"local_ts": left, "remote_ts": right, "start_action": "trap", **esp} for n, (left, right) in ts.items()}
    theirs = {name: {"local_ts": right, "remote_ts": left, **esp} for name, (left, right) in ts.items()}
    site.connect(engine={"children": {"net": None, **mine}}, charon={"children": {"net": None, **theirs}})
    assert site.left.client.ping(site.right.host, count=3, wait=30)
    assert [found["name"] for found in site.engine.children()] == ["icmp"]
    assert iperf3(site.left.client, site.right.client, site.right.host, megabytes=1) > 0
    assert {found["name"] for found in site.engine.children()} == {"icmp", "tcp"}
    assert len(site.engine.ikes()) == 1


def test_overlapping_traps(site: Lab) -> None:
    """Mirrors ikev2/net2net-route with two traps: the more specific one is sprung, and the other stays."""
    host, esp = f"{site.left.host}/32", {"esp_proposals": ["aes128gcm16"]}
    wanted = {"local_ts": [host], "remote_ts": [site.right.net], "start_action": "trap", **esp}
    flipped = {"local_ts": [site.right.net], "remote_ts": [host], **esp}
    site.connect(
        engine=merged(child(start_action="trap"), {"children": {"host": wanted}}),
        charon={"children": {"host": flipped}},
    )
    assert site.left.client.ping(site.right.host, count=3, wait=30)
    assert [found["name"] for found in site.engine.children()] == ["host"]


@pytest.mark.scenario("ikev2/inactivity-timeout")
def test_idle_tunnel_is_closed_and_comes_back_with_a_packet(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/inactivity-timeout on both sides, with a trap that brings the Child SA back."""
    site.connect(engine=child(inactivity="1s", start_action="trap" if initiator == "engine" else "none"))
    site.daemon(initiator).initiate("net")
    site.assert_traffic()
    wait_until(lambda: not site.engine.children() and not site.charon.children())
    site.assert_same_ike()
    if initiator == "engine":
        assert site.left.client.ping(site.right.host, count=3, wait=30)
        site.assert_same_child()


@pytest.mark.scenario("ikev2/dpd-trap", role="initiator")
def test_the_trap_is_set_again_after_the_peer_has_closed(site: Lab) -> None:
    """Mirrors ikev2/dpd-trap as far as the trap goes: whoever closed, the next packet brings the tunnel back."""
    site.connect(engine=child(start_action="trap", close_action="trap"))
    for _ in range(2):
        assert site.left.client.ping(site.right.host, count=3, wait=30)
        site.charon.terminate(ike=site.name)
        wait_until(lambda: not site.engine.sas())
    assert site.left.client.ping(site.right.host, count=3, wait=30)


def test_install_and_uninstall(site: Lab) -> None:
    """Mirrors ikev2/net2net-route with the trap set by hand, by VICI and by the command line."""
    site.connect()
    site.engine.request("install", {"child": "net"})
    assert "net" in site.engine.cli("pols").stdout
    assert site.left.client.ping(site.right.host, count=3, wait=30)
    site.engine.cli("uninstall", "--child", "net")
    assert "no policies" in site.engine.cli("pols").stdout
    site.assert_traffic()


@pytest.mark.scenario("ikev2/shunt-policies-nat-rw", role="initiator")
def test_shunts(site: Lab) -> None:
    """Mirrors ikev2/shunt-policies-nat-rw: one host goes round the tunnel, another nowhere, the rest through it."""
    plain, dropped = "10.2.0.21", "10.2.0.22"
    site.right.client.add_address("eth0", f"{plain}/24", f"{dropped}/24")
    site.left.gateway.add_route("10.2.0.0/24", "via", site.right.address)
    site.right.gateway.add_route("10.1.0.0/24", "via", site.left.address)
    local = {"local_ts": ["10.1.0.0/24"], "start_action": "trap"}
    shunts = {
        "pass": {**local, "remote_ts": [f"{plain}/32"], "mode": "pass"},
        "drop": {**local, "remote_ts": [f"{dropped}/32"], "mode": "drop", "priority": "1000"},
    }
    site.connect(engine={"children": shunts})
    site.engine.initiate("net")
    site.assert_traffic()
    before = site.engine.child()["packets-out"]
    site.left.client.ping(plain)
    site.left.client.ping(dropped, wait=0.5)
    assert site.engine.child()["packets-out"] == before
    listed = site.engine.cli("pols").stdout
    assert "passes unprotected" in listed
    assert "is dropped" in listed
    site.engine.unload(site.name)
    assert "no policies" in site.engine.cli("pols").stdout
