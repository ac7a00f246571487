"""The queue of exchanges that we initiate on an IKE SA: one under way at a time (RFC 7296 section 2.3)."""

from __future__ import annotations

from ikeengine.errors import InvalidSyntax, PeerIncompatible, PeerMisbehaved
from ikeengine.ikev2.exchanges import followup_ke
from ikeengine.ikev2.exchanges.delete import DeleteIke
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.sa import reasons
from ikeengine.sa.context import Context
from ikeengine.sa.states import Closing

_CAN_SEND = (IkeState.ESTABLISHED, IkeState.REKEYED, IkeState.DELETING)
_INITIATED_COUNTERS = {"CHILD_REKEY": "child-rekey", "IKE_REKEY": "ike-rekey-init"}


def start_next(ctx: Context, sa: IkeSa) -> None:
    """Send the next request, if none is under way and something is left to do."""
    is_stranded = sa.mobility is not None and sa.mobility.is_stranded
    if (is_stranded or followup_ke.is_rekeying(sa)) and not isinstance(next(iter(sa.queue), None), DeleteIke):
        return
    while sa.queue and sa.active is None and sa.window.request is None and sa.state in _CAN_SEND:
        task = sa.queue.popleft()
        payloads = task.request(ctx, sa)
        if payloads is None:
            continue
        sa.active = task
        if task.name in _INITIATED_COUNTERS:
            ctx.count(_INITIATED_COUNTERS[task.name], sa.name)
        transport.send_request(ctx, sa, task.type, payloads)


def finish(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The peer has answered our request. An answer that breaks the protocol ends the IKE SA."""
    sent = sa.window.content
    transport.answered(ctx, sa)
    task, sa.active = sa.active, None
    if task is None:
        return
    try:
        if message.exchange != followup_ke.expected(task):
            raise InvalidSyntax(f"{message.describe()} to our {followup_ke.expected(task).name} request")
        answer = followup_ke.take(ctx, sa, task, message, sent)
        if answer is not None:
            task.response(ctx, sa, answer)
    except (PeerMisbehaved, PeerIncompatible) as error:
        record = reasons.malformed(ctx, sa, message.describe(), error)
        ctx.fail(record)
        task.abandon(ctx, sa, record.reason, record)
        sa.queue.appendleft(DeleteIke(why=Closing.BROKEN))


def is_queued(sa: IkeSa, name: str, child_id: int = 0) -> bool:
    """Whether an exchange of this name (for this Child SA) is under way or waits."""
    tasks = [*sa.queue] if sa.active is None else [sa.active, *sa.queue]
    return any(task.name == name and getattr(task, "child_id", 0) == child_id for task in tasks)
