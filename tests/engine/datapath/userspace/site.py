"""A tunnel with static keys between two hosts, each with a UserspaceDatapath in a process of its own."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from ikeengine.datapath.userspace.settings import UserspaceSettings
from ikeengine.model.connection import Mode
from ikeengine.model.sa import Direction, IpsecSa, PolicyAction, PolicySet, UdpEncap
from tests.engine.datapath.userspace.samples import (
    ENCAP,
    GCM,
    LEFT,
    LEFT6,
    LEFT6_HOST,
    LEFT6_NET,
    LEFT_HOST,
    LEFT_NET,
    RIGHT,
    RIGHT6,
    RIGHT6_HOST,
    RIGHT6_NET,
    RIGHT_HOST,
    RIGHT_NET,
    make_policies,
    make_sa,
    selector,
)
from tests.lab.netns import Namespace
from tests.lab.userspace_host import RemoteDatapath

OWNER = 1


@dataclass(frozen=True)
class Shape:
    """What the tunnel looks like."""

    suite: tuple = GCM
    encap: UdpEncap | None = ENCAP
    outer_v6: bool = False
    inner_v6: bool = False
    mode: Mode = Mode.TUNNEL
    esn: bool = False
    nets: tuple[str, str] = ("", "")

    @property
    def outer(self) -> tuple[str, str]:
        """Addresses in front of the tunnel, left and right."""
        return (LEFT6, RIGHT6) if self.outer_v6 else (LEFT, RIGHT)

    @property
    def inner(self) -> tuple[str, str]:
        """Addresses that talk through the tunnel."""
        if self.mode is Mode.TRANSPORT:
            return self.outer
        return (LEFT6_HOST, RIGHT6_HOST) if self.inner_v6 else (LEFT_HOST, RIGHT_HOST)

    @property
    def selectors(self) -> tuple:
        """The traffic selectors, left and right."""
        if self.mode is Mode.TRANSPORT:
            return tuple(selector(address) for address in self.outer)
        nets = (LEFT6_NET, RIGHT6_NET) if self.inner_v6 else (LEFT_NET, RIGHT_NET)
        return tuple(selector(given or net) for given, net in zip(self.nets, nets, strict=True))


class Site:
    """Both ends. Index 0 is left, 1 is right."""

    def __init__(
        self, hosts: tuple[Namespace, Namespace], shape: Shape, settings: UserspaceSettings | None = None
    ) -> None:
        self.hosts = hosts
        self.shape = shape
        self.ends = [
            RemoteDatapath(host.name, address, settings=settings)
            for host, address in zip(hosts, shape.outer, strict=True)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for end in self.ends:
            end.close()

    def sa(self, sender: int, direction: Direction, generation: int = 0, **changes) -> IpsecSa:
        """The SA from one end to the other, as installed at the sender (OUT) or the receiver (IN)."""
        here = sender if direction is Direction.OUT else 1 - sender
        shape = self.shape
        sa = make_sa(
            direction,
            shape.suite,
            spi=0x1000 * (sender + 1) + generation,
            source=shape.outer[sender],
            destination=shape.outer[1 - sender],
            mode=shape.mode,
            encap=shape.encap,
            esn=shape.esn,
            local_ts=(shape.selectors[here],),
            remote_ts=(shape.selectors[1 - here],),
        )
        return replace(sa, **changes)

    def policies(self, end: int, owner: int = OWNER, action: PolicyAction = PolicyAction.PROTECT) -> PolicySet:
        shape = self.shape
        return make_policies(
            owner,
            action,
            local_ts=(shape.selectors[end],),
            remote_ts=(shape.selectors[1 - end],),
            mode=shape.mode,
            local=shape.outer[end],
            remote=shape.outer[1 - end],
        )

    def install_sas(self, generation: int = 0, **changes) -> None:
        """Install both SAs at both ends, first the inbound halves."""
        for direction in (Direction.IN, Direction.OUT):
            for sender in (0, 1):
                at = sender if direction is Direction.OUT else 1 - sender
                self.ends[at].call("install_sa", self.sa(sender, direction, generation, **changes))

    def delete_sas(self, generation: int, direction: Direction) -> None:
        """Delete one half of both SAs."""
        for sender in (0, 1):
            at = sender if direction is Direction.OUT else 1 - sender
            self.ends[at].call("delete_sa", self.sa(sender, direction, generation).id)

    def install_policies(self, action: PolicyAction = PolicyAction.PROTECT, owner: int = OWNER) -> None:
        for end, datapath in enumerate(self.ends):
            datapath.call("install_policies", self.policies(end, owner, action))

    def up(self) -> Self:
        self.install_sas()
        self.install_policies()
        return self

    def ping(self, sender: int = 0, *options: str, **limits) -> bool:
        """Whether pings from one end to the other come back."""
        source, destination = self.shape.inner[sender], self.shape.inner[1 - sender]
        return ping(self.hosts[sender], destination, "-I", source, *options, **limits)

    def packets(self, end: int = 0) -> int:
        """How many packets an end has sent through its first SA."""
        return self.ends[end].call("usage", self.sa(end, Direction.OUT).id).packets

    def drops(self, end: int) -> dict[str, int]:
        return {reason: n for reason, n in self.ends[end].call("counters").items() if reason != "sent"}


def ping(host: Namespace, destination: str, *options: str, count: int = 1, wait: float = 5) -> bool:
    """Whether pings come back, each within `wait` seconds.

    One process for each: after a first answer ping(8) waits for the others only twice as long as that took.
    """
    return all(host.ping(destination, *options, wait=wait) for _ in range(count))


def transfer(sender: Namespace, receiver: Namespace, address: str, size: int) -> bool:
    """Whether `size` octets arrive unchanged over TCP at an address of the receiver."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    data = hashlib.shake_128(b"seed").digest(size)
    arrived: list[bytes] = []
    with receiver.entered():
        listener = socket.create_server((address, 0), family=family)
    listener.settimeout(120)

    def receive() -> None:
        with listener, listener.accept()[0] as connection:
            connection.settimeout(120)
            while chunk := connection.recv(65536):
                arrived.append(chunk)

    thread = threading.Thread(target=receive)
    thread.start()
    with sender.entered():
        connection = socket.create_connection(listener.getsockname()[:2], timeout=120)
    with connection:
        connection.sendall(data)
    thread.join(120)
    return b"".join(arrived) == data


def captured(host: Namespace, action: Callable[[], object]) -> list[bytes]:
    """The frames that cross a host's `eth0` while an action runs."""
    ethernet = 3
    with host.entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ethernet))
    with sock:
        sock.settimeout(0.2)
        action()
        frames = []
        while True:
            try:
                frames.append(sock.recvfrom(65535))
            except TimeoutError:
                return [data for data, address in frames if address[0] == "eth0"]
