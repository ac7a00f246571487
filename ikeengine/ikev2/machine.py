"""The IKE SA as a machine: messages, answers to what it asked for, and timers go in; the table says what they do."""

from __future__ import annotations

from ikeengine.errors import IntegrityFailed, InvalidSyntax, UnsupportedCriticalPayload
from ikeengine.ikev2 import tasks
from ikeengine.ikev2.exchanges import followup_ke
from ikeengine.ikev2.exchanges.delete import DeleteIke, part
from ikeengine.ikev2.exchanges.liveness import Liveness
from ikeengine.ikev2.exchanges.rekey_ike import RekeyIke
from ikeengine.ikev2.messages import reassembly, transport
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.messages.window import Arrival
from ikeengine.ikev2.mobike import moving, roaming
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import MESSAGE_TRIGGERS, IkeState, Trigger
from ikeengine.ikev2.transitions import TABLE
from ikeengine.ikev2.upkeep import silence
from ikeengine.model.path import Path
from ikeengine.outputs import Dropped, DropReason
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.sa import keepalive, reasons
from ikeengine.sa.children import lifetime, renewal
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.lifecycle import close, enter
from ikeengine.sa.states import Answer, Closing
from ikeengine.timers import Timer
from ikeengine.wire import rules
from ikeengine.wire.header import Header
from ikeengine.wire.message import ParsedMessage, parse, read_chain
from ikeengine.wire.payloads import Notify, Payload
from ikeengine.wire.sk import open_content

LEAST_ANSWER_TIME = 1.0
"""Seconds that a peer has at least to answer the question of DPD, whatever `dpd_timeout` says."""


def trigger(ctx: Context, sa: IkeSa, what: Trigger | Answer, subject: object) -> bool:
    """Let something happen to an IKE SA. False if the table has no row for it in this state."""
    row = TABLE.get((sa.state, what))
    if row is None:
        return False
    row.handle(ctx, sa, subject)
    return True


def receive(ctx: Context, sa: IkeSa, header: Header, data: bytes, path: Path) -> None:
    """A datagram whose SPIs name this IKE SA. Nothing changes before its integrity is proven."""
    what = MESSAGE_TRIGGERS.get((header.exchange, header.is_response))
    if what is None or header.is_initiator == sa.is_initiator:
        _drop(ctx, DropReason.BAD_HEADER, path, f"exchange type {header.exchange} with flags {header.flags:#x}")
        return
    arrival = sa.window.classify(header.message_id, header.is_response)
    if arrival is Arrival.REPEATED_REQUEST:
        if not transport.repeat_response(ctx, sa, data, path):
            _drop(ctx, DropReason.WRONG_MESSAGE_ID, path, f"message ID {header.message_id} is being or was answered")
        return
    if arrival is Arrival.OUT_OF_WINDOW:
        _drop(ctx, DropReason.WRONG_MESSAGE_ID, path, f"message ID {header.message_id} is outside the window")
        return
    if (sa.state, what) not in TABLE:
        _drop(ctx, DropReason.UNEXPECTED, path, f"{what.value} in state {sa.state.value}")
        return
    try:
        parsed = parse(data, header)
    except (InvalidSyntax, UnsupportedCriticalPayload) as error:
        _drop(ctx, DropReason.BAD_PAYLOADS, path, str(error))
        return
    if what is Trigger.INIT_RESPONSE:
        _receive_clear(ctx, sa, parsed, data, path)
    else:
        _receive_protected(ctx, sa, what, parsed, data, path)


def _receive_clear(ctx: Context, sa: IkeSa, parsed: ParsedMessage, data: bytes, path: Path) -> None:
    """An IKE_SA_INIT response: not protected, so anything wrong with it is just dropped."""
    try:
        rules.check(ExchangeType.IKE_SA_INIT, True, parsed.payloads, ())
    except (InvalidSyntax, UnsupportedCriticalPayload) as error:
        _drop(ctx, DropReason.BAD_PAYLOADS, path, str(error))
        return
    ctx.count("ike-init-in-resp", sa.name)
    message = Received(ExchangeType.IKE_SA_INIT, True, parsed.payloads, data, path)
    trigger(ctx, sa, Trigger.INIT_RESPONSE, message)


def _receive_protected(ctx: Context, sa: IkeSa, what: Trigger, parsed: ParsedMessage, data: bytes, path: Path) -> None:
    header = parsed.header
    error: InvalidSyntax | UnsupportedCriticalPayload | None = None
    payloads: tuple[Payload, ...] = ()
    content = b""
    try:
        if sa.keys is None or parsed.encrypted is None:
            raise IntegrityFailed("the message is not protected")
        clear = parsed.payloads
        if parsed.encrypted.fragment is None:
            first, content = parsed.encrypted.first_payload, open_content(data, parsed, sa.keys.cipher_in)
        else:
            whole = reassembly.add(ctx, sa, parsed, data, path, sa.keys.cipher_in)
            if whole is None:
                return
            data, clear = whole.first, whole.clear
            first, content = whole.first_payload, whole.content
        payloads = read_chain(first, content, protected=True)
        rules.check(header.exchange, header.is_response, clear, payloads)
    except IntegrityFailed as failure:
        _drop(ctx, DropReason.INTEGRITY, path, str(failure))
        return
    except (InvalidSyntax, UnsupportedCriticalPayload) as failure:
        error = failure
    transport.count(ctx, sa, header.exchange, "in", is_response=header.is_response)
    _heard_from_peer(ctx, sa, path)
    if header.is_response:
        roaming.answered_on(ctx, sa, path)
    else:
        sa.reply_path = path
        sa.window.begin_answer(data)
        renewal.peer_goes_on(ctx, sa)
    if error is not None:
        _receive_malformed(ctx, sa, header, error)
        return
    trigger(ctx, sa, what, Received(header.exchange, header.is_response, payloads, data, path, content))


def _receive_malformed(
    ctx: Context, sa: IkeSa, header: Header, error: InvalidSyntax | UnsupportedCriticalPayload
) -> None:
    """The peer sent nonsense, protected with the right keys (RFC 7296 section 2.21): say so and end the IKE SA."""
    phase = f"{header.exchange.name} {'response' if header.is_response else 'request'}"
    record = reasons.malformed(ctx, sa, phase, error)
    ctx.fail(record)
    if header.is_response:
        transport.answered(ctx, sa)
        part(ctx, sa, Closing.BROKEN, record)
        return
    notify = error.notify or NotifyType.INVALID_SYNTAX
    transport.respond(ctx, sa, header.exchange, [Notify(notify, error.data)])
    if sa.state.is_connecting:
        enter(ctx, sa, IkeState.REFUSED, record.reason)
    elif isinstance(error, InvalidSyntax):
        close(ctx, sa, Closing.BROKEN, record)


def _heard_from_peer(ctx: Context, sa: IkeSa, path: Path) -> None:
    """An authentic message: the peer is alive, and where the message came from is where the peer is now."""
    sa.last_inbound = ctx.now
    sa.timers.stop(Timer.DPD_TIMEOUT)
    if sa.timers.get(Timer.DPD) is not None:
        sa.timers.set(Timer.DPD, ctx.now + sa.connection.dpd_delay)
    if path == sa.path:
        return
    if sa.state.is_connecting:
        sa.path = sa.path if sa.is_initiator else path
    elif sa.mobility is None and sa.nat_remote and not sa.nat_local:
        # RFC 7296 section 2.23: the peer's NAT has given it another address or port. With MOBIKE it says so itself.
        moving.move(ctx, sa, path)


def _drop(ctx: Context, reason: DropReason, path: Path, detail: str) -> None:
    ctx.emit(Dropped(reason, path, detail))


def handle_timers(ctx: Context, sa: IkeSa) -> None:
    """Do what has fallen due on an IKE SA."""
    for timer, child_id in sa.timers.take_expired(ctx.now):
        if sa.state is IkeState.CLOSED:
            return
        if child_id:
            child = sa.children.get(child_id)
            if child is not None:
                lifetime.handle_timer(ctx, sa, timer, child)
        else:
            _handle_ike_timer(ctx, sa, timer)


def _handle_ike_timer(ctx: Context, sa: IkeSa, timer: Timer) -> None:
    if timer is Timer.RETRANSMIT:
        if transport.retransmit(ctx, sa):
            roaming.probe(ctx, sa)
        else:
            _peer_is_dead(ctx, sa)
    elif timer is Timer.DPD:
        _ask_for_life(ctx, sa)
    elif timer is Timer.DPD_TIMEOUT:
        _peer_is_dead(ctx, sa)
    elif timer is Timer.KEEPALIVE:
        keepalive.send(ctx, sa)
    elif timer is Timer.IKE_REKEY:
        if not tasks.is_queued(sa, RekeyIke.name):
            sa.queue.append(RekeyIke())
    elif timer is Timer.IKE_REAUTH:
        ctx.wanted.append(Wanted(sa.name, "", replaces=sa.local_spi))
    elif timer is Timer.SUPERSEDED:
        sa.queue.append(DeleteIke(why=Closing.REPLACED))
    elif timer is Timer.IKE_EXPIRE:
        sa.queue.appendleft(DeleteIke(why=Closing.EXPIRED))
    elif timer is Timer.LINGER:
        sa.queue.append(DeleteIke(why=Closing.REPLACED))
    elif timer is Timer.FORGET:
        close(ctx, sa, Closing.REPLACED)
    elif timer is Timer.HALF_OPEN:
        _initiator_is_gone(ctx, sa)
    elif timer is Timer.FOLLOWUP:
        followup_ke.expire(ctx, sa)
    elif timer is Timer.FRAGMENTS:
        reassembly.expire(ctx, sa)
    elif timer is Timer.GRACE:
        _believe_unproven(ctx, sa)


def _ask_for_life(ctx: Context, sa: IkeSa) -> None:
    """Whatever is under way anyway is a question, too. `dpd_timeout` counts from the last message of the peer."""
    connection = sa.connection
    sa.timers.set(Timer.DPD, ctx.now + connection.dpd_delay)
    if connection.dpd_timeout:
        sa.timers.set(Timer.DPD_TIMEOUT, max(ctx.now + LEAST_ANSWER_TIME, sa.last_inbound + connection.dpd_timeout))
    if sa.active is None and not sa.queue:
        sa.queue.append(Liveness())


def _initiator_is_gone(ctx: Context, sa: IkeSa) -> None:
    record = None
    if sa.state in (IkeState.INIT_ANSWERED, IkeState.INTERMEDIATE_AWAITED):
        record = silence.half_open(ctx, sa)
        ctx.fail(record)
    close(ctx, sa, Closing.FAILED, record)


def _peer_is_dead(ctx: Context, sa: IkeSa) -> None:
    if sa.handshake is not None and sa.handshake.unproven is not None:
        _believe_unproven(ctx, sa)
        return
    record = silence.no_answer(ctx, sa, f"{_phase(sa)} request")
    # That a replaced IKE SA, or one that never came to be, could not be deleted properly is nobody's loss.
    if sa.state is not IkeState.REKEYED and not (sa.state is IkeState.DELETING and sa.established_at is None):
        ctx.fail(record)
    close(ctx, sa, sa.active.why if isinstance(sa.active, DeleteIke) else Closing.DEAD, record)


def _phase(sa: IkeSa) -> str:
    """The exchange that is under way."""
    if sa.state is IkeState.INIT_SENT:
        return "IKE_SA_INIT"
    if sa.state is IkeState.INTERMEDIATE_SENT:
        return "IKE_INTERMEDIATE"
    if sa.state is IkeState.AUTH_SENT or sa.active is None:
        return "IKE_AUTH"
    return followup_ke.expected(sa.active).name


def _believe_unproven(ctx: Context, sa: IkeSa) -> None:
    """Nothing better came than the unprotected error: it is what the operator should read."""
    record = sa.handshake.unproven if sa.handshake is not None else None
    if record is not None:
        ctx.fail(record)
        close(ctx, sa, Closing.FAILED, record)
