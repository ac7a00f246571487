"""Which pre-shared key is for whom: strongSwan's rules, fast enough for a mesh with a key for each pair.

A key fits an identity as well as the best of its owners does; a key without owners fits everybody as `%any` does. The
key that fits the peer best wins, then the one that fits us best, then the one that was added first. So a key with both
identities comes before one with the peer's alone, that before a key without owners, and a key that only names us is
the last resort.

Several keys can fit a pair equally well, while one is being replaced by another. The first of them is what we prove
ourselves with; a peer may use any of them. A key that fits less well is never taken instead.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from ikeengine.model.credentials import SharedKey
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import ANY, NONE, canonical, is_sound, match_quality


class SharedKeys:
    """Pre-shared keys by name, with an index of the identities that own one."""

    def __init__(self) -> None:
        self._keys: dict[str, SharedKey] = {}
        self._of_identity: dict[Hashable, dict[str, SharedKey]] = {}
        self._with_patterns: dict[str, SharedKey] = {}
        """Keys for more than their exact owners: those that have a pattern among them, or no owners at all."""

    def add(self, key: SharedKey) -> None:
        """Add a key, or replace the one of that name."""
        self.remove(key.name)
        self._keys[key.name] = key
        for identity in _exact_owners(key):
            self._of_identity.setdefault(identity, {})[key.name] = key
        if not key.owners or any(owner.exact is None for owner in key.owners):
            self._with_patterns[key.name] = key

    def remove(self, name: str) -> None:
        """Forget a key, if it is there."""
        key = self._keys.pop(name, None)
        if key is None:
            return
        self._with_patterns.pop(name, None)
        for identity in _exact_owners(key):
            del self._of_identity[identity][name]
            if not self._of_identity[identity]:
                del self._of_identity[identity]

    def names(self) -> tuple[str, ...]:
        """The names of all keys."""
        return tuple(self._keys)

    def find(self, local: Identity, remote: Identity) -> tuple[SharedKey, ...]:
        """The best keys for a pair of identities, in the order of their addition. A malformed identity has none."""
        if not is_sound(local) or not is_sound(remote):
            return ()
        of_peer = self._of_identity.get(canonical(remote), {})
        if len(of_peer) == 1:
            return tuple(of_peer.values())  # as in most meshes: there is nothing to compare
        if of_peer:
            return _best(of_peer.values(), local, remote)
        patterned = _best(self._with_patterns.values(), local, remote)
        if patterned and _match(patterned[0], remote) > NONE:
            return patterned
        of_us = self._of_identity.get(canonical(local), {})
        return tuple(of_us.values()) or patterned


def _exact_owners(key: SharedKey) -> set[Hashable]:
    return {canonical(owner.exact) for owner in key.owners if owner.exact is not None}


def _match(key: SharedKey, identity: Identity) -> int:
    return max([match_quality(owner, identity) for owner in key.owners], default=ANY)


def _best(keys: Iterable[SharedKey], local: Identity, remote: Identity) -> tuple[SharedKey, ...]:
    best: list[SharedKey] = []
    best_score = (NONE, NONE)
    for key in keys:
        score = _match(key, remote), _match(key, local)
        if score > best_score:
            best, best_score = [key], score
        elif score == best_score and best:
            best.append(key)
    return tuple(best)
