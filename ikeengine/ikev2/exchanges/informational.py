"""Requests of the peer in INFORMATIONAL and CREATE_CHILD_SA exchanges (RFC 7296 sections 1.3 and 1.4)."""

from __future__ import annotations

from ikeengine.errors import PeerIncompatible, PeerMisbehaved
from ikeengine.ikev2 import lookup
from ikeengine.ikev2 import reasons as v2_reasons
from ikeengine.ikev2.exchanges import config, create_child, delete, mobike_requests, rekey_child, rekey_ike
from ikeengine.ikev2.exchanges.delete import DeleteIke
from ikeengine.ikev2.exchanges.rekey_ike import RekeyIke
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.peer import auth_lifetime
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.upkeep import crash_tokens
from ikeengine.registry import ExchangeType, NotifyType, Protocol
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import close, take_tasks
from ikeengine.sa.states import Closing
from ikeengine.wire.payloads import Delete, Notify, Payload, Sa


def on_create_child(ctx: Context, sa: IkeSa, message: Received) -> None:
    """CREATE_CHILD_SA: a new Child SA, or a rekeying. What cannot be done is said in the answer."""
    rekey_ike.settle(ctx, sa)
    try:
        payloads = _create_child(ctx, sa, message)
    except (PeerIncompatible, PeerMisbehaved) as error:
        payloads = [Notify(error.notify or NotifyType.INVALID_SYNTAX, error.data)]
    transport.respond(ctx, sa, ExchangeType.CREATE_CHILD_SA, payloads)


def _create_child(ctx: Context, sa: IkeSa, message: Received) -> list[Payload]:
    proposals = message.require(Sa).proposals
    if proposals and proposals[0].protocol == Protocol.IKE:
        return rekey_ike.respond(ctx, sa, message)
    if isinstance(sa.active, RekeyIke):
        return [Notify(NotifyType.TEMPORARY_FAILURE)]
    rekey = message.notify(NotifyType.REKEY_SA)
    if rekey is not None:
        return rekey_child.respond(ctx, sa, message, rekey)
    return create_child.respond(ctx, sa, message)


def refuse_create_child(ctx: Context, sa: IkeSa, message: Received) -> None:
    """CREATE_CHILD_SA, or what follows it, on an IKE SA that is being closed (RFC 7296 section 2.25.2)."""
    transport.respond(ctx, sa, message.exchange, [Notify(NotifyType.TEMPORARY_FAILURE)])


def on_informational(ctx: Context, sa: IkeSa, message: Received) -> None:
    """INFORMATIONAL: Deletes, errors, or just a sign of life."""
    crash_tokens.take(sa, message)
    answer: list[Payload] = []
    deletes = message.all(Delete)
    closing = any(payload.protocol == Protocol.IKE for payload in deletes)
    failed = message.notify(NotifyType.AUTHENTICATION_FAILED) is not None
    if not closing:
        rekey_ike.settle(ctx, sa)
        for payload in deletes:
            answer += delete.respond_child(ctx, sa, payload)
        answer += config.inform(message)
        answer += mobike_requests.answer(ctx, sa, message)
    auth_lifetime.obey(ctx, sa, message)
    transport.respond(ctx, sa, ExchangeType.INFORMATIONAL, answer)
    if failed:
        record = v2_reasons.refused_authentication(ctx, sa, message.describe())
        ctx.fail(record)
        close(ctx, sa, Closing.FAILED, record)
    elif closing:
        _closed_by_peer(ctx, sa)


def _closed_by_peer(ctx: Context, sa: IkeSa) -> None:
    rekeying = sa.active
    rival = lookup.find(ctx, rekeying.rival_spi) if isinstance(rekeying, RekeyIke) else None
    if rival is not None:
        # The peer did not notice that we were rekeying too, so its own rekeying stands (RFC 7296 section 2.8.2).
        rekey_ike.hand_over(ctx, sa, rival)
        ctx.answer(take_tasks(sa)[0].ops, ok=True)
    # If both sides delete at the same time, what we have in mind goes first.
    close(ctx, sa, sa.active.why if isinstance(sa.active, DeleteIke) else Closing.DELETED)
