"""Who had which virtual IP address, in a file that outlives the daemon: `leases.json`.

The file is written a second after a change, so that a crowd of clients costs one write, and replaced as a whole.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from ikeengine.model.identity import Identity
from ikeengine.model.pool import Lease
from ikeengine.negotiate.leases import LeaseTable
from ikeengine.outputs import Event, LeaseChanged
from ikeengine.registry import IdType

log = logging.getLogger(__name__)

DELAY = 1.0
"""Seconds between a change and the file."""
_VERSION = 1


class LeaseFile:
    """A listener of the Observer that keeps the file up to date."""

    def __init__(self, path: Path, leases: LeaseTable, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._leases = leases
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, event: Event) -> None:
        """Write soon if a lease has changed."""
        if isinstance(event, LeaseChanged) and self._timer is None:
            self._timer = self._loop.call_later(DELAY, self.write)

    def restore(self) -> None:
        """Remember the leases of the daemon before us. A file that cannot be read is an empty one."""
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self._leases.restore(list(_read(stored)))
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("the leases in %s cannot be read: %s", self._path, error)

    def write(self) -> None:
        """Write now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        text = json.dumps({"version": _VERSION, "leases": [_written(lease) for lease in self._leases.leases()]})
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            new.replace(self._path)
        except OSError as error:
            log.warning("the leases cannot be written to %s: %s", self._path, error.strerror)

    def close(self) -> None:
        """Write what is still to be written, if anything ever was."""
        if self._timer is not None or self._path.exists():
            self.write()


def _written(lease: Lease) -> dict[str, object]:
    identity = {"type": int(lease.identity.type), "data": lease.identity.data.hex()}
    return {"pool": lease.pool, "address": str(ip_address(lease.address)), "identity": identity}


def _read(stored: dict[str, list[dict[str, object]]]) -> Iterator[Lease]:
    for entry in stored["leases"]:
        identity = entry["identity"]
        if not isinstance(identity, dict):
            raise ValueError("an identity is missing")
        who = Identity(IdType(identity["type"]), bytes.fromhex(identity["data"]))
        yield Lease(str(entry["pool"]), ip_address(str(entry["address"])).packed, who, online=False)
