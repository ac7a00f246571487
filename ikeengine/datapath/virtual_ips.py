"""Virtual IP addresses on the interfaces of this host. Only what is ours is ever removed, also after a crash."""

from __future__ import annotations

import errno
import logging
import pathlib
import socket
from typing import Any

from ikeengine.datapath.userspace.rtnetlink import RouteError, RouteSocket
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.errors import DatapathError
from ikeengine.model.path import packed

log = logging.getLogger(__name__)

_IFA_F_NODAD = 0x02
"""Nobody else has the address, so there is no need to wait until the neighbours have been asked."""


class VirtualIpInstaller:
    """Adds addresses as hosts (/32, /128) to the interface of an IKE SA, or to the one that is configured."""

    def __init__(self, journal: pathlib.Path | None, interface: str = "") -> None:
        self._journal = Journal(journal)
        self._interface = interface
        self._rtnetlink: RouteSocket | None = None
        self._installed: dict[str, int] = {}

    def start(self) -> None:
        """Open netlink and remove what a killed predecessor has left behind. Raises DatapathError."""
        left_behind = self._journal.open()
        try:
            self._rtnetlink = RouteSocket()
        except DatapathError:
            self._journal.close()
            raise
        for entry in left_behind:
            self._clean(entry)

    def stop(self) -> None:
        """Remove all addresses that are ours."""
        for address in list(self._installed):
            try:
                self.delete(address)
            except DatapathError as error:
                log.warning("the virtual IP %s may be left behind: %s", address, error)
        if self._rtnetlink is not None:
            self._rtnetlink.close()
            self._rtnetlink = None
        self._journal.close()

    def install(self, address: str, beside: str) -> None:
        """Add an address. One that the host has already stays what it is. Raises DatapathError."""
        index = self._index(beside)
        entry = f"address {address} {index}"
        self._journal.add(entry)
        try:
            self._call("add", address, index)
        except RouteError as error:
            self._journal.remove(entry)
            if error.code != errno.EEXIST:
                raise
            log.info("this host has the virtual IP %s already", address)
        else:
            self._installed[address] = index

    def delete(self, address: str) -> None:
        """Remove an address of ours. Raises DatapathError."""
        index = self._installed.pop(address, None)
        if index is None:
            return
        self._remove(address, index)
        self._journal.remove(f"address {address} {index}")

    def interface_of(self, address: str) -> str:
        """The name of the interface that has an address; empty if none has."""
        index = self._find(address)
        if not index:
            return ""
        links = self._socket().call(lambda ip: list(ip.get_links(index)))
        return str(links[0].get_attr("IFLA_IFNAME")) if links else ""

    def _index(self, beside: str) -> int:
        """The interface for an address. Raises DatapathError if there is none."""
        if self._interface:
            found = self._socket().call(lambda ip: list(ip.link_lookup(ifname=self._interface)))
            index = int(found[0]) if found else 0
        else:
            index = self._find(beside)
        if not index:
            raise DatapathError(f"there is no interface {self._interface or f'with the address {beside}'}")
        return index

    def _find(self, address: str) -> int:
        octets = packed(address)
        family = socket.AF_INET if len(octets) == 4 else socket.AF_INET6
        for found in self._socket().call(lambda ip: list(ip.get_addr(family=family))):
            text = found.get_attr("IFA_LOCAL") or found.get_attr("IFA_ADDRESS")
            if text and packed(str(text)) == octets:
                return int(found["index"])
        return 0

    def _remove(self, address: str, index: int) -> None:
        try:
            self._call("del", address, index)
        except RouteError as error:
            if error.code not in (errno.EADDRNOTAVAIL, errno.ENODEV):
                raise

    def _clean(self, entry: str) -> None:
        try:
            _unused, address, index = entry.split(" ")
            self._remove(str(address), int(index))
        except ValueError:
            log.warning("the journal holds what is no address: %r", entry)
        except DatapathError as error:
            log.warning("%s may be left behind: %s", entry, error)
        self._journal.remove(entry)

    def _call(self, verb: str, address: str, index: int) -> None:
        octets = packed(address)
        what: dict[str, Any] = {"index": index, "address": address, "prefixlen": 8 * len(octets)}
        if verb == "add" and len(octets) == 16:
            what["flags"] = _IFA_F_NODAD
        self._socket().call(lambda ip: ip.addr(verb, **what))

    def _socket(self) -> RouteSocket:
        if self._rtnetlink is None:
            raise DatapathError("virtual IP addresses are not set up")
        return self._rtnetlink
