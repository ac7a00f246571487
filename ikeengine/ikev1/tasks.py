"""The queue of exchanges that we begin on an ISAKMP SA, and what becomes of those of either side."""

from __future__ import annotations

from ikeengine.ikev1.exchanges import admission, quick_responder
from ikeengine.ikev1.exchanges.delete import DeleteIke
from ikeengine.ikev1.exchanges.ending import done
from ikeengine.ikev1.messages.conversation import Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.wire.numbers import NotifyType
from ikeengine.ikev1.wire.payloads import Notify
from ikeengine.model.failure import FailureRecord
from ikeengine.outputs import LogLine
from ikeengine.registry import ExchangeType
from ikeengine.sa import reasons
from ikeengine.sa.context import Context
from ikeengine.sa.states import Closing
from ikeengine.sa.task import TaskKind

_CAN_SEND = (IkeState.ESTABLISHED, IkeState.REKEYED, IkeState.DELETING)


def start_next(ctx: Context, sa: IkeSa) -> None:
    """Begin with the next task, if none is under way. One that replaced this SA does the rest."""
    if sa.state is IkeState.AUTHENTICATED:
        admission.go_on(ctx, sa)
    while sa.queue and sa.active is None and sa.state in _CAN_SEND:
        task = sa.queue.popleft()
        if sa.state is IkeState.REKEYED and task.kind not in (TaskKind.DELETE_IKE, TaskKind.DELETE_CHILD):
            task.abandon(ctx, sa, "the ISAKMP SA is replaced by another one")
        elif task.begin(ctx, sa):
            sa.active = task


def on_message(ctx: Context, sa: IkeSa, message: Received) -> None:
    """A message of an exchange that goes on, or the first one of an exchange of the peer."""
    conversation = message.conversation
    exchange = conversation.exchange
    if exchange is not None:
        exchange.receive(ctx, sa, message)
    elif conversation.type == ExchangeType.QUICK_MODE:
        quick_responder.answer(ctx, sa, message)
    elif conversation.type == ExchangeType.TRANSACTION:
        admission.answer(ctx, sa, message)


def failed(ctx: Context, sa: IkeSa, conversation: Conversation, record: FailureRecord) -> None:
    """An exchange after phase 1 cannot go on, because the peer breaks the protocol or wants something else."""
    exchange = conversation.exchange
    done(ctx, sa, conversation)
    if exchange is not None and exchange.ask_otherwise(ctx, sa, record.reason):
        return
    ctx.fail(record)
    if exchange is not None:
        exchange.abandon(ctx, sa, record.reason, record)


def refused(ctx: Context, sa: IkeSa, notify: Notify) -> None:
    """The peer reports an error: it is about what is under way, because there is no other way to say so in IKEv1."""
    ctx.emit(LogLine(1, "IKE", f"the peer reports {notify.kind.name}", sa.name, sa.unique_id))
    conversation = next((c for c in sa.conversations if c.exchange is not None and c.exchange is sa.active), None)
    if conversation is None or conversation.exchange is None:
        return
    exchange = conversation.exchange
    if notify.kind == NotifyType.NO_PROPOSAL_CHOSEN and exchange.config is not None:
        child = exchange.config
        offered = (*child.esp_proposals, *child.ah_proposals)
        record = reasons.refused_proposal(ctx, sa, "Quick Mode", offered, child=child.name)
    else:
        record = reasons.refused(ctx, sa, conversation.type.name, notify.kind, child=exchange.brings_up)
    failed(ctx, sa, conversation, record)


def delete_ike(why: Closing) -> DeleteIke:
    """The task that ends an ISAKMP SA."""
    return DeleteIke(why=why)
