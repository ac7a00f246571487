"""Virtual IP addresses: the client asks for one, the gateway gives it out of a pool (RFC 7296 section 2.19)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.interop.lab import Lab, lab, merged
from tests.lab import charon as charons
from tests.lab.certs import authority
from tests.lab.control import Section
from tests.lab.netns import wait_until
from tests.lab.topology import Site
from tests.lab.traffic import captured

RESOLV_CONF = "resolv.conf"
ANY4, ANY6 = "0.0.0.0", "::"


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
    """Daemons that hand name servers over. Without an agent of its own charon needs the resolve plugin for that."""
    engine = {"resolv_conf": str(resolv_confs["engine"])}
    charon = {"plugins": {"resolve": {"file": str(resolv_confs["charon"])}}}
    plugins = f"{charons.LIBIPSEC} resolve"
    with lab(tmp_path_factory.mktemp("site"), engine=engine, charon=charon, kernel=plugins) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_pools(site: Lab, _fresh: None) -> None:
    """Pools are not in the way of the next test."""
    for daemon in (site.engine, site.charon):
        for name in daemon.request("get_pools"):
            daemon.request("unload_pool", {"name": name})


class RoadWarrior:
    """A client at one side and the gateway of the other: `initiator` is the client."""

    def __init__(self, site: Lab, client: str) -> None:
        self.site, self.name = site, client
        self.client, self.server = site.daemon(client), site.peer(client)
        self.ends: tuple[Site, Site] = (site.left, site.right) if client == "engine" else (site.right, site.left)

    def connect(
        self,
        vips: list[str],
        pools: Mapping[str, Mapping[str, Any]],
        *,
        client: Section | None = None,
        server: Section | None = None,
    ) -> None:
        """Load both sides: the client asks for these addresses, the gateway has these pools in this order."""
        for name, pool in pools.items():
            self.server.request("load_pool", {name: pool})
        nets = [self.gateway.net, self.gateway.net6]
        asks = {"vips": vips, "children": {"net": {"local_ts": ["dynamic"], "remote_ts": nets}}}
        gives = {"pools": list(pools), "children": {"net": {"local_ts": nets, "remote_ts": ["dynamic"]}}}
        sides = merged(asks, client or {}), merged(gives, server or {})
        engine, charon = sides if self.name == "engine" else reversed(sides)
        self.site.connect(engine=engine, charon=charon)

    @property
    def gateway(self) -> Site:
        """The side with the network."""
        return self.ends[1]

    @property
    def host(self) -> Site:
        """The side of the client, which is the gateway of nobody."""
        return self.ends[0]

    def addresses(self) -> list[str]:
        """The virtual IPs that both sides agree on."""
        mine, theirs = self.client.ike(), self.server.ike()
        assert mine["local-vips"] == theirs["remote-vips"]
        return list(mine["local-vips"])

    def has(self, address: str) -> bool:
        """Whether the client's host has an address."""
        return f" {address}/" in self.host.gateway.run("ip", "-o", "addr").stdout

    def leases(self, pool: str = "rw") -> dict[str, tuple[str, str]]:
        """Identity and status by address, as the gateway tells them."""
        section = self.server.request("get_pools", {"leases": "yes"})[pool]
        return {lease["address"]: (lease["identity"], lease["status"]) for lease in section.get("leases", {}).values()}


def rw(site: Lab, initiator: str) -> RoadWarrior:
    return RoadWarrior(site, initiator)


@contextlib.contextmanager
def seen(at: Site, file: Path) -> Iterator[Any]:
    with captured(at.client, file) as capture:
        yield capture


@pytest.mark.scenario("ikev2/ip-pool")
@pytest.mark.scenario("ikev2/rw-psk-fqdn")
def test_address_of_a_pool(site: Lab, initiator: str, tmp_path: Path) -> None:
    """Mirrors ikev2/ip-pool: the client gets an address, and talks to the network with it as its source."""
    warrior = rw(site, initiator)
    warrior.connect([ANY4], {"rw": {"addrs": "10.3.0.0/28"}})
    warrior.client.initiate("net")
    (address,) = warrior.addresses()
    assert address == "10.3.0.1"
    assert warrior.has(address)
    mine, _ = site.assert_same_child()
    assert ["10.3.0.1/32"] in (mine["local-ts"], mine["remote-ts"])
    with seen(warrior.gateway, tmp_path / "inner.pcap") as capture:
        assert warrior.host.gateway.ping(warrior.gateway.host, count=3)
        assert warrior.gateway.client.ping(address, count=3)
    assert capture.count(f"icmp and src {address}") >= 6, "both the requests and the answers"
    pool = warrior.server.request("get_pools")["rw"]
    assert (pool["base"], pool["size"], pool["online"], pool["offline"]) == ("10.3.0.0", "14", "1", "0")
    warrior.client.terminate(ike=site.name)
    wait_until(lambda: not warrior.has(address))
    wait_until(lambda: [status for _identity, status in warrior.leases().values()] == ["offline"])


@pytest.mark.scenario("ikev2/config-payload")
def test_the_same_address_again(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/config-payload: the address survives rekeying, and comes back with its identity."""
    warrior = rw(site, initiator)
    warrior.connect([ANY4], {"rw": {"addrs": "10.3.0.0/28"}})
    for _ in range(2):
        warrior.client.initiate("net")
        assert warrior.addresses() == ["10.3.0.1"]
        for name in ("engine", "charon"):
            site.rekey_ike(name)
            site.rekey_child(name)
        assert warrior.addresses() == ["10.3.0.1"]
        assert warrior.host.gateway.ping(warrior.gateway.host)
        warrior.client.terminate(ike=site.name)
        wait_until(lambda: not site.engine.sas() and not site.charon.sas())
    assert list(warrior.leases()) == ["10.3.0.1"]


@pytest.mark.scenario("ikev2/config-payload")
def test_attributes(site: Lab, initiator: str, resolv_confs: dict[str, Path]) -> None:
    """Mirrors ikev2/config-payload: name servers come with the address and go with it; nothing foreign is touched."""
    warrior = rw(site, initiator)
    attributes = {"dns": ["10.2.0.53", "fd00:2::53"], "nbns": ["10.2.0.54"], "subnet": ["10.2.0.0/16"]}
    more = {"dhcp": ["10.2.0.55"], "split_include": ["10.2.0.0/16"], "split_exclude": ["10.9.0.0/16"]}
    warrior.connect([ANY4], {"rw": {"addrs": "10.3.0.0/28", **attributes, **more}})
    warrior.client.initiate("net")
    file = resolv_confs[initiator]
    servers = [line.split()[1] for line in file.read_text().splitlines()]
    assert sorted(servers[:2]) == ["10.2.0.53", "fd00:2::53"]
    assert servers[2:] == ["192.0.2.53"]
    warrior.client.terminate(ike=site.name)
    wait_until(lambda: file.read_text() == "nameserver 192.0.2.53\n")


@pytest.mark.scenario("ikev2/ip-two-pools-v4v6")
def test_ipv4_and_ipv6(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/ip-two-pools-v4v6."""
    warrior = rw(site, initiator)
    warrior.connect([ANY4, ANY6], {"rw": {"addrs": "10.3.0.0/28"}, "six": {"addrs": "fd00:3::/120"}})
    warrior.client.initiate("net")
    assert warrior.addresses() == ["10.3.0.1", "fd00:3::1"]
    assert warrior.host.gateway.ping(warrior.gateway.host)
    assert warrior.host.gateway.ping(warrior.gateway.host6)
    assert warrior.gateway.client.ping("fd00:3::1")


@pytest.mark.scenario("ikev2/ip-two-pools")
@pytest.mark.scenario("ikev2/ip-split-pools-db")
def test_the_second_pool_when_the_first_is_full(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/ip-two-pools and the semantics of ikev2/ip-split-pools-db: two users of one connection."""
    warrior = rw(site, initiator)
    pools = {"one": {"addrs": "10.3.0.7-10.3.0.7"}, "two": {"addrs": "10.4.0.0/28"}}
    warrior.connect([ANY4], pools, server={"remote": {"id": "%any"}})
    warrior.client.initiate("net")
    assert warrior.addresses() == ["10.3.0.7"]
    plain = site.connection(initiator)
    dave = merged(plain, {"vips": [ANY4], "local": {"id": "dave.example.com"}, "children": {"net": None}})
    dave["children"] = {"dave": merged(plain["children"]["net"], {"local_ts": ["dynamic"]})}
    warrior.client.load({"dave": dave})
    warrior.client.initiate("dave")
    assert sorted(address for sa in warrior.client.ikes() for address in sa["local-vips"]) == ["10.3.0.7", "10.4.0.1"]
    assert warrior.leases("two") == {"10.4.0.1": ("dave.example.com", "online")}


@pytest.mark.scenario("ikev2/ip-two-pools-mixed")
def test_a_wanted_address(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/ip-two-pools-mixed: a client that knows its address gets it, with its place in the pool."""
    warrior = rw(site, initiator)
    warrior.connect(["10.3.0.1"], {"rw": {"addrs": "10.3.0.0/28"}})
    warrior.client.initiate("net")
    assert warrior.addresses() == ["10.3.0.1"]


def test_reauthentication_keeps_the_address(site: Lab, initiator: str) -> None:
    """The gateway gives the client the address that it has already, and traffic goes on."""
    warrior = rw(site, initiator)
    warrior.connect([ANY4], {"rw": {"addrs": "10.3.0.0/28"}})
    warrior.client.initiate("net")
    old = warrior.client.ike()["initiator-spi"]
    warrior.client.request("rekey", {"ike": site.name, "reauth": "yes"})
    wait_until(lambda: all(sa["initiator-spi"] != old for sa in (*site.engine.sas(), *site.charon.sas())))
    wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == 1)
    assert len(warrior.addresses()) == 1
    assert warrior.host.gateway.ping(warrior.gateway.host)


def test_no_address_left(site: Lab, initiator: str) -> None:
    """A gateway whose pools have nothing for the client refuses the Child SA, and says so."""
    warrior = rw(site, initiator)
    warrior.connect([ANY4], {"six": {"addrs": "fd00:3::/120"}})
    with pytest.raises(RuntimeError):
        warrior.client.initiate("net")
    assert not site.engine.children()
    assert site.engine.failures(site.name)[0]["alert"] == "vip-failure"


def test_an_address_is_demanded(site: Lab, initiator: str) -> None:
    """Pools at the gateway, and a client that asks for nothing: FAILED_CP_REQUIRED."""
    warrior = rw(site, initiator)
    warrior.connect([], {"rw": {"addrs": "10.3.0.0/28"}})
    with pytest.raises(RuntimeError):
        warrior.client.initiate("net")
    reason = site.engine.failures(site.name)[0]["reason"]
    assert "FAILED_CP_REQUIRED" in reason or "did not ask" in reason


@pytest.mark.scenario("ikev2/rw-cert")
def test_road_warrior_with_a_certificate(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/rw-cert, with an address of a pool, from anywhere."""
    warrior = rw(site, initiator)
    root = authority()
    mine, theirs = root.leaf("left.example.com"), root.leaf("right.example.com")
    for daemon, own in ((site.engine, mine), (site.charon, theirs)):
        daemon.load_authority(root.pem)
        daemon.load_certificate(own.pem)
        daemon.load_key(own.key_pem)
    proof = {"remote": {"auth": "pubkey"}}
    client = {**proof, "local": {"auth": "pubkey", "certs": [mine.pem if initiator == "engine" else theirs.pem]}}
    server = {**proof, "local": {"auth": "pubkey", "certs": [theirs.pem if initiator == "engine" else mine.pem]}}
    warrior.connect(
        [ANY4], {"rw": {"addrs": "10.3.0.0/28"}}, client=client, server={**server, "remote_addrs": ["%any"]}
    )
    warrior.client.initiate("net")
    assert warrior.addresses() == ["10.3.0.1"]
    assert warrior.host.gateway.ping(warrior.gateway.host)


def test_leases_survive_a_restart_of_the_gateway(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two clients; the engine is killed in between, and everybody gets the same address as before."""
    with lab(tmp_path_factory.mktemp("restart")) as site:
        _twice_around_a_restart(site)


def _twice_around_a_restart(site: Lab) -> None:
    given: list[set[str]] = []
    for names in (("dave", "carol"), ("carol", "dave")):
        warrior, given = rw(site, "charon"), [*given, set()]
        for name in names:
            client = {"local": {"id": f"{name}.example.com"}}
            warrior.connect([ANY4], {"rw": {"addrs": "10.3.0.0/28"}}, client=client, server={"remote": {"id": "%any"}})
            site.charon.initiate("net")
            given[-1].add(f"{name} {site.charon.ike()['local-vips'][0]}")
            site.charon.terminate(ike=site.name)
            wait_until(lambda: not site.engine.sas())
        assert site.engine.stop() == 0
        site.engine.start()
    assert given[0] == given[1] == {"dave 10.3.0.1", "carol 10.3.0.2"}
