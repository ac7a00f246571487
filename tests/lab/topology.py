"""Networks for tests: two sites with a gateway and a client each, joined directly or by a NAT router."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tests.lab.netns import Namespace, veth

NUMBERS = itertools.count()

NETLINK_NETFILTER = 12
DELETE_CONNECTIONS = 1 << 8 | 2
"""NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_DELETE."""
REQUEST_WITH_ANSWER = 5


@dataclass(frozen=True)
class Site:
    """A gateway, the network behind it and a client in that network."""

    gateway: Namespace
    client: Namespace
    address: str
    """Outer address of the gateway."""
    net: str
    """The network behind the gateway, for traffic selectors."""
    inside: str
    """The gateway's own address in that network."""
    host: str
    """The client's address."""
    address6: str
    net6: str
    host6: str


@dataclass(frozen=True)
class Router:
    """A router that hides one site behind its own address."""

    namespace: Namespace
    public: str
    """The address that the other site sees."""

    def forget_mappings(self) -> None:
        """Lose the state of all connections, as by a restart; what goes out next gets another port."""
        with self.namespace.entered(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
            header = struct.pack("=IHHII", 20, DELETE_CONNECTIONS, REQUEST_WITH_ANSWER, 1, 0)
            netlink.send(header + struct.pack("=BBH", socket.AF_INET, 0, 0))
            (error,) = struct.unpack_from("=i", netlink.recv(4096), 16)
        if error:
            raise OSError(-error, "the connections cannot be forgotten")


def unique_name(role: str) -> str:
    """A name for a namespace that nobody else on this machine uses."""
    return f"ike{os.getpid()}n{next(NUMBERS)}{role}"


@contextlib.contextmanager
def two_sites() -> Iterator[tuple[Site, Site]]:
    """Left (192.0.2.1, 10.1.0.0/24) and right (192.0.2.2, 10.2.0.0/24) with one cable between the gateways.

    The same with IPv6: 2001:db8::1 and fd00:1::/64, 2001:db8::2 and fd00:2::/64.
    """
    with contextlib.ExitStack() as stack:
        left, right = _site(stack, "left", "192.0.2.1", 1), _site(stack, "right", "192.0.2.2", 2)
        veth(left.gateway, right.gateway)
        for site in (left, right):
            site.gateway.add_address("eth0", f"{site.address}/24", f"{site.address6}/64")
        yield left, right


@contextlib.contextmanager
def sites_with_nat(*, hidden: str, static: bool = False) -> Iterator[tuple[Site, Site, Router]]:
    """Left and right again, but the site named by `hidden` is at 198.51.100.2 behind a router at 192.0.2.254.

    A `static` NAT changes no ports; it needs less of the kernel.
    """
    inner, router_address = "198.51.100.2", "192.0.2.254"
    addresses = {"left": "192.0.2.1", "right": "192.0.2.2", hidden: inner}
    with contextlib.ExitStack() as stack:
        left, right = _site(stack, "left", addresses["left"], 1), _site(stack, "right", addresses["right"], 2)
        router = stack.enter_context(Namespace(unique_name("nat")))
        behind, public = (left, right) if hidden == "left" else (right, left)
        veth(behind.gateway, router, right_name="inner")
        veth(public.gateway, router, right_name="outer")
        behind.gateway.add_address("eth0", f"{inner}/24")
        public.gateway.add_address("eth0", f"{public.address}/24")
        router.add_address("inner", "198.51.100.1/24")
        router.add_address("outer", f"{router_address}/24")
        behind.gateway.add_route("default", "via", "198.51.100.1")
        forward_packets(router)
        if static:
            translate(router, "outer", inner, router_address)
        else:
            masquerade(router, "outer")
        yield left, right, Router(router, router_address)


@contextlib.contextmanager
def sites_with_two_uplinks() -> Iterator[tuple[Site, Site]]:
    """`two_sites` with a second cable: left is 203.0.113.1 there, right 203.0.113.2."""
    with two_sites() as (left, right):
        veth(left.gateway, right.gateway, "eth1", "eth1")
        left.gateway.add_address("eth1", "203.0.113.1/24")
        right.gateway.add_address("eth1", "203.0.113.2/24")
        yield left, right


@contextlib.contextmanager
def sites_with_two_nats() -> Iterator[tuple[Site, Site, dict[str, Router]]]:
    """Both gateways behind routers of their own, which let IKE in; the routers by the address of what they hide.

    Left is 198.51.100.2 behind 192.0.2.254, right 203.0.113.2 behind 192.0.2.253.
    """
    plan = (("left", "198.51.100", "192.0.2.254", 1), ("right", "203.0.113", "192.0.2.253", 2))
    with contextlib.ExitStack() as stack:
        sites, routers = [], {}
        for name, network, public, number in plan:
            site = _site(stack, name, f"{network}.2", number)
            router = stack.enter_context(Namespace(unique_name("nat")))
            veth(site.gateway, router, right_name="inner")
            router.add_address("inner", f"{network}.1/24")
            site.gateway.add_address("eth0", f"{site.address}/24")
            site.gateway.add_route("default", "via", f"{network}.1")
            forward_packets(router)
            sites.append(site)
            routers[site.address] = Router(router, public)
        first, second = routers.values()
        veth(first.namespace, second.namespace, "outer", "outer")
        for address, router in routers.items():
            router.namespace.add_address("outer", f"{router.public}/24")
            masquerade(router.namespace, "outer")
            let_ike_in(router.namespace, "outer", address)
        yield sites[0], sites[1], routers


def let_ike_in(router: Namespace, interface: str, address: str) -> None:
    """Forward the IKE ports of a router to a host behind it."""
    rules = f"""
        table ip forwarding {{
            chain in {{
                type nat hook prerouting priority dstnat
                iifname "{interface}" udp dport {{ 500, 4500 }} dnat to {address}
            }}
        }}
    """
    router.run("nft", "-f", "-", input=rules)


def forward_packets(namespace: Namespace) -> None:
    """Make a router of a host."""
    namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")


def masquerade(router: Namespace, interface: str) -> None:
    """Hide what leaves through an interface behind the interface's address, on other ports."""
    rules = f"""
        table ip nat {{
            chain out {{
                type nat hook postrouting priority srcnat
                oifname "{interface}" ip protocol udp masquerade to :20000-60000 random
            }}
        }}
    """
    router.run("nft", "-f", "-", input=rules)


def translate(router: Namespace, interface: str, inner: str, public: str) -> None:
    """Replace one address by another in what leaves through an interface, and back in what arrives."""
    router.run("tc", "qdisc", "add", "dev", interface, "clsact")
    for direction, old, new in (("egress", inner, public), ("ingress", public, inner)):
        change = ("matchall", "action", "nat", direction, f"{old}/32", new)
        router.run("tc", "filter", "add", "dev", interface, direction, *change)


def drop_at_random(namespace: Namespace, percent: int) -> None:
    """Lose a part of the IKE datagrams that arrive: those of port 500, and on port 4500 those that are not ESP."""
    rules = f"""
        table inet loss {{
            chain in {{
                type filter hook input priority filter
                udp dport 500 numgen random mod 100 < {percent} drop
                udp dport 4500 @th,64,32 0 numgen random mod 100 < {percent} drop
            }}
        }}
    """
    namespace.run("nft", "-f", "-", input=rules)


def block(namespace: Namespace) -> None:
    """Lose everything that arrives by IPv4, until `unblock`."""
    rules = "table ip block { chain in { type filter hook input priority filter; policy drop; }; }"
    namespace.run("nft", "-f", "-", input=rules)


def unblock(namespace: Namespace) -> None:
    """The end of `block`."""
    namespace.run("nft", "delete", "table", "ip", "block")


def _site(stack: contextlib.ExitStack, name: str, address: str, number: int) -> Site:
    gateway = stack.enter_context(Namespace(unique_name(name)))
    client = stack.enter_context(Namespace(unique_name(f"{name}client")))
    site = Site(
        gateway=gateway,
        client=client,
        address=address,
        net=f"10.{number}.0.0/24",
        inside=f"10.{number}.0.1",
        host=f"10.{number}.0.10",
        address6=f"2001:db8::{number}",
        net6=f"fd00:{number}::/64",
        host6=f"fd00:{number}::10",
    )
    inside6 = f"fd00:{number}::1"
    veth(gateway, client, left_name="inside")
    gateway.add_address("inside", f"{site.inside}/24", f"{inside6}/64")
    client.add_address("eth0", f"{site.host}/24", f"{site.host6}/64")
    client.add_route("default", "via", site.inside)
    client.add_route("default", "via", inside6)
    forward_packets(gateway)
    return site
