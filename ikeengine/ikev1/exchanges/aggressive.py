"""Aggressive Mode as initiator (RFC 2409 sections 5.1 and 5.4): three messages, and the identities are not protected.

initiator                                          responder
HDR, SA, KE, Ni, IDii [, CERTREQ], VID        -->
                                              <--  HDR, SA, KE, Nr, IDir [, NAT-D, NAT-D], HASH_R
                                                   or with [CERT,] SIG_R
HDR*, HASH_I  or  HDR*, [CERT,] SIG_I, both
with [NAT-D, NAT-D]                           -->
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from ikeengine.errors import AuthFailed, IntegrityFailed, InvalidSyntax, LocalMisuse
from ikeengine.ikev1.exchanges import key_exchange, phase1_end
from ikeengine.ikev1.exchanges.offer import our_offer
from ikeengine.ikev1.messages import announcements, opening, transport
from ikeengine.ikev1.messages.conversation import PHASE_1, Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer import authentication, credential, secrets
from ikeengine.ikev1.peer.methods import uses_psk
from ikeengine.ikev1.proposals import ike
from ikeengine.ikev1.sa import Handshake, IkeSa, Keyring, Role
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.wire.payloads import Id, Ke, Nonce, Payload, Sa
from ikeengine.registry import ExchangeType
from ikeengine.sa import reasons
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import enter
from ikeengine.sa.nat_ports import nat_t_path
from ikeengine.sa.own_ke import generate
from ikeengine.sa.states import Closing

_LEARNED = (
    *("spi_r", "suite", "lifetime", "keyrings", "handshake", "remote_id", "nat_local", "nat_remote", "nat_fake"),
    *("nat_traversal", "peer_does_dpd", "peer_does_unity", "peer_takes_fragments"),
)
"""What the second message tells about the SA."""


def begin(ctx: Context, sa: IkeSa) -> None:
    """Send the first message. Its KE payload fixes the group, and our identity the method, so there is one of each."""
    config = sa.connection
    handshake = sa.handshake = Handshake(ROLE, candidates=(config,), nonce_own=ctx.new_nonce())
    sa.auth_method = credential.methods(ctx, config, initiator=True)[0]
    try:
        handshake.own = credential.choose(ctx, sa)
    except LocalMisuse as error:
        advice = "load the certificate and its private key, or correct `local.id`"
        record = reasons.local_not_authenticated(ctx, sa, "first message of Aggressive Mode", str(error), advice)
        phase1_end.give_up(ctx, sa, Closing.FAILED, record)
        return
    group = ike.first_group(config.proposals)
    handshake.ke = generate(group, ctx.rng)
    handshake.g_own = handshake.ke.public
    handshake.offer = our_offer(config, (sa.auth_method,), group)
    handshake.sai_b = handshake.offer.write()
    conversation = Conversation(PHASE_1, ExchangeType.AGGRESSIVE, is_ours=True)
    sa.conversations.add(conversation)
    enter(ctx, sa, IkeState.AGGRESSIVE_SENT, "send our proposals, key exchange and identity")
    payloads = [
        handshake.offer,
        Ke(handshake.g_own),
        Nonce(handshake.nonce_own),
        Id.of(handshake.own.identity),
        *credential.requests(ctx, sa, (config,)),
        *announcements.announce(ctx, config),
    ]
    transport.send_clear(ctx, sa, conversation, payloads, repeat=True)


def on_answer(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The second message: the peer has chosen, and proves its identity. If anything is wrong, nothing has changed.

    Raises NoProposalChosen, InvalidSyntax, IntegrityFailed, AuthFailed.
    """
    trial = copy(sa)
    trial.handshake = copy(sa.running_handshake())
    _take(ctx, trial, message)
    for name in _LEARNED:
        setattr(sa, name, getattr(trial, name))
    if sa.uses_nat_t:
        sa.path = nat_t_path(ctx.settings, sa.path)
    authentication.check(ctx, sa, message)


def _take(ctx: Context, sa: IkeSa, message: Received) -> None:
    handshake = sa.running_handshake()
    sa.spi_r = message.data[8:16]
    if handshake.offer is None or sa.spi_r == bytes(8):
        raise InvalidSyntax("the responder's cookie is zero")
    chosen = ike.accept(message.require(Sa), handshake.offer)
    sa.suite, sa.lifetime = chosen.suite, chosen.life.seconds
    announcements.read(sa, message)
    shared = key_exchange.finish(sa, message)
    key_exchange.take(sa, message, shared)
    authentication.read_requests(sa, message)
    sa.keyrings = (_proven(ctx, sa, message),)


def _proven(ctx: Context, sa: IkeSa, message: Received) -> Keyring:
    """The keys with which the peer's proof is right. Raises IntegrityFailed or AuthFailed if there are none."""
    if not uses_psk(sa.auth_method):
        keyring = secrets.signature_keyring(sa)
        opening.check_proof(ctx, sa, keyring, message.chain)
        return keyring
    own = secrets.own_identity(sa, sa.connection)
    failure: IntegrityFailed | None = None
    try:
        shared_keys = secrets.find_by_identity(ctx, own, message.require(Id).identity)
    except LocalMisuse as error:
        raise AuthFailed("no-secret", str(error)) from None
    for keyring in secrets.psk_keyrings(sa, shared_keys):
        try:
            opening.check_proof(ctx, sa, keyring, message.chain)
        except IntegrityFailed as error:
            failure = error
        else:
            return keyring
    raise failure or AssertionError("there is a pre-shared key")


def _send_proof(ctx: Context, sa: IkeSa, conversation: Conversation, what: Sequence[Payload]) -> None:
    """The third message, which is the last: if it is lost, the responder repeats the second one."""
    payloads = [*what, *key_exchange.nat_payloads(sa), *authentication.initial_contact(ctx, sa)]
    transport.send_encrypted(ctx, sa, conversation, payloads, repeat=False)


ROLE = Role(_send_proof, IkeState.AUTH_SIGNING, is_last=True)
"""We check the peer before we prove our own identity."""
