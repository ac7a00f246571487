"""The devices of route-based connections: there as long as their connection is loaded."""

from __future__ import annotations

import logging

from ikeengine.datapath.base import Datapath
from ikeengine.errors import DatapathError
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.interface import InterfaceConfig

log = logging.getLogger(__name__)


class Interfaces:
    """Knows which connection has which device."""

    def __init__(self, datapath: Datapath) -> None:
        self._datapath = datapath
        self._of: dict[str, InterfaceConfig] = {}

    def __contains__(self, name: object) -> bool:
        return any(interface.name == name for interface in self._of.values())

    def prepare(self, config: ConnectionConfig) -> str:
        """Make the device that a connection wants. Returns the one that it wants no longer, or nothing.

        Raises DatapathError; then the connection has what it had.
        """
        old, new = self._of.get(config.name), config.interface
        if new is None:
            return self.forget(config.name)
        if old != new:
            self._datapath.set_interface(new)
            self._of[config.name] = new
        return old.name if old is not None and old.name != new.name else ""

    def forget(self, connection: str) -> str:
        """A connection is gone; the name of its device, which can be removed, or nothing."""
        old = self._of.pop(connection, None)
        return old.name if old is not None else ""

    def remove(self, name: str) -> None:
        """Remove a device, unless another connection has taken the name over in the meantime."""
        if not name or name in self:
            return
        try:
            self._datapath.remove_interface(name)
        except DatapathError as error:
            log.warning("the device %s may be left behind: %s", name, error)

    def check_free(self, config: ConnectionConfig) -> None:
        """Raises DatapathError if another connection has the device: those of a client are not read together."""
        wanted = config.interface
        if wanted is None:
            return
        for other, interface in self._of.items():
            if other == config.name:
                continue
            if interface.name == wanted.name:
                raise DatapathError(f"{wanted.name} is the device of the connection {other} already")
            if interface.if_id == wanted.if_id:
                raise DatapathError(f"the interface ID {wanted.if_id:#x} belongs to {interface.name} already")
