"""Route-based on both sides: two tunnels for everything between two engines, told apart by their devices alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import PSK, Lab, engines_lab
from tests.lab.netns import wait_until
from tests.lab.traffic import iperf3

ALL = "0.0.0.0/0"
CHILDREN = {"red": "vpn-red", "blue": "vpn-blue"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with engines_lab(tmp_path_factory.mktemp("route-based")) as running:
        yield running


def test_two_tunnels_for_everything(site: Lab) -> None:
    """Selectors 0.0.0.0/0 on both sides; the routes of the host choose the tunnel, and the way back as well."""
    for child, device in CHILDREN.items():
        for name in ("engine", "charon"):
            connection = site.connection(name) | {"interface": {"name": device}}
            connection["children"] = {child: connection["children"]["net"] | {"local_ts": [ALL], "remote_ts": [ALL]}}
            for side in ("local", "remote"):
                connection[side] = {**connection[side], "id": f"{child}.{connection[side]['id']}"}
            site.daemon(name).load_psk(PSK)
            site.daemon(name).load({f"{site.name}-{child}": connection})
        site.engine.initiate(child)
    wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == 2)
    assert {tuple(child["remote-ts"]) for child in site.engine.children()} == {(ALL,)}
    for child, device in CHILDREN.items():
        site.left.gateway.ip(f"route replace {site.right.net} dev {device}")
        site.right.gateway.ip(f"route replace {site.left.net} dev {device}")
        before = {one["name"]: int(one["packets-in"]) for one in site.engine.children()}
        assert site.left.client.ping(site.right.host, count=3)
        received = {one["name"]: int(one["packets-in"]) - before[one["name"]] for one in site.engine.children()}
        assert received[child] >= 3
        assert sum(received.values()) == received[child], "nothing came through the other one"
    assert iperf3(site.left.client, site.right.client, site.right.host, megabytes=5) > 0
