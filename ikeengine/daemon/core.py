"""What the shell needs of the protocol core, `ikeengine.endpoint.Endpoint`. Tests bring a core of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ikeengine.model.commands import Command
from ikeengine.model.connection import ConnectionConfig, EngineSettings
from ikeengine.model.failure import FailureRecord
from ikeengine.model.path import Path
from ikeengine.model.status import IkeStatus
from ikeengine.negotiate.leases import LeaseTable
from ikeengine.outputs import OpId, Output


class Core(Protocol):
    """The sans-IO Endpoint as the shell sees it (design D1). Every method may add to the outputs."""

    @property
    def connections(self) -> Mapping[str, ConnectionConfig]:
        """The loaded connections by name."""

    @property
    def leases(self) -> LeaseTable:
        """The pools of virtual IP addresses, and who has which."""

    def set_settings(self, settings: EngineSettings) -> None:
        """Obey other settings from now on."""

    def set_wall_offset(self, offset: float) -> None:
        """Seconds from our clock to Unix time."""

    def load_connection(self, config: ConnectionConfig, now: float) -> None:
        """Add or replace a connection; an equal one is left alone."""

    def unload_connection(self, name: str, now: float) -> None:
        """Forget a connection and close its SAs."""

    def receive_datagram(self, data: bytes, path: Path, now: float) -> None:
        """An IKE message, without non-ESP marker."""

    def handle_timer(self, now: float) -> None:
        """Do what is due."""

    def next_timeout(self) -> float | None:
        """When `handle_timer` wants to be called."""

    def command(self, command: Command, now: float) -> OpId:
        """Begin an operator's command; `CommandDone` with the same number ends it."""

    def complete(self, op: OpId, result: object, now: float) -> None:
        """The answer to an Ask, or the failure of a datapath output."""

    def take_outputs(self) -> list[Output]:
        """What is to be done now, in order; afterwards the outbox is empty."""

    def status(self) -> list[IkeStatus]:
        """All IKE SAs with their Child SAs."""

    def failures(self, connection: str = "") -> list[FailureRecord]:
        """Records of failed negotiations, of all connections or of one."""
