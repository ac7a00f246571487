"""Routes into the TUN device, in a table of our own; `rules` says which packets look into it."""

from __future__ import annotations

import errno
import logging
from ipaddress import ip_network
from typing import Any

from ikeengine.datapath.policies import SelectorPair
from ikeengine.datapath.userspace.prefixes import Network, family, networks
from ikeengine.datapath.userspace.rtnetlink import RouteError, RouteSocket
from ikeengine.datapath.userspace.rules import TunnelRules
from ikeengine.model.path import packed
from ikeengine.model.sa import FIRST_PRIORITY, PolicyAction, PolicySet
from ikeengine.model.selector import ANY_PORTS, ANY_PROTOCOL, TrafficSelector

log = logging.getLogger(__name__)

ROUTE_PROTOCOL = 105
"""Marks our routes; a number that /etc/iproute2/rt_protos gives to nobody."""

_THROW = 9
_SCOPE_GLOBAL = 0
_TENTATIVE_OR_FAILED = 0x48


class TunnelRoutes:
    """The routes that lead into one device. They go away with it.

    Several policies may want the same route; its source address is that of the policy that came last.
    """

    def __init__(self, index: int, table: int, rules: TunnelRules, rtnetlink: RouteSocket) -> None:
        self._index = index
        self._table = table
        self._rules = rules
        self._rtnetlink = rtnetlink
        self._wanted: dict[Network, dict[SelectorPair, str]] = {}
        self._around: dict[Network, set[SelectorPair]] = {}
        self._remove_throws()

    def close(self) -> None:
        """Remove the routes that do not go away with the device."""
        self._around.clear()
        self._remove_throws()

    def _remove_throws(self) -> None:
        """Those of a killed predecessor too. Raises DatapathError."""
        found = self._rtnetlink.call(lambda ip: list(ip.get_routes(table=self._table)))
        for route in found:
            if route["proto"] == ROUTE_PROTOCOL and route["type"] == _THROW:
                self._delete(self._throw(ip_network((route.get_attr("RTA_DST"), route["dst_len"]))))

    def add(self, pair: SelectorPair, outer: str) -> None:
        """Lead packets from the local to the remote selector into the device.

        `outer` is our address in front of the tunnel. Raises DatapathError; then nothing has changed.
        """
        before = {network: self._wanted.get(network, {}) for network in networks(pair.remote)}
        try:
            for network, wanted in before.items():
                self._write(network, _without(wanted, pair) | {pair: outer})
            self._rules.add(pair)
        except RouteError:
            self._restore(before)
            raise

    def remove(self, pair: SelectorPair) -> None:
        """Forget a pair of selectors; its routes are removed where no other pair wants them. Raises DatapathError."""
        self._rules.remove(pair)
        for network in networks(pair.remote):
            self._write(network, _without(self._wanted.get(network, {}), pair))

    def add_around(self, pair: SelectorPair) -> None:
        """Let packets to the remote selector take the host's own routes, whoever else wants them. Raises DatapathError.

        A `throw` route ends the look-up in our table, so the host also chooses its source address as without us.
        """
        for network in networks(pair.remote):
            self._put(self._throw(network))
            self._around.setdefault(network, set()).add(pair)

    def remove_around(self, pair: SelectorPair) -> None:
        """The host's own routes are no longer wanted for this. Raises DatapathError."""
        for network in networks(pair.remote):
            pairs = self._around.get(network, set())
            pairs.discard(pair)
            if pairs or self._around.pop(network, None) is None:
                continue
            self._delete(self._throw(network))
            self._write(network, self._wanted.get(network, {}))

    def _throw(self, network: Network) -> dict[str, Any]:
        where = {"type": "throw", "family": family(network), "dst": str(network)}
        return where | {"table": self._table, "proto": ROUTE_PROTOCOL}

    def refresh(self) -> None:
        """Write all routes anew: the kernel drops them with the addresses that they prefer. Raises DatapathError."""
        for network, wanted in list(self._wanted.items()):
            self._write(network, wanted)

    def _restore(self, before: dict[Network, dict[SelectorPair, str]]) -> None:
        for network, wanted in before.items():
            try:
                self._write(network, wanted)
            except RouteError as error:
                log.error("cannot restore the route to %s: %s", network, error)

    def _write(self, network: Network, wanted: dict[SelectorPair, str]) -> None:
        """Make a route what its last pair wants it to be."""
        if network in self._around:
            self._wanted[network] = wanted
            return
        if not wanted:
            self._wanted.pop(network, None)
            self._delete(self._route(network))
            return
        pair, outer = list(wanted.items())[-1]
        route = self._route(network)
        source = self._source_address(pair.local, outer)
        if source:
            route["prefsrc"] = source
        self._put(route)
        self._wanted[network] = wanted

    def _put(self, where: dict[str, Any]) -> None:
        self._rtnetlink.call(lambda ip: ip.route("replace", **where))

    def _delete(self, where: dict[str, Any]) -> None:
        try:
            self._rtnetlink.call(lambda ip: ip.route("del", **where))
        except RouteError as error:
            if error.code != errno.ESRCH:
                raise

    def _route(self, network: Network) -> dict[str, Any]:
        where = {"family": family(network), "dst": str(network), "oif": self._index}
        return where | {"table": self._table, "proto": ROUTE_PROTOCOL}

    def _source_address(self, local: TrafficSelector, outer: str) -> str:
        """An address of this host inside the local selector: the outer one if it is, else any; or empty."""
        return source_address(self._rtnetlink, local, [outer])


def source_address(rtnetlink: RouteSocket, local: TrafficSelector, preferred: list[str]) -> str:
    """An address of this host inside a selector: a preferred one if there is one, else any; or empty."""
    inside = [a for a in _host_addresses(rtnetlink) if len(packed(a)) == len(local.first)]
    inside = [a for a in inside if local.first <= packed(a) <= local.last]
    return next((a for a in preferred if a in inside), next(iter(inside), ""))


def _host_addresses(rtnetlink: RouteSocket) -> list[str]:
    found = rtnetlink.call(lambda ip: list(ip.get_addr()))
    return [
        str(a.get_attr("IFA_LOCAL") or a.get_attr("IFA_ADDRESS"))
        for a in found
        if a["scope"] == _SCOPE_GLOBAL and not (a.get_attr("IFA_FLAGS") or 0) & _TENTATIVE_OR_FAILED
    ]


def _without(wanted: dict[SelectorPair, str], pair: SelectorPair) -> dict[SelectorPair, str]:
    return {other: outer for other, outer in wanted.items() if other != pair}


def needs_route(policies: PolicySet | None) -> bool:
    """Whether packets have to come to our device."""
    return policies is not None and policies.action is not PolicyAction.PASS


def goes_around(pair: SelectorPair, policies: PolicySet | None) -> bool:
    """Whether packets need not even look into our device: all to some network pass, and nothing comes before that."""
    if policies is None or policies.action is not PolicyAction.PASS or policies.priority != FIRST_PRIORITY:
        return False
    local, remote = pair
    everybody = not any(local.first) and local.last == b"\xff" * len(local.last)
    plain = {(ts.protocol, ts.first_port, ts.last_port) for ts in pair} == {(ANY_PROTOCOL, *ANY_PORTS)}
    return everybody and plain and any(remote.first)
