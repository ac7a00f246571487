"""What an initiator proposes in phase 1."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.ikev1.proposals import ike
from ikeengine.ikev1.proposals.lifetime import lifetime
from ikeengine.ikev1.wire.algorithms import AuthMethod
from ikeengine.ikev1.wire.payloads import Sa
from ikeengine.model.connection import ConnectionConfig


def our_offer(config: ConnectionConfig, methods: Sequence[AuthMethod], group: int | None = None) -> Sa:
    """Our proposals with these methods of authentication, with the lifetime that we want; of one group, if given."""
    ends = [time for time in (config.reauth_time, config.rekey_time) if time]
    life = lifetime(min(ends) + config.over_time if ends else 0)
    return ike.offer(config.proposals, methods, life, group)
