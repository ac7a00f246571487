"""Route-based VPNs over XFRM interfaces against strongSwan, whose own interfaces are made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.interop.lab import PSK, Lab, child, lab, merged
from tests.engine.interop.test_route_based import addresses, mtu, route_based, routes
from tests.engine.kernel.inside.gateways import transfer
from tests.lab.charon import NETLINK
from tests.lab.control import Refused
from tests.lab.netns import wait_until
from tests.lab.topology import Site
from tests.lab.traffic import captured

IDS = {"if_id_in": "42", "if_id_out": "42"}
POOL = "10.3.0.0/28"
WARRIORS = {"carol": "10.3.0.1", "dave": "10.3.0.2"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("xfrmi"), datapath="xfrm", kernel=NETLINK) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(site: Lab) -> Iterator[None]:
    site.reset()
    yield
    print("--- engine", site.engine.log(), "--- charon", site.charon.log(), sep="\n")


AddInterface = Callable[..., None]


@pytest.fixture
def add_interface() -> Iterator[AddInterface]:
    """Makes an XFRM interface by hand, and leads networks into it."""
    made: list[tuple[Site, str]] = []

    def add(here: Site, name: str, if_id: int, *networks: str) -> None:
        made.append((here, name))
        here.gateway.ip(
            f"link add {name} type xfrm dev eth0 if_id {if_id}",
            f"link set {name} up mtu 1400",
            *(f"route add {network} dev {name}" for network in networks),
        )

    yield add
    for here, name in made:
        here.gateway.ip(f"link del {name}")


def interface_id(site: Lab, device: str) -> str:
    """The ID of an XFRM interface of the engine's gateway."""
    (link,) = json.loads(site.left.gateway.run("ip", "-d", "-j", "link", "show", "dev", device).stdout)
    return str(link["linkinfo"]["info_data"]["if_id"])


def entries(site: Lab, kind: str) -> str:
    """The states or policies of the engine's gateway, without the policies of sockets."""
    found = site.left.gateway.run("ip", "xfrm", kind).stdout.replace("\n\t", " ")
    return "\n".join(line for line in found.splitlines() if "socket" not in line)


def assert_nothing_is_left(site: Lab) -> None:
    site.engine.clear()
    assert (entries(site, "state"), entries(site, "policy")) == ("", "")
    assert "xfrm" not in site.left.gateway.run("ip", "-d", "link", "show", "type", "xfrm").stdout


@pytest.mark.scenario("route-based/net2net-xfrmi-ike")
def test_interface_of_the_engine(site: Lab, add_interface: AddInterface, initiator: str, tmp_path: Path) -> None:
    """Mirrors route-based/net2net-xfrmi-ike: the connections have the IDs, and the engine makes its own device."""
    add_interface(site.right, "ipsec0", 42, site.left.net)
    with captured(site.left.gateway, tmp_path / "out.pcap", direction="out") as capture:
        site.connect(engine=merged(route_based("vpn0", addresses=["169.254.7.1/30"]), IDS), charon=IDS)
        assert (interface_id(site, "vpn0"), addresses(site, "vpn0")[0]) == ("0x2a", "169.254.7.1/30")
        site.daemon(initiator).initiate("net")
        site.assert_same_child()
        site.assert_traffic()
        assert mtu(site, "vpn0") == 1446
        assert site.left.client.ping(site.right.host, "-M", "do", "-s", str(1446 - 28))
        assert not site.left.client.ping(site.right.host, "-M", "do", "-s", str(1446 - 27), wait=0.5)
        assert transfer(site.left.client, site.right.client, site.right.host) > 0
    capture.assert_only_ike_and_esp()
    assert capture.count("esp and ip[6:2] & 0x3fff != 0") == 0, "nothing needs fragments"
    assert "maxseg size set 1406" in site.left.gateway.run("nft", "list", "ruleset").stdout
    assert (site.engine.ike()["interface"], site.engine.ike()["if-id-in"]) == ("vpn0", "0000002a")
    assert (entries(site, "state").count("if_id 0x2a"), entries(site, "policy").count("if_id 0x2a")) == (2, 3)
    assert routes(site, "vpn0") == {"169.254.7.0/30", site.right.net}
    assert "table 220" not in site.left.gateway.run("ip", "route", "show", "table", "all").stdout
    for daemon in ("engine", "charon"):
        site.rekey_child(daemon)
    site.rekey_ike(initiator)
    site.assert_traffic()
    site.engine.request("unload_conn", {"name": site.name})
    assert_nothing_is_left(site)


@pytest.mark.scenario("route-based/net2net-xfrmi")
def test_interfaces_made_by_hand(site: Lab, add_interface: AddInterface, initiator: str) -> None:
    """Mirrors route-based/net2net-xfrmi: the children have the IDs, another one for each direction."""
    for here, there in ((site.left, site.right), (site.right, site.left)):
        add_interface(here, "ipsec0", 7, there.net)
        add_interface(here, "ipsec1", 8)
    site.connect(**child(if_id_out="7", if_id_in="8"))
    site.daemon(initiator).initiate("net")
    mine, theirs = site.assert_same_child()
    assert (mine["if-id-in"], mine["if-id-out"]) == (theirs["if-id-in"], theirs["if-id-out"])
    site.assert_traffic()
    site.rekey_child(initiator)
    site.assert_traffic()
    (none, out), (back, nothing) = packets(site, "ipsec0"), packets(site, "ipsec1")
    assert (none, nothing) == (0, 0)
    assert min(out, back) >= 12
    site.left.gateway.ip(f"route del {site.right.net} dev ipsec0")
    site.assert_no_traffic()


def packets(site: Lab, device: str) -> tuple[int, int]:
    """How many packets came out of a device of the engine's gateway, and went into it."""
    (link,) = json.loads(site.left.gateway.run("ip", "-s", "-j", "link", "show", "dev", device).stdout)
    return int(link["stats64"]["rx"]["packets"]), int(link["stats64"]["tx"]["packets"])


def test_unique_id(site: Lab, add_interface: AddInterface) -> None:
    """With %unique the engine chooses, and whoever makes the device asks it for the number."""
    site.connect(engine={"if_id_in": "%unique", "if_id_out": "%unique"})
    site.engine.initiate("net")
    site.assert_same_child()
    (chosen,) = {site.engine.ike()[key] for key in ("if-id-in", "if-id-out")}
    add_interface(site.left, "ipsec0", int(chosen, 16), site.right.net)
    site.assert_traffic()
    site.rekey_ike("engine")
    assert site.engine.ike()["if-id-in"] == chosen
    site.assert_traffic()


def test_id_that_follows_from_the_name(site: Lab) -> None:
    """A device of the engine needs no number from its operator; the peer has ordinary policies and knows nothing."""
    site.connect(engine=merged(route_based("vpn0"), {"if_id_in": "%unique", "if_id_out": "%unique"}))
    site.charon.initiate("net")
    site.assert_same_child()
    assert int(interface_id(site, "vpn0"), 16) == int(site.engine.ike()["if-id-in"], 16) >= 1 << 31
    site.assert_traffic()
    site.engine.terminate(ike=site.name)
    assert routes(site, "vpn0") == set()
    assert interface_id(site, "vpn0"), "the device stays as long as its connection"
    assert_nothing_is_left(site)


def test_mark_of_what_is_protected(site: Lab) -> None:
    """`set_mark_out` marks the ESP packets, and the routing of the host follows the mark."""
    site.connect(engine=merged(route_based("vpn0"), child(set_mark_out="0x10/0xff")))
    site.engine.initiate("net")
    site.assert_same_child()
    site.assert_traffic()
    site.left.gateway.ip("rule add fwmark 0x10/0xff prohibit")
    site.assert_no_traffic()
    site.left.gateway.ip("rule del fwmark 0x10/0xff prohibit")
    site.assert_traffic()


def test_device_changes(site: Lab) -> None:
    """What the device looks like changes without a new IKE SA; another name is another device."""
    site.connect(engine=route_based("vpn0"))
    site.engine.initiate("net")
    spi = site.assert_same_ike()[0]["initiator-spi"]
    site.connect(engine=route_based("vpn0", addresses=["169.254.7.1/30", "fd00:77::1/64"], mtu=1300, routes="no"))
    assert addresses(site, "vpn0")[:2] == ["169.254.7.1/30", "fd00:77::1/64"]
    assert (mtu(site, "vpn0"), routes(site, "vpn0")) == (1300, {"169.254.7.0/30"})
    assert site.engine.ike()["initiator-spi"] == spi
    site.connect(engine=route_based("vpn2"))
    wait_until(lambda: mtu(site, "vpn0") == 0 and mtu(site, "vpn2") > 0)


@pytest.mark.parametrize("kind", ["vpn0 type veth peer name peer0", "other0 type xfrm dev lo if_id 42"])
def test_what_others_have_is_not_touched(site: Lab, kind: str) -> None:
    """A device of the name, or another one with the ID: the connection is refused with the reason."""
    site.left.gateway.ip(f"link add {kind}")
    with pytest.raises(Refused, match="there is a device vpn0, or an XFRM interface with the ID 0x2a, already"):
        site.connect(engine=merged(route_based("vpn0"), IDS))
    assert site.name not in site.engine.request("get_conns")["conns"]
    site.left.gateway.ip(f"link del {kind.split(maxsplit=1)[0]}")


def test_a_killed_engine_leaves_a_device_that_the_next_one_removes(site: Lab) -> None:
    site.connect(engine=route_based("vpn0", addresses=["169.254.7.1/30"]))
    site.engine.initiate("net")
    site.engine.kill()
    assert interface_id(site, "vpn0")
    site.engine.start()
    assert mtu(site, "vpn0") == 0
    assert (entries(site, "state"), entries(site, "policy")) == ("", "")


@pytest.mark.scenario("route-based/rw-shared-xfrmi", role="responder")
def test_road_warriors_share_the_engines_interface(site: Lab) -> None:
    """Mirrors route-based/rw-shared-xfrmi: both clients of one connection are behind its device."""
    site.engine.load_psk(PSK)
    site.engine.request("load_pool", {"rw": {"addrs": POOL}})
    site.engine.load({site.name: merged(gateway(site, "engine"), {"interface": {"name": "vpn0"}})})
    bring_up_warriors(site, "charon")
    wait_until(lambda: routes(site, "vpn0") == set(WARRIORS.values()))
    assert_clients_reach(site.left, *WARRIORS.values())
    assert all(int(one["packets-out"]) >= 3 for one in site.engine.children())
    site.charon.terminate(ike=f"{site.name}-dave")
    wait_until(lambda: routes(site, "vpn0") == {WARRIORS["carol"]})
    site.charon.terminate(ike=f"{site.name}-carol")
    wait_until(lambda: not site.engine.sas())
    site.engine.request("unload_pool", {"name": "rw"})


@pytest.mark.scenario("route-based/rw-shared-xfrmi", role="initiator")
def test_road_warriors_share_charons_interface(site: Lab, add_interface: AddInterface) -> None:
    """Mirrors route-based/rw-shared-xfrmi with engines as clients, each behind a device of its own."""
    add_interface(site.right, "ipsec0", 42, POOL)
    site.charon.load_psk(PSK)
    site.charon.request("load_pool", {"rw": {"addrs": POOL}})
    site.charon.load({site.name: merged(gateway(site, "charon"), IDS)})
    bring_up_warriors(site, "engine")
    assert_clients_reach(site.right, *WARRIORS.values())
    assert all(int(one["packets-in"]) >= 3 for one in site.engine.children())
    for name in WARRIORS:
        site.engine.terminate(ike=f"{site.name}-{name}")
    wait_until(lambda: not site.charon.sas())
    site.charon.request("unload_pool", {"name": "rw"})
    assert_nothing_is_left(site)


def gateway(site: Lab, name: str) -> dict[str, Any]:
    """A connection for road warriors."""
    anybody = {"remote_addrs": ["%any"], "remote": {"id": "*.example.com"}, "pools": ["rw"]}
    return merged(site.connection(name), anybody, child(remote_ts=["dynamic"]))


def bring_up_warriors(site: Lab, name: str) -> None:
    """Several connections of one daemon with identities and virtual addresses of their own."""
    daemon = site.daemon(name)
    daemon.load_psk(PSK)
    for who in WARRIORS:
        warrior = site.connection(name)
        warrior["children"] = {who: warrior["children"]["net"] | {"local_ts": ["dynamic"]}}
        warrior |= {"vips": ["0.0.0.0"], "local": {"auth": "psk", "id": f"{who}.example.com"}}
        daemon.load({f"{site.name}-{who}": warrior})
        daemon.initiate(who)
    wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == len(WARRIORS))


def assert_clients_reach(here: Site, *warriors: str) -> None:
    for address in warriors:
        assert here.client.ping(address, count=3)
