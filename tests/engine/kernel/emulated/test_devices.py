"""XFRM interfaces as the datapath makes them, without a daemon."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ikeengine.datapath.xfrm.interfaces import XfrmInterfaces
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.errors import DatapathError
from tests.engine.datapath.xfrm.samples import LEFT, RIGHT, protect, sa, ts
from tests.engine.datapath.xfrm.test_interfaces import (
    VPN,
    test_the_real_kernel_makes_one_or_says_that_it_cannot,  # noqa: F401 - here it makes one
)
from tests.lab.netns import Namespace

BARE = replace(VPN, addresses=())
MARKED = replace(protect(1, network="10.2.0.0/16"), interface="vpn0", local=LEFT, remote=RIGHT)


class Host:
    """A namespace with a cable to nowhere, and what is to be seen of its devices."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace

    def device(self, name: str = "vpn0") -> dict:
        """The device as `ip` shows it, nothing if it is not there."""
        found = self.namespace.run("ip", "-d", "-j", "link", "show", "dev", name, check=False)
        return {} if found.returncode else json.loads(found.stdout)[0]

    def addresses(self) -> set[str]:
        (device,) = json.loads(self.namespace.run("ip", "-j", "addr", "show", "dev", "vpn0").stdout)
        return {f"{one['local']}/{one['prefixlen']}" for one in device["addr_info"] if one["scope"] == "global"}

    def routes(self) -> set[str]:
        """What leads into the device, without the networks that it is in itself."""
        found = self.namespace.run("ip", "-j", "route", "show", "dev", "vpn0", check=False)
        return set() if found.returncode else {one["dst"] for one in json.loads(found.stdout)} - {"169.254.0.0/30"}


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    with Namespace("xfrmi") as made:
        made.ip("link add eth0 type veth peer name far0", "link set far0 up")
        made.add_address("eth0", f"{LEFT}/24")
        made.add_address("lo", "10.1.0.1/32")
        yield made


@pytest.fixture
def host(namespace: Namespace) -> Iterator[Host]:
    with namespace.entered():
        yield Host(namespace)


@pytest.fixture
def interfaces(host: Host) -> Iterator[XfrmInterfaces]:
    made = XfrmInterfaces(Journal(None))
    yield made
    made.close()
    assert not host.device()


def test_it_is_made_and_addressed(host: Host, interfaces: XfrmInterfaces) -> None:
    interfaces.set(VPN)
    device = host.device()
    assert (device["linkinfo"]["info_kind"], device["linkinfo"]["info_data"]["if_id"]) == ("xfrm", "0x2a")
    assert (device["link"], device["mtu"], "UP" in device["flags"]) == ("lo", 1400, True)
    assert host.addresses() == set(VPN.addresses)


def test_mtu_follows_the_sa_and_the_path(host: Host, interfaces: XfrmInterfaces) -> None:
    interfaces.set(BARE)
    interfaces.fit(replace(sa(0x1000), interface="vpn0"))
    over_1500 = host.device()["mtu"]
    assert 1400 < over_1500 < 1480
    host.namespace.ip(f"route add {RIGHT} dev eth0 mtu 1400")
    interfaces.refresh()
    assert over_1500 - 108 < host.device()["mtu"] < over_1500 - 92
    interfaces.set(replace(BARE, mtu=1234))
    assert host.device()["mtu"] == 1234
    host.namespace.ip(f"route del {RIGHT} dev eth0")


def test_routes_come_and_go_with_their_policies(host: Host, interfaces: XfrmInterfaces) -> None:
    interfaces.set(VPN)
    interfaces.route(MARKED)
    interfaces.route(replace(MARKED, owner=2))
    assert host.routes() == {"10.2.0.0/16"}
    host.namespace.ip("route del 10.2.0.0/16")
    interfaces.refresh()
    assert host.routes() == {"10.2.0.0/16"}
    interfaces.forget(1)
    assert host.routes() == {"10.2.0.0/16"}
    interfaces.forget(2)
    assert not host.routes()


def test_the_peer_is_not_routed_into_its_own_tunnel(host: Host, interfaces: XfrmInterfaces) -> None:
    interfaces.set(VPN)
    interfaces.route(replace(MARKED, remote_ts=(ts("0.0.0.0/0"), ts(f"{RIGHT}/32"))))
    assert not host.routes()


def test_a_foreign_route_stays(host: Host, interfaces: XfrmInterfaces, caplog: pytest.LogCaptureFixture) -> None:
    host.namespace.ip("route add 10.2.0.0/16 dev eth0")
    interfaces.set(VPN)
    interfaces.route(MARKED)
    assert "there is a route to 10.2.0.0/16 already" in caplog.text
    interfaces.forget(1)
    assert "10.2.0.0/16" in host.namespace.run("ip", "route", "show", "dev", "eth0").stdout
    host.namespace.ip("route del 10.2.0.0/16")


def test_only_what_differs_is_changed(host: Host, interfaces: XfrmInterfaces) -> None:
    interfaces.set(VPN)
    interfaces.route(MARKED)
    index = host.device()["ifindex"]
    interfaces.set(replace(VPN, addresses=("169.254.0.5/30",), routes=False))
    assert (host.device()["ifindex"], host.addresses()) == (index, {"169.254.0.5/30"})
    assert "10.2.0.0/16" not in host.routes()
    interfaces.set(replace(BARE, if_id=43))
    assert host.device()["linkinfo"]["info_data"]["if_id"] == "0x2b"
    assert host.device()["ifindex"] != index


@pytest.mark.parametrize("kind", ["link add vpn0 type dummy", "link add other0 type xfrm dev lo if_id 42"])
def test_what_others_have_is_not_touched(host: Host, interfaces: XfrmInterfaces, kind: str) -> None:
    """A device of the name, or an XFRM interface with the ID."""
    host.namespace.ip(kind)
    foreign = kind.split()[2]
    with pytest.raises(DatapathError, match="there is a device vpn0, or an XFRM interface with the ID 0x2a, already"):
        interfaces.set(VPN)
    interfaces.close()
    assert host.device(foreign)
    host.namespace.ip(f"link del {foreign}")


def test_a_refused_address_leaves_nothing(host: Host, interfaces: XfrmInterfaces) -> None:
    with pytest.raises(DatapathError, match="vpn0 cannot have the address"):
        interfaces.set(replace(VPN, addresses=("fd00:77::1/64",), mtu=1200))
    assert not host.device()


def test_somebody_elses_removal_is_no_error(host: Host, interfaces: XfrmInterfaces) -> None:
    interfaces.set(VPN)
    host.namespace.ip("link del vpn0")
    interfaces.remove("vpn0")


def test_after_a_crash_the_next_run_cleans_up(host: Host, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.open()
    killed = XfrmInterfaces(journal)
    killed.set(BARE)
    killed.set(replace(BARE, name="vpn1", if_id=43))
    host.namespace.ip("link del vpn1", "link add vpn1 type xfrm dev lo if_id 99")
    os.close(journal._file)
    successor = Journal(tmp_path / "journal")
    cleaner = XfrmInterfaces(successor)
    for entry in successor.open():
        cleaner.delete_stale(entry)
    assert not host.device()
    assert host.device("vpn1"), "it is somebody else's by now"
    host.namespace.ip("link del vpn1")
