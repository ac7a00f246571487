"""The commit bit: a peer that sets it in Quick Mode says CONNECTED when its SAs can be used (RFC 2408 section 3.1).

initiator                                          responder
HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]   -->
                                              <--  HDR* with the commit bit, HASH(2), SA, Nr [, KE] [, IDci, IDcr]
HDR*, HASH(3)                                 -->
                                              <--  HDR*, HASH(1), N(CONNECTED)

RFC 2408 has the last message in an Informational exchange with the message ID of Quick Mode; racoon and z/OS send it as
a fourth message of Quick Mode. Both are understood, and so is an initiator that sets the bit and says CONNECTED itself.

Nothing authenticates the header, so that anybody on the way can set the bit. It must not do more than delay: who says
nothing is reminded once, by our last message, and then the SAs are used. (A packet of the peer on them would say the
same, but the core sees no packets.) We never set the bit: what it is good for, messages that are repeated until the
other side has them do as well. In phase 1 it is ignored, because there each side has proven to have the keys before the
other one needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.ikev1.exchange import Exchange
from ikeengine.ikev1.exchanges.ending import done, release
from ikeengine.ikev1.exchanges.quick_parts import confirm
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.conversation import Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.upkeep.successor import home
from ikeengine.ikev1.wire.numbers import NotifyType
from ikeengine.ikev1.wire.payloads import Notify
from ikeengine.ikev1.wire.rules import Step
from ikeengine.model.failure import FailureRecord
from ikeengine.outputs import LogLine
from ikeengine.registry import ExchangeType
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children import renewal
from ikeengine.sa.children.data import ChildSa
from ikeengine.sa.context import Context


@dataclass(slots=True, kw_only=True)
class AwaitConnected(Exchange):
    """Child SAs are there, but what we send on them would come too early."""

    name: ClassVar[str] = "QUICK_MODE"
    type: ClassVar[ExchangeType] = ExchangeType.QUICK_MODE
    expects: ClassVar[Step] = Step.CONNECTED
    most_repeats: ClassVar[int] = 1

    children: Sequence[ChildSa]

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """It goes on where Quick Mode ends."""
        return True

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """The peer is ready, or says something else that changes nothing."""
        if any(notify.kind == NotifyType.CONNECTED for notify in message.all(Notify)):
            done(ctx, sa, message.conversation)
            self._use(ctx, sa)

    def give_up(self, ctx: Context, sa: IkeSa, record: FailureRecord) -> bool:
        """The peer says nothing, which may be the fault of the network or of whoever has set the bit."""
        ctx.emit(LogLine(1, "IKE", "the peer has set the commit bit, but never said CONNECTED", sa.name, sa.unique_id))
        self._use(ctx, sa)
        return False

    def discard(self, ctx: Context, sa: IkeSa) -> None:
        """CONNECTED cannot come any more, but another ISAKMP SA has the Child SAs."""
        self._use(ctx, sa)

    def _use(self, ctx: Context, sa: IkeSa) -> None:
        owner = home(ctx, sa)
        for child in self.children:
            if child.unique_id in owner.children:
                ctx.touch(owner)
                renewal.start_sending(ctx, owner, child)
                confirm(ctx, child)


def hold(ctx: Context, sa: IkeSa, conversation: Conversation, children: Sequence[ChildSa]) -> None:
    """Wait for CONNECTED before anything is sent on new Child SAs."""
    owner = home(ctx, sa)
    for child in children:
        child_sa.await_peer(ctx, owner, child)
    release(ctx, sa, conversation)
    conversation.exchange = AwaitConnected(children=children)
    transport.await_answer(ctx, sa, conversation)
