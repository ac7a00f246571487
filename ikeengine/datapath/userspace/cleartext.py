"""Refuses packets that arrive unprotected although a policy wants them protected (RFC 4301 section 5.2).

They never reach this process, so the host's packet filter does it, in a table of our own: what comes out of the tunnel
device passes, what a PASS policy is for passes, and what other policies are for is dropped.
"""

from __future__ import annotations

import logging

from ikeengine.datapath.policies import SelectorPair
from ikeengine.datapath.userspace.nftables import (
    DROP,
    NfTable,
    came_in_by,
    from_to,
    icmp_type,
    no_later_fragment,
    of_protocol,
    transport_octets,
)
from ikeengine.datapath.userspace.packet import ICMP, ICMPV6, UDP
from ikeengine.errors import DatapathError
from ikeengine.model.path import packed
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.model.selector import ANY_PORTS, OPAQUE_PORTS

log = logging.getLogger(__name__)

_BASE, _EXEMPT, _PROTECTED = "arrived", "exempt", "protected"
_LOOPBACK = 1
_ESP, _AH = 50, 51
_NEIGHBOUR_DISCOVERY = (133, 137)


class CleartextFilter:
    """The rules for all policies in force. Without nf_tables there are none, which is logged once."""

    def __init__(self, device: str, interface: int, ike_ports: tuple[int, ...]) -> None:
        self._rules: dict[SelectorPair, tuple[str, int]] = {}
        self._admitted: dict[int, int] = {}
        self._table: NfTable | None = None
        try:
            self._table = NfTable(f"ikeengine-{device}")
            self._set_up(self._table, interface, ike_ports)
        except DatapathError as error:
            self.close()
            log.warning("unprotected packets cannot be refused, because nf_tables is not usable here: %s", error)

    def close(self) -> None:
        """Remove all rules."""
        if self._table is not None:
            self._table.close()
        self._table = None
        self._rules.clear()
        self._admitted.clear()

    def admit(self, interface: int) -> None:
        """Let through what comes out of the device of a route-based connection. What cannot be done is logged."""
        if self._table is None:
            return
        try:
            self._admitted[interface] = self._table.add_rule(_EXEMPT, came_in_by(interface))
        except DatapathError as error:
            log.error("the filter for unprotected packets is not up to date: %s", error)

    def dismiss(self, interface: int) -> None:
        """A device is gone; another may get its number."""
        handle = self._admitted.pop(interface, None)
        if self._table is None or handle is None:
            return
        try:
            self._table.delete_rule(_EXEMPT, handle)
        except DatapathError as error:
            log.error("the filter for unprotected packets is not up to date: %s", error)

    def follow(self, pair: SelectorPair, policies: PolicySet | None) -> None:
        """Follow a policy. One for the gateways themselves is left out: fragments of their ESP are like its packets."""
        self.set(pair, policies.action if policies and not _has_gateways(pair, policies) else None)

    def set(self, pair: SelectorPair, action: PolicyAction | None) -> None:
        """Follow a policy that came into force, or with None is gone. What cannot be done is logged."""
        if self._table is None:
            return
        old = self._rules.pop(pair, None)
        try:
            if action is not None:
                self._add(self._table, pair, action)
            if old is not None:
                self._table.delete_rule(*old)
        except DatapathError as error:
            log.error("the filter for unprotected packets is not up to date: %s", error)

    def _add(self, table: NfTable, pair: SelectorPair, action: PolicyAction) -> None:
        match = arrives(pair)
        if match is None:
            return
        chain = _EXEMPT if action is PolicyAction.PASS else _PROTECTED
        handle = table.add_rule(chain, match) if chain == _EXEMPT else table.add_rule(chain, match, DROP)
        self._rules[pair] = chain, handle

    def _set_up(self, table: NfTable, interface: int, ike_ports: tuple[int, ...]) -> None:
        table.add_base_chain(_BASE)
        table.add_chain(_EXEMPT)
        table.add_chain(_PROTECTED)
        for number in (interface, _LOOPBACK):
            table.add_rule(_BASE, came_in_by(number))
        for protocol in (_ESP, _AH):
            table.add_rule(_BASE, of_protocol(protocol))
        for port in ike_ports:
            table.add_rule(_BASE, of_protocol(UDP) + transport_octets(2, port, port))
        table.add_rule(_BASE, of_protocol(ICMPV6) + icmp_type(*_NEIGHBOUR_DISCOVERY))
        table.add_rule(_BASE, b"", jump=_EXEMPT)
        table.add_rule(_BASE, b"", jump=_PROTECTED)


def _has_gateways(pair: SelectorPair, policies: PolicySet) -> bool:
    if not (policies.local and policies.remote) or policies.action is PolicyAction.PASS:
        return False
    ends = ((pair.local, packed(policies.local)), (pair.remote, packed(policies.remote)))
    return all(len(end.first) == len(own) and end.first <= own <= end.last for end, own in ends)


def arrives(pair: SelectorPair) -> bytes | None:
    """What matches the packets of a policy as they arrive; None if the packet filter cannot tell them."""
    local, remote = pair
    protocol = local.protocol or remote.protocol
    ports = [(end.first_port, end.last_port) for end in (remote, local)]
    if remote.protocol not in (0, protocol) or OPAQUE_PORTS in ports:
        return None
    # Later fragments may be of encapsulated ESP, and are worth nothing without the first one.
    match = from_to((remote.first, remote.last), (local.first, local.last)) + no_later_fragment()
    if protocol:
        match += of_protocol(protocol)
    if protocol in (ICMP, ICMPV6):
        first, last = max(ports[0][0], ports[1][0]), min(ports[0][1], ports[1][1])
        return match + transport_octets(0, first, last) if (first, last) != ANY_PORTS else match
    for offset, (first, last) in zip((0, 2), ports, strict=True):
        if (first, last) != ANY_PORTS:
            match += transport_octets(offset, first, last)
    return match
