"""A datapath that only remembers: for tests of the daemon and for simulations. It protects no packet."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace

from ikeengine.datapath.base import DatapathHost
from ikeengine.datapath.policies import PolicyStacks, SelectorPair, selector_pairs
from ikeengine.datapath.userspace.spd import order_of
from ikeengine.errors import DatapathError
from ikeengine.model.commands import Acquire, SaExpired
from ikeengine.model.immutable import immutable
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.path import Path
from ikeengine.model.sa import IpsecSa, PolicySet, SaId, UdpEncap, Usage
from ikeengine.model.selector import TrafficSelector


@immutable
class Call:
    """One call that the datapath has seen, and what it was about."""

    what: str
    subject: IpsecSa | SaId | PolicySet | InterfaceConfig | str | int | None = None


class MemoryDatapath:
    """Records every call in `calls` and holds what is installed in `sas` and `policies`.

    `fail` may be set to a function that returns a reason for the calls that shall fail, else an empty text.
    """

    name = "memory"

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.sas: dict[SaId, IpsecSa] = {}
        self.interfaces: dict[str, InterfaceConfig] = {}
        self.counters: dict[SaId, Usage] = {}
        self.policies: PolicyStacks[SelectorPair] = PolicyStacks(selector_pairs, _write_nothing, order_of)
        self.esp_packets: list[tuple[bytes, Path]] = []
        self.fail: Callable[[Call], str] = _never
        self._host: DatapathHost | None = None

    def start(self, host: DatapathHost) -> None:
        """Remember the host, for `expire` and `acquire`."""
        self._record(Call("start"))
        self._host = host

    def stop(self) -> None:
        """Forget all SAs and policies."""
        self._record(Call("stop"))
        self.sas.clear()
        self.counters.clear()
        for owner in self.policies.owners():
            self.policies.delete(owner)

    def prepare_socket(self, sock: socket.socket, *, nat_t: bool) -> None:
        """Nothing to do in memory."""
        self._record(Call("prepare_socket"))

    def install_sa(self, sa: IpsecSa) -> None:
        """Remember an SA. Raises DatapathError if there is one of that name."""
        self._record(Call("install_sa", sa))
        if sa.id in self.sas:
            raise DatapathError(f"SA {sa.spi:08x} to {sa.destination} exists already")
        self.sas[sa.id] = sa
        self.counters[sa.id] = Usage(bytes=0, packets=0, last_use=None)

    def update_sa(self, sa: SaId, source: str, destination: str, encap: UdpEncap | None) -> None:
        """Give an SA new addresses. Raises DatapathError if there is no such SA."""
        self._record(Call("update_sa", sa))
        old = self.sas.get(sa)
        if old is None:
            raise DatapathError(f"there is no SA {sa.spi:08x} to {sa.destination}")
        moved = replace(old, source=source, destination=destination, encap=encap)
        del self.sas[sa]
        self.sas[moved.id] = moved
        self.counters[moved.id] = self.counters.pop(sa)

    def delete_sa(self, sa: SaId) -> None:
        """Forget an SA."""
        self._record(Call("delete_sa", sa))
        self.sas.pop(sa, None)
        self.counters.pop(sa, None)

    def install_policies(self, policies: PolicySet) -> None:
        """Remember or replace the policies of an owner."""
        self._record(Call("install_policies", policies))
        self.policies.install(policies)

    def delete_policies(self, owner: int) -> None:
        """Forget the policies of an owner."""
        self._record(Call("delete_policies", owner))
        self.policies.delete(owner)

    def set_interface(self, interface: InterfaceConfig) -> None:
        """Remember a device."""
        self._record(Call("set_interface", interface))
        self.interfaces[interface.name] = interface

    def remove_interface(self, name: str) -> None:
        """Forget a device."""
        self._record(Call("remove_interface", name))
        self.interfaces.pop(name, None)

    def network_changed(self) -> None:
        """Nothing depends on the network here."""
        self._record(Call("network_changed"))

    def usage(self, sa: SaId) -> Usage | None:
        """The counters that a test has put into `counters`, zeros for other SAs, None for unknown ones."""
        return self.counters.get(sa)

    def receive_esp(self, packet: bytes, path: Path, traffic_class: int | None = None) -> None:
        """Keep an ESP packet in `esp_packets`."""
        self.esp_packets.append((packet, path))

    def expire(self, sa: SaId, *, hard: bool) -> None:
        """Report that an SA is at its limit, as the kernel would. A hard limit removes the SA."""
        if hard:
            self.sas.pop(sa, None)
        self._started().event(SaExpired(sa, hard))

    def acquire(self, owner: int, source: TrafficSelector | None, destination: TrafficSelector | None) -> None:
        """Report a packet that needs an SA, as a trap policy would."""
        policies = self.policies.of_owner(owner)
        reqid = policies.reqid if policies else 0
        self._started().event(Acquire(owner, reqid, source, destination))

    def _started(self) -> DatapathHost:
        if self._host is None:
            raise DatapathError("the datapath is not started")
        return self._host

    def _record(self, call: Call) -> None:
        reason = self.fail(call)
        self.calls.append(call)
        if reason:
            raise DatapathError(reason)


def _never(call: Call) -> str:
    return ""


def _write_nothing(key: SelectorPair, before: PolicySet | None, after: PolicySet | None) -> None:
    """The record in PolicyStacks is all there is."""
