"""TUN devices of route-based connections, each with policies and outbound SAs of its own.

What the host routes into such a device is protected by the Child SAs of its connection or dropped; other connections
may have the same traffic selectors. What those SAs have protected comes out of it.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

from ikeengine.datapath.base import DatapathHost
from ikeengine.datapath.policies import PolicyStacks, SelectorPair, selector_pairs
from ikeengine.datapath.userspace.cleartext import CleartextFilter
from ikeengine.datapath.userspace.device_link import MTU_WITHOUT_SA, DeviceLink
from ikeengine.datapath.userspace.outbound import Outbound
from ikeengine.datapath.userspace.rtnetlink import RouteSocket
from ikeengine.datapath.userspace.spd import order_of
from ikeengine.datapath.userspace.tun import TunDevice, drain
from ikeengine.errors import DatapathError
from ikeengine.model.commands import Acquire
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.sa import PolicySet

log = logging.getLogger(__name__)


class Surroundings:
    """What every device needs: the daemon, netlink, the filter for unprotected packets, and where drops are counted."""

    def __init__(
        self,
        host: DatapathHost,
        rtnetlink: RouteSocket,
        cleartext: CleartextFilter,
        tell: Callable[[Acquire], None],
        drops: Counter[str],
        mark: int,
    ) -> None:
        self.loop = host.loop
        self.rtnetlink = rtnetlink
        self.cleartext = cleartext
        self.tell = tell
        self.drops = drops
        self.mark = mark


class RoutedDevice:
    """One TUN device."""

    def __init__(self, interface: InterfaceConfig, around: Surroundings) -> None:
        """Raises DatapathError; then nothing is left behind."""
        self.name = interface.name
        self._loop, self._drops = around.loop, around.drops
        self.outbound = Outbound(self._refuse, around.tell, _is_nobodys, around.drops)
        self.policies: PolicyStacks[SelectorPair] = PolicyStacks(selector_pairs, self._apply, order_of)
        with ExitStack() as cleanup:
            self._tun = TunDevice(interface.name, interface.mtu or MTU_WITHOUT_SA, around.rtnetlink, replace=False)
            cleanup.callback(self._tun.close)
            self.link = DeviceLink(interface, self._tun.index, around.rtnetlink, mark=around.mark)
            cleanup.callback(self.link.close)
            around.cleartext.admit(self._tun.index)
            cleanup.callback(around.cleartext.dismiss, self._tun.index)
            around.loop.add_reader(self._tun.fd, self._read)
            cleanup.callback(around.loop.remove_reader, self._tun.fd)
            self._cleanup = cleanup.pop_all()

    def close(self) -> None:
        """Remove the device with its addresses and routes."""
        self._cleanup.close()

    def install_policies(self, policies: PolicySet) -> None:
        """Install or replace the policies of an owner, with the routes to what they are for. Raises DatapathError."""
        self.link.route(policies)
        self.policies.install(policies)
        self.outbound.retry_waiting()

    def delete_policies(self, owner: int) -> None:
        """Remove the policies of an owner. Raises DatapathError."""
        self.outbound.waiting.forget(owner)
        self.policies.delete(owner)
        self.link.forget(owner)

    def deliver(self, packet: bytes) -> None:
        """Give a packet to the host."""
        try:
            os.write(self._tun.fd, packet)
        except OSError:
            self._drops["undeliverable"] += 1

    def _apply(self, pair: SelectorPair, before: PolicySet | None, after: PolicySet | None) -> None:
        self.outbound.set_policy(pair, after)

    def _read(self) -> None:
        try:
            drain(self._tun.fd, self.outbound.process)
        except OSError as error:
            log.error("the device %s is gone: %s", self.name, error.strerror)
            self._loop.remove_reader(self._tun.fd)
        self.outbound.flush()

    def _refuse(self, packet: bytes) -> None:
        self._drops["unrouted"] += 1


class RoutedDevices:
    """All of them, by name."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._devices: dict[str, RoutedDevice] = {}
        self._owners: dict[int, str] = {}

    def close(self) -> None:
        """Remove all devices."""
        for name in list(self._devices):
            self.remove(name)

    def set(self, interface: InterfaceConfig) -> None:
        """Make a device, or change what is different. Raises DatapathError."""
        device = self._devices.get(interface.name)
        if device is not None:
            device.link.configure(interface)
        else:
            self._devices[interface.name] = RoutedDevice(interface, self._around)

    def remove(self, name: str) -> None:
        """Remove a device."""
        device = self._devices.pop(name, None)
        if device is not None:
            device.close()

    def find(self, name: str) -> RoutedDevice | None:
        """The device of a name, None if it is gone."""
        return self._devices.get(name)

    def get(self, name: str) -> RoutedDevice:
        """The device of a name. Raises DatapathError if there is none."""
        device = self._devices.get(name)
        if device is None:
            raise DatapathError(f"there is no device {name}")
        return device

    def install_policies(self, policies: PolicySet) -> None:
        """Install or replace the policies of an owner. Raises DatapathError."""
        self.get(policies.interface).install_policies(policies)
        self._owners[policies.owner] = policies.interface

    def delete_policies(self, owner: int) -> bool:
        """Remove the policies of an owner; false if they are not of any device. Raises DatapathError."""
        name = self._owners.pop(owner, None)
        device = self._devices.get(name) if name is not None else None
        if device is not None:
            device.delete_policies(owner)
        return name is not None

    def refresh(self) -> None:
        """The network has changed. Raises DatapathError."""
        for device in self._devices.values():
            device.link.refresh()


def _is_nobodys(address: bytes) -> bool:
    """No packet leaves such a device unprotected, wherever it came from."""
    return False
