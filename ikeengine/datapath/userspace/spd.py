"""The security policy database: which policy a flow falls under (RFC 4301 section 4.4.1)."""

from __future__ import annotations

from bisect import insort
from functools import lru_cache
from itertools import count
from operator import attrgetter

from ikeengine.datapath.policies import SelectorPair, base_priority
from ikeengine.datapath.userspace.packet import NO_PORT, Flow
from ikeengine.model.connection import Mode
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.model.selector import ANY_PORTS, ANY_PROTOCOL, TrafficSelector

_NO_PROTOCOL = -1


class SelectorMatch:
    """One pair of traffic selectors, compiled: does a flow lie within?

    Flows are given as seen from this host: source is local. A port that a packet does not show (`NO_PORT`) is matched
    only by selectors for any port, or for OPAQUE.
    """

    __slots__ = (
        "_local_first", "_local_last", "_local_port_first", "_local_port_last",
        "_protocol", "_remote_first", "_remote_last", "_remote_port_first", "_remote_port_last",
    )  # fmt: skip

    def __init__(self, pair: SelectorPair) -> None:
        local, remote = pair
        self._local_first, self._local_last = local.first, local.last
        self._remote_first, self._remote_last = remote.first, remote.last
        self._protocol = _common_protocol(local.protocol, remote.protocol)
        self._local_port_first, self._local_port_last = _port_range(local)
        self._remote_port_first, self._remote_port_last = _port_range(remote)

    def matches(self, flow: Flow) -> bool:
        """Whether an outbound flow, or a reversed inbound one, lies within the selectors."""
        return (
            self.matches_but_for_ports(flow)
            and self._local_port_first <= flow.source_port <= self._local_port_last
            and self._remote_port_first <= flow.destination_port <= self._remote_port_last
        )

    def matches_but_for_ports(self, flow: Flow) -> bool:
        """The same, if the ports were right."""
        return (
            self._remote_first <= flow.destination <= self._remote_last
            and self._local_first <= flow.source <= self._local_last
            and len(flow.source) == len(self._local_first)
            and self._protocol in (ANY_PROTOCOL, flow.protocol)
        )

    @property
    def takes_any_ports(self) -> bool:
        """Whether ports do not matter."""
        ends = (self._local_port_first, self._local_port_last, self._remote_port_first, self._remote_port_last)
        return ends == (NO_PORT, 65535, NO_PORT, 65535)


def _common_protocol(local: int, remote: int) -> int:
    if ANY_PROTOCOL in (local, remote) or local == remote:
        return local or remote
    return _NO_PROTOCOL


def _port_range(selector: TrafficSelector) -> tuple[int, int]:
    ports = (selector.first_port, selector.last_port)
    if ports == ANY_PORTS:
        return NO_PORT, selector.last_port
    if selector.first_port > selector.last_port:  # OPAQUE
        return NO_PORT, NO_PORT
    return ports


class _Entry:
    __slots__ = ("match", "order", "policies")

    def __init__(self, pair: SelectorPair, policies: PolicySet, serial: int) -> None:
        self.match = SelectorMatch(pair)
        self.policies = policies
        self.order = (order_of(policies, pair), -serial)


class PolicyDatabase:
    """The policies in force, best first."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._by_pair: dict[SelectorPair, _Entry] = {}
        self._serials = count()

    def set(self, pair: SelectorPair, policies: PolicySet | None) -> None:
        """Put the policy of a pair of selectors in force, or with None remove it."""
        old = self._by_pair.pop(pair, None)
        if old is not None:
            self._entries.remove(old)
        if policies is not None:
            entry = self._by_pair[pair] = _Entry(pair, policies, next(self._serials))
            insort(self._entries, entry, key=attrgetter("order"))

    def lookup(self, flow: Flow) -> PolicySet | None:
        """The best policy for an outbound flow; for an inbound one pass it reversed."""
        for entry in self._entries:
            if entry.match.matches(flow):
                return entry.policies
        return None

    def needs_whole_datagrams(self, flow: Flow) -> bool:
        """Whether fragments of a flow, whose ports are not known, must be put together before they can be judged."""
        for entry in self._entries:
            if entry.match.matches_but_for_ports(flow):
                return entry.policies.mode is Mode.TRANSPORT or not entry.match.takes_any_ports
        return False


def order_of(policies: PolicySet, pair: SelectorPair) -> int:
    """The priority of a policy, the lowest first: the configured one, or the calculated one."""
    return policies.priority or priority(pair, policies.action)


@lru_cache(maxsize=4096)
def priority(pair: SelectorPair, action: PolicyAction) -> int:
    """The order of a policy, the lowest first: strongSwan's formula, by action and then the most specific first.

    The kernel datapath uses the same numbers.
    """
    local, remote = pair
    networks = _prefix_bits(local) + _prefix_bits(remote)
    ports = _port_bits(local) + _port_bits(remote)
    protocol = bool(local.protocol or remote.protocol)
    return base_priority(action) - (networks << 9) - (protocol << 8) - (ports << 2)


def _prefix_bits(selector: TrafficSelector) -> int:
    differing = int.from_bytes(selector.first, "big") ^ int.from_bytes(selector.last, "big")
    return len(selector.first) * 8 - differing.bit_length()


def _port_bits(selector: TrafficSelector) -> int:
    if selector.first_port > selector.last_port:  # OPAQUE
        return 16
    return 16 - (selector.first_port ^ selector.last_port).bit_length()
