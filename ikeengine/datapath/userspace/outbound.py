"""From the host into the tunnel: policy, SA, encapsulation (RFC 4301 section 5.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from ikeengine.crypto.rng import Rng
from ikeengine.datapath.policies import SelectorPair
from ikeengine.datapath.userspace.esp import SequenceExhausted
from ikeengine.datapath.userspace.modes import mode_of
from ikeengine.datapath.userspace.packet import Flow, MalformedPacket, enclosed_flow, flow_key, parse_flow
from ikeengine.datapath.userspace.protection import Sender, sender_of
from ikeengine.datapath.userspace.reassembly import Reassembly, is_fragment
from ikeengine.datapath.userspace.spd import PolicyDatabase
from ikeengine.datapath.userspace.traps import WaitingPackets
from ikeengine.datapath.userspace.volume import Volume
from ikeengine.errors import PeerMisbehaved
from ikeengine.model.commands import Acquire
from ikeengine.model.sa import IpsecSa, PolicyAction, PolicySet, SaId, Usage

MOST_FLOWS = 8192
"""Flows whose policy is remembered."""

Carrier = Callable[[bytes, bytes], None]
"""Sends an ESP packet to the peer; the second argument is the packet inside, for the fields that are copied out."""

CarrierOf = Callable[[IpsecSa, Sender], Carrier]
"""Makes the carrier of an SA."""


class OutboundSa:
    """One outbound SA. `expired(id, hard)` is told when it reaches a limit."""

    __slots__ = ("_carry", "_expired", "_sender", "_volume", "_wrap", "sa")

    def __init__(
        self, sa: IpsecSa, rng: Rng, carrier: CarrierOf, expired: Callable[[SaId, bool], None], mtu: int = 0
    ) -> None:
        self.sa = sa
        self._wrap = mode_of(sa, mtu).wrap
        self._sender = sender_of(sa, rng)
        self._carry = carrier(sa, self._sender)
        self._expired = expired
        self._volume = Volume(sa.limits, self._limit)

    @property
    def usage(self) -> Usage:
        """The counters of this SA."""
        return self._volume.usage()

    def send(self, packet: bytes) -> None:
        """Encapsulate a packet and send it. Raises Untransportable."""
        payload, next_header = self._wrap(packet)
        try:
            sealed = self._sender.seal(payload, next_header)
        except SequenceExhausted:
            self._limit(True)
            return
        self._carry(sealed, packet)
        self._volume.count(len(packet))

    def move(self, sa: IpsecSa, carrier: CarrierOf) -> None:
        """Take other outer addresses. Raises what `carrier` raises; then nothing has changed."""
        self._carry = carrier(sa, self._sender)
        self.sa = sa

    def _limit(self, hard: bool) -> None:
        self._expired(self.sa.id, hard)


class Outbound:
    """Everything the host sends into the TUN device."""

    def __init__(
        self,
        clear: Callable[[bytes], None],
        ask: Callable[[Acquire], None],
        is_own: Callable[[bytes], bool],
        drops: Counter[str],
    ) -> None:
        """`clear` sends a packet unprotected, `ask` reports that an SA is wanted, `drops` counts by reason.

        `is_own` tells addresses of this host from those that it forwards for.
        """
        self.policies = PolicyDatabase()
        self.waiting = WaitingPackets(ask)
        self._clear = clear
        self._is_own = is_own
        self._drops = drops
        self._sas: dict[int, list[OutboundSa]] = {}
        self._current: dict[int, OutboundSa] = {}
        self._reassembly = Reassembly()
        self._flows: dict[bytes | None, Callable[[bytes], None]] = {}
        self._unsent: list[Callable[[], None]] = []

    def process(self, packet: bytes) -> None:
        """Protect, pass or drop one packet. Never raises."""
        key = flow_key(packet)
        handle = self._flows.get(key) or self._handler(packet, key)
        try:
            handle(packet)
        except PeerMisbehaved as reason:
            self._drops[type(reason).__name__] += 1

    def flush_later(self, flush: Callable[[], None]) -> None:
        """Call `flush` when the packets at hand are processed: for carriers that collect packets."""
        self._unsent.append(flush)

    def flush(self) -> None:
        """Send what the carriers have collected."""
        unsent, self._unsent = self._unsent, []
        for flush in unsent:
            flush()

    def set_policy(self, pair: SelectorPair, policies: PolicySet | None) -> None:
        """Put the policy of a pair of selectors in force, or with None remove it."""
        self.policies.set(pair, policies)
        self._flows.clear()

    def add(self, sa: OutboundSa) -> None:
        """Use an SA from now on for the policies of its reqid."""
        reqid = sa.sa.reqid
        self._sas.setdefault(reqid, []).append(sa)
        self._current[reqid] = sa
        self._flows.clear()
        self._process_all(self.waiting.release(reqid))

    def remove(self, sa: OutboundSa) -> None:
        """Use an SA no longer; the one installed before it takes over."""
        reqid = sa.sa.reqid
        sas = self._sas.get(reqid, [])
        if sa in sas:
            sas.remove(sa)
        if sas:
            self._current[reqid] = sas[-1]
        else:
            self._sas.pop(reqid, None)
            self._current.pop(reqid, None)
        self._flows.clear()

    def retry_waiting(self) -> None:
        """Look again at the waiting packets, because there are new policies."""
        self._process_all(self.waiting.release_all())

    def _process_all(self, packets: list[bytes]) -> None:
        for packet in packets:
            self.process(packet)
        self.flush()

    def _handler(self, packet: bytes, key: bytes | None) -> Callable[[bytes], None]:
        try:
            flow = parse_flow(packet)
            if key is None and is_fragment(packet) and self.policies.needs_whole_datagrams(flow):
                return self._reassemble
            policies = self.policies.lookup(flow)
            reported = enclosed_flow(packet) if policies is None else None
        except MalformedPacket:
            return self._drop_malformed
        if reported is not None:
            return self._report_handler(reported, flow)
        handler = self._by_policy(policies, flow)
        if key is not None:
            if len(self._flows) >= MOST_FLOWS:
                self._flows.clear()
            self._flows[key] = handler
        return handler

    def _reassemble(self, fragment: bytes) -> None:
        whole = self._reassembly.add(fragment)
        if whole is not None:
            self.process(whole)

    def _by_policy(self, policies: PolicySet | None, flow: Flow) -> Callable[[bytes], None]:
        if policies is None:
            return self._without_policy(flow)
        if policies.action is PolicyAction.PASS:
            return self._clear
        if policies.action is PolicyAction.DROP:
            return self._drop_by_policy
        sa = self._current.get(policies.reqid)
        return sa.send if sa is not None else partial(self._hold, policies)

    def _without_policy(self, flow: Flow) -> Callable[[bytes], None]:
        """What this host sends itself passes, as in the kernel: a policy for one port must not cut off all others.

        What it forwards does not: to send it on from here would bypass the forwarding rules of the host's firewall.
        """
        if _stays_on_link(flow) or not self._is_own(flow.source):
            return self._drop_unrouted
        return self._clear

    def _report_handler(self, reported: Flow, flow: Flow) -> Callable[[bytes], None]:
        """An ICMP error takes the way of the packet that it reports on (RFC 4301 section 6.2)."""
        return self._by_policy(self.policies.lookup(reported.reversed()), flow)

    def _hold(self, policies: PolicySet, packet: bytes) -> None:
        if not self.waiting.hold(policies, packet):
            self._drops["no-sa"] += 1

    def _drop_malformed(self, packet: bytes) -> None:
        self._drops["malformed"] += 1

    def _drop_by_policy(self, packet: bytes) -> None:
        self._drops["policy"] += 1

    def _drop_unrouted(self, packet: bytes) -> None:
        self._drops["unrouted"] += 1


def _stays_on_link(flow: Flow) -> bool:
    """Whether the destination is multicast, broadcast or link-local: chatter of the host on its new interface."""
    destination = flow.destination
    if len(destination) == 4:
        return destination[0] >= 0xE0 or destination[:2] == b"\xa9\xfe"
    return destination[0] == 0xFF or (destination[0] == 0xFE and destination[1] & 0xC0 == 0x80)
