# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pre-shared keys on the controller, one file each. Private to the collection."""

from __future__ import annotations

import os
import re
import secrets
import stat
import tempfile

KEY_OCTETS = 32
"""256 bits, the strength of the strongest PRF that a connection uses."""

_KEY = re.compile(r"0x[0-9a-f]{32,}|0s[A-Za-z0-9+/]{22,}={0,2}|[\x21-\x7e][\x20-\x7e]{14,}[\x21-\x7e]")
_PAIR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class StoreError(Exception):
    """A key cannot be had. The text never contains a key."""


class PskStore:
    """A directory with one key file for each pair."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def key(self, pair: str, keep: bool = True) -> str:
        """The key of a pair. If there is none it is generated, and kept if C(keep). Raises StoreError."""
        if not _PAIR.fullmatch(pair):
            raise StoreError(f"{pair!r} cannot be the name of a key")
        path = os.path.join(self._directory, pair + ".psk")
        try:
            if not os.path.lexists(path):
                new = "0x" + secrets.token_hex(KEY_OCTETS)
                if not keep:
                    return new
                self._write(path, new)
            # Read back: another process may have been faster, and its key counts.
            return self._read(path)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error

    def _write(self, path: str, key: str) -> None:
        """Create the file complete and with its mode, or not at all if it exists by now."""
        self._create_directory()
        handle, temporary = tempfile.mkstemp(dir=self._directory)
        try:
            with open(handle, "w", encoding="ascii") as out:
                out.write(key)
                out.flush()
                os.fsync(out.fileno())
            try:
                os.link(temporary, path)
            except FileExistsError:
                return
        finally:
            os.unlink(temporary)

    def _create_directory(self) -> None:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        # Keys do not belong under version control.
        with open(os.path.join(self._directory, ".gitignore"), "w", encoding="ascii") as ignore:
            ignore.write("*\n")

    def _read(self, path: str) -> str:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii", errors="replace") as source:
            mode = os.fstat(source.fileno()).st_mode
            key = source.read().strip()
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StoreError(
                f"{path} is accessible by others (mode {stat.S_IMODE(mode):04o}); chmod 600 it, and renew the key"
            )
        if not _KEY.fullmatch(key):
            raise StoreError(f"{path} does not hold a key of at least 128 bits")
        return key
