"""Route-based connections: what the host routes into the device of a connection goes through its Child SA."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.interop.lab import PSK, Lab, merged
from tests.lab.control import Refused
from tests.lab.netns import wait_until
from tests.lab.traffic import iperf3

ALL = "0.0.0.0/0"


def addresses(site: Lab, device: str) -> list[str]:
    """The addresses of a device of the engine's gateway; none without the device."""
    found = site.left.gateway.run("ip", "-j", "addr", "show", "dev", device, check=False)
    if found.returncode:
        return []
    infos = [info for link in json.loads(found.stdout) for info in link["addr_info"]]
    return [f"{info['local']}/{info['prefixlen']}" for info in infos]


def mtu(site: Lab, device: str) -> int:
    """The MTU of a device of the engine's gateway, 0 without the device."""
    found = site.left.gateway.run("ip", "-j", "link", "show", "dev", device, check=False)
    return 0 if found.returncode else int(json.loads(found.stdout)[0]["mtu"])


def routes(site: Lab, device: str) -> set[str]:
    """What is routed to a device of the engine's gateway."""
    found = site.left.gateway.run("ip", "-j", "route", "show", "dev", device, check=False)
    return set() if found.returncode else {route["dst"] for route in json.loads(found.stdout)}


def route_based(device: str, **more: Any) -> dict[str, Any]:
    """Changes of the engine's connection."""
    return {"interface": {"name": device, **more}, "children": {"net": {"local_ts": [ALL], "remote_ts": [ALL]}}}


@pytest.mark.scenario("route-based/net2net-vti")
def test_net2net(site: Lab, initiator: str) -> None:
    """Mirrors route-based/net2net-vti with a device of the engine: the peer has ordinary policies and narrows."""
    site.connect(engine=route_based("vpn0", addresses=["169.254.7.1/30"]))
    assert addresses(site, "vpn0") == ["169.254.7.1/30"]
    site.daemon(initiator).initiate("net")
    mine, _ = site.assert_same_child()
    assert site.engine.ike()["interface"] == "vpn0"
    assert "dev vpn0" in site.engine.cli("status").stdout
    wait_until(lambda: routes(site, "vpn0") == {"169.254.7.0/30", site.right.net})
    site.assert_traffic()
    assert "maxseg size set 1398" in site.left.gateway.run("nft", "list", "ruleset").stdout
    assert mtu(site, "vpn0") == 1438 if mine.get("encap") == "yes" else 1446
    assert iperf3(site.left.client, site.right.client, site.right.host, megabytes=10) > 0
    assert iperf3(site.right.client, site.left.client, site.left.host, megabytes=10) > 0
    site.rekey_child(initiator)
    site.assert_traffic()
    site.engine.request("unload_conn", {"name": site.name})
    wait_until(lambda: mtu(site, "vpn0") == 0)


@pytest.mark.scenario("route-based/net2net-vti")
def test_two_connections_with_the_same_selectors(site: Lab, initiator: str) -> None:
    """Mirrors route-based/net2net-vti twice at once: only the device tells which Child SA a packet goes through."""
    devices = {"net": "vpn0", "other": "vpn1"}
    for child, device in devices.items():
        for name in ("engine", "charon"):
            daemon = site.daemon(name)
            daemon.load_psk(PSK)
            connection = site.connection(name)
            connection["children"] = {child: connection["children"]["net"]}
            if name == "engine":
                connection = merged(connection, {"interface": {"name": device, "routes": "no"}})
                connection["children"][child] |= {"local_ts": [ALL], "remote_ts": [ALL]}
            for side in ("local", "remote"):
                connection[side] = {**connection[side], "id": f"{child}.{connection[side]['id']}"}
            daemon.load({f"{site.name}-{child}": connection})
        site.daemon(initiator).initiate(child)
    wait_until(lambda: len(site.engine.children()) == 2)
    selectors = {tuple(child["remote-ts"]) for child in site.engine.children()}
    assert selectors == {(site.right.net,)}
    for child, device in devices.items():
        site.left.gateway.run("ip", "route", "replace", site.right.net, "dev", device)
        before = {one["name"]: int(one["packets-out"]) for one in site.engine.children()}
        assert site.left.client.ping(site.right.host, count=3)
        sent = {one["name"]: int(one["packets-out"]) - before[one["name"]] for one in site.engine.children()}
        assert sent[child] >= 3
        assert sum(sent.values()) == sent[child], "nothing went through the other one"


@pytest.mark.scenario("route-based/rw-shared-vti", role="responder")
def test_road_warriors_share_a_device(site: Lab) -> None:
    """Mirrors route-based/rw-shared-vti: both clients of one connection are behind its device."""
    site.engine.load_psk(PSK)
    site.charon.load_psk(PSK)
    site.engine.request("load_pool", {"rw": {"addrs": "10.3.0.0/28"}})
    gateway = merged(
        site.connection("engine"),
        {"remote_addrs": ["%any"], "remote": {"id": "*.example.com"}, "pools": ["rw"], "interface": {"name": "vpn0"}},
        {"children": {"net": {"remote_ts": ["dynamic"]}}},
    )
    site.engine.load({site.name: gateway})
    for client in ("carol", "dave"):
        warrior = site.connection("charon")
        warrior["children"] = {client: warrior["children"]["net"] | {"local_ts": ["dynamic"]}}
        warrior |= {"vips": ["0.0.0.0"], "local": {"auth": "psk", "id": f"{client}.example.com"}}
        site.charon.load({f"{site.name}-{client}": warrior})
        site.charon.initiate(client)
    wait_until(lambda: routes(site, "vpn0") == {"10.3.0.1", "10.3.0.2"})
    for address in ("10.3.0.1", "10.3.0.2"):
        assert site.left.client.ping(address, count=3)
    assert all(int(child["packets-out"]) >= 3 for child in site.engine.children())
    site.charon.terminate(ike=f"{site.name}-dave")
    wait_until(lambda: routes(site, "vpn0") == {"10.3.0.1"})
    site.charon.terminate(ike=f"{site.name}-carol")
    wait_until(lambda: not site.engine.sas())
    site.engine.request("unload_pool", {"name": "rw"})


def test_a_killed_engine_leaves_no_device(site: Lab) -> None:
    """The device belongs to the process; the next one makes it anew from its configuration."""
    site.connect(engine=route_based("vpn0", addresses=["169.254.7.1/30"]))
    site.engine.kill()
    assert mtu(site, "vpn0") == 0
    site.engine.start()
    assert mtu(site, "vpn0") == 0


@pytest.mark.parametrize("kind", ["link add vpn0 type veth peer name peer0", "tuntap add vpn0 mode tun"])
def test_a_foreign_device_is_not_touched(site: Lab, kind: str) -> None:
    """The connection is refused with the reason, and the device stays what it is."""
    site.left.gateway.ip(kind)
    try:
        with pytest.raises(Refused, match="cannot create the TUN device vpn0"):
            site.connect(engine=route_based("vpn0"))
        assert site.name not in site.engine.request("get_conns")["conns"]
        assert mtu(site, "vpn0") == 1500
    finally:
        site.left.gateway.ip("link del vpn0")


def test_device_changes(site: Lab) -> None:
    """What the device looks like changes without a new IKE SA; the device goes with its connection only."""
    site.connect(engine=route_based("vpn0"))
    site.engine.initiate("net")
    spi = site.assert_same_ike()[0]["initiator-spi"]
    changed = route_based("vpn0", addresses=["169.254.7.1/30", "fd00:77::1/64"], mtu=1300, routes="no")
    site.connect(engine=changed)
    assert addresses(site, "vpn0") == ["169.254.7.1/30", "fd00:77::1/64"]
    assert mtu(site, "vpn0") == 1300
    assert routes(site, "vpn0") == {"169.254.7.0/30"}
    assert site.engine.ike()["initiator-spi"] == spi
    site.connect(engine=route_based("vpn2"))
    wait_until(lambda: mtu(site, "vpn0") == 0 and mtu(site, "vpn2") > 0)
