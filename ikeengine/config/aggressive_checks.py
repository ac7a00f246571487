"""Aggressive Mode with pre-shared keys takes one of them before the peer has proven anything: is it clear which one?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ikeengine.auth.shared_keys import SharedKeys
from ikeengine.config.build_auth import RemoteRound
from ikeengine.config.cross_checks import own_identities
from ikeengine.config.draft import Draft
from ikeengine.config.options import connection as options
from ikeengine.config.problems import Problems
from ikeengine.model.connection import AuthKind
from ikeengine.model.credentials import SharedKey
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import format_identity, matches
from ikeengine.registry import IdType

_ANYBODY = Identity(IdType.ID_KEY_ID, b"anybody")
"""Stands for peers that no key names."""


def warn_of_rivals(drafts: Iterable[Draft], keys: Sequence[SharedKey], problems: Problems) -> None:
    """Note connections with Aggressive Mode for which several keys fit the same two identities equally well."""
    known = SharedKeys()
    for key in keys:
        known.add(key)
    for draft in drafts:
        psk = [remote for remote in draft.remote if remote.auth.auth is AuthKind.PSK]
        if draft.config.version != 2 and draft.config.aggressive and draft.local and psk:
            _check(draft, psk[0], keys, known, problems)


def _check(draft: Draft, remote: RemoteRound, keys: Sequence[SharedKey], known: SharedKeys, problems: Problems) -> None:
    for own in own_identities(draft, draft.local[0]):
        for peer in _peers(remote, keys):
            rivals = known.find(own, peer)
            if len(rivals) > 1:
                names = ", ".join(key.name for key in rivals)
                who = "any peer" if peer is _ANYBODY else format_identity(peer)
                problems.warn(
                    draft.values.mark_of(options.AGGRESSIVE),
                    draft.values.key(options.AGGRESSIVE),
                    f"{len(rivals)} pre-shared keys fit {format_identity(own)} and {who} equally well ({names}): "
                    f"Aggressive Mode can try only {rivals[0].name}",
                )
                return


def _peers(remote: RemoteRound, keys: Iterable[SharedKey]) -> list[Identity]:
    """Who the peer may be: the one that is expected, or all that have a key, and somebody else."""
    pattern = remote.auth.id
    if pattern.exact is not None:
        return [pattern.exact]
    named = [owner.exact for key in keys for owner in key.owners if owner.exact is not None]
    return [peer for peer in (*named, _ANYBODY) if matches(pattern, peer)]
