"""Main Mode as initiator (RFC 2409 sections 5.1 and 5.4).

initiator                                          responder
HDR, SA, VID                                  -->
                                              <--  HDR, SA, VID
HDR, KE, Ni [, NAT-D, NAT-D] [, CERTREQ]      -->
                                              <--  HDR, KE, Nr [, NAT-D, NAT-D] [, CERTREQ]
HDR*, IDii, HASH_I  or  HDR*, IDii, [CERT,] SIG_I  -->
                                              <--  HDR*, IDir, HASH_R  or  HDR*, IDir, [CERT,] SIG_R
"""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.errors import InvalidSyntax, LocalMisuse
from ikeengine.ikev1.exchanges import key_exchange, phase1_end
from ikeengine.ikev1.exchanges.offer import our_offer
from ikeengine.ikev1.messages import announcements, transport
from ikeengine.ikev1.messages.conversation import PHASE_1, Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer import authentication, credential
from ikeengine.ikev1.proposals import ike
from ikeengine.ikev1.sa import Handshake, IkeSa, Role
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.wire.payloads import Id, Ke, Nonce, Payload, Sa
from ikeengine.registry import ExchangeType
from ikeengine.sa import reasons
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import enter
from ikeengine.sa.nat_ports import nat_t_path
from ikeengine.sa.own_ke import generate
from ikeengine.sa.states import Closing


def begin(ctx: Context, sa: IkeSa) -> None:
    """Send our proposals."""
    handshake = sa.handshake = Handshake(ROLE, candidates=(sa.connection,), nonce_own=ctx.new_nonce())
    conversation = Conversation(PHASE_1, ExchangeType.IDENTITY_PROTECTION, is_ours=True)
    sa.conversations.add(conversation)
    enter(ctx, sa, IkeState.SA_SENT, "send our proposals")
    handshake.offer = our_offer(sa.connection, credential.methods(ctx, sa.connection, initiator=True))
    handshake.sai_b = handshake.offer.write()
    payloads = [handshake.offer, *announcements.announce(ctx, sa.connection)]
    transport.send_clear(ctx, sa, conversation, payloads, repeat=True)


def on_sa(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The second message: the peer has chosen. Raises NoProposalChosen or InvalidSyntax; nothing has changed then."""
    handshake = sa.running_handshake()
    spi_r = message.data[8:16]
    if handshake.offer is None or spi_r == bytes(8):
        raise InvalidSyntax("the responder's cookie is zero")
    chosen = ike.accept(message.require(Sa), handshake.offer)
    transport.answered(sa, message.conversation)
    sa.spi_r, sa.suite, sa.auth_method = spi_r, chosen.suite, chosen.method
    sa.lifetime = chosen.life.seconds
    announcements.read(sa, message)
    handshake.ke = generate(chosen.suite.ke.id, ctx.rng)
    handshake.g_own = handshake.ke.public
    enter(ctx, sa, IkeState.KE_SENT, "the peer has chosen: send our key exchange")
    payloads = [
        Ke(handshake.g_own),
        Nonce(handshake.nonce_own),
        *key_exchange.nat_payloads(sa),
        *credential.requests(ctx, sa, (sa.connection,)),
    ]
    transport.send_clear(ctx, sa, message.conversation, payloads, repeat=True)


def on_key_exchange(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The fourth message: derive the keys. Raises InvalidSyntax; nothing has changed then."""
    shared = key_exchange.finish(sa, message)
    transport.answered(sa, message.conversation)
    key_exchange.take(sa, message, shared)
    if sa.uses_nat_t:
        sa.path = nat_t_path(ctx.settings, sa.path)
    try:
        authentication.make_keys(ctx, sa, (sa.connection,))
    except LocalMisuse as error:
        advice = "add a secret for these identities (`secrets.ike-<name>`)"
        record = reasons.local_not_authenticated(ctx, sa, "fifth message of Main Mode", str(error), advice)
        phase1_end.give_up(ctx, sa, Closing.FAILED, record)
        return
    authentication.read_requests(sa, message)
    authentication.prove(ctx, sa)


def on_proof(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The sixth message: the responder proves its identity."""
    authentication.check(ctx, sa, message)


def _send_proof(ctx: Context, sa: IkeSa, conversation: Conversation, what: Sequence[Payload]) -> None:
    """The fifth message."""
    enter(ctx, sa, IkeState.AUTH_SENT, "prove our identity")
    payloads = [Id.of(authentication.own(sa).identity), *what, *authentication.initial_contact(ctx, sa)]
    transport.send_encrypted(ctx, sa, conversation, payloads, repeat=True)


ROLE = Role(_send_proof, IkeState.AUTH_SIGNING, is_last=False)
"""The initiator proves its identity first."""
