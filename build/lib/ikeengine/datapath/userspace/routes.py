"""Routes into the TUN device, in a table of our own that all but our own sockets use.

As with strongSwan's kernel-libipsec, a rule sends everything without our firewall mark through our table first:

    220:  not from all fwmark 0x... lookup 220

so that remote selectors may contain the peer's own address without catching the encapsulated packets. A host that
filters by strict reverse path (`rp_filter` = 1) drops those packets when they arrive; loose filtering is fine.
"""

from __future__ import annotations

import errno
import logging
import socket
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, summarize_address_range
from typing import Any

from ikeengine.datapath.policies import SelectorPair
from ikeengine.datapath.userspace.rtnetlink import RouteError, RouteSocket
from ikeengine.model.path import packed
from ikeengine.model.selector import TrafficSelector

log = logging.getLogger(__name__)

Network = IPv4Network | IPv6Network

ROUTE_PROTOCOL = 105
"""Marks our routes; a number that /etc/iproute2/rt_protos gives to nobody."""

_INVERT = 2
_NO_FAMILY = (errno.EAFNOSUPPORT, errno.EOPNOTSUPP)
_SCOPE_GLOBAL = 0
_TENTATIVE_OR_FAILED = 0x48


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """Where our routes are, and the firewall mark that exempts packets from them."""

    table: int = 220
    rule_priority: int = 220
    mark: int = 0x696B65


class TunnelRoutes:
    """The routes that lead into one device, and the rules that lead to them.

    Several policies may want the same route; its source address is that of the policy that came last.
    """

    def __init__(self, index: int, settings: RouteSettings, routes: RouteSocket) -> None:
        """Install the rules; those that a killed predecessor left behind become ours. Raises DatapathError."""
        self._index = index
        self._settings = settings
        self._routes = routes
        self._wanted: dict[Network, dict[SelectorPair, str]] = {}
        self._families: list[int] = []
        for family in (socket.AF_INET, socket.AF_INET6):
            self._add_rule(family)

    def close(self) -> None:
        """Remove the rules. The routes go with their device."""
        for family in self._families:
            self._rule("del", family)

    def add(self, pair: SelectorPair, outer: str) -> None:
        """Lead packets for the remote selector into the device. `outer` is our address in front of the tunnel.

        Raises DatapathError; then nothing has changed.
        """
        before = {network: self._wanted.get(network, {}) for network in _networks(pair.remote)}
        for network, wanted in before.items():
            try:
                self._write(network, _without(wanted, pair) | {pair: outer})
            except RouteError:
                self._restore(before)
                raise

    def remove(self, pair: SelectorPair) -> None:
        """Forget a pair of selectors; its routes are removed where no other pair wants them. Raises DatapathError."""
        for network in _networks(pair.remote):
            self._write(network, _without(self._wanted.get(network, {}), pair))

    def _restore(self, before: dict[Network, dict[SelectorPair, str]]) -> None:
        for network, wanted in before.items():
            try:
                self._write(network, wanted)
            except RouteError as error:
                log.error("cannot restore the route to %s: %s", network, error)

    def _write(self, network: Network, wanted: dict[SelectorPair, str]) -> None:
        """Make a route what its last pair wants it to be."""
        if not wanted:
            self._wanted.pop(network, None)
            self._erase(network)
            return
        pair, outer = list(wanted.items())[-1]
        route = self._route(network)
        source = self._source_address(pair.local, outer)
        if source:
            route["prefsrc"] = source
        self._routes.call(lambda ip: ip.route("replace", **route))
        self._wanted[network] = wanted

    def _erase(self, network: Network) -> None:
        try:
            self._routes.call(lambda ip: ip.route("del", **self._route(network)))
        except RouteError as error:
            if error.code != errno.ESRCH:
                raise

    def _route(self, network: Network) -> dict[str, Any]:
        family = socket.AF_INET if network.version == 4 else socket.AF_INET6
        where = {"family": family, "dst": str(network), "oif": self._index, "table": self._settings.table}
        return where | {"proto": ROUTE_PROTOCOL}

    def _source_address(self, local: TrafficSelector, outer: str) -> str:
        """An address of this host inside the local selector: the outer one if it is, else any; or empty."""
        inside = [a for a in self._host_addresses() if len(packed(a)) == len(local.first)]
        inside = [a for a in inside if local.first <= packed(a) <= local.last]
        return outer if outer in inside else next(iter(inside), "")

    def _host_addresses(self) -> list[str]:
        found = self._routes.call(lambda ip: list(ip.get_addr()))
        return [
            str(a.get_attr("IFA_LOCAL") or a.get_attr("IFA_ADDRESS"))
            for a in found
            if a["scope"] == _SCOPE_GLOBAL and not (a.get_attr("IFA_FLAGS") or 0) & _TENTATIVE_OR_FAILED
        ]

    def _add_rule(self, family: int) -> None:
        try:
            self._rule("add", family)
        except RouteError as error:
            if error.code in _NO_FAMILY:
                return
            if error.code != errno.EEXIST:
                raise
        self._families.append(family)

    def _rule(self, command: str, family: int) -> None:
        wanted = self._settings
        self._routes.call(
            lambda ip: ip.rule(
                command,
                family=family,
                table=wanted.table,
                priority=wanted.rule_priority,
                fwmark=wanted.mark,
                flags=_INVERT,
            )
        )


def _without(wanted: dict[SelectorPair, str], pair: SelectorPair) -> dict[SelectorPair, str]:
    return {other: outer for other, outer in wanted.items() if other != pair}


def _networks(selector: TrafficSelector) -> list[Network]:
    """The prefixes that make up the addresses of a selector."""
    first, last = ip_address(selector.first), ip_address(selector.last)
    return list(summarize_address_range(first, last))
