"""Two gateways with static keys: what the tests inside the kernel are made of."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path as File
from typing import Self

from ikeengine.datapath.netlink import NETLINK_XFRM, NetlinkSocket
from ikeengine.datapath.xfrm import XfrmDatapath
from ikeengine.datapath.xfrm.constants import XfrmMsg
from ikeengine.model.commands import Acquire, SaExpired
from ikeengine.model.connection import Mode
from ikeengine.model.path import packed
from ikeengine.model.proposal import Transform
from ikeengine.model.sa import Direction, IpsecSa, PolicyAction, PolicySet, SaId, UdpEncap
from ikeengine.model.secret import EMPTY, Secret
from ikeengine.model.selector import TrafficSelector
from ikeengine.registry import EncrId, IntegId, Protocol, TransformType
from tests.lab.netns import Namespace, veth, wait_until

LEFT, RIGHT = "192.0.2.1", "192.0.2.2"
LEFT6, RIGHT6 = "2001:db8::1", "2001:db8::2"
LEFT_INSIDE, RIGHT_INSIDE = "10.1.0.1", "10.2.0.1"
LEFT6_INSIDE, RIGHT6_INSIDE = "fd00:1::1", "fd00:2::1"

NAT_T = UdpEncap(4500, 4500)


def ts(network: str, protocol: int = 0, port: int | None = None) -> TrafficSelector:
    net = ip_network(network)
    ports = (0, 65535) if port is None else (port, port)
    return TrafficSelector(packed(str(net[0])), packed(str(net[-1])), protocol, *ports)


@dataclass(frozen=True)
class Suite:
    """Algorithms by number, with the lengths of their keys in octets, salt included."""

    encr: int | None = EncrId.AES_GCM_16
    encr_octets: int = 20
    key_length: int | None = 128
    integ: int | None = None
    integ_octets: int = 0
    protocol: Protocol = Protocol.ESP

    def algorithms(self, seed: int) -> dict:
        encr = None if self.encr is None else Transform(TransformType.ENCR, self.encr, self.key_length)
        integ = None if self.integ is None else Transform(TransformType.INTEG, self.integ)
        return {
            "protocol": self.protocol,
            "encr": encr,
            "encr_key": Secret(key_octets(seed, self.encr_octets)) if encr else EMPTY,
            "integ": integ,
            "integ_key": Secret(key_octets(seed + 1, self.integ_octets)) if integ else EMPTY,
        }


def key_octets(seed: int, count: int) -> bytes:
    """Octets that are no weak DES keys."""
    return bytes((seed * 31 + 7 * i + 1) & 0xFF for i in range(count))


GCM = Suite()
CBC_SHA256 = Suite(EncrId.AES_CBC, 16, 128, IntegId.HMAC_SHA2_256_128, 32)


class ReaderLoop:
    """As much of an event loop as a datapath uses."""

    def __init__(self) -> None:
        self.readers: dict[int, Callable[[], None]] = {}

    def add_reader(self, descriptor: int, callback: Callable[[], None]) -> None:
        self.readers[descriptor] = callback

    def remove_reader(self, descriptor: int) -> None:
        del self.readers[descriptor]

    def run_once(self, timeout: float) -> None:
        ready, _, _ = select.select(list(self.readers), [], [], timeout)
        for descriptor in ready:
            self.readers[descriptor]()


@dataclass
class Host:
    """What the datapath believes to be the daemon."""

    loop: ReaderLoop = field(default_factory=ReaderLoop)
    events: list[Acquire | SaExpired] = field(default_factory=list)

    def send_encapsulated(self, packet, path, outer=None) -> None:
        raise AssertionError("the kernel encapsulates by itself")

    def event(self, event: Acquire | SaExpired) -> None:
        self.events.append(event)


class Gateway:
    """A namespace with a kernel datapath."""

    def __init__(self, name: str) -> None:
        self.ns = Namespace(name)
        self.host = Host()
        self.datapath = XfrmDatapath()

    def start(self, journal: File | None = None) -> None:
        """Begin with a new datapath."""
        self.datapath.stop()
        self.host = Host()
        self.datapath = XfrmDatapath(journal=journal)
        with self.ns.entered():
            self.datapath.start(self.host)

    def is_clean(self) -> bool:
        """Whether nothing is left of a test: no states and policies, not even larval or foreign ones."""
        with self.ns.entered(), NetlinkSocket(NETLINK_XFRM) as kernel:
            return not kernel.dump(XfrmMsg.GETSA, b"") and not kernel.dump(XfrmMsg.GETPOLICY, b"")

    def move(self, sa: SaId, source: str, destination: str, encap: UdpEncap | None = None) -> None:
        with self.ns.entered():
            self.datapath.update_sa(sa, source, destination, encap)

    def ike_socket(self, address: str, port: int, *, nat_t: bool = False) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.ns.entered():
            sock = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.datapath.prepare_socket(sock, nat_t=nat_t)
            sock.bind((address, port))
        sock.settimeout(60)
        return sock

    def send_again(self, packets: list[bytes]) -> None:
        """Put IPv4 packets on the cable as they are, as somebody on the way could."""
        with self.ns.entered():
            sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with sock:
            for packet in packets:
                sock.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))

    def wait_for_usage(self, sa: SaId, **expected: int) -> None:
        """Wait until the counters of an SA are these."""

        def counted() -> bool:
            usage = self.datapath.usage(sa)
            return usage is not None and {name: getattr(usage, name) for name in expected} == expected

        wait_until(counted)

    def wait_for_event(self, timeout: float = 60) -> Acquire | SaExpired:
        """The next event of the kernel."""

        def arrived() -> bool:
            self.host.loop.run_once(0.05)
            return bool(self.host.events)

        wait_until(arrived, timeout)
        return self.host.events.pop(0)

    def no_event(self, seconds: float = 0.3) -> bool:
        self.host.loop.run_once(seconds)
        return not self.host.events

    def xfrm(self, *command: str) -> str:
        return self.ns.run("ip", "xfrm", *command).stdout

    def counters(self) -> dict[str, int]:
        """/proc/net/xfrm_stat"""
        lines = self.ns.run("cat", "/proc/net/xfrm_stat").stdout.splitlines()
        return {name: int(value) for name, value in (line.split() for line in lines)}

    def close(self) -> None:
        self.datapath.stop()
        self.ns.close()


@dataclass
class Tunnel:
    """The SAs of one Child SA, seen from the left: `out` goes to the right."""

    out: IpsecSa
    back: IpsecSa

    def on_left(self) -> tuple[IpsecSa, IpsecSa]:
        """Inbound first, as IKE does it."""
        return replace(self.back, direction=Direction.IN), self.out

    def on_right(self) -> tuple[IpsecSa, IpsecSa]:
        return replace(self.out, direction=Direction.IN), self.back


class Pair:
    """Left and right, connected by a cable."""

    def __init__(self) -> None:
        self.left, self.right = Gateway("left"), Gateway("right")
        veth(self.left.ns, self.right.ns)
        self.left.ns.add_address("eth0", f"{LEFT}/24", f"{LEFT6}/64")
        self.right.ns.add_address("eth0", f"{RIGHT}/24", f"{RIGHT6}/64")
        self.left.ns.add_address("lo", f"{LEFT_INSIDE}/32", f"{LEFT6_INSIDE}/128")
        self.right.ns.add_address("lo", f"{RIGHT_INSIDE}/32", f"{RIGHT6_INSIDE}/128")
        self._commands = self._count_commands()

    def start(self) -> None:
        for gateway in (self.left, self.right):
            gateway.start()

    def stop(self) -> bool:
        """Whether the pair may be used again: no addresses or routes were changed, and nothing was left behind."""
        for gateway in (self.left, self.right):
            gateway.datapath.stop()
        unchanged = self._commands == self._count_commands()
        return unchanged and self.left.is_clean() and self.right.is_clean()

    def close(self) -> None:
        for gateway in (self.left, self.right):
            gateway.close()

    def _count_commands(self) -> int:
        return self.left.ns.commands + self.right.ns.commands

    def tunnel(self, suite: Suite = GCM, spi: int = 0x1000, *, outer6: bool = False, **more) -> Tunnel:
        """A pair of SAs with keys that follow from the SPI."""
        left, right = (LEFT6, RIGHT6) if outer6 else (LEFT, RIGHT)
        fields = {"mode": Mode.TUNNEL, "reqid": 1, **more}
        out = IpsecSa(Direction.OUT, spi=spi, source=left, destination=right, **suite.algorithms(spi), **fields)
        back = IpsecSa(
            Direction.OUT, spi=spi + 1, source=right, destination=left, **suite.algorithms(spi + 7), **fields
        )
        return Tunnel(out, back)

    def install(self, tunnel: Tunnel) -> None:
        for sa in tunnel.on_left():
            self.left.datapath.install_sa(sa)
        for sa in tunnel.on_right():
            self.right.datapath.install_sa(sa)

    def protect(self, local: str, remote: str, *, outer6: bool = False, owner: int = 1, **more) -> None:
        """Policies for both sides, `local` being the left one's network."""
        left, right = (LEFT6, RIGHT6) if outer6 else (LEFT, RIGHT)
        fields = {"reqid": 1, **more}
        action = fields.pop("action", PolicyAction.PROTECT)
        here, there = (ts(local),), (ts(remote),)
        for gateway, policies in (
            (self.left, PolicySet(owner, action, here, there, local=left, remote=right, **fields)),
            (self.right, PolicySet(owner, action, there, here, local=right, remote=left, **fields)),
        ):
            gateway.datapath.install_policies(policies)

    def connect(self, suite: Suite = GCM, **more) -> Tunnel:
        """The usual tunnel between the inner IPv4 networks."""
        tunnel = self.tunnel(suite, **more)
        self.install(tunnel)
        self.protect("10.1.0.0/16", "10.2.0.0/16", protocol=suite.protocol)
        return tunnel

    def sniff(self, protocol: str = "esp") -> Sniffer:
        """Watch what the left one puts on the cable."""
        return Sniffer(self.left.ns, protocol)


class Sniffer:
    """IPv4 packets of one protocol that leave by eth0, as long as the `with` block lasts."""

    def __init__(self, namespace: Namespace, protocol: str) -> None:
        eth_p_all = 3
        with namespace.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(eth_p_all))
            self._socket.bind(("eth0", eth_p_all))
        self._socket.setblocking(False)
        so_rcvbufforce = 33
        self._socket.setsockopt(socket.SOL_SOCKET, so_rcvbufforce, 1 << 26)
        self._number = {"esp": 50, "ah": 51, "icmp": 1, "udp": 17, "tcp": 6}[protocol]

    def packets(self) -> list[bytes]:
        """What has left since the last call."""
        packets = []
        while True:
            try:
                packet, address = self._socket.recvfrom(65535)
            except BlockingIOError:
                return packets
            outgoing = 4
            if address[2] == outgoing and packet[0] >> 4 == 4 and packet[9] == self._number:
                packets.append(packet)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()


def transfer(source: Namespace, destination: Namespace, address: str, port: int = 5001, size: int = 200_000) -> int:
    """Send octets by TCP from one namespace to an address in another; how many have arrived intact."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with destination.entered():
        listener = socket.create_server((address, port), family=family)
    received = bytearray()

    def serve() -> None:
        listener.settimeout(120)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(120)
            while data := connection.recv(65536):
                received.extend(data)

    server = threading.Thread(target=serve)
    server.start()
    payload = bytes(range(256)) * (size // 256)
    with source.entered():
        client = socket.socket(family)
    with client, listener:
        client.settimeout(120)
        client.connect((address, port))
        client.sendall(payload)
        client.shutdown(socket.SHUT_WR)
        server.join(120)
    return len(received) if received == payload else -1
