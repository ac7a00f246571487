"""Packets that wait for an SA, and the requests for one (RFC 4301 section 4.4.1.1, the on-demand SA)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

from ikeengine.datapath.userspace.packet import Flow, parse_flow
from ikeengine.model.commands import Acquire
from ikeengine.model.sa import PolicySet
from ikeengine.model.selector import ANY_PORTS, TrafficSelector

MOST_WAITING = 16
"""Packets kept for each policy."""
LONGEST_WAIT = 30.0
"""Seconds after which a waiting packet is of no use to anybody."""
ASK_INTERVAL = 5.0
"""Seconds between two Acquire events of a policy, as long as no SA comes."""


class _Queue:
    __slots__ = ("asked", "flows", "packets", "reqid", "retried")

    def __init__(self, reqid: int) -> None:
        self.reqid = reqid
        self.asked: float | None = None
        self.packets: deque[tuple[float, bytes]] = deque()
        self.flows: set[Flow] = set()
        """What has asked since `asked`."""
        self.retried = False
        """There were new policies since then, and they were not for all that waits here."""


class WaitingPackets:
    """The queues of all policies without an SA, by owner. `ask` is told that an SA is wanted."""

    def __init__(self, ask: Callable[[Acquire], None], clock: Callable[[], float] = monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._queues: dict[int, _Queue] = {}

    def hold(self, policies: PolicySet, packet: bytes) -> bool:
        """Keep a packet until there is an SA, and ask for one. False if it had to be dropped."""
        now = self._clock()
        queue = self._queues.setdefault(policies.owner, _Queue(policies.reqid))
        _drop_old(queue, now)
        kept = len(queue.packets) < MOST_WAITING
        if kept:
            queue.packets.append((now, packet))
        flow = parse_flow(packet)
        if queue.asked is None or now - queue.asked >= ASK_INTERVAL:
            queue.asked, queue.flows, queue.retried = now, {flow}, False
            self._ask(_acquire(policies, flow))
        elif queue.retried and flow not in queue.flows and len(queue.flows) < MOST_WAITING:
            # The peer has narrowed the SA: it does not take this packet, which did not ask while others did.
            queue.flows.add(flow)
            self._ask(_acquire(policies, flow))
        return kept

    def release(self, reqid: int) -> list[bytes]:
        """The packets that waited for an SA of this reqid, which is there now."""
        owners = [owner for owner, queue in self._queues.items() if queue.reqid == reqid]
        return [packet for owner in owners for packet in self._take(self._queues.pop(owner))]

    def release_all(self) -> list[bytes]:
        """All packets, because other policies may care for them now. Who has asked already does not ask again."""
        for queue in self._queues.values():
            queue.retried = True
        return [packet for queue in self._queues.values() for packet in self._take(queue)]

    def forget(self, owner: int) -> None:
        """Drop the packets of an owner whose policies are gone."""
        self._queues.pop(owner, None)

    def _take(self, queue: _Queue) -> list[bytes]:
        _drop_old(queue, self._clock())
        packets = [packet for _unused, packet in queue.packets]
        queue.packets.clear()
        return packets


def _drop_old(queue: _Queue, now: float) -> None:
    while queue.packets and now - queue.packets[0][0] > LONGEST_WAIT:
        queue.packets.popleft()


def _acquire(policies: PolicySet, flow: Flow) -> Acquire:
    return Acquire(
        policies.owner,
        policies.reqid,
        _selector(flow.source, flow.protocol, flow.source_port),
        _selector(flow.destination, flow.protocol, flow.destination_port),
    )


def _selector(address: bytes, protocol: int, port: int) -> TrafficSelector:
    first, last = (port, port) if port >= 0 else ANY_PORTS
    return TrafficSelector(address, address, protocol, first, last)
