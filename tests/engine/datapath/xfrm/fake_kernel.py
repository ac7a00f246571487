"""A kernel with a state and a policy database in memory, which can fail, fall silent or see its client killed."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ikeengine.datapath import rtnetlink
from ikeengine.datapath.netlink import Events, Message, NetlinkError, NoAnswer, attribute
from ikeengine.datapath.rtnetlink import Hop, Route, Rule
from ikeengine.datapath.xfrm import datapath, sad
from ikeengine.datapath.xfrm.constants import Xfrma, XfrmGroup, XfrmMsg
from ikeengine.datapath.xfrm.policy import PolicyKey, read_policy, read_policy_id, read_policy_key
from ikeengine.datapath.xfrm.state import USERSA_ID, USERSA_INFO, KernelState, read_id, read_state, read_state_id
from ikeengine.model.path import packed
from ikeengine.model.sa import SaId


class Killed(BaseException):
    """The engine got a SIGKILL."""


@dataclass
class FakeKernel:
    """What NETLINK_XFRM sockets talk to. `before` and `after` are called around each change, with its number."""

    states: dict[SaId, bytes] = field(default_factory=dict)
    policies: dict[PolicyKey, bytes] = field(default_factory=dict)
    routes: set[Route] = field(default_factory=set)
    rules: set[Rule] = field(default_factory=set)
    changes: list[str] = field(default_factory=list)
    before: Callable[[int], None] = lambda number: None
    after: Callable[[int], None] = lambda number: None
    listeners: list[FakeEvents] = field(default_factory=list)
    has_esp: bool = True
    closed: int = 0

    @contextmanager
    def change(self, name: str) -> Iterator[None]:
        number = len(self.changes)
        self.changes.append(name)
        self.before(number)
        yield
        self.after(number)

    def tell(self, group: XfrmGroup, kind: XfrmMsg, body: bytes) -> None:
        for listener in self.listeners:
            if group in listener.groups:
                listener.heard.append(Message(kind, body))

    def state(self, sa: SaId) -> KernelState:
        return read_state(self.states[sa])


@dataclass
class FakeSocket:
    """In the place of a NetlinkSocket."""

    kernel: FakeKernel

    def __enter__(self) -> FakeSocket:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self.kernel.closed += 1

    def request(self, kind: XfrmMsg, body: bytes, flags: int = 0) -> None:
        with self.kernel.change(XfrmMsg(kind).name):
            getattr(self, f"_{XfrmMsg(kind).name.lower()}")(body)

    def get(self, kind: XfrmMsg, body: bytes) -> Message:
        if kind == XfrmMsg.GETSA:
            sa, _ = read_id(body)
            return Message(XfrmMsg.NEWSA, self._found(self.kernel.states, sa, errno.ESRCH))
        key = read_policy_id(body)
        return Message(XfrmMsg.NEWPOLICY, self._found(self.kernel.policies, key, errno.ENOENT))

    def _newsa(self, body: bytes) -> None:
        if not self.kernel.has_esp:
            raise NetlinkError(errno.EPROTONOSUPPORT, "Requested type not found")
        sa = read_state_id(body)
        if sa in self.kernel.states:
            raise NetlinkError(errno.EEXIST)
        self.kernel.states[sa] = body

    def _delsa(self, body: bytes) -> None:
        sa, _ = read_id(body)
        state = self._found(self.kernel.states, sa, errno.ESRCH)
        del self.kernel.states[sa]
        info, attributes = state[: USERSA_INFO.size], state[USERSA_INFO.size :]
        self.kernel.tell(XfrmGroup.SA, XfrmMsg.DELSA, body[: USERSA_ID.size] + attribute(Xfrma.SA, info) + attributes)

    def _newpolicy(self, body: bytes) -> None:
        if read_policy_key(body) in self.kernel.policies:
            raise NetlinkError(errno.EEXIST)
        self._updpolicy(body)

    def _updpolicy(self, body: bytes) -> None:
        self.kernel.policies[read_policy_key(body)] = body

    def _delpolicy(self, body: bytes) -> None:
        key = read_policy_id(body)
        self._found(self.kernel.policies, key, errno.ENOENT)
        del self.kernel.policies[key]

    @staticmethod
    def _found(database: dict, key: object, code: int) -> bytes:
        if key not in database:
            raise NetlinkError(code)
        return database[key]


@dataclass
class FakeEvents:
    """In the place of an EventSocket."""

    kernel: FakeKernel
    groups: tuple[int, ...]
    heard: list[Message] = field(default_factory=list)
    overrun: bool = False

    def __enter__(self) -> FakeEvents:
        self.kernel.listeners.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        self.kernel.listeners.remove(self)

    def fileno(self) -> int:
        return 77

    def read(self) -> Events:
        events = Events(self.heard, self.overrun)
        self.heard, self.overrun = [], False
        return events


class FakeRoutes:
    """In the place of the functions of rtnetlink: one uplink, and a default route through a router."""

    GATEWAY = packed("192.0.2.254")
    OUTER = packed("192.0.2.1")

    def __init__(self, kernel: FakeKernel, *, inside: str = "10.1.0.1", default_route: bool = True) -> None:
        self.kernel = kernel
        self.addresses = [self.OUTER, packed(inside)] if inside else [self.OUTER]
        self.default_route = default_route

    def install(self, monkeypatch) -> None:
        for name in ("local_addresses", "lookup", "add_route", "replace_route", "delete_route"):
            monkeypatch.setattr(rtnetlink, name, getattr(self, name))
        for name in ("add_rule", "delete_rule"):
            monkeypatch.setattr(rtnetlink, name, getattr(self, name))

    def local_addresses(self, kernel: object) -> list[bytes]:
        return self.addresses

    def lookup(self, kernel: object, destination: bytes, source: bytes = b"", *, mark: int = 0) -> Hop:
        assert mark, "our own lookups must not see our own routes"
        if not self.default_route and destination[:3] != self.OUTER[:3]:
            raise NetlinkError(errno.ENETUNREACH)
        return Hop(2, self.GATEWAY, source or self.OUTER)

    def add_route(self, kernel: object, route: Route, table: int) -> None:
        with self.kernel.change(f"add route {route.destination}"):
            if any(other.destination == route.destination for other in self.kernel.routes):
                raise NetlinkError(errno.EEXIST)
            self.kernel.routes.add(route)

    def replace_route(self, kernel: object, route: Route, table: int) -> None:
        with self.kernel.change(f"replace route {route.destination}"):
            self.kernel.routes -= {other for other in self.kernel.routes if other.destination == route.destination}
            self.kernel.routes.add(route)

    def delete_route(self, kernel: object, route: Route, table: int) -> None:
        with self.kernel.change(f"delete route {route.destination}"):
            if route not in self.kernel.routes:
                raise NetlinkError(errno.ESRCH)
            self.kernel.routes.remove(route)

    def add_rule(self, kernel: object, rule: Rule) -> None:
        with self.kernel.change("add rule"):
            if rule in self.kernel.rules:
                raise NetlinkError(errno.EEXIST)
            self.kernel.rules.add(rule)

    def delete_rule(self, kernel: object, rule: Rule) -> None:
        with self.kernel.change("delete rule"):
            if rule not in self.kernel.rules:
                raise NetlinkError(errno.ENOENT)
            self.kernel.rules.remove(rule)


@dataclass
class Loop:
    """As much of an event loop as a datapath uses."""

    readers: dict[int, Callable[[], None]] = field(default_factory=dict)

    def add_reader(self, descriptor: int, callback: Callable[[], None]) -> None:
        self.readers[descriptor] = callback

    def remove_reader(self, descriptor: int) -> None:
        del self.readers[descriptor]


@dataclass
class Host:
    """The daemon as the datapath sees it."""

    loop: Loop = field(default_factory=Loop)
    events: list[object] = field(default_factory=list)

    def event(self, event: object) -> None:
        self.events.append(event)


def fails_at(number: int, code: int = errno.ENOBUFS) -> Callable[[int], None]:
    """Refuse one change, counted from 0."""

    def hook(current: int) -> None:
        if current == number:
            raise NetlinkError(code)

    return hook


def silent_at(number: int) -> Callable[[int], None]:
    """Lose the answer to one change."""

    def hook(current: int) -> None:
        if current == number:
            raise NoAnswer(errno.ETIMEDOUT, "the kernel does not answer")

    return hook


def killed_at(number: int) -> Callable[[int], None]:
    """Kill the engine at one change."""

    def hook(current: int) -> None:
        if current == number:
            raise Killed

    return hook


def policy_texts(kernel: FakeKernel) -> list[str]:
    """The names of all policies, readable."""
    return sorted(f"{key} reqid {read_policy(body).reqid}" for key, body in kernel.policies.items())


def use(monkeypatch, kernel: FakeKernel) -> None:
    """Let the datapath open its sockets to this kernel."""
    monkeypatch.setattr(datapath, "NetlinkSocket", lambda family: FakeSocket(kernel))
    for module in (datapath, sad):
        monkeypatch.setattr(module, "EventSocket", lambda family, groups: FakeEvents(kernel, groups))


def set_counters(kernel: FakeKernel, name: SaId, *, octets: int = 0, packets: int = 0, used: int = 0, stats=(0, 0, 0)):
    """Say what a state has been through; `stats` are too old, replayed and not authentic packets."""
    body = bytearray(kernel.states[name])
    struct.pack_into("=4Q", body, 160, octets, packets, 1700000000, 1700000001 if packets else 0)
    struct.pack_into("=3I", body, 192, *stats)
    kernel.states[name] = bytes(body) + (attribute(Xfrma.LASTUSED, struct.pack("=Q", used)) if used else b"")
