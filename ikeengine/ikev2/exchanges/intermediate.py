"""IKE_INTERMEDIATE: additional key exchanges before anybody is authenticated (RFC 9242, RFC 9370 section 2.2.2).

initiator                              responder
HDR, SAi1, KEi(0), Ni,
    N(INTERMEDIATE_EXCHANGE_SUPPORTED) -->
                                  <--  HDR, SAr1, KEr(0), Nr, N(INTERMEDIATE_EXCHANGE_SUPPORTED)
HDR, SK {KEi(1)}                  -->
                                  <--  HDR, SK {KEr(1)}         and so on, then IKE_AUTH

Each exchange is protected by the keys that the one before has made. None is left out: IKE_AUTH is not in the table
before the last one is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ikeengine.crypto.keymat_v2 import rekeyed_ike_keys
from ikeengine.errors import InvalidSyntax, PeerMisbehaved
from ikeengine.ikev2.exchanges import ike_auth
from ikeengine.ikev2.keying import set_keys
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.peer import int_auth
from ikeengine.ikev2.sa import Handshake, IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.failure import FailureRecord
from ikeengine.model.proposal import ADDITIONAL_KE, IkeSuite, Proposal
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.sa import own_ke, reasons
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import close, enter
from ikeengine.sa.states import Closing
from ikeengine.wire.header import FLAG_INITIATOR, FLAG_RESPONSE
from ikeengine.wire.payloads import Ke, Notify, Payload

REQUEST, RESPONSE = "IKE_INTERMEDIATE request", "IKE_INTERMEDIATE response"


def announcement(proposals: Iterable[Proposal]) -> list[Payload]:
    """The notify of an IKE_SA_INIT request, if any proposal needs it."""
    needed = any(t.type in ADDITIONAL_KE and t.id for proposal in proposals for t in proposal.transforms)
    return [Notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)] if needed else []


def answer(suite: IkeSuite) -> list[Payload]:
    """The notify of an IKE_SA_INIT response, if the suite needs it."""
    return [Notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)] if suite.additional else []


def is_supported(message: Received) -> bool:
    """Whether the sender of an IKE_SA_INIT message takes part in IKE_INTERMEDIATE exchanges."""
    return message.notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) is not None


def start(ctx: Context, sa: IkeSa) -> None:
    """Initiator: do the next additional key exchange, or authenticate if none is left."""
    handshake = sa.running_handshake()
    group = _next_method(sa, handshake)
    if not group:
        ike_auth.start(ctx, sa)
        return
    handshake.ke = own_ke.generate(group, ctx.rng)
    payloads: list[Payload] = [Ke(group, handshake.ke.public)]
    if sa.state is not IkeState.INTERMEDIATE_SENT:
        enter(ctx, sa, IkeState.INTERMEDIATE_SENT, "send IKE_INTERMEDIATE")
    handshake.intermediate_own = _of_sent(sa, sa.window.next_request, payloads)
    transport.send_request(ctx, sa, ExchangeType.IKE_INTERMEDIATE, payloads)


def on_response(ctx: Context, sa: IkeSa, message: Received) -> None:
    """Initiator: the responder has answered; take the new keys into use."""
    handshake = sa.running_handshake()
    transport.answered(ctx, sa)
    error = message.error()
    if error is not None:
        _give_up(ctx, sa, reasons.refused(ctx, sa, RESPONSE, error.kind))
        return
    try:
        ke = message.require(Ke)
        if handshake.ke is None or ke.group != handshake.ke.group:
            raise InvalidSyntax(f"the KE payload uses method {ke.group}, which is not the one in our request")
        shared = handshake.ke.shared(ke.data)
    except PeerMisbehaved as failure:
        _give_up(ctx, sa, reasons.malformed(ctx, sa, RESPONSE, failure))
        return
    handshake.ke = None
    _update_keys(ctx, sa, handshake, message, handshake.intermediate_own, shared)
    start(ctx, sa)


def on_request(ctx: Context, sa: IkeSa, message: Received) -> None:
    """Responder: answer with the keys in force, and take the new ones into use for what comes next."""
    handshake = sa.running_handshake()
    try:
        ke, group = message.require(Ke), _next_method(sa, handshake)
        if ke.group != group:
            raise InvalidSyntax(f"the KE payload uses method {ke.group}, but {group} is next")
        public, shared = own_ke.answer(group, ctx.rng, ke.data)
    except PeerMisbehaved as failure:
        record = reasons.malformed(ctx, sa, REQUEST, failure)
        ctx.fail(record)
        transport.respond(ctx, sa, ExchangeType.IKE_INTERMEDIATE, [Notify(NotifyType.INVALID_SYNTAX)])
        enter(ctx, sa, IkeState.REFUSED, record.reason)
        return
    payloads: list[Payload] = [Ke(group, public)]
    own = _of_sent(sa, sa.window.expected_request, payloads, FLAG_RESPONSE)
    transport.respond(ctx, sa, ExchangeType.IKE_INTERMEDIATE, payloads)
    handshake.cipher_before = None if sa.keys is None else sa.keys.cipher_in
    _update_keys(ctx, sa, handshake, message, own, shared)
    if not _next_method(sa, handshake):
        enter(ctx, sa, IkeState.INIT_ANSWERED, "every additional key exchange is done")


def _update_keys(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received, own: bytes, shared: bytes) -> None:
    """SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr), and all keys from that (RFC 9370 section 2.2.2)."""
    keys, suite = sa.keys_and_suite()
    peer = int_auth.of_received(message.data, message.content)
    handshake.int_auth.add(suite.prf.id, (keys.sk_p_own, own), (keys.sk_p_peer, peer))
    nonces = (handshake.nonce_own, handshake.nonce_peer)
    ni, nr = nonces if sa.is_initiator else nonces[::-1]
    material = rekeyed_ike_keys(suite, suite.prf.id, keys.sk_d, ni, nr, shared, sa.spi_i, sa.spi_r)
    set_keys(ctx, sa, suite, material)


def _of_sent(sa: IkeSa, message_id: int, payloads: Sequence[Payload], flags: int = 0) -> bytes:
    flags |= FLAG_INITIATOR if sa.is_initiator else 0
    return int_auth.of_sent(sa.spi_i, sa.spi_r, flags, message_id, payloads)


def _next_method(sa: IkeSa, handshake: Handshake) -> int:
    """The method of the next additional key exchange, 0 if all are done."""
    _unused, suite = sa.keys_and_suite()
    left = suite.additional[handshake.int_auth.exchanges :]
    return left[0].id if left else 0


def _give_up(ctx: Context, sa: IkeSa, record: FailureRecord) -> None:
    """Nobody is authenticated, so there is nobody to tell (RFC 9242 section 3.4)."""
    ctx.fail(record)
    close(ctx, sa, Closing.FAILED, record)
