# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the controller under the vault password of the run. Private to the collection."""

from __future__ import annotations

import typing as t

from ansible.parsing.vault import AnsibleVaultError, VaultLib, is_encrypted

GIVE_ONE = "give it with --vault-password-file, --ask-vault-pass or ANSIBLE_VAULT_PASSWORD_FILE"


class VaultError(Exception):
    """A file cannot be decrypted. The text says what to do."""


class Vault:
    """Encrypts if there is a password, and leaves alone what is not encrypted."""

    def __init__(self, secrets: t.Optional[t.Sequence[t.Any]] = None) -> None:
        self._library = VaultLib(secrets or None)

    @classmethod
    def of_loader(cls, loader: t.Any) -> Vault:
        """The vault of a plugin's C(_loader), with the passwords that the run was started with."""
        return cls(getattr(getattr(loader, "_vault", None), "secrets", None))

    @property
    def has_password(self) -> bool:
        """Whether anything can be encrypted."""
        return bool(self._library.secrets)

    def is_encrypted(self, data: bytes) -> bool:
        """Whether these octets come from a vault."""
        return is_encrypted(data)

    def seal(self, text: str) -> bytes:
        """Encrypted if there is a password, otherwise as it is."""
        return self._library.encrypt(text) if self.has_password else text.encode()

    def open(self, data: bytes) -> str:
        """What is in these octets. Raises VaultError."""
        if not self.is_encrypted(data):
            return data.decode("utf-8", "replace")
        if not self.has_password:
            raise VaultError(f"is encrypted with ansible-vault, and there is no vault password: {GIVE_ONE}")
        try:
            return self._library.decrypt(data).decode("utf-8", "replace")
        except AnsibleVaultError:
            raise VaultError(
                f"cannot be decrypted with the vault password of this run: {GIVE_ONE}, and use the one that it was "
                "encrypted with (`ansible-vault rekey` changes it)"
            ) from None
