"""What the device of a route-based connection looks like to the host: addresses, MTU, TCP segment size, routes.

The same for a TUN device and for an XFRM interface. Everything here goes away with the device.
"""

from __future__ import annotations

import errno
import logging
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from ikeengine.datapath.userspace.overhead import inner_mtu, segment_sizes
from ikeengine.datapath.userspace.prefixes import Network, family, networks
from ikeengine.datapath.userspace.routes import ROUTE_PROTOCOL, source_address
from ikeengine.datapath.userspace.rtnetlink import RouteError, RouteSocket
from ikeengine.datapath.userspace.segment_size import SegmentSizeClamp
from ikeengine.errors import DatapathError
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.sa import IpsecSa, PolicySet

log = logging.getLogger(__name__)

MTU_WITHOUT_SA = 1400
"""Octets, as long as there is no SA to calculate from."""

_IFA_F_NODAD = 0x02
_LEAST_IPV6_MTU = 1280
_GONE = (errno.ESRCH, errno.EADDRNOTAVAIL, errno.ENODEV)


class DeviceLink:
    """One device that exists already. `mark` is what exempts our own packets from policy routing, 0 for nothing."""

    def __init__(self, interface: InterfaceConfig, index: int, rtnetlink: RouteSocket, *, mark: int = 0) -> None:
        """Raises DatapathError."""
        self.index = index
        self._rtnetlink = rtnetlink
        self._mark = mark
        self._interface = InterfaceConfig(interface.name, interface.if_id)
        self._mtu = 0
        self._sa: IpsecSa | None = None
        self._wanted: dict[int, tuple[PolicySet, frozenset[Network]]] = {}
        self._routes: set[Network] = set()
        self._clamp = SegmentSizeClamp(interface.name, index)
        try:
            self.configure(interface)
        except DatapathError:
            self.close()
            raise

    def close(self) -> None:
        """Forget the device, which is removed by its owner."""
        self._clamp.close()

    def configure(self, interface: InterfaceConfig) -> None:
        """Change what is different. Raises DatapathError."""
        before, self._interface = self._interface, interface
        for address in set(before.addresses) - set(interface.addresses):
            self._address("del", address)
        self._set_mtu()
        for address in interface.addresses:
            if address not in before.addresses:
                self._address("add", address)
        if before.routes != interface.routes:
            for owner, (policies, _unused) in list(self._wanted.items()):
                self._wanted[owner] = policies, self._networks_of(policies)
        self._write_routes()

    def fit(self, sa: IpsecSa) -> None:
        """Packets go through this SA from now on: they have to fit. Raises DatapathError."""
        self._sa = sa
        self._set_mtu()

    def refresh(self) -> None:
        """The network has changed: paths may be narrower, and routes may have lost their source. DatapathError."""
        self._set_mtu()
        self._routes &= self._existing_routes()
        self._write_routes()

    def route(self, policies: PolicySet) -> None:
        """Lead the remote networks of policies into the device. Raises DatapathError."""
        self._wanted[policies.owner] = policies, self._networks_of(policies)
        self._write_routes()

    def forget(self, owner: int) -> None:
        """The policies of an owner are gone, and so are routes that nobody else wants. Raises DatapathError."""
        if self._wanted.pop(owner, None) is not None:
            self._write_routes()

    def _networks_of(self, policies: PolicySet) -> frozenset[Network]:
        """Not the one that the peer itself is in: its encapsulated packets would come back to us."""
        if not self._interface.routes:
            return frozenset()
        peer = ip_address(policies.remote) if policies.remote else None
        found = (network for selector in policies.remote_ts for network in networks(selector))
        return frozenset(network for network in found if network.prefixlen and (peer is None or peer not in network))

    def _existing_routes(self) -> set[Network]:
        """Our routes that are still there: the kernel drops some with the address that they prefer."""
        found = self._rtnetlink.call(lambda ip: list(ip.get_routes(oif=self.index)))
        ours = (route for route in found if route["proto"] == ROUTE_PROTOCOL and route.get_attr("RTA_DST"))
        return {ip_network((route.get_attr("RTA_DST"), route["dst_len"])) for route in ours}

    def _write_routes(self) -> None:
        wanted = {network: policies for policies, found in self._wanted.values() for network in found}
        for network in self._routes - wanted.keys():
            self._tolerating(_GONE, "del", self._route(network))
            self._routes.discard(network)
        for network in wanted.keys() - self._routes:
            route = self._route(network)
            source = self._source(wanted[network], network)
            if source:
                route["prefsrc"] = source
            if not self._clamp.works:
                route["metrics"] = {"advmss": self._sizes()[4 if network.version == 4 else 16]}
            if self._tolerating((errno.EEXIST,), "add", route):
                self._routes.add(network)
            else:
                log.warning("%s: there is a route to %s already, which stays", self._interface.name, network)

    def _route(self, network: Network) -> dict[str, Any]:
        where = {"family": family(network), "dst": str(network), "oif": self.index}
        return where | {"proto": ROUTE_PROTOCOL, "scope": "link" if network.version == 4 else "global"}

    def _source(self, policies: PolicySet, network: Network) -> str:
        """An address of this host that the peer expects, the device's own if it is one."""
        own = [str(ip_interface(address).ip) for address in self._interface.addresses]
        local = [selector for selector in policies.local_ts if selector.is_ipv6 == (network.version == 6)]
        found = (source_address(self._rtnetlink, selector, own) for selector in local)
        return next((address for address in found if address), "")

    def _tolerating(self, codes: tuple[int, ...], command: str, route: dict[str, Any]) -> bool:
        try:
            self._rtnetlink.call(lambda ip: ip.route(command, **route))
        except RouteError as error:
            if error.code not in codes:
                raise
            return False
        return True

    def _address(self, command: str, text: str) -> None:
        address = ip_interface(text)
        what: dict[str, Any] = {"address": str(address.ip), "prefixlen": address.network.prefixlen}
        if address.version == 6 and command == "add":
            what["flags"] = _IFA_F_NODAD
        try:
            self._rtnetlink.call(lambda ip: ip.addr(command, index=self.index, **what))
        except RouteError as error:
            if error.code not in (*_GONE, errno.EEXIST):
                raise DatapathError(f"{self._interface.name} cannot have the address {text}: {error}") from error

    def _set_mtu(self) -> None:
        mtu = self._interface.mtu or self._fitting_mtu()
        if mtu != self._mtu:
            self._rtnetlink.call(lambda ip: ip.link("set", index=self.index, mtu=mtu, state="up"))
            self._mtu = mtu
        self._clamp.set(self._sizes())

    def _sizes(self) -> dict[int, int]:
        return segment_sizes(self._mtu, self._interface.mss)

    def _fitting_mtu(self) -> int:
        if self._sa is None:
            return MTU_WITHOUT_SA
        mtu = inner_mtu(self._sa, self._path_mtu(self._sa.destination))
        carries_ipv6 = any(":" in address for address in self._interface.addresses)
        return max(mtu, _LEAST_IPV6_MTU) if carries_ipv6 else mtu

    def _path_mtu(self, peer: str) -> int:
        """What the routing table says about the way to the peer: the MTU of its route, else that of its link."""
        mark = {"mark": self._mark} if self._mark else {}
        try:
            found = self._rtnetlink.call(lambda ip: list(ip.route("get", dst=peer, **mark)))
            metrics = found[0].get_attr("RTA_METRICS")
            known = metrics.get_attr("RTAX_MTU") if metrics is not None else None
            link = self._rtnetlink.call(lambda ip: list(ip.get_links(found[0].get_attr("RTA_OIF"))))
        except RouteError:
            return MTU_WITHOUT_SA
        return int(known or link[0].get_attr("IFLA_MTU"))
