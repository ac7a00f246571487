"""The ISAKMP SA as a machine: messages, answers to what it asked for, and timers go in; the table says what they do."""

from __future__ import annotations

from ikeengine.errors import AuthFailed, IntegrityFailed, InvalidSyntax, LocalMisuse, PeerIncompatible, PeerMisbehaved
from ikeengine.ikev1 import tasks
from ikeengine.ikev1.exchanges import phase1_end
from ikeengine.ikev1.messages import opening, reassembly, transport
from ikeengine.ikev1.messages.conversation import PHASE_1, Conversation
from ikeengine.ikev1.messages.fragments import is_fragment
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import MESSAGE_TRIGGERS, IkeState, Trigger
from ikeengine.ikev1.transitions import TABLE
from ikeengine.ikev1.upkeep import adoption, dpd, silence
from ikeengine.ikev1.wire.message import is_encrypted
from ikeengine.ikev1.wire.rules import Step
from ikeengine.model.path import Path
from ikeengine.outputs import Dropped, DropReason
from ikeengine.registry import ExchangeType
from ikeengine.sa import keepalive, reasons
from ikeengine.sa.children import lifetime
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.lifecycle import LAST_PACKETS, close
from ikeengine.sa.states import Answer, Closing
from ikeengine.sa.task import TaskKind, is_queued
from ikeengine.timers import Timer
from ikeengine.wire.header import Header, read_header


def trigger(ctx: Context, sa: IkeSa, what: Trigger | Answer, subject: object) -> bool:
    """Let something happen to an ISAKMP SA. False if the table has no row for it in this state."""
    row = TABLE.get((sa.state, what))
    if row is None:
        return False
    row.handle(ctx, sa, subject)
    return True


def receive(ctx: Context, sa: IkeSa, header: Header, data: bytes, path: Path) -> None:
    """A message whose cookies name this SA, or a fragment of one. What is not acceptable changes nothing."""
    if is_fragment(header):
        whole = reassembly.add(ctx, sa, header, data, path)
        if whole is not None:
            receive(ctx, sa, read_header(whole), whole, path)
        return
    conversation = sa.conversations.get(header.message_id)
    if conversation is not None and conversation.taken == data:
        transport.repeat(ctx, conversation, path)
        return
    expected = _expected(ctx, sa, conversation, header, path)
    if expected is None:
        return
    fresh = conversation is None
    what, conversation = expected
    message = _open(ctx, sa, what, conversation, header, data, path)
    if message is None:
        return
    if fresh and message.encrypted and not sa.conversations.add(conversation):
        _drop(ctx, DropReason.LIMIT, path, "too many exchanges")
        return
    if fresh and sa.conversations.are_many:
        sa.timers.set(Timer.IKE_REKEY, ctx.now)
    _take(ctx, sa, what, message)


def _expected(
    ctx: Context, sa: IkeSa, conversation: Conversation | None, header: Header, path: Path
) -> tuple[Trigger, Conversation] | None:
    """What a message means, and the exchange that it belongs to or begins; None if it can be none that we wait for."""
    what = MESSAGE_TRIGGERS.get(header.exchange)
    if what is None or (sa.state, what) not in TABLE:
        if sa.state is IkeState.AGGRESSIVE_ANSWERED and what is Trigger.QUICK:
            _repeat_answer(ctx, sa, path)
        name = what.value if what is not None else f"exchange type {header.exchange}"
        _drop(ctx, DropReason.UNEXPECTED, path, f"{name} in state {sa.state.value}")
        return None
    if conversation is None:
        if header.message_id in sa.conversations:
            _drop(ctx, DropReason.WRONG_MESSAGE_ID, path, f"message ID {header.message_id:#x} was used long ago")
            return None
        return what, Conversation(header.message_id, header.exchange, is_ours=False)
    if _may_be_connected(conversation, header):
        return Trigger.QUICK, conversation
    if conversation.type != header.exchange or (conversation.exchange is None and header.message_id != PHASE_1):
        _drop(ctx, DropReason.WRONG_MESSAGE_ID, path, f"message ID {header.message_id:#x} has been used")
        return None
    return what, conversation


def _may_be_connected(conversation: Conversation, header: Header) -> bool:
    """An Informational exchange with the message ID of Quick Mode may hold the CONNECTED that this waits for."""
    awaits = conversation.exchange is not None and conversation.exchange.expects is Step.CONNECTED
    return awaits and header.exchange == ExchangeType.INFORMATIONAL_V1


def _open(
    ctx: Context, sa: IkeSa, what: Trigger, conversation: Conversation, header: Header, data: bytes, path: Path
) -> Received | None:
    """Decrypt a message and check what it holds; None if it was dropped."""
    try:
        step = _step(sa, what, conversation, header)
        return opening.open_message(ctx, sa, conversation, step, header, data, path)
    except IntegrityFailed as error:
        _drop(ctx, DropReason.INTEGRITY, path, str(error))
        _suspect_secret(ctx, sa, header, error)
    except InvalidSyntax as error:
        _drop(ctx, DropReason.BAD_PAYLOADS, path, str(error))
        _suspect_secret(ctx, sa, header, error)
    except AuthFailed as error:
        _drop(ctx, DropReason.INTEGRITY, path, str(error))
        phase1_end.disbelieve(ctx, sa, step, error)
    return None


def _repeat_answer(ctx: Context, sa: IkeSa, path: Path) -> None:
    """The initiator believes that Aggressive Mode is over, but its last message was lost: it repeats that, if we do."""
    phase_1 = sa.conversations.get(PHASE_1)
    if phase_1 is not None:
        transport.repeat(ctx, phase_1, path)


def _step(sa: IkeSa, what: Trigger, conversation: Conversation, header: Header) -> Step:
    """Which message of its exchange it must be. Raises InvalidSyntax if it can be none."""
    if what is Trigger.INFORMATIONAL:
        may_be_clear = sa.handshake is not None and not is_encrypted(header)
        return Step.UNPROTECTED_INFORMATIONAL if may_be_clear else Step.INFORMATIONAL
    if (header.message_id == PHASE_1) is not (what in (Trigger.MAIN, Trigger.AGGRESSIVE)):
        raise InvalidSyntax(f"{what.value} with message ID {header.message_id:#x}")
    if conversation.exchange is not None:
        return conversation.exchange.expects
    return TABLE[sa.state, what].step


def _take(ctx: Context, sa: IkeSa, what: Trigger, message: Received) -> None:
    """Act on a message. In phase 1 one that is wrong is dropped, because nothing there is authenticated."""
    conversation = message.conversation
    in_phase_1 = sa.handshake is not None
    if message.encrypted and not in_phase_1:
        _heard_from_peer(ctx, sa, message.path)
    before = conversation.taken, conversation.is_answered
    conversation.taken, conversation.is_answered = message.data, False
    try:
        trigger(ctx, sa, what, message)
    except (AuthFailed, PeerMisbehaved, PeerIncompatible, LocalMisuse) as error:
        if in_phase_1:
            conversation.taken, conversation.is_answered = before
            _reject(ctx, sa, message, error)
        else:
            tasks.failed(ctx, sa, conversation, reasons.malformed(ctx, sa, message.step.value, error))


def _reject(ctx: Context, sa: IkeSa, message: Received, error: Exception) -> None:
    """Drop a message of phase 1, and remember what was wrong with it."""
    unproven = isinstance(error, AuthFailed | IntegrityFailed)
    _drop(ctx, DropReason.INTEGRITY if unproven else DropReason.UNEXPECTED, message.path, str(error))
    if isinstance(error, AuthFailed):
        phase1_end.disbelieve(ctx, sa, message.step, error)
    elif isinstance(error, IntegrityFailed):
        phase1_end.suspect(sa, silence.unreadable(ctx, sa, error))
    else:
        phase1_end.suspect(sa, reasons.malformed(ctx, sa, message.step.value, error))


def _suspect_secret(ctx: Context, sa: IkeSa, header: Header, error: Exception) -> None:
    """A proof of identity that cannot be read, or is wrong, most often means that the pre-shared keys differ."""
    if sa.handshake is not None and is_encrypted(header) and sa.keyrings:
        phase1_end.suspect(sa, silence.unreadable(ctx, sa, error))


def _heard_from_peer(ctx: Context, sa: IkeSa, path: Path) -> None:
    """An authentic message: the peer is alive, and where the message came from is where the peer is now."""
    sa.last_inbound = ctx.now
    dpd.heard(ctx, sa)
    if path != sa.path and sa.nat_remote and not sa.nat_local:
        phase1_end.move(ctx, sa, path)


def _drop(ctx: Context, reason: DropReason, path: Path, detail: str) -> None:
    ctx.emit(Dropped(reason, path, detail))


def handle_timers(ctx: Context, sa: IkeSa) -> None:
    """Do what has fallen due on an ISAKMP SA."""
    for timer, number in sa.timers.take_expired(ctx.now):
        if sa.state is IkeState.CLOSED:
            return
        if timer is Timer.RETRANSMIT:
            _retransmit(ctx, sa, ~number)
        elif number:
            child = sa.children.get(number)
            if child is not None:
                lifetime.handle_timer(ctx, sa, timer, child)
        else:
            _handle_ike_timer(ctx, sa, timer)


def _retransmit(ctx: Context, sa: IkeSa, message_id: int) -> None:
    conversation = sa.conversations.get(message_id)
    if conversation is None or transport.retransmit(ctx, sa, conversation):
        return
    if message_id == PHASE_1:
        phase1_end.give_up(ctx, sa, Closing.DEAD, silence.no_answer(ctx, sa, conversation))
        return
    record = silence.no_answer(ctx, sa, conversation)
    exchange, conversation.exchange = conversation.exchange, None
    if exchange is not None and sa.active is exchange:
        sa.active = None
    if exchange is None or exchange.give_up(ctx, sa, record):
        ctx.fail(record)
        close(ctx, sa, Closing.DEAD, record)


def _handle_ike_timer(ctx: Context, sa: IkeSa, timer: Timer) -> None:
    if timer is Timer.DPD:
        dpd.ask(ctx, sa)
    elif timer is Timer.DPD_TIMEOUT:
        dpd.timed_out(ctx, sa)
    elif timer is Timer.FRAGMENTS:
        reassembly.expire(ctx, sa)
    elif timer is Timer.KEEPALIVE:
        keepalive.send(ctx, sa)
    elif timer in (Timer.IKE_REKEY, Timer.IKE_REAUTH):
        ctx.wanted.append(Wanted(sa.name, "", replaces=sa.local_spi))
    elif timer is Timer.IKE_EXPIRE:
        _end(sa, Closing.EXPIRED)
    elif timer in (Timer.SUPERSEDED, Timer.LINGER):
        _end_replaced(ctx, sa, timer)
    elif timer is Timer.GRACE:
        phase1_end.believe_unproven(ctx, sa)
    elif timer is Timer.HALF_OPEN:
        phase1_end.give_up(ctx, sa, Closing.FAILED, silence.half_open(ctx, sa))


def _end(sa: IkeSa, why: Closing) -> None:
    if not is_queued(sa, TaskKind.DELETE_IKE):
        sa.queue.appendleft(tasks.delete_ike(why))


def _end_replaced(ctx: Context, sa: IkeSa, timer: Timer) -> None:
    """An ISAKMP SA that was replaced has had its time; but not as long as something goes on with it."""
    if timer is Timer.LINGER and not adoption.linger(ctx, sa):
        return
    if sa.conversations.are_over:
        _end(sa, Closing.REPLACED)
    else:
        sa.timers.set(timer, ctx.now + LAST_PACKETS)
