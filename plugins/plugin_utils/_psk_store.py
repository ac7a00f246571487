# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pre-shared keys on the controller, one file for each pair. Private to the collection.

A file is encrypted with ansible-vault if the run has a vault password. It holds a ring of keys as JSON, or only a key,
as version 0.1 wrote it and as a person may put it there.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import tempfile
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_ring import Ring
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_vault import Vault, VaultError

KEY_OCTETS = 32
"""256 bits, the strength of the strongest PRF that a connection uses."""

_KEY = re.compile(r"0x[0-9a-f]{32,}|0s[A-Za-z0-9+/]{22,}={0,2}|[\x21-\x7e][\x20-\x7e]{14,}[\x21-\x7e]")
_PAIR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_FIELDS = set(Ring._fields)

Change = t.Callable[[Ring], Ring]


class StoreError(Exception):
    """A key cannot be had. The text never contains a key."""


def new_key() -> str:
    """A random key."""
    return "0x" + secrets.token_hex(KEY_OCTETS)


def is_key(text: t.Any) -> bool:
    """Whether the engine takes this for a key of at least 128 bits."""
    return isinstance(text, str) and _KEY.fullmatch(text) is not None


class PskStore:
    """A directory with one file for each pair (C(.psk)), and one for the epoch of derived keys."""

    def __init__(self, directory: str, vault: t.Optional[Vault] = None) -> None:
        self._directory = directory
        self._vault = vault or Vault()

    def key(self, pair: str, keep: bool = True) -> str:
        """The key of a pair that is in use. Raises StoreError."""
        return self.ring(pair, keep).current

    def ring(self, pair: str, keep: bool = True) -> Ring:
        """The keys of a pair. If there is none it is generated, and kept if C(keep). Raises StoreError."""
        return self._settle(self._key_file(pair), new_key, keep, check=_check_keys)

    def epochs(self, first: str, keep: bool = True) -> Ring:
        """The epochs of derived keys, C(first) if none is noted yet. They are no secret. Raises StoreError."""
        return self._settle(self._epoch_file(), lambda: first, keep)

    def change(self, pair: str, how: Change, keep: bool = True) -> t.Tuple[Ring, Ring]:
        """Change the ring of a pair, all or nothing. Returns what it was and what it is now. Raises StoreError."""
        before = self.ring(pair, keep)
        return before, self._change(self._key_file(pair), before, how(before), keep, self._vault)

    def change_epochs(self, first: str, how: Change, keep: bool = True) -> t.Tuple[Ring, Ring]:
        """The same with the epochs."""
        before = self.epochs(first, keep)
        return before, self._change(self._epoch_file(), before, how(before), keep, Vault())

    def _key_file(self, pair: str) -> str:
        if not _PAIR.fullmatch(pair):
            raise StoreError(f"{pair!r} cannot be the name of a key")
        return os.path.join(self._directory, pair + ".psk")

    def _epoch_file(self) -> str:
        return os.path.join(self._directory, "epoch.json")

    def _settle(
        self,
        path: str,
        first: t.Callable[[], str],
        keep: bool,
        check: t.Optional[t.Callable[[str, Ring], None]] = None,
    ) -> Ring:
        """What the file says. It is made if needed, and encrypted if it was not but can be now."""
        is_secret = check is not None
        try:
            if not os.path.lexists(path):
                if not keep:
                    return Ring(first())
                self._write(path, Ring(first()), self._vault if is_secret else Vault(), replace=False)
            # Read back: another process may have been faster, and its key counts.
            ring, was_encrypted = self._read(path)
            if check is not None:
                check(path, ring)
            if is_secret and keep and self._vault.has_password and not was_encrypted:
                self._write(path, ring, self._vault, replace=True)
            return ring
        except OSError as error:
            raise StoreError(f"{path} (psk_store): {error.strerror}") from None

    def _change(self, path: str, before: Ring, after: Ring, keep: bool, vault: Vault) -> Ring:
        if keep and after != before:
            try:
                self._write(path, after, vault, replace=True)
            except OSError as error:
                raise StoreError(f"{path} (psk_store): {error.strerror}") from None
        return after

    def _write(self, path: str, ring: Ring, vault: Vault, replace: bool) -> None:
        """Create or replace the file complete and with its mode. Not C(replace): not if it exists by now."""
        self._create_directory()
        values = {name: value for name, value in ring._asdict().items() if value is not None}
        handle, temporary = tempfile.mkstemp(dir=self._directory, prefix=".new-")
        try:
            with open(handle, "wb") as out:
                out.write(vault.seal(json.dumps(values, indent=2) + "\n"))
                out.flush()
                os.fsync(out.fileno())
            if replace:
                os.replace(temporary, path)
            else:
                _link(temporary, path)
        finally:
            if os.path.lexists(temporary):
                os.unlink(temporary)

    def _create_directory(self) -> None:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        # Keys do not belong under version control.
        with open(os.path.join(self._directory, ".gitignore"), "w", encoding="ascii") as ignore:
            ignore.write("*\n")

    def _read(self, path: str) -> t.Tuple[Ring, bool]:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as source:
            mode = os.fstat(source.fileno()).st_mode
            data = source.read()
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StoreError(
                f"{path} is accessible by others (mode {stat.S_IMODE(mode):04o}); chmod 600 it, and renew the key"
            )
        try:
            text = self._vault.open(data).strip()
        except VaultError as error:
            raise StoreError(f"{path} (psk_store) {error}") from None
        return _parse(path, text), self._vault.is_encrypted(data)


def _link(temporary: str, path: str) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return


def _parse(path: str, text: str) -> Ring:
    if not text.startswith("{"):
        return Ring(text)
    try:
        values = json.loads(text)
        ring = Ring(**{name: values[name] for name in _FIELDS & set(values)})
    except (ValueError, TypeError):
        # The error itself may quote the key.
        raise StoreError(f"{path} (psk_store) is damaged; restore it from a backup") from None
    if not isinstance(ring.generation, int) or not set(values) <= _FIELDS:
        raise StoreError(f"{path} (psk_store) is damaged; restore it from a backup")
    return ring


def _check_keys(path: str, ring: Ring) -> None:
    if not all(is_key(value) for unused, value in ring.accepted()):
        raise StoreError(f"{path} (psk_store) does not hold a key of at least 128 bits")
