"""What the host's network looks like, and when that changes: addresses, links and routes, from the kernel's events.

A change of the network is many events in a row, so the core is told when they have been over for a moment.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Container, Mapping
from ipaddress import ip_address
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink import rtnl
from pyroute2.netlink.exceptions import NetlinkError

from ikeengine.model.immutable import immutable

SETTLING = 0.1
"""Seconds without another event before the network is looked at; strongSwan's number."""

LONGEST_SETTLING = 1.0
"""Seconds after which it is looked at even if the events do not end."""

RETRY = 5.0
"""Seconds before the kernel is asked again after it did not answer."""

TUNNEL_TABLE = 220
"""Our own routes, which lead into tunnels and not to peers."""

_EVENTS = (
    rtnl.RTMGRP_LINK
    | rtnl.RTMGRP_IPV4_IFADDR
    | rtnl.RTMGRP_IPV6_IFADDR
    | rtnl.RTMGRP_IPV4_ROUTE
    | rtnl.RTMGRP_IPV6_ROUTE
)
_IFF_UP = 1
_IFF_LOOPBACK = 8
_SCOPE_GLOBAL = 0
_NOT_READY = 0x08 | 0x40  # IFA_F_DADFAILED, IFA_F_TENTATIVE

Changed = Callable[["HostAddresses"], None]


@immutable
class InterfaceFilter:
    """`interfaces_use` and `interfaces_ignore`; `own` are tunnel devices of ours."""

    use: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    routed: Container[str] = ()
    """The devices of route-based connections, as they are at the moment."""

    def allows(self, interface: str) -> bool:
        """Whether the addresses of an interface may be told to peers."""
        if interface in self.own or interface in self.routed:
            return False
        return interface in self.use if self.use else interface not in self.ignore


@immutable
class HostAddresses:
    """Usable addresses with their interfaces. Those of loopback interfaces are reached over every other one."""

    interface_of: Mapping[str, str]
    loopbacks: frozenset[str] = frozenset()

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses."""
        return tuple(self.interface_of)

    def shares_interface(self, address: str, other: str) -> bool:
        """Whether packets from `address` may leave where those from `other` do."""
        if address not in self.interface_of:
            return False
        return address in self.loopbacks or self.interface_of[address] == self.interface_of.get(other)


class NetworkWatch:
    """Follows the host's network. `addresses` is what it looked like last, None before the first look."""

    def __init__(self, interfaces: InterfaceFilter, changed: Changed, say: Callable[[str], None]) -> None:
        """`changed` is called with what there is now, after every change; `say` tells the operator of trouble."""
        self.interfaces = interfaces
        self.addresses: HostAddresses | None = None
        self._changed = changed
        self._say = say
        self._first_event = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking = asyncio.Lock()

    async def start(self) -> None:
        """Take the first look, and go on watching."""
        await self._guarded(self.look)
        self._spawn(self._watch())

    def stop(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    async def look(self) -> None:
        """Find out what there is, and tell it. Raises OSError and NetlinkError."""
        async with self._looking, AsyncIPRoute() as route:
            links = {link["index"]: link async for link in await route.link("dump")}
            messages = [message async for message in await route.addr("dump")]
        self.addresses = _read(links, messages, self.interfaces)
        self._changed(self.addresses)

    async def _watch(self) -> None:
        while True:
            await self._guarded(self._follow)
            await asyncio.sleep(RETRY)
            await self._guarded(self.look)

    async def _follow(self) -> None:
        """Read events until that fails, as with ENOBUFS after more of them than the kernel could keep."""
        async with AsyncIPRoute() as route:
            await route.bind(_EVENTS)
            while True:
                async for message in route.get():
                    self._heard(message)

    def _heard(self, message: Any) -> None:
        if message.get_attr("RTA_TABLE") == TUNNEL_TABLE:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._timer is None:
            self._first_event = now
        else:
            self._timer.cancel()
        self._timer = loop.call_at(min(now + SETTLING, self._first_event + LONGEST_SETTLING), self._settled)

    def _settled(self) -> None:
        self._timer = None
        self._spawn(self._guarded(self.look))

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (OSError, NetlinkError) as error:
            self._say(f"cannot follow the host's network: {error}")

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _read(links: Mapping[int, Any], messages: list[Any], interfaces: InterfaceFilter) -> HostAddresses:
    """The global addresses of the interfaces that are up."""
    found: dict[str, str] = {}
    loopbacks = set()
    for message in messages:
        link = links.get(message["index"])
        text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
        if link is None or text is None or not _is_usable(link, message):
            continue
        name = str(link.get_attr("IFLA_IFNAME"))
        if interfaces.allows(name):
            address = str(ip_address(text))
            found[address] = name
            if link["flags"] & _IFF_LOOPBACK:
                loopbacks.add(address)
    return HostAddresses(found, frozenset(loopbacks))


def _is_usable(link: Any, message: Any) -> bool:
    flags = message.get_attr("IFA_FLAGS") or 0
    known = message["family"] in (socket.AF_INET, socket.AF_INET6)
    return bool(known and link["flags"] & _IFF_UP and message["scope"] == _SCOPE_GLOBAL and not flags & _NOT_READY)
