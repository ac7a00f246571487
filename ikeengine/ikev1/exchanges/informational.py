"""The Informational exchange (RFC 2409 section 5.7): one message, which is never answered by itself."""

from __future__ import annotations

from ikeengine.ikev1 import tasks
from ikeengine.ikev1.exchanges.phase1_end import give_up, suspect
from ikeengine.ikev1.exchanges.quick_responder import QuickAnswer
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.upkeep import dpd, lifetimes
from ikeengine.ikev1.upkeep.successor import home
from ikeengine.ikev1.wire.numbers import NotifyType, ProtocolId
from ikeengine.ikev1.wire.payloads import Delete, Notify
from ikeengine.outputs import Dropped, DropReason, LogLine
from ikeengine.sa import reasons, uniqueness
from ikeengine.sa.children import succession
from ikeengine.sa.children.data import ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import close
from ikeengine.sa.states import ChildState, Closing
from ikeengine.timers import Timer

UNPROVEN_GRACE = 1.0
"""Seconds that an unprotected error has to be contradicted after our message was repeated once."""


def on_hint(ctx: Context, sa: IkeSa, message: Received) -> None:
    """Phase 1: an error without protection may come from anybody. It is believed if nothing better comes for a while.

    A Delete is not even that.
    """
    errors = [notify for notify in message.all(Notify) if notify.kind.is_error]
    what = errors[0].kind.name if errors else "an Informational message without protection"
    ctx.emit(Dropped(DropReason.UNEXPECTED, message.path, what))
    if not errors:
        return
    if errors[0].kind == NotifyType.NO_PROPOSAL_CHOSEN:
        record = reasons.refused_proposal(ctx, sa, sa.state.value, sa.connection.proposals)
    else:
        record = reasons.refused(ctx, sa, sa.state.value, errors[0].kind)
    if message.encrypted:
        give_up(ctx, sa, Closing.FAILED, record)
        return
    suspect(sa, record)
    repeats = sa.timers.get(Timer.RETRANSMIT, ~0)
    if sa.is_initiator and repeats is not None and sa.timers.get(Timer.GRACE) is None:
        sa.timers.set(Timer.GRACE, repeats + UNPROVEN_GRACE)


def on_informational(ctx: Context, sa: IkeSa, message: Received) -> None:
    """An authentic message: Deletes, and whatever the peer wants to have said."""
    transport.finish(sa, message.conversation)
    for notify in message.all(Notify):
        _take_notify(ctx, sa, notify)
    for delete in message.all(Delete):
        if sa.state is not IkeState.CLOSED:
            _take_delete(ctx, sa, delete)


def _take_notify(ctx: Context, sa: IkeSa, notify: Notify) -> None:
    if notify.kind == NotifyType.R_U_THERE:
        dpd.answer(ctx, sa, notify)
    elif notify.kind == NotifyType.INITIAL_CONTACT:
        uniqueness.on_responder(ctx, sa, initial_contact=True)
    elif notify.kind == NotifyType.RESPONDER_LIFETIME:
        lifetimes.obey(ctx, sa, notify)
    elif notify.kind.is_error:
        tasks.refused(ctx, sa, notify)
    elif notify.kind != NotifyType.R_U_THERE_ACK:
        ctx.emit(LogLine(2, "IKE", f"the peer says {notify.kind.name}", sa.name, sa.unique_id))


def _take_delete(ctx: Context, sa: IkeSa, delete: Delete) -> None:
    """The peer deletes SAs, named by its inbound SPIs. What we do not know, or no longer, is fine."""
    if delete.protocol == ProtocolId.ISAKMP:
        if sa.spi_i + sa.spi_r in delete.spis and sa.state is IkeState.AUTHENTICATED:
            give_up(ctx, sa, Closing.FAILED, reasons.refused(ctx, sa, sa.state.value, NotifyType.AUTHENTICATION_FAILED))
        elif sa.spi_i + sa.spi_r in delete.spis:
            _close(ctx, sa)
        return
    owner = home(ctx, sa)
    for octets in delete.spis:
        child = _find(owner, delete.protocol, int.from_bytes(octets, "big"))
        if child is not None:
            _believe_replaced(ctx, sa, child)
            succession.deleted_by_peer(ctx, owner, child)


def _close(ctx: Context, sa: IkeSa) -> None:
    """The peer wants no ISAKMP SA any more, so neither another one that is under way to replace it."""
    if sa.state is not IkeState.ESTABLISHED:
        close(ctx, sa, Closing.REPLACED)
        return
    for other in ctx.table.of_connection(sa.name):
        if other.replaces == sa.local_spi and other.state.is_connecting:
            close(ctx, other, Closing.DELETED)
    close(ctx, sa, Closing.DELETED)


def _believe_replaced(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """The peer deletes a Child SA that it replaces: it has the new one, though its last message is not here yet."""
    for owner in ctx.table.of_identities(sa.local_id, sa.peer_identity):
        if not isinstance(owner, IkeSa):
            continue
        for conversation in owner.conversations:
            exchange = conversation.exchange
            if isinstance(exchange, QuickAnswer) and exchange.may_replace(child):
                exchange.confirmed(ctx, owner, conversation)


def _find(sa: IkeSa, protocol: ProtocolId, spi_out: int) -> ChildSa | None:
    """Of a bundle either protocol will do: nothing works without both."""
    for child in sa.children.values():
        names = [(int(known), spi) for known, _spi_in, spi in child.spis()]
        if (protocol, spi_out) in names and child.state is not ChildState.DELETED:
            return child
    return None
