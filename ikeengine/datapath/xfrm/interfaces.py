"""XFRM interfaces of route-based connections (Linux 4.19, CONFIG_XFRM_INTERFACE).

The kernel ties an interface to SAs and policies by a number, the interface ID. It lies over the loopback device: which
link the packets really take is decided for each of them, so a tunnel survives a change of the uplink.
"""

from __future__ import annotations

import errno
import logging
from contextlib import ExitStack
from typing import Any

from ikeengine.datapath.userspace.device_link import DeviceLink
from ikeengine.datapath.userspace.rtnetlink import RouteError, RouteSocket
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.errors import DatapathError
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.sa import Direction, IpsecSa, PolicySet

log = logging.getLogger(__name__)

_KIND = "xfrm"
_LOOPBACK = 1
_NO_SUCH_KIND = (errno.EOPNOTSUPP, errno.ENODEV)


class XfrmInterfaces:
    """The interfaces by name. Netlink is opened when the first one is wanted."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._opened: RouteSocket | None = None
        self._links: dict[str, tuple[InterfaceConfig, DeviceLink]] = {}
        self._owners: dict[int, str] = {}

    def close(self) -> None:
        """Remove all interfaces. What cannot be removed is logged."""
        for name in list(self._links):
            try:
                self.remove(name)
            except DatapathError as error:
                log.warning("the interface %s may be left behind: %s", name, error)
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def set(self, interface: InterfaceConfig) -> None:
        """Make an interface, or change what is different. Raises DatapathError."""
        known = self._links.get(interface.name)
        if known is not None and known[0].if_id == interface.if_id:
            known[1].configure(interface)
            self._links[interface.name] = interface, known[1]
            return
        self.remove(interface.name)
        with ExitStack() as undo:
            index = self._create(interface)
            undo.callback(self._delete, interface.name, interface.if_id)
            link = DeviceLink(interface, index, self._rtnetlink)
            undo.pop_all()
        self._links[interface.name] = interface, link

    def remove(self, name: str) -> None:
        """Remove an interface with its addresses and routes. Raises DatapathError."""
        known = self._links.pop(name, None)
        if known is not None:
            known[1].close()
            self._delete(name, known[0].if_id)

    def check(self, name: str) -> None:
        """Raises DatapathError if a device is gone that an SA or policy belongs to."""
        if name and name not in self._links:
            raise DatapathError(f"there is no interface {name}")

    def fit(self, sa: IpsecSa) -> None:
        """Packets go through this SA from now on. Raises DatapathError."""
        known = self._links.get(sa.interface)
        if known is not None and sa.direction is Direction.OUT:
            known[1].fit(sa)

    def route(self, policies: PolicySet) -> None:
        """Lead the remote networks of policies into their interface. Raises DatapathError."""
        known = self._links.get(policies.interface)
        if known is not None:
            known[1].route(policies)
            self._owners[policies.owner] = policies.interface

    def forget(self, owner: int) -> None:
        """The policies of an owner are gone. Raises DatapathError."""
        known = self._links.get(self._owners.pop(owner, ""))
        if known is not None:
            known[1].forget(owner)

    def refresh(self) -> None:
        """The network has changed. Raises DatapathError."""
        for _unused, link in self._links.values():
            link.refresh()

    def delete_stale(self, entry: str) -> None:
        """Remove what a predecessor has noted in the journal, unless it is somebody else's by now. DatapathError."""
        _unused, name, if_id = entry.split(" ")
        self._delete(name, int(if_id))

    @property
    def _rtnetlink(self) -> RouteSocket:
        if self._opened is None:
            self._opened = RouteSocket()
        return self._opened

    def _create(self, interface: InterfaceConfig) -> int:
        what: dict[str, Any] = {"ifname": interface.name, "kind": _KIND, "xfrm_link": _LOOPBACK}
        entry = _entry(interface.name, interface.if_id)
        self._journal.add(entry)
        try:
            self._rtnetlink.call(lambda ip: ip.link("add", xfrm_if_id=interface.if_id, **what))
        except RouteError as error:
            self._journal.remove(entry)
            raise DatapathError(_reason(interface, error)) from error
        return int(self._rtnetlink.call(lambda ip: ip.link_lookup(ifname=interface.name))[0])

    def _delete(self, name: str, if_id: int) -> None:
        found = self._rtnetlink.call(lambda ip: list(ip.link_lookup(ifname=name)))
        if found and self._if_id(found[0]) == if_id:
            self._rtnetlink.call(lambda ip: ip.link("del", index=found[0]))
        self._journal.remove(_entry(name, if_id))

    def _if_id(self, index: int) -> int | None:
        """The interface ID of a device, None if it is no XFRM interface."""
        (link,) = self._rtnetlink.call(lambda ip: list(ip.get_links(index)))
        info = link.get_attr("IFLA_LINKINFO")
        if info is None or info.get_attr("IFLA_INFO_KIND") != _KIND:
            return None
        return int(info.get_attr("IFLA_INFO_DATA").get_attr("IFLA_XFRM_IF_ID"))


def _entry(name: str, if_id: int) -> str:
    return f"interface {name} {if_id}"


def _reason(interface: InterfaceConfig, error: RouteError) -> str:
    if error.code in _NO_SUCH_KIND:
        return f"{interface.name}: this kernel has no XFRM interfaces (CONFIG_XFRM_INTERFACE, module xfrm_interface)"
    if error.code == errno.EEXIST:
        return f"there is a device {interface.name}, or an XFRM interface with the ID {interface.if_id:#x}, already"
    return f"the XFRM interface {interface.name} cannot be made: {error}"
