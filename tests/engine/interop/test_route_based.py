"""Route-based connections: what the host routes into the device of a connection goes through its Child SA."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.interop.lab import Lab, merged
from tests.lab.netns import wait_until
from tests.lab.traffic import iperf3

pytestmark = pytest.mark.scenario("route-based/net2net-vti")

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


def test_net2net(site: Lab, initiator: str) -> None:
    """Mirrors route-based/net2net-vti with a device of the engine: the peer has ordinary policies and narrows."""
    site.connect(engine=route_based("vpn0", addresses=["169.254.7.1/30"]))
    assert addresses(site, "vpn0") == ["169.254.7.1/30"]
    site.daemon(initiator).initiate("net")
    mine, _ = site.assert_same_child()
    assert site.engine.ike()["interface"] == "vpn0"
    wait_until(lambda: routes(site, "vpn0") == {"169.254.7.0/30", site.right.net})
    site.assert_traffic()
    assert mtu(site, "vpn0") == 1438 if mine.get("encap") == "yes" else 1446
    assert iperf3(site.left.client, site.right.client, site.right.host, megabytes=10) > 1
    assert iperf3(site.right.client, site.left.client, site.left.host, megabytes=10) > 1
    site.rekey_child(initiator)
    site.assert_traffic()
    site.engine.request("unload_conn", {"name": site.name})
    wait_until(lambda: mtu(site, "vpn0") == 0)


def test_two_connections_with_the_same_selectors(site: Lab, initiator: str) -> None:
    """Mirrors route-based/net2net-vti twice at once: only the device tells which Child SA a packet goes through."""
    devices = {"net": "vpn0", "other": "vpn1"}
    for child, device in devices.items():
        for name in ("engine", "charon"):
            daemon = site.daemon(name)
            daemon.load_psk("a secret that only the two gateways know")
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
        after = {one["name"]: int(one["packets-out"]) - before[one["name"]] for one in site.engine.children()}
        assert after == {name: 3 if name == child else 0 for name in devices}


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
    wait_until(lambda: mtu(site, "vpn0") == 0 and mtu(site, "vpn2") == 1400)
