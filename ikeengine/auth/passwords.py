"""Passwords of users (`secrets.xauth<suffix>` and `secrets.eap<suffix>`)."""

from __future__ import annotations

from hmac import compare_digest

from ikeengine.model.credentials import SharedKey
from ikeengine.model.secret import Secret


def names_user(key: SharedKey, user: bytes) -> bool:
    """Whether a password is that of a user: of one of its owners to the letter, or without owners of everybody."""
    return not key.owners or any(owner.exact is not None and owner.exact.data == user for owner in key.owners)


class Passwords:
    """Passwords by name, with an index of their users."""

    def __init__(self) -> None:
        self._keys: dict[str, SharedKey] = {}
        self._of_user: dict[bytes, dict[str, SharedKey]] = {}
        self._of_everybody: dict[str, SharedKey] = {}

    def add(self, key: SharedKey) -> None:
        """Add a password, or replace the one of that name."""
        self.remove(key.name)
        self._keys[key.name] = key
        for user in _users(key):
            self._of_user.setdefault(user, {})[key.name] = key
        if not key.owners:
            self._of_everybody[key.name] = key

    def remove(self, name: str) -> None:
        """Forget a password, if it is there."""
        key = self._keys.pop(name, None)
        if key is None:
            return
        self._of_everybody.pop(name, None)
        for user in _users(key):
            del self._of_user[user][name]
            if not self._of_user[user]:
                del self._of_user[user]

    def names(self) -> tuple[str, ...]:
        """The names of all passwords."""
        return tuple(self._keys)

    def of_user(self, user: bytes) -> tuple[Secret, ...]:
        """What a user may prove to know, the user's own first."""
        found = (*self._of_user.get(user, {}).values(), *self._of_everybody.values())
        return tuple(key.secret for key in found)

    def accepts(self, user: bytes, password: Secret) -> bool:
        """Whether a user has this password. Takes as long for a wrong one as for the right one."""
        given, accepted = password.reveal(), False
        for known in self.of_user(user) or (_NOBODY,):
            accepted |= compare_digest(known.reveal(), given) and len(known) > 0
        return accepted


_NOBODY = Secret(b"")
"""Compared with the password of a user who is not known, and never accepted."""


def _users(key: SharedKey) -> set[bytes]:
    return {owner.exact.data for owner in key.owners if owner.exact is not None}
