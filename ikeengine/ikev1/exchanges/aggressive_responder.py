"""Aggressive Mode as responder. The picture is in `aggressive`.

Only where a connection has `aggressive: yes`. With a pre-shared key the second message lets whoever asks guess the key
offline, without being noticed, so that takes `engine.i_dont_care_about_security_and_use_aggressive_mode_psk` too.
Everybody else is not answered at all. That message also depends on the key, so that there is but one try: where several
keys fit the identities equally well, it is the first one.
"""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.errors import AuthFailed, LocalMisuse
from ikeengine.ikev1.exchanges import key_exchange, main_responder, phase1_end
from ikeengine.ikev1.messages import announcements, transport
from ikeengine.ikev1.messages.conversation import Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer import authentication, choice, credential, secrets
from ikeengine.ikev1.peer.methods import offered, uses_psk
from ikeengine.ikev1.proposals.ike_transforms import IkeTransform
from ikeengine.ikev1.sa import IkeSa, Keyring, Role
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.wire.payloads import Id, Ke, Nonce, Payload, Sa
from ikeengine.model.connection import ConnectionConfig
from ikeengine.outputs import LogLine
from ikeengine.registry import ExchangeType
from ikeengine.sa import reasons
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import enter
from ikeengine.sa.own_ke import generate
from ikeengine.sa.states import Closing

WEAK = (
    "Aggressive Mode with a pre-shared key: whoever asks gets a hash with which the key can be guessed offline; "
    "use Main Mode, certificates or IKEv2"
)


def admitted(ctx: Context, message: Received, connections: Sequence[ConnectionConfig]) -> list[ConnectionConfig]:
    """The connections that answer this first message. Raises AuthFailed if there are none."""
    allowed = [config for config in connections if config.aggressive and _may_answer(ctx, config)]
    if not allowed:
        raise AuthFailed("method", "no connection answers Aggressive Mode")
    return choice.fitting(allowed, message.require(Id).identity)


def _may_answer(ctx: Context, config: ConnectionConfig) -> bool:
    psk = any(map(uses_psk, offered(config, initiator=False)))
    return not psk or ctx.settings.i_dont_care_about_security_and_use_aggressive_mode_psk


def answer(
    ctx: Context, message: Received, chosen: tuple[Sa, IkeTransform], candidates: tuple[ConnectionConfig, ...]
) -> IkeSa:
    """Answer the first message: create the half-open SA. Raises InvalidSyntax for a KE payload that does not fit."""
    sa = main_responder.new_sa(ctx, message, chosen[1], ROLE, candidates)
    handshake, identity = sa.running_handshake(), message.require(Id)
    handshake.id_peer = identity.identity, message.chain.body(identity)
    handshake.answer = chosen[0]
    announcements.read(sa, message)
    handshake.ke = generate(sa.chosen_suite().ke.id, ctx.rng)
    handshake.g_own = handshake.ke.public
    key_exchange.take(sa, message, key_exchange.finish(sa, message))
    authentication.read_requests(sa, message)
    main_responder.register(ctx, sa, message, ExchangeType.AGGRESSIVE)
    try:
        sa.keyrings = _keys(ctx, sa)
    except LocalMisuse as error:
        advice = "add a secret for these identities (`secrets.ike-<name>`)"
        record = reasons.local_not_authenticated(ctx, sa, message.step.value, str(error), advice)
        phase1_end.give_up(ctx, sa, Closing.FAILED, record)
    else:
        authentication.prove(ctx, sa)
    return sa


def _keys(ctx: Context, sa: IkeSa) -> tuple[Keyring, ...]:
    if not uses_psk(sa.auth_method):
        return (secrets.signature_keyring(sa),)
    ctx.emit(LogLine(1, "IKE", WEAK, sa.name, sa.unique_id))
    known = sa.running_handshake().id_peer
    if known is None:
        raise AssertionError("the first message says who the peer is")
    keys = secrets.find_by_identity(ctx, secrets.own_identity(sa, sa.connection), known[0])
    if len(keys) > 1:
        sa.running_handshake().rivals = secrets.rivals_text(keys)
        ctx.emit(LogLine(1, "IKE", sa.running_handshake().rivals, sa.name, sa.unique_id))
    return secrets.psk_keyrings(sa, keys[:1])


def _send_proof(ctx: Context, sa: IkeSa, conversation: Conversation, what: Sequence[Payload]) -> None:
    """The second message, with our proof."""
    handshake = sa.running_handshake()
    if handshake.answer is None or handshake.own is None:
        raise AssertionError("the second message answers the first one")
    enter(ctx, sa, IkeState.AGGRESSIVE_ANSWERED, "answer the first message of Aggressive Mode")
    payloads = [
        handshake.answer,
        Ke(handshake.g_own),
        Nonce(handshake.nonce_own),
        Id.of(handshake.own.identity),
        *credential.requests(ctx, sa, handshake.candidates),
        *what,
        *key_exchange.nat_payloads(sa),
        *announcements.answer(ctx, sa.connection, sa.nat_traversal),
    ]
    transport.send_clear(ctx, sa, conversation, payloads, repeat=False)


def on_proof(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The third message: the initiator proves its identity."""
    sa.path = message.path
    key_exchange.detect_nat(sa, message)
    authentication.check(ctx, sa, message)


ROLE = Role(_send_proof, IkeState.AGGRESSIVE_ANSWERING, is_last=False)
"""We prove our identity to somebody of whom nothing is known yet."""
