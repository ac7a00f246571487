"""Carries out what the core wants about virtual IP addresses: gives them to this host, and takes them away again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from ikeengine.daemon.name_servers import NameServers
from ikeengine.datapath.virtual_ips import VirtualIpInstaller
from ikeengine.errors import DatapathError
from ikeengine.outputs import DeleteAddress, DeleteNameServers, InstallAddress, InstallNameServers, OpId

log = logging.getLogger(__name__)

Complain = Callable[[OpId, DatapathError], None]


class VirtualIps:
    """The addresses and name servers that peers have given to this host. Without settings it changes nothing."""

    def __init__(self, journal: Path | None, *, install: bool = True, interface: str = "") -> None:
        self._installer = VirtualIpInstaller(journal, interface) if install else None
        self.name_servers = NameServers()
        self._complain: Complain = _nobody

    def start(self, complain: Complain) -> None:
        """Remove what a killed predecessor has left behind. Raises DatapathError."""
        self._complain = complain
        if self._installer is not None:
            self._installer.start()

    def stop(self) -> None:
        """Take everything away again."""
        self.name_servers.clear()
        if self._installer is not None:
            self._installer.stop()

    def install(self, output: InstallAddress) -> None:
        """Give this host an address."""
        if self._installer is None:
            return
        try:
            self._installer.install(output.address, output.beside)
        except DatapathError as error:
            self._complain(output.op, error)

    def delete(self, output: DeleteAddress) -> None:
        """Take an address away."""
        if self._installer is None:
            return
        try:
            self._installer.delete(output.address)
        except DatapathError as error:
            log.warning("the virtual IP %s may be left behind: %s", output.address, error)

    def use_name_servers(self, output: InstallNameServers) -> None:
        """Use a peer's name servers."""
        interface = "" if self._installer is None else self._installer.interface_of(output.beside)
        self.name_servers.add(output.owner, output.servers, output.domains, interface)

    def forget_name_servers(self, output: DeleteNameServers) -> None:
        """Do not use them any more."""
        self.name_servers.remove(output.owner)


def _nobody(op: OpId, error: DatapathError) -> None:
    log.warning("no core to tell that operation %d failed: %s", op, error)
