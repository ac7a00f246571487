"""Which of the connections that fit so far is meant, now that the peer has said who it is."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.errors import AuthFailed
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import format_identity, matches


def fitting(candidates: Sequence[ConnectionConfig], identity: Identity) -> list[ConnectionConfig]:
    """The connections that are for this peer, those that name it exactly first. Raises AuthFailed if there is none."""
    found = [config for config in candidates if matches(config.remote[0].id, identity)]
    if not found:
        wanted = ", ".join(dict.fromkeys(config.remote[0].id.text for config in candidates))
        raise AuthFailed("identity", f"the peer is {format_identity(identity)}, but `remote.id` wants {wanted}")
    return sorted(found, key=lambda config: config.remote[0].id.exact is None)
