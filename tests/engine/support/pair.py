"""Two endpoints in memory, a network between them, and the clock that both live by."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from ikeengine.auth.credentials import CredentialStore
from ikeengine.crypto.rng import SeededRng
from ikeengine.crypto.sign import PrivateKey
from ikeengine.endpoint import Endpoint
from ikeengine.errors import DatapathError, LocalMisuse
from ikeengine.model.commands import Command, Initiate, NetworkChanged
from ikeengine.model.connection import EngineSettings
from ikeengine.model.path import Path
from ikeengine.model.sa import Direction, IpsecSa, PolicyAction, PolicySet, SaId
from ikeengine.model.status import ChildStatus, IkeStatus
from ikeengine.outputs import (
    AskConfirmation,
    AskFetch,
    AskPath,
    AskRoutes,
    AskSignature,
    CommandDone,
    DeleteAddress,
    DeletePolicies,
    DeleteSa,
    Failed,
    InstallAddress,
    InstallPolicies,
    InstallSa,
    Output,
    Transmit,
    UpdateSa,
)

WALL_OFFSET = 1_800_000_000.0
LATENCY = 0.01


@dataclass
class Host:
    """One endpoint with its datapath as plain dictionaries."""

    address: str
    endpoint: Endpoint
    peer: str = ""
    keys: dict[bytes, PrivateKey] = field(default_factory=dict)
    sas: dict[SaId, IpsecSa] = field(default_factory=dict)
    outbound: list[IpsecSa] = field(default_factory=list)
    policies: dict[int, PolicySet] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    """Virtual IP addresses."""
    log: list[Output] = field(default_factory=list)
    refuse: Callable[[Output], str] = lambda output: ""
    web: Callable[[AskFetch], bytes | LocalMisuse | None] = lambda ask: LocalMisuse("HTTP status 404 Not Found")
    """What this host gets when it fetches something; None for a server that never answers."""
    others: list[str] = field(default_factory=list)
    """More addresses of this host, after `address`."""
    route: Callable[[str, str], str] = lambda preferred, remote: preferred
    """(preferred local address, remote address) -> the local one to use, empty if there is no way."""

    def events(self, kind: type) -> list:
        """The outputs of one kind so far."""
        return [output for output in self.log if isinstance(output, kind)]

    def failures(self) -> list:
        """The failure records so far."""
        return [output.record for output in self.events(Failed)]

    def ikes(self, state: str = "ESTABLISHED") -> list[IkeStatus]:
        """IKE SAs in a state."""
        return [ike for ike in self.endpoint.status() if ike.state == state]

    def children(self, state: str = "INSTALLED") -> list[ChildStatus]:
        """Child SAs in a state."""
        return [child for ike in self.endpoint.status() for child in ike.children if child.state == state]

    def sending_sa(self) -> IpsecSa | None:
        """The SA that a packet would take now: the newest outbound one of a policy in force."""
        reqids = {p.reqid for p in self.policies.values() if p.action is PolicyAction.PROTECT}
        return next((sa for sa in reversed(self.outbound) if sa.reqid in reqids and sa.id in self.sas), None)


class Net:
    """Carries datagrams between the hosts, on a virtual clock. Faults come from a seeded generator."""

    def __init__(self, seed: int = 1, *, loss: float = 0.0, duplicate: float = 0.0, jitter: float = 0.0) -> None:
        self.now = 100.0
        self.hosts: dict[str, Host] = {}
        self.sent: list[tuple[float, Transmit]] = []
        self.rewrite: Callable[[Transmit], Transmit | None] = lambda datagram: datagram
        """May change or drop a datagram (a NAT, an attacker, a script)."""
        self.delay: Callable[[Transmit], float] = lambda datagram: 0.0
        self.copies: Callable[[Transmit], int] = lambda datagram: 1
        self.loss, self.duplicate, self.jitter = loss, duplicate, jitter
        self._random = random.Random(seed)
        self._in_flight: list[tuple[float, int, bytes, Path]] = []
        self._answers: list[tuple[float, int, Host, int, bytes | LocalMisuse]] = []
        self._count = itertools.count()
        self.watch: Callable[[], None] = lambda: None
        """Called after every step, to check an invariant."""

    def add(self, address: str, seed: int | str = 0, **settings: object) -> Host:
        """A host with an empty configuration."""
        rng = SeededRng(f"{address}/{seed}")
        endpoint = Endpoint(EngineSettings(**settings), rng, CredentialStore(), wall_offset=WALL_OFFSET)
        host = self.hosts[address] = Host(address, endpoint)
        return host

    def pump(self, host: Host) -> None:
        """Carry out what a host wants done, in order."""
        while outputs := host.endpoint.take_outputs():
            for output in outputs:
                host.log.append(output)
                self._carry_out(host, output)

    def _carry_out(self, host: Host, output: Output) -> None:
        reason = host.refuse(output)
        match output:
            case InstallSa() | InstallPolicies() | UpdateSa() if reason:
                host.endpoint.complete(output.op, DatapathError(reason), self.now)
            case Transmit():
                if output.path.local in (host.address, *host.others):
                    self._send(output)
            case InstallSa():
                assert output.sa.id not in host.sas, "an SA is installed twice"
                host.sas[output.sa.id] = output.sa
                if output.sa.direction is Direction.OUT:
                    host.outbound.append(output.sa)
            case UpdateSa():
                old = host.sas.pop(output.sa)
                new = replace(old, source=output.source, destination=output.destination, encap=output.encap)
                host.sas[new.id] = new
                host.outbound = [new if sa is old else sa for sa in host.outbound]
            case DeleteSa():
                host.sas.pop(output.sa, None)
                host.outbound = [sa for sa in host.outbound if sa.id != output.sa]
            case InstallPolicies():
                host.policies[output.policies.owner] = output.policies
            case InstallAddress() if reason:
                host.endpoint.complete(output.op, DatapathError(reason), self.now)
            case InstallAddress():
                assert output.address not in host.addresses, "an address is installed twice"
                host.addresses.append(output.address)
            case DeleteAddress():
                host.addresses.remove(output.address)
            case DeletePolicies():
                host.policies.pop(output.owner, None)
            case AskSignature():
                signature = host.keys[output.key_id].sign(output.scheme, output.data)
                host.endpoint.complete(output.op, signature, self.now)
            case AskPath():
                remotes = [a for a in output.remote_addrs if not a.startswith("%")]
                remote = remotes[output.attempt % len(remotes)]
                path = Path(host.address, output.local_port, remote, output.remote_port)
                host.endpoint.complete(output.op, path, self.now)
            case AskFetch():
                document = host.web(output)
                wait = LATENCY if document is not None else output.timeout
                answer = LocalMisuse("no answer") if document is None else document
                heapq.heappush(self._answers, (self.now + wait, next(self._count), host, output.op, answer))
            case AskRoutes():
                own = [a for a in (host.address, *host.others) if a]
                routes = {}
                for remote in output.remotes:
                    preferred = output.preferred if output.preferred in own else next(iter(own), "")
                    local = host.route(preferred, remote)
                    if local:
                        routes[remote] = local
                host.endpoint.complete(output.op, routes, self.now)
            case AskConfirmation():
                host.endpoint.complete(output.op, None, self.now)

    def _send(self, datagram: Transmit) -> None:
        self.sent.append((self.now, datagram))
        if datagram.keepalive:
            return
        changed = self.rewrite(datagram)
        if changed is not None:
            self.transmit(changed)

    def transmit(self, changed: Transmit) -> None:
        """Carry a datagram as the network is: with its loss, duplicates, delay and jitter."""
        if self._random.random() < self.loss:
            return
        copies = self.copies(changed) + (self._random.random() < self.duplicate)
        for _ in range(copies):
            arrival = self.now + LATENCY + self.delay(changed) + self._random.random() * self.jitter
            seen = Path(changed.path.remote, changed.path.remote_port, changed.path.local, changed.path.local_port)
            heapq.heappush(self._in_flight, (arrival, next(self._count), changed.data, seen))

    def host_at(self, address: str) -> Host | None:
        """Who has an address now."""
        return next((h for h in self.hosts.values() if address in (h.address, *h.others)), None)

    def readdress(self, host: Host, address: str, *others: str) -> None:
        """Give a host other addresses; its daemon notices at once."""
        host.address, host.others = address, list(others)
        self.command(host, NetworkChanged(tuple(a for a in (address, *others) if a)))

    def _next_time(self) -> float | None:
        times = [t for host in self.hosts.values() if (t := host.endpoint.next_timeout()) is not None]
        times += [queue[0][0] for queue in (self._in_flight, self._answers) if queue]
        return min(times, default=None)

    def step(self) -> bool:
        """Jump to the next thing that happens. False if nothing ever will."""
        when = self._next_time()
        if when is None:
            return False
        self.now = max(self.now, when)
        while self._in_flight and self._in_flight[0][0] <= self.now:
            _, _, data, path = heapq.heappop(self._in_flight)
            host = self.host_at(path.local)
            if host is not None:
                host.endpoint.receive_datagram(data, path, self.now)
                self.pump(host)
        while self._answers and self._answers[0][0] <= self.now:
            _, _, host, op, answer = heapq.heappop(self._answers)
            host.endpoint.complete(op, answer, self.now)
            self.pump(host)
        for host in self.hosts.values():
            due = host.endpoint.next_timeout()
            if due is not None and due <= self.now:
                host.endpoint.handle_timer(self.now)
                self.pump(host)
        self.watch()
        return True

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while (when := self._next_time()) is not None and when <= end:
            self.step()
        self.now = end

    def settle(self, limit: float = 2.0) -> None:
        """Let everything that is under way arrive."""
        self.run(limit)

    def command(self, host: Host, command: Command) -> int:
        """Give a host a command; the datagrams go out, nothing arrives yet."""
        op = host.endpoint.command(command, self.now)
        self.pump(host)
        return op

    def done(self, host: Host, op: int) -> CommandDone | None:
        """How a command ended, None if it has not."""
        return next((output for output in host.events(CommandDone) if output.op == op), None)

    def initiate(self, host: Host, child: str = "net") -> CommandDone:
        """Bring up a Child SA and wait for the outcome."""
        op = self.command(host, Initiate(child=child))
        for _ in range(1000):
            done = self.done(host, op)
            if done is not None or not self.step():
                break
        done = self.done(host, op)
        assert done is not None, "the command has no outcome"
        return done


def traffic_flows(a: Host, b: Host) -> bool:
    """Whether a packet from each side would be accepted by the other now."""
    return _accepts(a, b) and _accepts(b, a)


def _accepts(sender: Host, receiver: Host) -> bool:
    sa = sender.sending_sa()
    return sa is not None and any(
        _headers(other) == _headers(sa) and other.direction is Direction.IN for other in receiver.sas.values()
    )


def _headers(sa: IpsecSa) -> list[tuple[int, int]]:
    """The protocols and SPIs that packets show; a NAT may change the addresses."""
    return [(each.protocol, each.spi) for each in (sa, sa.outermost)]


def installed_pairs(a: Host, b: Host) -> Iterator[tuple[ChildStatus, ChildStatus]]:
    """The Child SAs that both sides have, matched by SPI."""
    theirs = {child.spi_out: child for child in b.children()}
    for child in a.children():
        if child.spi_in in theirs:
            yield child, theirs[child.spi_in]
