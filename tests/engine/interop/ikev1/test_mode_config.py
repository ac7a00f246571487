"""Mode config: the client gets an address of a pool, by asking (pull) or unasked (push); Cisco's Unity attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.interop.ikev1.site import ESP_PROPOSAL, IKE_PROPOSAL
from tests.engine.interop.ikev1.test_xauth import CAROL, load_password, log_in
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
    """A client of IKEv1, and its gateway. Each child has one pair of networks.

    `client_net` and `gateway_net` are what the two say of the gateway's; `engine` and `charon` change one side.
    """
    warrior = RoadWarrior(site, initiator)
    net = warrior.gateway.net6 if vips == [ANY6] else warrior.gateway.net
    wanted, offered = both.pop("client_net", net), both.pop("gateway_net", net)
    sides = {name: both.pop(name, {}) for name in ("engine", "charon")}
    ikev1 = {"version": "1", "proposals": [IKE_PROPOSAL], **both}
    child = {"esp_proposals": [ESP_PROPOSAL]}
    warrior.connect(
        vips,
        pools,
        client={**ikev1, "children": {"net": {**child, "remote_ts": [wanted]}}, **sides.pop(initiator)},
        server={**ikev1, "children": {"net": {**child, "local_ts": [offered]}}, **sides.popitem()[1]},
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
    wait_until(lambda: [status for _identity, status in warrior.leases().values()] == ["offline"])


@pytest.mark.scenario("ikev1/config-payload")
def test_attributes(site: Lab, initiator: str, resolv_confs: dict[str, Path]) -> None:
    """Mirrors ikev1/config-payload: name servers come with the address and go with it."""
    attributes = {"dns": ["10.2.0.53"], "nbns": ["10.2.0.54"]}
    warrior = rw(site, initiator, [ANY4], {"rw": {"addrs": "10.3.0.0/28", **attributes}})
    warrior.client.initiate("net")
    file = resolv_confs[initiator]
    assert [line.split()[1] for line in file.read_text().splitlines()] == ["10.2.0.53", "192.0.2.53"]
    warrior.client.terminate(ike=site.name)
    wait_until(lambda: file.read_text() == "nameserver 192.0.2.53\n")


@pytest.mark.scenario("ikev1/config-payload-push")
def test_push(site: Lab, initiator: str, resolv_confs: dict[str, Path]) -> None:
    """Mirrors ikev1/config-payload-push: the gateway begins, with name servers, too."""
    warrior = rw(site, initiator, [ANY4], {"rw": {"addrs": "10.3.0.0/28", "dns": ["10.2.0.53"]}}, pull="no")
    warrior.client.initiate("net")
    assert warrior.addresses() == ["10.3.0.1"]
    assert "10.2.0.53" in resolv_confs[initiator].read_text()
    assert warrior.host.gateway.ping(warrior.gateway.host)


def test_ipv6(site: Lab, initiator: str) -> None:
    """An address of IPv6."""
    warrior = rw(site, initiator, [ANY6], {"six": {"addrs": "fd00:3::/120"}})
    warrior.client.initiate("net")
    assert warrior.addresses() == ["fd00:3::1"]
    assert warrior.host.gateway.ping(warrior.gateway.host6)


def test_rekeying_keeps_the_address(site: Lab, initiator: str) -> None:
    """Another phase 1 of the client, and another Quick Mode of the gateway; it comes back to the same address."""
    warrior = rw(site, initiator, [ANY4])
    warrior.client.initiate("net")
    assert warrior.addresses() == ["10.3.0.1"]
    site.rekey_ike(initiator)
    site.rekey_child("charon" if initiator == "engine" else "engine")
    assert warrior.addresses() == ["10.3.0.1"]
    assert warrior.host.gateway.ping(warrior.gateway.host)
    warrior.client.terminate(ike=site.name)
    wait_until(lambda: not site.engine.sas() and not site.charon.sas())
    warrior.client.initiate("net")
    assert warrior.addresses() == ["10.3.0.1"]
    assert list(warrior.leases()) == ["10.3.0.1"]


def test_no_address_left(site: Lab) -> None:
    """A gateway whose pools have nothing for the client does not let it in, and both say why."""
    warrior = rw(site, "charon", [ANY4], {"six": {"addrs": "fd00:3::/120"}})
    with pytest.raises(RuntimeError):
        warrior.client.initiate("net", timeout=5)
    assert not site.engine.children()
    assert site.engine.failures(site.name)[0]["alert"] == "vip-failure"


@pytest.mark.parametrize(
    "proof",
    [
        pytest.param("psk", marks=pytest.mark.scenario("ikev1/xauth-id-psk-config")),
        pytest.param("rsa", marks=pytest.mark.scenario("ikev1/xauth-id-rsa-config")),
    ],
)
def test_user_with_an_address(site: Lab, initiator: str, proof: str) -> None:
    """Mirrors ikev1/xauth-id-psk-config and xauth-id-rsa-config: the address belongs to the user, not to the host."""
    server = site.peer(initiator)
    server.request("load_pool", {"users": {"addrs": "10.4.0.0/28"}})
    load_password(site)
    ends = (site.left, site.right) if initiator == "engine" else (site.right, site.left)
    client = {"vips": [ANY4], "children": {"net": {"local_ts": ["dynamic"], "remote_ts": [ends[1].net]}}}
    gateway = {"pools": ["users"], "children": {"net": {"local_ts": [ends[1].net], "remote_ts": ["dynamic"]}}}
    engine, charon = (client, gateway) if initiator == "engine" else (gateway, client)
    log_in(site, initiator, proof=proof, engine=engine, charon=charon)
    site.daemon(initiator).initiate("net")
    warrior = RoadWarrior(site, initiator)
    assert warrior.addresses() == ["10.4.0.1"]
    assert warrior.leases("users") == {"10.4.0.1": (CAROL, "online")}
    assert ends[0].gateway.ping(ends[1].host)


@pytest.mark.scenario("ikev1/nat-virtual-ip")
def test_a_network_behind_the_address(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/nat-virtual-ip: the client translates its own network to the one address that it was given.

    The engine's own ESP asks for a rule, because its policies do not mention that network.
    """
    warrior = rw(site, initiator, [ANY4])
    warrior.client.initiate("net")
    (address,) = warrior.addresses()
    translate = f"ip saddr {warrior.host.net} ip daddr {warrior.gateway.net} snat to {address}"
    chain = "add chain ip translated out { type nat hook postrouting priority srcnat; }"
    warrior.host.gateway.run("nft", f"add table ip translated; {chain}; add rule ip translated out {translate}")
    rule = ("from", warrior.host.net, "to", warrior.gateway.net, "lookup", "220")
    warrior.host.gateway.run("ip", "rule", "add", *rule)
    try:
        assert warrior.host.client.ping(warrior.gateway.host, count=3)
    finally:
        warrior.host.gateway.run("ip", "rule", "del", *rule)
        warrior.host.gateway.run("nft", "delete table ip translated")
