"""Who looks into our routing table: policy rules (ip-rule(8)).

    220:  from all         fwmark 0/0x1000 iif lo lookup 220     packets of this host
    220:  from 10.1.0.0/24 fwmark 0/0x1000 lookup 220            packets that it forwards for a local selector

Our own sockets set the mark, so that remote selectors may contain the peer's outer address without catching the
encapsulated packets. strongSwan's kernel-libipsec does the same, but for all packets that are forwarded; here those
whose source no policy mentions take the way that they took before.

A host that filters by strict reverse path (`rp_filter` = 1) drops encapsulated packets of a peer whose outer address
is in a remote selector; loose filtering is fine.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from ikeengine.datapath.policies import SelectorPair
from ikeengine.datapath.userspace.prefixes import Network, family, networks
from ikeengine.datapath.userspace.rtnetlink import RouteError, RouteSocket
from ikeengine.datapath.userspace.settings import RouteSettings
from ikeengine.model.selector import TrafficSelector

_NO_FAMILY = (errno.EAFNOSUPPORT, errno.EOPNOTSUPP)
_OWN_PACKETS = {"iifname": "lo"}


class TunnelRules:
    """The rules that lead into our table."""

    def __init__(self, settings: RouteSettings, rtnetlink: RouteSocket) -> None:
        """Remove the rules of a killed predecessor and install those for packets of this host. Raises DatapathError."""
        self._settings = settings
        self._rtnetlink = rtnetlink
        self._wanted: dict[Network, set[SelectorPair]] = {}
        self._families: list[int] = []
        for each in (socket.AF_INET, socket.AF_INET6):
            self._start(each)

    def close(self) -> None:
        """Remove all our rules."""
        for each in self._families:
            self._remove_ours(each)
        self._families.clear()
        self._wanted.clear()

    def add(self, pair: SelectorPair) -> None:
        """Lead packets from the local selector into our table. Raises DatapathError; then nothing has changed."""
        try:
            for network in _sources(pair.local):
                if network not in self._wanted:
                    self._call("add", **_from(network))
                self._wanted.setdefault(network, set()).add(pair)
        except RouteError:
            self.remove(pair)
            raise

    def remove(self, pair: SelectorPair) -> None:
        """Forget a pair of selectors, and the rules that no other pair wants. Raises DatapathError."""
        for network in _sources(pair.local):
            pairs = self._wanted.get(network, set())
            pairs.discard(pair)
            if not pairs and self._wanted.pop(network, None) is not None:
                self._call("del", **_from(network))

    def _start(self, family: int) -> None:
        try:
            self._remove_ours(family)
            self._call("add", family=family, **_OWN_PACKETS)
        except RouteError as error:
            if error.code not in _NO_FAMILY:
                raise
        else:
            self._families.append(family)

    def _remove_ours(self, family: int) -> None:
        for rule in self._rtnetlink.call(lambda ip: list(ip.get_rules(family=family))):
            if self._is_ours(rule):
                source = rule.get_attr("FRA_SRC")
                where = {"src": source, "src_len": rule["src_len"]} if source else _OWN_PACKETS
                self._call("del", family=family, **where)

    def _is_ours(self, rule: Any) -> bool:
        """Our priority, our table, and a mask that is our bit of the mark."""
        settings = self._settings
        return (
            rule.get_attr("FRA_PRIORITY") == settings.rule_priority
            and rule.get_attr("FRA_TABLE") == settings.table
            and rule.get_attr("FRA_FWMASK") == settings.mark
            and not rule.get_attr("FRA_FWMARK")
        )

    def _call(self, command: str, **where: Any) -> None:
        settings = self._settings
        rule = {"table": settings.table, "priority": settings.rule_priority, "fwmark": 0, "fwmask": settings.mark}
        self._rtnetlink.call(lambda ip: ip.rule(command, **rule, **where))


def _sources(selector: TrafficSelector) -> list[Network]:
    """The prefixes of a local selector. Everything is given as two halves.

    The kernel takes a rule without a source for equal to one with any source, when it looks for the rule to delete.
    """
    found: list[Network] = []
    for network in networks(selector):
        found += [network] if network.prefixlen else network.subnets()
    return found


def _from(network: Network) -> dict[str, Any]:
    return {"family": family(network), "src": str(network.network_address), "src_len": network.prefixlen}
