"""What every datapath offers to the daemon, and what it needs from it (design D9)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ikeengine.model.commands import Acquire, NatMappingChanged, SaExpired, UnknownSpi
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.path import Path
from ikeengine.model.sa import IpsecSa, PolicySet, SaId, UdpEncap, Usage

DatapathEvent = Acquire | SaExpired | NatMappingChanged | UnknownSpi
"""What a datapath tells the core."""


class OuterFields(NamedTuple):
    """What an SA copies from the packet inside to the header in front of it (RFC 4301 section 5.1.2)."""

    traffic_class: int = 0
    """DSCP and ECN."""
    df: bool = True
    """IPv4: nobody on the way may fragment it."""


PLAIN = OuterFields()


class DatapathHost(Protocol):
    """What the daemon lends to a datapath."""

    loop: asyncio.AbstractEventLoop

    def send_encapsulated(self, packet: bytes, path: Path, outer: OuterFields = PLAIN) -> None:
        """Send an ESP packet from the NAT-T socket, UDP encapsulated (RFC 3948 section 2.1)."""

    def event(self, event: DatapathEvent) -> None:
        """Tell the core about a packet that needs an SA, an SA at its limit, or a NAT mapping that has changed."""


class BatchingHost(DatapathHost, Protocol):
    """A host that sends many packets at once more cheaply than one by one. A DatapathHost may be one; none must."""

    def send_encapsulated_batch(self, packets: Sequence[bytes], path: Path, outer: OuterFields = PLAIN) -> None:
        """Send ESP packets as `send_encapsulated` does, in this order."""


class Datapath(Protocol):
    """Protects packets. Calls are synchronous and ordered; each takes at most milliseconds.

    Everything a datapath installs is recorded as its own, and nothing else on the host is ever changed or removed.
    """

    name: str
    """`xfrm`, `userspace` or `none`."""

    def start(self, host: DatapathHost) -> None:
        """Open devices and sockets. Raises DatapathError if this host cannot do it."""

    def stop(self) -> None:
        """Remove everything this datapath has installed."""

    def prepare_socket(self, sock: socket.socket, *, nat_t: bool) -> None:
        """Exempt an IKE socket from the policies; on the NAT-T socket also set up decapsulation."""

    def install_sa(self, sa: IpsecSa) -> None:
        """Install one SA. Raises DatapathError; then nothing of it is left behind."""

    def update_sa(self, sa: SaId, source: str, destination: str, encap: UdpEncap | None) -> None:
        """Move an SA to other outer addresses, keeping sequence numbers and replay window. Raises DatapathError."""

    def delete_sa(self, sa: SaId) -> None:
        """Remove an SA; one that is gone already is fine."""

    def install_policies(self, policies: PolicySet) -> None:
        """Install or replace the policies of an owner. Raises DatapathError; then the old ones are in force."""

    def delete_policies(self, owner: int) -> None:
        """Remove the policies of an owner; another owner's policies for the same selectors come back into force."""

    def set_interface(self, interface: InterfaceConfig) -> None:
        """Make the device of a route-based connection, or change what is different. Raises DatapathError.

        SAs and policies name the device that they belong to.
        """

    def remove_interface(self, name: str) -> None:
        """Remove a device with its addresses and routes; one that is gone already is fine. Raises DatapathError."""

    def network_changed(self) -> None:
        """The host has other addresses, links or routes. Raises DatapathError."""

    def usage(self, sa: SaId) -> Usage | None:
        """The counters of an SA, None if it does not exist."""

    def receive_esp(self, packet: bytes, path: Path, traffic_class: int | None = None) -> None:
        """An ESP packet that arrived on the NAT-T socket (userspace only); `traffic_class` is None if unknown."""
