"""Main Mode as responder. The picture is in `main`."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.errors import LocalMisuse
from ikeengine.ikev1.exchanges import key_exchange, phase1_end
from ikeengine.ikev1.messages import announcements, transport
from ikeengine.ikev1.messages.conversation import PHASE_1, Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer import authentication, credential
from ikeengine.ikev1.proposals.ike_transforms import IkeTransform
from ikeengine.ikev1.sa import Handshake, IkeSa, Role
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.wire.payloads import Id, Ke, Nonce, Payload, Sa
from ikeengine.model.connection import ConnectionConfig
from ikeengine.registry import ExchangeType
from ikeengine.sa import reasons
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import enter
from ikeengine.sa.own_ke import generate
from ikeengine.sa.states import Closing
from ikeengine.timers import Timer


def answer(
    ctx: Context, message: Received, chosen: tuple[Sa, IkeTransform], candidates: tuple[ConnectionConfig, ...]
) -> IkeSa:
    """Answer the first message: create the half-open SA. `chosen` is what to answer with, and what it says."""
    answered, transform = chosen
    sa = new_sa(ctx, message, transform, ROLE, candidates)
    conversation = register(ctx, sa, message, ExchangeType.IDENTITY_PROTECTION)
    enter(ctx, sa, IkeState.SA_ANSWERED, "answer the first message of Main Mode")
    announcements.read(sa, message)
    payloads = [answered, *announcements.answer(ctx, sa.connection, sa.nat_traversal)]
    transport.send_clear(ctx, sa, conversation, payloads, repeat=False)
    return sa


def new_sa(
    ctx: Context, message: Received, transform: IkeTransform, role: Role, candidates: tuple[ConnectionConfig, ...]
) -> IkeSa:
    """An ISAKMP SA as the first message wants it. Nothing is kept of it before it is registered."""
    sa = IkeSa(
        version=ctx.versions[1],
        connection=candidates[0],
        unique_id=ctx.new_unique_id(),
        is_initiator=False,
        spi_i=message.data[:8],
        spi_r=ctx.new_ike_spi(),
        path=message.path,
        suite=transform.suite,
        began_at=ctx.now,
        auth_method=transform.method,
        lifetime=transform.life.seconds,
    )
    sa.handshake = Handshake(role, candidates=candidates, nonce_own=ctx.new_nonce())
    sa.handshake.sai_b = message.chain.body(message.require(Sa))
    return sa


def register(ctx: Context, sa: IkeSa, message: Received, kind: ExchangeType) -> Conversation:
    """Keep a half-open SA for a limited time."""
    ctx.table.add_half_open(sa)
    sa.timers.set(Timer.HALF_OPEN, ctx.now + ctx.settings.half_open_timeout)
    conversation = Conversation(PHASE_1, kind, is_ours=False, taken=message.data)
    sa.conversations.add(conversation)
    return conversation


def on_key_exchange(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The third message: answer with our key exchange. Raises InvalidSyntax; nothing has changed then."""
    handshake = sa.running_handshake()
    ours = generate(sa.chosen_suite().ke.id, ctx.rng)
    handshake.ke, handshake.g_own = ours, ours.public
    shared = key_exchange.finish(sa, message)
    key_exchange.take(sa, message, shared)
    authentication.read_requests(sa, message)
    try:
        authentication.make_keys(ctx, sa, handshake.candidates)
    except LocalMisuse as error:
        advice = "add a secret for these identities (`secrets.ike-<name>`)"
        record = reasons.local_not_authenticated(ctx, sa, message.step.value, str(error), advice)
        phase1_end.give_up(ctx, sa, Closing.FAILED, record)
        return
    enter(ctx, sa, IkeState.KE_ANSWERED, "answer with our key exchange")
    payloads = [
        Ke(handshake.g_own),
        Nonce(handshake.nonce_own),
        *key_exchange.nat_payloads(sa),
        *credential.requests(ctx, sa, handshake.candidates),
    ]
    transport.send_clear(ctx, sa, message.conversation, payloads, repeat=False)


def on_proof(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The fifth message: the initiator proves its identity."""
    sa.path = message.path
    authentication.check(ctx, sa, message)


def _send_proof(ctx: Context, sa: IkeSa, conversation: Conversation, what: Sequence[Payload]) -> None:
    """The sixth message."""
    payloads = [Id.of(authentication.own(sa).identity), *what]
    transport.send_encrypted(ctx, sa, conversation, payloads, repeat=False)


ROLE = Role(_send_proof, IkeState.AUTH_ANSWERING, is_last=True)
"""The responder proves its identity only to somebody who has done so."""
