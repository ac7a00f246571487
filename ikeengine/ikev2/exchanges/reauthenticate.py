"""Authenticating again (RFC 7296 section 2.8.3): a new IKE SA from scratch, and the old one ends when that is up.

There is no exchange for it. The new IKE SA gets a Child SA for each one of the old IKE SA, and this as its last task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.ikev2 import lookup
from ikeengine.ikev2.exchange import Exchange
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.failure import FailureRecord
from ikeengine.registry import ExchangeType
from ikeengine.sa import ike_sa
from ikeengine.sa.children.data import UP_STATES
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import supersede
from ikeengine.sa.upkeep.retries import initiate_delay
from ikeengine.timers import Timer
from ikeengine.wire.payloads import Payload


@dataclass(slots=True)
class Supersede(Exchange):
    """End the IKE SA that this one authenticates again."""

    name: ClassVar[str] = "IKE_REAUTH"
    type: ClassVar[ExchangeType] = ExchangeType.INFORMATIONAL

    old_spi: bytes
    """Our SPI of the old IKE SA."""

    def request(self, ctx: Context, sa: IkeSa) -> Sequence[Payload] | None:
        """Everything before this task is done: if it was successful, the old IKE SA has served its time."""
        old = self._old(ctx, sa)
        missing = sorted(children_up(old) - children_up(sa)) if old is not None else []
        if old is None or not missing:
            ctx.answer(self.ops, ok=True)
        else:
            reason = f"the new IKE SA lacks {', '.join(missing)}, so the old one stays until its lifetime is over"
            ctx.answer(self.ops, ok=False, reason=reason)
        if old is not None and not missing:
            supersede(ctx, old)
        return None

    def response(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Nothing was asked."""

    def abandon(self, ctx: Context, sa: ike_sa.IkeSa, reason: str, record: FailureRecord | None = None) -> None:
        """The new IKE SA did not come up. The old one tries again, as long as it lives."""
        ctx.answer(self.ops, ok=False, reason=reason, record=record)
        old = self._old(ctx, sa)
        if old is not None and not self.ops and ctx.settings.retry_initiate_interval:
            old.timers.set(Timer.IKE_REAUTH, ctx.now + initiate_delay(ctx, old.refused + 1))
            old.refused += 1
            ctx.touch(old)

    def _old(self, ctx: Context, sa: ike_sa.IkeSa) -> IkeSa | None:
        """The old IKE SA, or the one that has rekeyed it meanwhile."""
        for other in lookup.of_connection(ctx, sa.name):
            if self.old_spi in (other.local_spi, other.predecessor) and other.state is IkeState.ESTABLISHED:
                return other
        return None


def children_up(sa: IkeSa) -> set[str]:
    """Names of the Child SAs that carry traffic."""
    return {child.config.name for child in sa.children.values() if child.state in UP_STATES}
