"""The kernel datapath: states and policies over NETLINK_XFRM."""

from __future__ import annotations

import logging
import pathlib
import socket
from contextlib import ExitStack

from ikeengine.datapath import rtnetlink
from ikeengine.datapath.base import DatapathEvent, DatapathHost
from ikeengine.datapath.netlink import NETLINK_XFRM, EventSocket, Message, NetlinkError, NetlinkSocket
from ikeengine.datapath.rtnetlink import NETLINK_ROUTE
from ikeengine.datapath.xfrm.bundles import BundledAssociations
from ikeengine.datapath.xfrm.constants import XfrmGroup, XfrmMsg
from ikeengine.datapath.xfrm.esp_check import check_esp
from ikeengine.datapath.xfrm.events import read_acquire, read_expire, read_mapping
from ikeengine.datapath.xfrm.interfaces import XfrmInterfaces
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.datapath.xfrm.routes import OWN_LOOKUP_MARK, TunnelRoutes
from ikeengine.datapath.xfrm.sad import SecurityAssociations
from ikeengine.datapath.xfrm.sockets import decapsulate_esp, exempt_from_policies
from ikeengine.datapath.xfrm.spd import SecurityPolicies
from ikeengine.errors import DatapathError
from ikeengine.model.commands import Acquire, NatMappingChanged, SaExpired
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.path import Path, packed
from ikeengine.model.sa import Direction, IpsecSa, PolicySet, SaId, UdpEncap, Usage

log = logging.getLogger(__name__)

_EVENT_GROUPS = (XfrmGroup.ACQUIRE, XfrmGroup.EXPIRE, XfrmGroup.MAPPING)


class _Kernel:
    """The sockets, and what we have in the kernel through them. Lives from start to stop."""

    def __init__(self, journal: Journal, *, install_routes: bool) -> None:
        with ExitStack() as undo:
            self.xfrm = undo.enter_context(NetlinkSocket(NETLINK_XFRM))
            self.route = undo.enter_context(NetlinkSocket(NETLINK_ROUTE))
            self.events = undo.enter_context(EventSocket(NETLINK_XFRM, _EVENT_GROUPS))
            check_esp(self.xfrm)
            self._sockets = undo.pop_all()
        self.routes = TunnelRoutes(self.route, journal)
        watcher = self.routes.policy_changed if install_routes else None
        self.policies = SecurityPolicies(self.xfrm, journal, watcher)
        states = SecurityAssociations(
            self.xfrm, journal, policy_last_use=self.policies.last_use, device_of=self._device_of
        )
        self.sas = BundledAssociations(states)
        self.interfaces = XfrmInterfaces(journal)

    def _device_of(self, sa: IpsecSa) -> int:
        """The network card towards the peer, 0 if there is no way to it."""
        peer, own = (sa.source, sa.destination) if sa.direction is Direction.IN else (sa.destination, sa.source)
        try:
            return rtnetlink.lookup(self.route, packed(peer), packed(own), mark=OWN_LOOKUP_MARK).interface
        except NetlinkError:
            return 0

    def delete_stale(self, entry: str) -> None:
        kind = entry.partition(" ")[0]
        deletes = {
            "sa": self.sas.delete_stale,
            "policy": self.policies.delete_stale,
            "interface": self.interfaces.delete_stale,
        }
        deletes.get(kind, self.routes.delete_stale)(entry)

    def delete_all(self) -> None:
        self.policies.delete_all()
        self.sas.delete_all()
        self.routes.delete_all()
        self.interfaces.close()

    def close(self) -> None:
        self._sockets.close()


class XfrmDatapath:
    """Installs SAs and policies in the Linux kernel, and touches only what it has installed itself."""

    name = "xfrm"

    def __init__(self, *, journal: pathlib.Path | None = None, install_routes: bool = True) -> None:
        """`journal` is a file in the run directory that lets the next engine clean up after a crash of this one.

        With `install_routes`, routes in table 220 and a rule for it are added where a tunnel needs them.
        """
        self._journal = Journal(journal)
        self._install_routes = install_routes
        self._opened: _Kernel | None = None
        self._host: DatapathHost | None = None

    def start(self, host: DatapathHost) -> None:
        """Open the sockets and remove what a killed predecessor left behind.

        Raises DatapathError if the kernel has no ESP, or if another engine uses the journal.
        """
        left_behind = self._journal.open()
        try:
            kernel = _Kernel(self._journal, install_routes=self._install_routes)
        except DatapathError:
            self._journal.close()
            raise
        self._opened, self._host = kernel, host
        for entry in left_behind:
            self._delete_stale(entry)
        host.loop.add_reader(kernel.events.fileno(), self._read_events)

    def stop(self) -> None:
        """Remove everything this datapath has installed."""
        kernel, host = self._opened, self._host
        if kernel is None or host is None:
            return
        host.loop.remove_reader(kernel.events.fileno())
        kernel.delete_all()
        kernel.close()
        self._journal.close()
        self._opened = self._host = None

    def prepare_socket(self, sock: socket.socket, *, nat_t: bool) -> None:
        """Exempt an IKE socket from the policies; on the NAT-T socket let the kernel take the ESP packets.

        Raises DatapathError.
        """
        exempt_from_policies(sock)
        if nat_t:
            decapsulate_esp(sock)

    def install_sa(self, sa: IpsecSa) -> None:
        """Install one SA. Raises DatapathError; then nothing of it is left behind."""
        self._kernel.interfaces.check(sa.interface)
        self._kernel.interfaces.fit(sa)
        self._kernel.sas.install(sa)

    def update_sa(self, sa: SaId, source: str, destination: str, encap: UdpEncap | None) -> None:
        """Move an SA to other outer addresses, keeping sequence numbers and replay window. Raises DatapathError."""
        self._kernel.sas.update(sa, source, destination, encap)

    def delete_sa(self, sa: SaId) -> None:
        """Remove an SA; one that is gone already is fine."""
        self._kernel.sas.delete(sa)

    def install_policies(self, policies: PolicySet) -> None:
        """Install or replace the policies of an owner. Raises DatapathError; then the old ones are in force."""
        self._kernel.interfaces.check(policies.interface)
        self._kernel.interfaces.route(policies)
        self._kernel.policies.install(policies)

    def delete_policies(self, owner: int) -> None:
        """Remove the policies of an owner; another owner's policies for the same selectors come back into force."""
        self._kernel.policies.delete(owner)
        self._kernel.interfaces.forget(owner)

    def set_interface(self, interface: InterfaceConfig) -> None:
        """Make an XFRM interface, or change what is different. Raises DatapathError, also if the kernel has none."""
        self._kernel.interfaces.set(interface)

    def remove_interface(self, name: str) -> None:
        """Remove an XFRM interface with its addresses and routes. Raises DatapathError."""
        self._kernel.interfaces.remove(name)

    def network_changed(self) -> None:
        """The host has other addresses or routes: look after those of tunnels, if there are any yet."""
        if self._opened is None:
            return
        self._kernel.routes.refresh()
        self._kernel.interfaces.refresh()

    def usage(self, sa: SaId) -> Usage | None:
        """The counters of an SA, None if it does not exist. Raises DatapathError if the kernel does not tell."""
        return self._kernel.sas.usage(sa)

    def receive_esp(self, packet: bytes, path: Path, traffic_class: int | None = None) -> None:
        """Ignore an ESP packet that has come through the IKE socket: the kernel has no SA for it."""

    @property
    def _kernel(self) -> _Kernel:
        if self._opened is None:
            raise DatapathError("the kernel datapath is not started")
        return self._opened

    def _delete_stale(self, entry: str) -> None:
        try:
            self._kernel.delete_stale(entry)
        except DatapathError as error:
            log.error("cannot remove what an earlier run has left behind, %s: %s", entry, error)
            return
        self._journal.remove(entry)

    def _read_events(self) -> None:
        messages, lost = self._kernel.events.read()
        for message in messages:
            self._handle_event(message)
        if lost:
            self._catch_up()

    def _handle_event(self, message: Message) -> None:
        if message.type == XfrmMsg.ACQUIRE:
            self._handle_acquire(message.body)
        elif message.type == XfrmMsg.EXPIRE:
            expire = read_expire(message.body)
            self._report_expiry(expire.id, expire.hard)
        elif message.type == XfrmMsg.MAPPING:
            mapping = read_mapping(message.body)
            if mapping.id in self._kernel.sas:
                self._report(NatMappingChanged(mapping.id, mapping.address, mapping.port))

    def _handle_acquire(self, body: bytes) -> None:
        acquire = read_acquire(body)
        owner = self._kernel.policies.owner_of(acquire.policy)
        if owner is not None:
            self._report(Acquire(owner, acquire.reqid, acquire.source, acquire.destination))

    def _report_expiry(self, sa: SaId, hard: bool) -> None:
        if sa in self._kernel.sas:
            self._report(SaExpired(sa, hard))

    def _report(self, event: DatapathEvent) -> None:
        if self._host is not None:
            self._host.event(event)

    def _catch_up(self) -> None:
        """Find out what the lost events were about. Lost acquires come again by themselves (xfrm_acq_expires)."""
        log.warning("the kernel had more events than could be read; checking all SAs")
        for sa, hard in self._kernel.sas.limits_reached():
            self._report_expiry(sa, hard)
