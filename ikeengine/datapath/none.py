"""No datapath at all: IKE only, for a host whose packets something else protects, and for checking a configuration."""

from __future__ import annotations

import socket

from ikeengine.datapath.base import DatapathHost
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.path import Path
from ikeengine.model.sa import IpsecSa, PolicySet, SaId, UdpEncap, Usage


class NoDatapath:
    """Accepts everything and protects nothing."""

    name = "none"

    def start(self, host: DatapathHost) -> None:
        """There is nothing to open."""

    def stop(self) -> None:
        """There is nothing to remove."""

    def prepare_socket(self, sock: socket.socket, *, nat_t: bool) -> None:
        """There are no policies to exempt a socket from."""

    def install_sa(self, sa: IpsecSa) -> None:
        """Accept an SA and forget it."""

    def update_sa(self, sa: SaId, source: str, destination: str, encap: UdpEncap | None) -> None:
        """Accept new addresses and forget them."""

    def delete_sa(self, sa: SaId) -> None:
        """There is no SA to remove."""

    def install_policies(self, policies: PolicySet) -> None:
        """Accept policies and forget them."""

    def delete_policies(self, owner: int) -> None:
        """There are no policies to remove."""

    def set_interface(self, interface: InterfaceConfig) -> None:
        """Accept a device and make none."""

    def remove_interface(self, name: str) -> None:
        """There is no device to remove."""

    def network_changed(self) -> None:
        """Nothing depends on the network here."""

    def usage(self, sa: SaId) -> Usage | None:
        """No SA is known, so none has counters."""
        return None

    def receive_esp(self, packet: bytes, path: Path, traffic_class: int | None = None) -> None:
        """Drop an ESP packet: nothing can decrypt it."""
