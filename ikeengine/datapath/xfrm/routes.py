"""Routes for tunnels, in a table of their own, where the host's own routes do not do.

A packet meets a policy only after it has a route and a source address. A tunnel needs a route of its own only if a
local address lies inside its local traffic selector and the host would choose another one, as for a `ping` from the
gateway itself, or if there is no route to the remote network at all.

Our table comes before the host's own, so a route to a large remote network would hide the host's routes to what is not
remote at all: the local network, if the remote one contains it, and what PASS shunts leave alone. For these there are
`throw` routes, which lead back to the host's own.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable

from ikeengine.datapath import rtnetlink
from ikeengine.datapath.netlink import NetlinkError, NetlinkSocket, NoAnswer
from ikeengine.datapath.rtnetlink import Network, Route, Rule
from ikeengine.datapath.xfrm.constants import XfrmDir
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.datapath.xfrm.policy import PolicyKey
from ikeengine.model.connection import Mode
from ikeengine.model.path import packed
from ikeengine.model.sa import PolicyAction, PolicySet

log = logging.getLogger(__name__)

TABLE = 220
RULE_PRIORITY = 220

OWN_LOOKUP_MARK = 0x494B45
"""Marks our own route lookups, which shall see the routes of the host and not those in our table."""

_FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


class TunnelRoutes:
    """Follows the outbound policies and keeps one route for each remote network that needs one."""

    def __init__(self, kernel: NetlinkSocket, journal: Journal) -> None:
        self._kernel = kernel
        self._journal = journal
        self._followed: dict[PolicyKey, PolicySet] = {}
        self._needed: dict[PolicyKey, tuple[Route, ...]] = {}
        self._wanted: dict[Network, dict[PolicyKey, Route]] = {}
        self._installed: dict[Network, Route] = {}
        self._own_rules: dict[str, bool] = {}

    def policy_changed(self, key: PolicyKey, policies: PolicySet | None) -> None:
        """Add, replace or remove the routes for a policy. Failures are logged: the policy works without, too."""
        if key.direction is not XfrmDir.OUT:
            return
        self._followed.pop(key, None)
        if policies is not None:
            self._followed[key] = policies
        self._follow(key, policies)

    def refresh(self) -> None:
        """Find and write all routes anew: with an address or a link the kernel drops routes without a word."""
        for key, policies in self._followed.items():
            self._follow(key, policies, again=True)

    def _follow(self, key: PolicyKey, policies: PolicySet | None, *, again: bool = False) -> None:
        try:
            routes = self._routes_for(key, policies) if policies is not None else ()
        except NetlinkError as error:
            log.warning("no route for the policy %s: %s", key, error)
            routes = ()
        for network in self._want(key, routes):
            try:
                self._synchronise(network, again=again)
            except NetlinkError as error:
                log.warning("no route to %s for the policy %s: %s", network, key, error)

    def delete_all(self) -> None:
        """Remove our routes and rules."""
        self._followed.clear()
        self._needed.clear()
        self._wanted.clear()
        for remote in list(self._installed):
            try:
                self._synchronise(remote)
            except NetlinkError as error:
                log.warning("the route to %s may be left behind: %s", remote, error)
        for family in [name for name, ours in self._own_rules.items() if ours]:
            try:
                self._delete_rule(family)
            except NetlinkError as error:
                log.warning("the rule for table %d may be left behind: %s", TABLE, error)
        self._own_rules.clear()

    def delete_stale(self, entry: str) -> None:
        """Remove what a predecessor has noted in the journal."""
        kind, _unused, rest = entry.partition(" ")
        if kind == "rule":
            self._delete_rule(rest)
            return
        route = _parse_entry(entry)
        if route is not None:
            _ignoring_absence(lambda: rtnetlink.delete_route(self._kernel, route, TABLE))

    def _routes_for(self, key: PolicyKey, policies: PolicySet) -> tuple[Route, ...]:
        """The routes that a policy needs. Raises NetlinkError."""
        local = Network(key.selector.source, key.selector.source_prefix)
        remote = Network(key.selector.destination, key.selector.destination_prefix)
        if policies.action is PolicyAction.PASS and remote.prefix and not key.selector.protocol:
            return (Route(remote),)
        if not _is_tunnel(policies) or key.mark or key.if_id:
            # A marked packet, or one of an XFRM interface, has been routed on purpose already.
            return ()
        route = self._tunnel_route(local, remote, policies)
        if route is None:
            return ()
        return (Route(local), route) if local.is_part_of(remote) else (route,)

    def _tunnel_route(self, local: Network, remote: Network, policies: PolicySet) -> Route | None:
        """The route to a remote network, None if the host gets along without. Raises NetlinkError."""
        outer = packed(policies.local) if policies.local else b""
        source = self._address_inside(local, outer)
        chosen = self._chosen_source(remote)
        if chosen is not None and (not source or chosen in local):
            return None
        hop = rtnetlink.lookup(self._kernel, packed(policies.remote), outer, mark=OWN_LOOKUP_MARK)
        gateway = hop.gateway if len(hop.gateway) == len(remote.address) else b""
        return Route(remote, hop.interface, gateway, source)

    def _address_inside(self, local: Network, preferred: bytes) -> bytes:
        """An address of this host inside a network, empty if there is none."""
        inside = [address for address in rtnetlink.local_addresses(self._kernel) if address in local]
        return preferred if preferred in inside else next(iter(inside), b"")

    def _chosen_source(self, remote: Network) -> bytes | None:
        """The source address that the host would use towards a network, None if it has no route there."""
        last_bit = 0 if remote.prefix == len(remote.address) * 8 else 1
        probe = (int.from_bytes(remote.address, "big") | last_bit).to_bytes(len(remote.address), "big")
        try:
            return rtnetlink.lookup(self._kernel, probe, mark=OWN_LOOKUP_MARK).source
        except NetlinkError:
            return None

    def _want(self, key: PolicyKey, routes: tuple[Route, ...]) -> list[Network]:
        """Note what a policy needs now; the networks for which that makes a difference."""
        before = self._needed.pop(key, ())
        for route in before:
            self._wanted[route.destination].pop(key, None)
        if routes:
            self._needed[key] = routes
        for route in routes:
            self._wanted.setdefault(route.destination, {})[key] = route
        return list(dict.fromkeys(route.destination for route in (*routes, *before)))

    def _synchronise(self, remote: Network, *, again: bool = False) -> None:
        """Make the youngest wish for a network its route; `again` even if it should be already."""
        wishes = self._wanted.get(remote, {})
        if not wishes:
            self._wanted.pop(remote, None)
        wanted = next(reversed(wishes.values()), None)
        installed = self._installed.get(remote)
        if wanted == installed and not again:
            return
        if wanted is None and installed is not None:
            self._delete(remote)
        elif wanted is not None:
            self._put(wanted, installed)

    def _put(self, route: Route, installed: Route | None) -> None:
        if route.interface:
            self._need_rule(route.destination.family)
        add = rtnetlink.add_route if installed is None else rtnetlink.replace_route
        entry = _entry(route)
        self._journal.add(entry)
        try:
            add(self._kernel, route, TABLE)
        except NoAnswer:
            _ignoring_absence(lambda: rtnetlink.delete_route(self._kernel, route, TABLE))
            self._journal.remove(entry)
            raise
        except NetlinkError:
            self._journal.remove(entry)
            raise
        self._installed[route.destination] = route
        if installed not in (None, route):
            self._journal.remove(_entry(installed))

    def _delete(self, remote: Network) -> None:
        route = self._installed.pop(remote)
        _ignoring_absence(lambda: rtnetlink.delete_route(self._kernel, route, TABLE))
        self._journal.remove(_entry(route))

    def _need_rule(self, family: int) -> None:
        """Make the kernel look into our table. If somebody else has seen to that, the rule is theirs."""
        name = next(name for name, number in _FAMILIES.items() if number == family)
        if name in self._own_rules:
            return
        self._journal.add(f"rule {name}")
        try:
            rtnetlink.add_rule(self._kernel, _rule(family))
        except NoAnswer:
            self._delete_rule(name)
            raise
        except NetlinkError as error:
            self._journal.remove(f"rule {name}")
            if error.code != errno.EEXIST:
                raise
            self._own_rules[name] = False
        else:
            self._own_rules[name] = True

    def _delete_rule(self, name: str) -> None:
        family = _FAMILIES.get(name)
        if family is not None:
            _ignoring_absence(lambda: rtnetlink.delete_rule(self._kernel, _rule(family)))
        self._journal.remove(f"rule {name}")


def _is_tunnel(policies: PolicySet) -> bool:
    return policies.mode is Mode.TUNNEL and policies.action in (PolicyAction.PROTECT, PolicyAction.TRAP)


def _rule(family: int) -> Rule:
    return Rule(family, TABLE, RULE_PRIORITY, OWN_LOOKUP_MARK)


def _ignoring_absence(delete: Callable[[], None]) -> None:
    try:
        delete()
    except NetlinkError as error:
        if error.code not in (errno.ESRCH, errno.ENOENT, errno.ENODEV):
            raise


def _entry(route: Route) -> str:
    octets = [octets.hex() or "-" for octets in (route.destination.address, route.gateway, route.source)]
    return f"route {route.destination.prefix} {route.interface} {' '.join(octets)} ({route.destination})"


def _parse_entry(entry: str) -> Route | None:
    """The route of a journal entry; None if it is torn."""
    try:
        _unused, prefix, interface, *octets, _unused = entry.split(" ")
        destination, gateway, source = (bytes.fromhex(text.strip("-")) for text in octets)
        return Route(Network(destination, int(prefix)), int(interface), gateway, source)
    except ValueError:
        return None
