# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was loaded into a daemon, remembered on the target. Private to the collection.

VICI tells only a part of a connection: no proposals, for instance. So the module keeps what it has loaded, with what
the daemon told of it right afterwards. If both are the same next time, nobody has changed anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import typing as t

Data = t.Dict[str, t.Any]


class Record:
    """The memory of one connection of the daemon at one socket."""

    def __init__(self, directory: str, socket: str, name: str) -> None:
        self.directory = directory
        self.socket = os.path.abspath(socket)
        key = hashlib.sha256(f"{self.socket}\0{name}".encode()).hexdigest()[:24]
        self.path = os.path.join(directory, f"{key}.json")

    def read(self) -> t.Optional[Data]:
        """C(wanted), its C(digest), and the C(listing) of the daemon then. None if this run of the daemon has none."""
        try:
            with open(self.path, encoding="utf-8") as source:
                record = json.load(source)
        except (OSError, ValueError):
            return None
        return record if record.get("daemon") == self._daemon() else None

    def write(self, wanted: Data, digest: str, listing: Data) -> None:
        """Remember. Raises OSError."""
        os.makedirs(self.directory, 0o700, exist_ok=True)
        temporary = f"{self.path}.{os.getpid()}"
        record = {"daemon": self._daemon(), "wanted": wanted, "digest": digest, "listing": listing}
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            json.dump(record, out)
        os.replace(temporary, self.path)

    def forget(self) -> None:
        """Forget. Raises OSError."""
        if os.path.exists(self.path):
            os.unlink(self.path)

    def _daemon(self) -> t.List[int]:
        """A daemon that starts anew makes a new socket."""
        status = os.stat(self.socket)
        return [status.st_ino, status.st_mtime_ns]
