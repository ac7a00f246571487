"""What an initiator proposes in phase 1."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.ikev1.proposals import ike
from ikeengine.ikev1.upkeep import lifetimes
from ikeengine.ikev1.wire.algorithms import AuthMethod
from ikeengine.ikev1.wire.payloads import Sa
from ikeengine.model.connection import ConnectionConfig


def our_offer(config: ConnectionConfig, methods: Sequence[AuthMethod], group: int | None = None) -> Sa:
    """Our proposals with these methods of authentication, with the lifetime that we want; of one group, if given."""
    return ike.offer(config.proposals, methods, lifetimes.own(config), group)
