"""Mode config: the client gets an address of a pool, by asking (pull) or unasked (push); Cisco's Unity attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.interop.ikev1.site import ESP_PROPOSAL, IKE_PROPOSAL
from tests.engine.interop.lab import Lab, lab
from tests.engine.interop.test_virtual_ips import RoadWarrior, seen
from tests.lab import charon as charons
from tests.lab.netns import wait_until

ANY4, ANY6 = "0.0.0.0", "::"
POOL = {"rw": {"addrs": "10.3.0.0/28"}}


@pytest.fixture(scope="module")
def resolv_confs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where each daemon writes name servers, with one that was there before."""
    directory = tmp_path_factory.mktemp("resolv")
    files = {name: directory / name for name in ("engine", "charon")}
    for file in files.values():
        file.write_text("nameserver 192.0.2.53\n")
    return files


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, resolv_confs: dict[str, Path]) -> Iterator[Lab]:
    """Daemons that hand name servers over, and know XAUTH."""
    engine = {"resolv_conf": str(resolv_confs["engine"])}
    charon = {"plugins": {"resolve": {"file": str(resolv_confs["charon"])}}}
    plugins = f"{charons.LIBIPSEC} resolve xauth-generic"
    with lab(tmp_path_factory.mktemp("site"), engine=engine, charon=charon, kernel=plugins) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_pools(site: Lab, _fresh: None) -> None:
    """Pools are not in the way of the next test."""
    for daemon in (site.engine, site.charon):
        for name in daemon.request("get_pools"):
            daemon.request("unload_pool", {"name": name})


def rw(
    site: Lab, initiator: str, vips: list[str], pools: Mapping[str, Mapping[str, Any]] = POOL, **both: Any
) -> RoadWarrior:
    """A client of IKEv1, and its gateway. Each child has one pair of networks."""
    warrior = RoadWarrior(site, initiator)
    net = warrior.gateway.net6 if vips == [ANY6] else warrior.gateway.net
    ikev1 = {"version": "1", "proposals": [IKE_PROPOSAL], **both}
    child = {"esp_proposals": [ESP_PROPOSAL]}
    warrior.connect(
        vips,
        pools,
        client={**ikev1, "children": {"net": {**child, "remote_ts": [net]}}},
        server={**ikev1, "children": {"net": {**child, "local_ts": [net]}}},
    )
    return warrior


@pytest.mark.scenario("ikev1/ip-pool")
@pytest.mark.parametrize("pull", ["yes", "no"])
def test_address_of_a_pool(site: Lab, initiator: str, pull: str, tmp_path: Path) -> None:
    """Mirrors ikev1/ip-pool: the client gets an address, and talks to the network with it as its source."""
    warrior = rw(site, initiator, [ANY4], pull=pull)
    warrior.client.initiate("net")
    assert warrior.addresses() == ["10.3.0.1"]
    assert warrior.has("10.3.0.1")
    mine, _ = site.assert_same_child()
    assert ["10.3.0.1/32"] in (mine["local-ts"], mine["remote-ts"])
    with seen(warrior.gateway, tmp_path / "inner.pcap") as capture:
        assert warrior.host.gateway.ping(warrior.gateway.host, count=3)
        assert warrior.gateway.client.ping("10.3.0.1", count=3)
    assert capture.count("icmp and src 10.3.0.1") >= 6, "both the requests and the answers"
    warrior.client.terminate(ike=site.name)
    wait_until(lambda: not warrior.has("10.3.0.1"))
    assert [status for _identity, status in warrior.leases().values()] == ["offline"]
