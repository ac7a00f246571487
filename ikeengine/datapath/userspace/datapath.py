"""The userspace datapath: ESP and AH in this process, for hosts whose kernel has none (design D9).

    host --> TUN --> policy, SA, ESP --> UDP 4500 of the daemon, or raw IP protocol 50 --> peer
    host <-- TUN <-- ESP, SA, policy <-- UDP 4500 of the daemon, or raw IP protocol 50 <-- peer

It answers as the kernel would: a packet of this host without a policy passes unprotected, one with a policy but
without an SA waits for it. Packets that arrive unprotected never get here; `cleartext` has the host refuse those that a
policy says should have been protected.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from ikeengine.datapath.base import DatapathEvent, DatapathHost
from ikeengine.datapath.policies import PolicyStacks, SelectorPair, selector_pairs
from ikeengine.datapath.userspace.cleartext import CleartextFilter
from ikeengine.datapath.userspace.devices import RoutedDevice, RoutedDevices, Surroundings
from ikeengine.datapath.userspace.esp import EspSender
from ikeengine.datapath.userspace.inbound import Inbound, InboundSa, spi_of_ah
from ikeengine.datapath.userspace.outbound import Carrier, Outbound, OutboundSa
from ikeengine.datapath.userspace.possible import check_possible
from ikeengine.datapath.userspace.protection import EspOfBundles, Sender
from ikeengine.datapath.userspace.raw import (
    RawCarrier,
    RawSockets,
    is_own_address,
    open_raw_sockets,
    prepare,
)
from ikeengine.datapath.userspace.raw_ah import AhCarrier, open_ah_sockets
from ikeengine.datapath.userspace.routes import TunnelRoutes, goes_around, needs_route
from ikeengine.datapath.userspace.rtnetlink import RouteSocket
from ikeengine.datapath.userspace.rules import TunnelRules
from ikeengine.datapath.userspace.settings import UserspaceSettings
from ikeengine.datapath.userspace.spd import order_of
from ikeengine.datapath.userspace.strays import Strays
from ikeengine.datapath.userspace.system_rng import SystemRng
from ikeengine.datapath.userspace.tun import TunDevice, drain
from ikeengine.datapath.userspace.udp import UdpCarrier
from ikeengine.errors import DatapathError
from ikeengine.model.commands import NatMappingChanged, SaExpired
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.path import Path
from ikeengine.model.sa import Direction, IpsecSa, PolicySet, SaId, UdpEncap, Usage
from ikeengine.registry import Protocol

log = logging.getLogger(__name__)

_NO_DEVICE = -1


class UserspaceDatapath:
    """See `ikeengine.datapath.base.Datapath`. `drops` counts the packets that were dropped, by reason."""

    name = "userspace"

    def __init__(self, settings: UserspaceSettings | None = None) -> None:
        self.settings = settings or UserspaceSettings()
        self.drops: Counter[str] = Counter()
        self._host: DatapathHost | None = None
        self._cleanup = ExitStack()
        self._forget_everything()

    def _forget_everything(self) -> None:
        self._tun_fd = _NO_DEVICE
        self._strays: Strays | None = None
        self._raw: dict[int, RawSockets] = {}
        self._routes: TunnelRoutes | None = None
        self._cleartext: CleartextFilter | None = None
        self._devices: RoutedDevices | None = None
        self._sas: dict[SaId, InboundSa | OutboundSa] = {}
        self._of_bundles = EspOfBundles()
        self._outbound = Outbound(self._send_unprotected, self._tell, is_own_address, self.drops)
        self._inbound = Inbound(self._deliver, self.drops)
        self._inbound_ah = Inbound(self._deliver, self.drops, spi_of_ah)
        self._policies: PolicyStacks[SelectorPair] = PolicyStacks(selector_pairs, self._apply_policy, order_of)

    def start(self, host: DatapathHost) -> None:
        """Open the TUN device and the raw sockets. Raises DatapathError; then nothing is left behind."""
        if self._host is not None:
            raise DatapathError("the userspace datapath runs already")
        settings = self.settings
        with ExitStack() as cleanup:
            rtnetlink = RouteSocket()
            cleanup.callback(rtnetlink.close)
            tun = TunDevice(settings.device, settings.mtu, rtnetlink)
            cleanup.callback(tun.close)
            rules = TunnelRules(settings.routes, rtnetlink)
            cleanup.callback(rules.close)
            routes = TunnelRoutes(tun.index, settings.routes.table, rules, rtnetlink)
            cleanup.callback(routes.close)
            cleartext = CleartextFilter(settings.device, tun.index, settings.ike_ports)
            cleanup.callback(cleartext.close)
            devices = RoutedDevices(
                Surroundings(host, rtnetlink, cleartext, self._tell, self.drops, settings.routes.mark)
            )
            cleanup.callback(devices.close)
            raw = open_raw_sockets(settings.routes.mark, self.drops)
            strays = Strays(self._inbound, host.loop.time, self._tell)
            for sockets in raw.values():
                cleanup.callback(sockets.close)
                host.loop.add_reader(sockets.plain, sockets.receive, self._inbound.process, strays.native)
                cleanup.callback(host.loop.remove_reader, sockets.plain)
            for ah in open_ah_sockets(settings.routes.mark, raw):
                cleanup.callback(ah.close)
                host.loop.add_reader(ah.sock, ah.receive, self._inbound_ah.process)
                cleanup.callback(host.loop.remove_reader, ah.sock)
            host.loop.add_reader(tun.fd, self._read_tun)
            cleanup.callback(host.loop.remove_reader, tun.fd)
            self._cleanup = cleanup.pop_all()
        self._host, self._tun_fd, self._routes, self._raw = host, tun.fd, routes, raw
        self._cleartext, self._strays, self._devices = cleartext, strays, devices

    def stop(self) -> None:
        """Close everything; device, routes and rules are gone then."""
        self._host = None
        try:
            self._cleanup.close()
        finally:
            self._forget_everything()

    def prepare_socket(self, sock: socket.socket, *, nat_t: bool) -> None:
        """Exempt an IKE socket from the routes into the tunnel. Raises DatapathError."""
        try:
            prepare(sock, self.settings.routes.mark)
        except OSError as error:
            raise DatapathError(f"cannot mark a socket: {error.strerror}") from error

    def install_sa(self, sa: IpsecSa) -> None:
        """Install one SA. Raises DatapathError."""
        host = self._started()
        check_possible(sa)
        inbound_sas = self._inbound_of(sa)
        if sa.id in self._sas or (sa.direction is Direction.IN and inbound_sas.get(sa.outermost.spi)):
            raise DatapathError(f"SA {sa.spi:08x} to {sa.destination} exists already")
        if sa.direction is Direction.IN:
            device = self._device(sa.interface)
            policies = (device.outbound if device else self._outbound).policies
            inbound = InboundSa(sa, policies, self._expire, device.deliver if device else None, self._of_bundles)
            self._sas[sa.id] = inbound
            inbound_sas.add(inbound)
        else:
            outbound = OutboundSa(sa, SystemRng(), partial(self._carrier, host), self._expire, self.settings.mtu)
            device = self._device(sa.interface)
            if device is not None:
                device.link.fit(sa)
            self._sas[sa.id] = outbound
            (device.outbound if device else self._outbound).add(outbound)

    def update_sa(self, sa: SaId, source: str, destination: str, encap: UdpEncap | None) -> None:
        """Move an SA to other outer addresses. Raises DatapathError."""
        host = self._started()
        installed = self._sas.get(sa)
        if installed is None:
            raise DatapathError(f"there is no SA {sa.spi:08x} to {sa.destination}")
        moved = replace(installed.sa, source=source, destination=destination, encap=encap)
        if moved.id != sa and moved.id in self._sas:
            raise DatapathError(f"SA {sa.spi:08x} to {destination} exists already")
        if isinstance(installed, OutboundSa):
            installed.move(moved, partial(self._carrier, host))
            device = self._devices.find(moved.interface) if self._devices is not None else None
            if device is not None:
                device.link.fit(moved)
        else:
            installed.move(moved)
        self._sas[moved.id] = self._sas.pop(sa)

    def delete_sa(self, sa: SaId) -> None:
        """Remove an SA."""
        installed = self._sas.pop(sa, None)
        if isinstance(installed, OutboundSa):
            self._outbound_of(installed.sa).remove(installed)
        elif installed is not None:
            self._inbound_of(installed.sa).remove(installed)

    def install_policies(self, policies: PolicySet) -> None:
        """Install or replace the policies of an owner. Raises DatapathError."""
        self._started()
        if policies.interface and self._devices is not None:
            self._devices.install_policies(policies)
            return
        self._policies.install(policies)
        self._outbound.retry_waiting()

    def delete_policies(self, owner: int) -> None:
        """Remove the policies of an owner. Raises DatapathError."""
        if self._devices is not None and self._devices.delete_policies(owner):
            return
        self._outbound.waiting.forget(owner)
        self._policies.delete(owner)

    def set_interface(self, interface: InterfaceConfig) -> None:
        """Make a TUN device for a connection, or change what is different. Raises DatapathError."""
        self._started()
        if self._devices is not None:
            self._devices.set(interface)

    def remove_interface(self, name: str) -> None:
        """Remove a device with its addresses and routes."""
        if self._devices is not None:
            self._devices.remove(name)

    def network_changed(self) -> None:
        """The host has other addresses: the routes into the tunnel prefer some of them. Raises DatapathError."""
        if self._routes is not None:
            self._routes.refresh()
        if self._devices is not None:
            self._devices.refresh()

    def usage(self, sa: SaId) -> Usage | None:
        """The counters of an SA."""
        installed = self._sas.get(sa)
        return installed.usage if installed else None

    def receive_esp(self, packet: bytes, path: Path, traffic_class: int | None = None) -> None:
        """Decapsulate an ESP packet that arrived over UDP."""
        sa = self._inbound.process(packet, traffic_class)
        if sa is None and self._strays is not None:
            self._strays.encapsulated(packet, path)
        elif sa is not None and sa.comes_from_elsewhere(path.remote, path.remote_port):
            self._tell(NatMappingChanged(sa.sa.id, path.remote, path.remote_port))

    def _started(self) -> DatapathHost:
        if self._host is None:
            raise DatapathError("the userspace datapath does not run")
        return self._host

    def _apply_policy(self, pair: SelectorPair, before: PolicySet | None, after: PolicySet | None) -> None:
        """Routes first when there is something to protect, last when there is not: nothing leaks in between."""
        if self._routes is not None and needs_route(after):
            self._routes.add(pair, after.local if after else "")
        elif self._routes is not None and goes_around(pair, after):
            self._routes.add_around(pair)
        if self._cleartext is not None:
            self._cleartext.follow(pair, after)
        self._outbound.set_policy(pair, after)
        if self._routes is not None and needs_route(before) and not needs_route(after):
            self._routes.remove(pair)
        elif self._routes is not None and goes_around(pair, before) and not goes_around(pair, after):
            self._routes.remove_around(pair)

    def _device(self, name: str) -> RoutedDevice | None:
        """The device of a route-based connection, None for other ones. Raises DatapathError if it is gone."""
        return self._devices.get(name) if name and self._devices is not None else None

    def _outbound_of(self, sa: IpsecSa) -> Outbound:
        device = self._devices.find(sa.interface) if self._devices is not None else None
        return device.outbound if device is not None else self._outbound

    def _inbound_of(self, sa: IpsecSa) -> Inbound:
        return self._inbound_ah if sa.outermost.protocol is Protocol.AH else self._inbound

    def _carrier(self, host: DatapathHost, sa: IpsecSa, sender: Sender) -> Carrier:
        if sa.encap is not None and isinstance(sender, EspSender):
            return UdpCarrier(sa, host, self._outbound_of(sa).flush_later)
        raw = self._raw.get(16 if ":" in sa.destination else 4)
        if raw is None:
            raise DatapathError("this host has no IPv6")
        return (
            RawCarrier(sa, raw, self.drops) if isinstance(sender, EspSender) else AhCarrier(sa, sender, raw, self.drops)
        )

    def _read_tun(self) -> None:
        self._drain_tun()
        self._outbound.flush()

    def _drain_tun(self) -> None:
        try:
            drain(self._tun_fd, self._outbound.process)
        except OSError as error:
            log.error("the device %s is gone: %s", self.settings.device, error.strerror)
            self._started().loop.remove_reader(self._tun_fd)

    def _deliver(self, packet: bytes) -> None:
        try:
            os.write(self._tun_fd, packet)
        except OSError:
            self.drops["undeliverable"] += 1

    def _send_unprotected(self, packet: bytes) -> None:
        raw = self._raw.get(4 if packet[0] >> 4 == 4 else 16)
        if raw is not None:
            raw.send_unprotected(packet)

    def _expire(self, sa: SaId, hard: bool) -> None:
        if hard:
            self.delete_sa(sa)
        self._tell(SaExpired(sa, hard))

    def _tell(self, event: DatapathEvent) -> None:
        """Events are told later, because the core may call back while a packet is half processed."""
        if self._host is not None:
            self._host.loop.call_soon(self._host.event, event)
