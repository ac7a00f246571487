"""From the tunnel to the host: SA, decapsulation, policy check (RFC 4301 section 5.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from struct import Struct

from ikeengine.datapath.policies import all_pairs
from ikeengine.datapath.userspace.ah import SPI_AT
from ikeengine.datapath.userspace.ah_header import split_headers
from ikeengine.datapath.userspace.early import EarlyPackets
from ikeengine.datapath.userspace.esp import Replayed
from ikeengine.datapath.userspace.headers import merge_traffic_class
from ikeengine.datapath.userspace.modes import mode_of
from ikeengine.datapath.userspace.packet import (
    NO_NEXT_HEADER,
    Flow,
    MalformedPacket,
    enclosed_flow,
    flow_key,
    parse_flow,
)
from ikeengine.datapath.userspace.protection import EspOfBundles, receiver_of
from ikeengine.datapath.userspace.spd import PolicyDatabase, SelectorMatch
from ikeengine.datapath.userspace.volume import Volume
from ikeengine.errors import IntegrityFailed, PeerMisbehaved
from ikeengine.model.connection import Mode
from ikeengine.model.sa import IpsecSa, PolicyAction, SaId, Usage

MOST_FLOWS = 4096
"""Flows of one SA that are remembered as allowed."""

_SPI = Struct(">I")
_SPI_LENGTH = 4


class WrongSelectors(PeerMisbehaved):
    """A decrypted packet that the SA is not for (RFC 4301 section 5.2 step 4). Dropped in silence."""

    notify = None


class InboundSa:
    """One inbound SA."""

    __slots__ = (
        "_allowed", "_came_from", "_expired", "_integrity_failures", "_matches", "_mode", "_policies", "_receiver",
        "_replays", "_volume", "deliver", "sa",
    )  # fmt: skip

    def __init__(
        self,
        sa: IpsecSa,
        policies: PolicyDatabase,
        expired: Callable[[SaId, bool], None],
        deliver: Callable[[bytes], None] | None = None,
        of_bundles: EspOfBundles | None = None,
    ) -> None:
        """`expired(id, hard)` is told when the SA reaches a limit.

        `policies` decide what may come through an SA without selectors of its own; `deliver` gives packets to the
        host in another way than all others; `of_bundles` is common to the SAs whose packets may be mixed.
        """
        self.sa = sa
        self.deliver = deliver
        self._expired = expired
        self._policies = policies
        self._mode = mode_of(sa)
        self._receiver = receiver_of(sa, EspOfBundles() if of_bundles is None else of_bundles)
        self._volume = Volume(sa.limits, self._limit)
        self._matches = [SelectorMatch(pair) for pair in all_pairs(sa.local_ts, sa.remote_ts)]
        self._allowed: set[bytes] = set()
        self._replays = 0
        self._integrity_failures = 0
        self._came_from = _sender_of(sa)

    @property
    def usage(self) -> Usage:
        """The counters of this SA."""
        return self._volume.usage(replay_drops=self._replays, integrity_failures=self._integrity_failures)

    def move(self, sa: IpsecSa) -> None:
        """Take other outer addresses."""
        self.sa = sa
        self._mode = mode_of(sa)
        self._came_from = _sender_of(sa)

    def comes_from_elsewhere(self, address: str, port: int) -> bool:
        """Whether an authentic packet from there tells of a NAT mapping that has changed; true once for each change."""
        if self._came_from in (None, (address, port)):
            return False
        self._came_from = (address, port)
        return True

    def receive(self, packet: bytes, traffic_class: int | None) -> bytes | None:
        """The IP packet in an ESP packet, or in an IP packet with AH; None for a dummy packet.

        Raises PeerMisbehaved for what must be dropped.
        `traffic_class` is that of the outer header, None if unknown.
        """
        try:
            payload, next_header = self._receiver.open(packet)
        except PeerMisbehaved as reason:
            self._count_failure(reason)
            raise
        self._volume.count(len(payload))
        if next_header == NO_NEXT_HEADER:
            return None
        inner = self._mode.unwrap(payload, next_header, traffic_class or 0)
        key = flow_key(inner)
        if key not in self._allowed:
            self._check(inner, key)
        if traffic_class is None or self.sa.mode is Mode.TRANSPORT:
            return inner
        return merge_traffic_class(inner, traffic_class, copy_ecn=self.sa.copy_ecn, copy_dscp=self.sa.copy_dscp)

    def _limit(self, hard: bool) -> None:
        self._expired(self.sa.id, hard)

    def _count_failure(self, reason: PeerMisbehaved) -> None:
        if isinstance(reason, Replayed):
            self._replays += 1
        elif isinstance(reason, IntegrityFailed):
            self._integrity_failures += 1

    def _check(self, inner: bytes, key: bytes | None) -> None:
        if self._is_allowed(parse_flow(inner)):
            self._remember(key)
        elif not self._reports_on_allowed(inner):
            raise WrongSelectors("the packet is outside of the selectors of its SA")

    def _remember(self, key: bytes | None) -> None:
        if key is None or not self.sa.local_ts:
            return
        if len(self._allowed) >= MOST_FLOWS:
            self._allowed.clear()
        self._allowed.add(key)

    def _is_allowed(self, flow: Flow) -> bool:
        seen_from_here = flow.reversed()
        if self.sa.local_ts:
            return any(match.matches(seen_from_here) for match in self._matches)
        policies = self._policies.lookup(seen_from_here)
        return policies is not None and policies.action is PolicyAction.PROTECT and policies.reqid == self.sa.reqid

    def _reports_on_allowed(self, inner: bytes) -> bool:
        """Whether it is an ICMP error about a packet that went out through this SA's twin (RFC 4301 section 6.2)."""
        reported = enclosed_flow(inner)
        return reported is not None and self._is_allowed(reported.reversed())


def _sender_of(sa: IpsecSa) -> tuple[str, int] | None:
    """Where UDP-encapsulated packets of an SA should come from."""
    return (sa.source, sa.encap.source_port) if sa.encap is not None else None


def spi_of_esp(packet: bytes) -> int:
    """The SPI of an ESP packet; 0, which no SA has, if it is cut off."""
    return _SPI.unpack_from(packet)[0] if len(packet) >= _SPI_LENGTH else 0


def spi_of_ah(packet: bytes) -> int:
    """The SPI in an IP packet with AH; 0 if that is cut off."""
    try:
        _unused, rest = split_headers(packet)
    except MalformedPacket:
        return 0
    return spi_of_esp(rest[SPI_AT:])


class Inbound:
    """Everything that arrives as ESP, or everything that arrives as AH."""

    def __init__(
        self,
        deliver: Callable[[bytes], None],
        drops: Counter[str],
        spi_of: Callable[[bytes], int] = spi_of_esp,
    ) -> None:
        """`deliver` gives a packet to the host, `drops` counts by reason."""
        self._spi_of = spi_of
        self._deliver = deliver
        self._drops = drops
        self._sas: dict[int, InboundSa] = {}
        self._early = EarlyPackets()

    def process(self, packet: bytes, traffic_class: int | None) -> InboundSa | None:
        """Decapsulate one packet for the host, or drop it. Returns the SA if the packet is authentic. Never raises."""
        spi = self._spi_of(packet)
        sa = self._sas.get(spi)
        if sa is None:
            self._drops["unknown-spi"] += 1
            self._early.keep(spi, packet, traffic_class)
            return None
        try:
            inner = sa.receive(packet, traffic_class)
        except PeerMisbehaved as reason:
            self._drops[type(reason).__name__] += 1
            return None
        if inner is not None:
            (sa.deliver or self._deliver)(inner)
        return sa

    def get(self, spi: int) -> InboundSa | None:
        """The SA of an SPI."""
        return self._sas.get(spi)

    def add(self, sa: InboundSa) -> None:
        """Accept packets of an SA, also those that came a moment too early."""
        spi = sa.sa.outermost.spi
        self._sas[spi] = sa
        for packet, traffic_class in self._early.take(spi):
            self._drops["unknown-spi"] -= 1
            self.process(packet, traffic_class)

    def remove(self, sa: InboundSa) -> None:
        """Accept them no longer."""
        self._sas.pop(sa.sa.outermost.spi, None)
