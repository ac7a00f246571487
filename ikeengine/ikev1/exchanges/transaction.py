"""The transaction exchange (draft-dukes-ike-mode-cfg-02 section 3): a question and its answer, of XAUTH or mode config.

HDR*, HASH, ATTR(REQUEST or SET, identifier, ...)  -->
                                                   <--  HDR*, HASH, ATTR(REPLY or ACK, the same identifier, ...)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.exchange import Exchange
from ikeengine.ikev1.exchanges import phase1_end
from ikeengine.ikev1.exchanges.ending import done
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer.admission import Admission
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.payloads import Attributes
from ikeengine.ikev1.wire.rules import Step
from ikeengine.model.failure import FailureRecord
from ikeengine.registry import CpType, ExchangeType
from ikeengine.sa import ike_sa
from ikeengine.sa.context import Context
from ikeengine.sa.states import Closing
from ikeengine.timers import Timer

IDENTIFIER = 0
"""Of all that we begin, since strongSwan answers XAUTH with 0 whatever it was asked; message IDs tell them apart."""

HEAD_START = 0.1
"""Seconds between an ACK of ours and what we begin next: strongSwan gives up if Quick Mode overtakes the ACK."""

_ANSWERS = {CpType.CFG_REQUEST: CpType.CFG_REPLY, CpType.CFG_SET: CpType.CFG_ACK}


@dataclass(slots=True, kw_only=True)
class Transaction(Exchange):
    """A transaction that we begin. Without it the ISAKMP SA is not admitted, so both end together."""

    type: ClassVar[ExchangeType] = ExchangeType.TRANSACTION
    expects: ClassVar[Step] = Step.TRANSACTION
    asks: ClassVar[CpType]

    def send(self, ctx: Context, sa: IkeSa, attributes: Sequence[Attribute]) -> None:
        """Ask, until there is an answer."""
        conversation = transport.begin(ctx, sa, ExchangeType.TRANSACTION)
        conversation.exchange = self
        payload = Attributes(self.asks, IDENTIFIER, tuple(attributes))
        transport.send_hashed(ctx, sa, conversation, [payload], repeat=True)

    def take(self, ctx: Context, sa: IkeSa, message: Received) -> tuple[Attribute, ...]:
        """The answer, with which the exchange is over. Raises InvalidSyntax if it answers something else."""
        payload = message.require(Attributes)
        if (payload.kind, payload.identifier) != (_ANSWERS[self.asks], IDENTIFIER):
            wanted = f"{_ANSWERS[self.asks].name} {IDENTIFIER}"
            raise InvalidSyntax(f"{payload.kind.name} {payload.identifier} where {wanted} is the answer")
        done(ctx, sa, message.conversation)
        return payload.attributes

    def give_up(self, ctx: Context, sa: IkeSa, record: FailureRecord) -> bool:
        """Nobody answers. A client that uses the ISAKMP SA already has been let in, whatever became of its ACK."""
        if sa.state is IkeState.AUTHENTICATED:
            phase1_end.give_up(ctx, sa, Closing.DEAD, record)
        return False

    def abandon(self, ctx: Context, sa: ike_sa.IkeSa, reason: str, record: FailureRecord | None = None) -> None:
        """The peer has broken the exchange: it is not let in. The record is told already."""
        if isinstance(sa, IkeSa) and sa.state is IkeState.AUTHENTICATED and record is not None:
            phase1_end.end(ctx, sa, Closing.FAILED, record)


def answer(ctx: Context, sa: IkeSa, message: Received, attributes: Sequence[Attribute]) -> None:
    """Answer a transaction of the peer; who asks again gets the same again."""
    asked = message.require(Attributes)
    payload = Attributes(_ANSWERS[asked.kind], asked.identifier, tuple(attributes))
    transport.send_hashed(ctx, sa, message.conversation, [payload], repeat=False)
    transport.finish(sa, message.conversation)
    if asked.kind is CpType.CFG_SET and sa.state is IkeState.AUTHENTICATED:
        sa.timers.set(Timer.GRACE, ctx.now + HEAD_START)


def running_admission(sa: IkeSa) -> Admission:
    """What is to come after phase 1; the state AUTHENTICATED has it."""
    if sa.admission is None:
        raise AssertionError(f"ISAKMP SA {sa.unique_id} needs nothing in state {sa.state.value}")
    return sa.admission
