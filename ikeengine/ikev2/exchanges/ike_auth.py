"""IKE_AUTH, the initiator's side: prove who we are, check who the peer is, and make the first Child SA.

initiator                              responder                         RFC 7296 section 1.2
HDR, SK {IDi, [CERT,] [CERTREQ,]
    [IDr,] AUTH, SAi2, TSi, TSr}  -->
                                  <--  HDR, SK {IDr, [CERT,] AUTH, SAr2, TSi, TSr}
"""

from __future__ import annotations

from ikeengine.errors import AuthFailed, LocalMisuse, PeerMisbehaved
from ikeengine.ikev2 import authentication, reasons, transport, uniqueness
from ikeengine.ikev2.context import Context
from ikeengine.ikev2.exchanges import config
from ikeengine.ikev2.exchanges.create_child import CreateChild
from ikeengine.ikev2.exchanges.delete import part
from ikeengine.ikev2.lifecycle import Closing, close, enter, established, take_waiting
from ikeengine.ikev2.received import Received
from ikeengine.ikev2.sa import Handshake, IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.failure import FailureRecord
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.wire.payloads import Auth, Cert, IdInitiator, IdResponder, Notify, Payload

PHASE = "IKE_AUTH response"


def start(ctx: Context, sa: IkeSa) -> None:
    """The keys are there: authenticate ourselves."""
    handshake = _handshake(sa)
    try:
        own = handshake.own = authentication.choose_own(ctx, sa, handshake)
        sa.local_id = own.identity
        peer = sa.connection.remote[0].id.exact or authentication.address_identity(sa.path.remote)
        auth = authentication.begin_own(ctx, sa, handshake, IdInitiator(own.identity).body, peer)
    except LocalMisuse as error:
        advice = "load the secret or the certificate and its private key, or correct `local.id`"
        _fail(ctx, sa, reasons.local_not_authenticated(ctx, sa, "IKE_AUTH request", str(error), advice))
        return
    if auth is None:
        enter(ctx, sa, IkeState.AUTH_SIGNING, "sign our IKE_AUTH request")
    else:
        _send_request(ctx, sa, handshake, auth)


def on_signature(ctx: Context, sa: IkeSa, signature: object) -> None:
    """The private key has done its work, or could not."""
    handshake = _handshake(sa)
    if not isinstance(signature, bytes):
        advice = "check the private key file and its password"
        _fail(ctx, sa, reasons.local_not_authenticated(ctx, sa, "IKE_AUTH request", str(signature), advice))
        return
    _send_request(ctx, sa, handshake, authentication.finish_own(handshake, signature))


def _send_request(ctx: Context, sa: IkeSa, handshake: Handshake, auth: Auth) -> None:
    own, remote = handshake.own, sa.connection.remote[0]
    if own is None:
        raise AssertionError("our credential is chosen before the request is sent")
    payloads: list[Payload] = [IdInitiator(own.identity)]
    payloads += uniqueness.initial_contact(ctx, sa)
    payloads += authentication.certificate_payloads(sa, own, handshake)
    if sa.connection.send_certreq:
        payloads += authentication.certificate_request(ctx, [remote])
    if remote.id.exact is not None:
        payloads.append(IdResponder(remote.id.exact))
    payloads.append(auth)
    payloads += config.request(ctx, sa)
    first = next((task for task in sa.queue if isinstance(task, CreateChild)), None)
    if first is not None:
        sa.queue.remove(first)
        sa.active = first
        payloads += first.first_offer(ctx, sa)
    elif not handshake.peer_is_childless:
        _fail(ctx, sa, reasons.not_childless(ctx, sa))
        return
    enter(ctx, sa, IkeState.AUTH_SENT, "send IKE_AUTH")
    transport.send_request(ctx, sa, ExchangeType.IKE_AUTH, payloads)


def on_response(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The peer has answered, protected with the right keys; whether it is who it should be is checked here."""
    handshake = _handshake(sa)
    transport.answered(ctx, sa)
    error = message.error()
    if message.find(Auth) is None and error is not None:
        _fail(ctx, sa, _refusal(ctx, sa, error))
        return
    try:
        responder = message.require(IdResponder)
        sa.remote_id = responder.identity
        authentication.check_peer(ctx, sa, handshake, message.require(Auth), responder.body, message.all(Cert))
    except AuthFailed as failure:
        record = reasons.peer_not_authenticated(ctx, sa, PHASE, failure)
        ctx.fail(record)
        # RFC 7296 section 2.21.2: the peer believes that all is well, and needs to be told.
        part(ctx, sa, Closing.FAILED, record, NotifyType.AUTHENTICATION_FAILED)
        return
    except PeerMisbehaved as failure:
        record = reasons.malformed(ctx, sa, PHASE, failure)
        ctx.fail(record)
        part(ctx, sa, Closing.FAILED, record)
        return
    nonces = (handshake.nonce_own, handshake.nonce_peer)
    config.read_reply(ctx, sa, message)
    established(ctx, sa, "the peer is authenticated")
    uniqueness.on_established(ctx, sa, initial_contact=False)
    ctx.answer(take_waiting(sa), ok=True)
    first, sa.active = sa.active, None
    if isinstance(first, CreateChild):
        first.first_answer(ctx, sa, message, nonces)


def _refusal(ctx: Context, sa: IkeSa, error: Notify) -> FailureRecord:
    if error.kind == NotifyType.AUTHENTICATION_FAILED:
        return reasons.refused_authentication(ctx, sa, PHASE)
    return reasons.refused(ctx, sa, PHASE, error.kind)


def _fail(ctx: Context, sa: IkeSa, record: FailureRecord) -> None:
    ctx.fail(record)
    close(ctx, sa, Closing.FAILED, record)


def _handshake(sa: IkeSa) -> Handshake:
    if sa.handshake is None:
        raise AssertionError(f"IKE SA {sa.unique_id} has no handshake in state {sa.state.value}")
    return sa.handshake
