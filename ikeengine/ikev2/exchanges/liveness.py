"""Is the peer still there? An empty INFORMATIONAL exchange (RFC 7296 section 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.ikev2.exchange import Exchange
from ikeengine.ikev2.exchanges.mobike import queue_update
from ikeengine.ikev2.messages import natd
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.registry import ExchangeType
from ikeengine.sa.context import Context
from ikeengine.wire.payloads import Payload


@dataclass(slots=True)
class Liveness(Exchange):
    """Ask for a sign of life. The retransmissions decide when the peer is dead."""

    name: ClassVar[str] = "IKE_DPD"
    type: ClassVar[ExchangeType] = ExchangeType.INFORMATIONAL

    def request(self, ctx: Context, sa: IkeSa) -> Sequence[Payload] | None:
        """Nothing but the protected header; with MOBIKE a question for our NAT mapping (RFC 4555 section 3.8)."""
        if sa.mobility is not None and sa.mobility.decides and sa.nat_local:
            return natd.payloads(sa.spi_i, sa.spi_r, sa.path, fake=sa.connection.encap)
        return []

    def response(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """The peer is alive; that it was heard is noted where every message is."""
        ctx.answer(self.ops, ok=True)
        mobility = sa.mobility
        if mobility is not None and natd.is_told(message) and natd.seen_as(message) != mobility.seen_as:
            queue_update(sa)
