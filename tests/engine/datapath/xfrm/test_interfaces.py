"""XFRM interfaces, in front of a kernel that has them, and of the real one whether or not it has."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.requests.link import LinkFieldFilter, LinkIPRouteFilter
from pyroute2.requests.main import RequestProcessor

from ikeengine.datapath.netlink import attribute
from ikeengine.datapath.userspace import device_link
from ikeengine.datapath.userspace.rtnetlink import RouteError
from ikeengine.datapath.xfrm import interfaces as module
from ikeengine.datapath.xfrm.interfaces import XfrmInterfaces
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.errors import DatapathError
from ikeengine.model.interface import InterfaceConfig
from tests.engine.datapath.xfrm.samples import LEFT, RIGHT, protect, sa, ts
from tests.lab.needs import need_root
from tests.lab.netns import Namespace
from tests.lab.topology import unique_name

VPN = InterfaceConfig("vpn0", 42, ("169.254.0.1/30", "fd00:77::1/64"))
UPLINK = 2


class Attributes(dict):
    """A message as pyroute2 gives it."""

    def get_attr(self, name: str) -> Any:
        return self.get(name)


@dataclass
class FakeRtnetlink:
    """A kernel with links, addresses and routes, and the RouteSocket to it."""

    links: dict[int, dict[str, Any]] = field(default_factory=lambda: {UPLINK: {"ifname": "eth0", "mtu": 1500}})
    addresses: set[tuple[int, str]] = field(default_factory=set)
    routes: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuse: dict[str, int] = field(default_factory=dict)
    route_mtu: int = 0

    def call(self, operation: Any) -> Any:
        return operation(self)

    def close(self) -> None:
        """A socket was closed; the kernel stays."""

    def link(self, command: str, **what: Any) -> None:
        if self.refuse.get(f"link {command}"):
            raise RouteError(self.refuse[f"link {command}"], "refused")
        if command == "add":
            if what["ifname"] in (link["ifname"] for link in self.links.values()):
                raise RouteError(errno.EEXIST, "exists")
            self.links[max(self.links) + 1] = what
        elif command == "del":
            index = what["index"]
            del self.links[index]
            self.addresses = {one for one in self.addresses if one[0] != index}
            self.routes = {to: route for to, route in self.routes.items() if route["oif"] != index}
        else:
            self.links[what.pop("index")] |= what

    def link_lookup(self, ifname: str) -> list[int]:
        return [index for index, link in self.links.items() if link["ifname"] == ifname]

    def get_links(self, index: int) -> list[Attributes]:
        link = self.links[index]
        data = Attributes(IFLA_XFRM_IF_ID=link.get("xfrm_if_id"))
        info = Attributes(IFLA_INFO_KIND=link["kind"], IFLA_INFO_DATA=data) if "kind" in link else None
        return [Attributes(IFLA_MTU=link.get("mtu"), IFLA_LINKINFO=info)]

    def addr(self, command: str, index: int, address: str, prefixlen: int, **_more: Any) -> None:
        if self.refuse.get("addr"):
            raise RouteError(self.refuse["addr"], "refused")
        change = self.addresses.add if command == "add" else self.addresses.discard
        change((index, f"{address}/{prefixlen}"))

    def get_addr(self) -> list[Any]:
        found = [Attributes(scope=0, IFA_LOCAL=text.partition("/")[0]) for _index, text in self.addresses]
        return [*found, Attributes(scope=0, IFA_LOCAL=LEFT)]

    def route(self, command: str, **what: Any) -> Any:
        if command == "get":
            metrics = Attributes(RTAX_MTU=self.route_mtu) if self.route_mtu else None
            return [Attributes(RTA_OIF=UPLINK, RTA_METRICS=metrics)]
        if command == "add" and what["dst"] in self.routes:
            raise RouteError(errno.EEXIST, "exists")
        if command == "add":
            self.routes[what["dst"]] = what
        elif self.routes.pop(what["dst"], None) is None:
            raise RouteError(errno.ESRCH, "no such route")
        return None

    def get_routes(self, oif: int) -> list[Attributes]:
        found = ((to.split("/"), route) for to, route in self.routes.items() if route["oif"] == oif)
        return [Attributes(proto=route["proto"], RTA_DST=to[0], dst_len=int(to[1])) for to, route in found]

    def device(self, name: str = "vpn0") -> dict[str, Any]:
        (index,) = self.link_lookup(name)
        return self.links[index]


class NoClamp:
    """A host without nf_tables."""

    works = False

    def __init__(self, device: str, index: int) -> None:
        self.sizes: dict[int, int] = {}

    def set(self, sizes: dict[int, int]) -> None:
        self.sizes = sizes

    def close(self) -> None:
        """Nothing is there."""


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> FakeRtnetlink:
    made = FakeRtnetlink()
    monkeypatch.setattr(module, "RouteSocket", lambda: made)
    monkeypatch.setattr(device_link, "SegmentSizeClamp", NoClamp)
    return made


@pytest.fixture
def interfaces(kernel: FakeRtnetlink) -> XfrmInterfaces:
    return XfrmInterfaces(Journal(None))


def test_it_is_made_and_addressed(kernel: FakeRtnetlink, interfaces: XfrmInterfaces) -> None:
    interfaces.set(VPN)
    device = kernel.device()
    assert {key: device[key] for key in ("kind", "xfrm_if_id", "xfrm_link", "mtu", "state")} == {
        "kind": "xfrm", "xfrm_if_id": 42, "xfrm_link": 1, "mtu": 1400, "state": "up",
    }  # fmt: skip
    assert {text for _index, text in kernel.addresses} == set(VPN.addresses)
    interfaces.close()
    assert list(kernel.links) == [UPLINK]
    assert not kernel.addresses


def test_the_message_to_the_kernel(kernel: FakeRtnetlink, interfaces: XfrmInterfaces) -> None:
    """What pyroute2 makes of it: IFLA_XFRM_LINK (1) and IFLA_XFRM_IF_ID (2) in the data of the kind `xfrm`."""
    interfaces.set(replace(VPN, addresses=()))
    what = {key: kernel.device()[key] for key in ("ifname", "kind", "xfrm_link", "xfrm_if_id")}
    request = RequestProcessor(context=what, prime=what)
    request.add_filter(LinkFieldFilter())
    request.add_filter(LinkIPRouteFilter("add"))
    request.finalize()
    message = ifinfmsg()
    message["attrs"] = [("IFLA_IFNAME", request["ifname"]), ("IFLA_LINKINFO", request["IFLA_LINKINFO"])]
    message.encode()
    data = attribute(1, (1).to_bytes(4, sys.byteorder)) + attribute(2, (42).to_bytes(4, sys.byteorder))
    assert bytes(message.data).endswith(attribute(18, attribute(1, b"xfrm\0") + attribute(2, data)))


def test_mtu_follows_the_sa_and_the_path(kernel: FakeRtnetlink, interfaces: XfrmInterfaces) -> None:
    interfaces.set(replace(VPN, addresses=()))
    out = replace(sa(0x1000), interface="vpn0")
    interfaces.fit(out)
    over_1500 = kernel.device()["mtu"]
    assert 1400 < over_1500 < 1480
    kernel.route_mtu = 1400
    interfaces.refresh()
    assert over_1500 - 108 < kernel.device()["mtu"] < over_1500 - 92
    interfaces.set(replace(VPN, addresses=(), mtu=1234))
    assert kernel.device()["mtu"] == 1234


def test_routes_come_and_go_with_their_policies(kernel: FakeRtnetlink, interfaces: XfrmInterfaces) -> None:
    interfaces.set(VPN)
    policies = replace(protect(1, network="10.2.0.0/16"), interface="vpn0", local=LEFT, remote=RIGHT)
    interfaces.route(policies)
    interfaces.route(replace(policies, owner=2))
    assert kernel.routes["10.2.0.0/16"]["metrics"] == {"advmss": 1360}
    interfaces.forget(1)
    assert list(kernel.routes) == ["10.2.0.0/16"]
    interfaces.forget(2)
    assert not kernel.routes
    interfaces.forget(2)


def test_routes_that_the_kernel_dropped_come_back(kernel: FakeRtnetlink, interfaces: XfrmInterfaces) -> None:
    interfaces.set(VPN)
    interfaces.route(replace(protect(1, network="10.2.0.0/16"), interface="vpn0", remote=RIGHT))
    kernel.routes.clear()
    interfaces.refresh()
    assert list(kernel.routes) == ["10.2.0.0/16"]


def test_the_peer_is_not_routed_into_its_own_tunnel(kernel: FakeRtnetlink, interfaces: XfrmInterfaces) -> None:
    interfaces.set(VPN)
    everything = replace(protect(1), interface="vpn0", remote=RIGHT, remote_ts=(ts("0.0.0.0/0"), ts(f"{RIGHT}/32")))
    interfaces.route(everything)
    assert not kernel.routes


def test_a_foreign_route_stays(kernel: FakeRtnetlink, interfaces: XfrmInterfaces, caplog) -> None:
    foreign = {"dst": "10.2.0.0/16", "oif": UPLINK, "proto": 4}
    kernel.routes["10.2.0.0/16"] = foreign
    interfaces.set(VPN)
    interfaces.route(replace(protect(1, network="10.2.0.0/16"), interface="vpn0", remote=RIGHT))
    assert "there is a route to 10.2.0.0/16 already" in caplog.text
    interfaces.forget(1)
    assert kernel.routes["10.2.0.0/16"] is foreign


def test_only_what_differs_is_changed(kernel: FakeRtnetlink, interfaces: XfrmInterfaces) -> None:
    interfaces.set(VPN)
    interfaces.route(replace(protect(1, network="10.2.0.0/16"), interface="vpn0", remote=RIGHT))
    (index,) = kernel.link_lookup("vpn0")
    interfaces.set(replace(VPN, addresses=("169.254.0.5/30",), routes=False))
    assert kernel.link_lookup("vpn0") == [index]
    assert kernel.addresses == {(index, "169.254.0.5/30")}
    assert not kernel.routes
    interfaces.set(replace(VPN, if_id=43))
    assert kernel.device()["xfrm_if_id"] == 43
    assert len(kernel.links) == 2


def test_a_foreign_device_of_the_name_is_not_touched(kernel: FakeRtnetlink, interfaces: XfrmInterfaces) -> None:
    kernel.links[7] = {"ifname": "vpn0"}
    with pytest.raises(DatapathError, match="there is a device vpn0"):
        interfaces.set(VPN)
    interfaces.close()
    assert kernel.links[7] == {"ifname": "vpn0"}


def test_a_refused_address_leaves_nothing(kernel: FakeRtnetlink, interfaces: XfrmInterfaces) -> None:
    kernel.refuse["addr"] = errno.EINVAL
    with pytest.raises(DatapathError, match="vpn0 cannot have the address"):
        interfaces.set(VPN)
    assert list(kernel.links) == [UPLINK]
    with pytest.raises(DatapathError, match="there is no interface vpn0"):
        interfaces.check("vpn0")


def test_what_cannot_be_removed_is_logged(kernel: FakeRtnetlink, interfaces: XfrmInterfaces, caplog) -> None:
    interfaces.set(VPN)
    kernel.refuse["link del"] = errno.EBUSY
    interfaces.close()
    assert "the interface vpn0 may be left behind" in caplog.text


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EPERM])
def test_a_kernel_that_cannot_says_why(kernel: FakeRtnetlink, interfaces: XfrmInterfaces, code: int) -> None:
    kernel.refuse["link add"] = code
    expected = "CONFIG_XFRM_INTERFACE" if code == errno.EOPNOTSUPP else "cannot be made"
    with pytest.raises(DatapathError, match=expected):
        interfaces.set(VPN)


def test_after_a_crash_the_next_run_cleans_up(kernel: FakeRtnetlink, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.open()
    killed = XfrmInterfaces(journal)
    killed.set(VPN)
    killed.set(replace(VPN, name="vpn1", if_id=43))
    kernel.device("vpn1")["xfrm_if_id"] = 99
    os.close(journal._file)
    successor = Journal(tmp_path / "journal")
    entries = successor.open()
    assert entries == ("interface vpn0 42", "interface vpn1 43")
    cleaner = XfrmInterfaces(successor)
    for entry in entries:
        cleaner.delete_stale(entry)
    assert not kernel.link_lookup("vpn0")
    assert kernel.link_lookup("vpn1"), "it is somebody else's by now"


def test_the_real_kernel_makes_one_or_says_that_it_cannot() -> None:
    need_root()
    interfaces = XfrmInterfaces(Journal(None))
    with Namespace(unique_name("xfrmi")) as host, host.entered():
        refused = _refusal(interfaces)
        shown = host.run("ip", "-d", "link", "show", "dev", "vpn0", check=False).stdout
        interfaces.close()
        assert "CONFIG_XFRM_INTERFACE" in refused or "if_id 0x2a" in shown
        assert host.run("ip", "link", "show", "dev", "vpn0", check=False).returncode


def _refusal(interfaces: XfrmInterfaces) -> str:
    try:
        interfaces.set(VPN)
    except DatapathError as error:
        return str(error)
    return ""
