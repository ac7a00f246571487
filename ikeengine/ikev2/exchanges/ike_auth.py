"""IKE_AUTH, the initiator's side: prove who we are, check who the peer is, and make the first Child SA.

initiator                              responder                         RFC 7296 section 1.2
HDR, SK {IDi, [CERT,] [CERTREQ,]
    [IDr,] AUTH, SAi2, TSi, TSr}  -->
                                  <--  HDR, SK {IDr, [CERT,] AUTH, SAr2, TSi, TSr}

With several rounds (RFC 4739), ANOTHER_AUTH_FOLLOWS says that the next message of the same side holds an ID and an
AUTH payload again; the last response makes the Child SA.
"""

from __future__ import annotations

from ikeengine.errors import AuthFailed, LocalMisuse, PeerMisbehaved
from ikeengine.ikev2 import reasons as v2_reasons
from ikeengine.ikev2.exchanges import config, mobike_requests
from ikeengine.ikev2.exchanges.create_child import CreateChild
from ikeengine.ikev2.exchanges.delete import part
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.peer import auth_lifetime, authentication, hash_and_url, stapling
from ikeengine.ikev2.sa import Handshake, IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.ikev2.upkeep import crash_tokens
from ikeengine.model.connection import Childless
from ikeengine.model.failure import FailureRecord
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import address_identity
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.sa import reasons, uniqueness
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import close, enter, established, take_waiting
from ikeengine.sa.peer import vetting
from ikeengine.sa.states import Closing
from ikeengine.wire.payloads import Auth, Cert, IdInitiator, IdResponder, Notify, Payload

PHASE = "IKE_AUTH response"
_ABOUT_THE_CHILD = frozenset(
    {
        NotifyType.NO_PROPOSAL_CHOSEN,
        NotifyType.TS_UNACCEPTABLE,
        NotifyType.SINGLE_PAIR_REQUIRED,
        NotifyType.INTERNAL_ADDRESS_FAILURE,
        NotifyType.FAILED_CP_REQUIRED,
    }
)
"""Errors that leave the IKE SA as it is (RFC 7296 section 1.2)."""


def start(ctx: Context, sa: IkeSa) -> None:
    """The keys are there: authenticate ourselves, in as many rounds as the connection says (RFC 4739)."""
    handshake = sa.running_handshake()
    if not handshake.rounds.own_follows(sa.connection):
        _send_request(ctx, sa, handshake, None)
        return
    try:
        own = handshake.own = authentication.choose_own(ctx, sa, handshake)
        sa.local_id = own.identity
        stapling.plan_own(ctx, sa, handshake)
    except LocalMisuse as error:
        _cannot_authenticate(ctx, sa, str(error))
        return
    _authenticate(ctx, sa, handshake, own)


def on_own_status(ctx: Context, sa: IkeSa, document: object) -> None:
    """The OCSP response about our own certificate has come, or will not (RFC 4806)."""
    handshake = sa.running_handshake()
    if handshake.own is None:
        raise AssertionError("our credential is chosen before its status is fetched")
    vetting.take(ctx, handshake.checks, document)
    _authenticate(ctx, sa, handshake, handshake.own)


def _authenticate(ctx: Context, sa: IkeSa, handshake: Handshake, own: authentication.OwnCredential) -> None:
    """Make our AUTH payload, once the peer can be told the status of our certificate."""
    if vetting.go_on(ctx, sa, handshake.checks):
        if sa.state is not IkeState.GETTING_STATUS:
            enter(ctx, sa, IkeState.GETTING_STATUS, "learn the status of our certificate for the peer")
        return
    try:
        peer = _expected(sa, handshake) or sa.remote_id or address_identity(sa.path.remote)
        auth = authentication.begin_own(ctx, sa, handshake, IdInitiator(own.identity).body, peer)
    except LocalMisuse as error:
        _cannot_authenticate(ctx, sa, str(error))
        return
    if auth is None:
        enter(ctx, sa, IkeState.AUTH_SIGNING, "sign our IKE_AUTH request")
    else:
        _send_request(ctx, sa, handshake, auth)


def _cannot_authenticate(ctx: Context, sa: IkeSa, reason: str) -> None:
    advice = "load the secret or the certificate and its private key, or correct `local.id`"
    _fail(ctx, sa, reasons.local_not_authenticated(ctx, sa, "IKE_AUTH request", reason, advice))


def _expected(sa: IkeSa, handshake: Handshake) -> Identity | None:
    """The identity that the peer has to prove next, if the connection names one."""
    remotes = sa.connection.remote
    return remotes[min(handshake.rounds.peer, len(remotes) - 1)].id.exact


def on_signature(ctx: Context, sa: IkeSa, signature: object) -> None:
    """The private key has done its work, or could not."""
    handshake = sa.running_handshake()
    if not isinstance(signature, bytes):
        advice = "check the private key file and its password"
        _fail(ctx, sa, reasons.local_not_authenticated(ctx, sa, "IKE_AUTH request", str(signature), advice))
        return
    _send_request(ctx, sa, handshake, authentication.finish_own(handshake, signature))


def _send_request(ctx: Context, sa: IkeSa, handshake: Handshake, auth: Auth | None) -> None:
    """Send what this round needs; nothing if we are through and only the peer has more to prove."""
    is_first = handshake.rounds.own == 0
    payloads: list[Payload] = [] if auth is None else _proof(ctx, sa, handshake, auth, is_first=is_first)
    if is_first:
        payloads += config.request(ctx, sa)
        wanted = _first_offer(ctx, sa, handshake)
        if wanted is None:
            _fail(ctx, sa, v2_reasons.not_childless(ctx, sa))
            return
        payloads += wanted
        payloads += mobike_requests.offer(ctx, sa)
    enter(ctx, sa, IkeState.AUTH_SENT, "send IKE_AUTH")
    transport.send_request(ctx, sa, ExchangeType.IKE_AUTH, payloads)


def _proof(ctx: Context, sa: IkeSa, handshake: Handshake, auth: Auth, *, is_first: bool) -> list[Payload]:
    """Who we are, and what proves it."""
    own, expected = handshake.own, _expected(sa, handshake)
    if own is None:
        raise AssertionError("our credential is chosen before the request is sent")
    payloads: list[Payload] = [IdInitiator(own.identity)]
    if is_first and uniqueness.is_initial_contact(ctx, sa):
        payloads.append(Notify(NotifyType.INITIAL_CONTACT))
    payloads += authentication.certificate_payloads(ctx, sa, own, handshake)
    if is_first and sa.connection.send_certreq:
        payloads += authentication.certificate_request(ctx, sa.connection.remote)
        payloads += hash_and_url.announcement(ctx)
        payloads += stapling.status_request(ctx, [sa.connection.ocsp])
    if handshake.rounds.peer_follows and expected is not None:
        payloads.append(IdResponder(expected))
    payloads.append(auth)
    if is_first:
        payloads += crash_tokens.offer(ctx, sa)
    if is_first and handshake.rounds.peer_can and ctx.settings.multiple_authentication:
        payloads.append(Notify(NotifyType.MULTIPLE_AUTH_SUPPORTED))
    return payloads + handshake.rounds.count_own(sa.connection)


def _first_offer(ctx: Context, sa: IkeSa, handshake: Handshake) -> list[Payload] | None:
    """What asks for the first Child SA; None if there is none, but the peer cannot do without."""
    first = _first_child(ctx, sa, handshake)
    if first is not None:
        sa.active = first
        return list(first.first_offer(ctx, sa))
    return [] if handshake.peer_is_childless else None


def _first_child(ctx: Context, sa: IkeSa, handshake: Handshake) -> CreateChild | None:
    """The Child SA that IKE_AUTH makes, taken from the queue. Without one the others follow by CREATE_CHILD_SA."""
    childless = sa.connection.childless
    if childless is Childless.FORCE or (childless is Childless.PREFER and handshake.peer_is_childless):
        return None
    for task in [task for task in sa.queue if isinstance(task, CreateChild)]:
        sa.queue.remove(task)
        if not task.is_behind_nat(ctx, sa):
            return task
    return None


def on_response(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The peer has answered, protected with the right keys; whether it is who it should be is checked here."""
    handshake = sa.running_handshake()
    transport.answered(ctx, sa)
    error = message.error()
    if error is not None and _ends_authentication(sa, handshake, message, error):
        _fail(ctx, sa, _refusal(ctx, sa, error))
        return
    _look_up(ctx, sa, handshake, message)


def on_looked_up(ctx: Context, sa: IkeSa, document: object) -> None:
    """A certificate has come that the responder has only named, or will not."""
    handshake = sa.running_handshake()
    message, handshake.arrived = handshake.arrived, None
    if message is None:
        raise AssertionError("something was fetched because of a response")
    try:
        hash_and_url.take(message, document)
    except AuthFailed as failure:
        _disbelieve(ctx, sa, failure)
        return
    _look_up(ctx, sa, handshake, message)


def _look_up(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received) -> None:
    """Fetch what the responder only names; then check it."""
    try:
        waits = hash_and_url.look_up(ctx, sa, message)
    except AuthFailed as failure:
        _disbelieve(ctx, sa, failure)
        return
    if not waits:
        _check(ctx, sa, handshake, message)
        return
    handshake.arrived = message
    if sa.state is not IkeState.CHECKING_RESPONDER:
        enter(ctx, sa, IkeState.CHECKING_RESPONDER, "fetch the responder's certificate")


def _check(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received) -> None:
    """Check who the responder is."""
    try:
        if handshake.rounds.peer_follows:
            responder = message.require(IdResponder)
            sa.remote_id = responder.identity
            authentication.check_peer(ctx, sa, handshake, message.require(Auth), responder.body, message.all(Cert))
            handshake.rounds.count_peer(sa.connection, message)
    except AuthFailed as failure:
        _disbelieve(ctx, sa, failure)
    except PeerMisbehaved as failure:
        record = reasons.malformed(ctx, sa, PHASE, failure)
        ctx.fail(record)
        part(ctx, sa, Closing.FAILED, record)
    else:
        _check_revocation(ctx, sa, handshake, message)


def on_fetched(ctx: Context, sa: IkeSa, document: object) -> None:
    """A CRL or an OCSP response has come that the responder's certificates wait for, or will not."""
    handshake = sa.running_handshake()
    message, handshake.arrived = handshake.arrived, None
    if message is None:
        raise AssertionError("something was fetched because of a response")
    vetting.take(ctx, handshake.checks, document)
    _check_revocation(ctx, sa, handshake, message)


def _check_revocation(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received) -> None:
    try:
        waits = vetting.go_on(ctx, sa, handshake.checks)
    except AuthFailed as failure:
        _disbelieve(ctx, sa, failure)
        return
    if not waits:
        _accept(ctx, sa, handshake, message)
        return
    handshake.arrived = message
    if sa.state is not IkeState.CHECKING_RESPONDER:
        enter(ctx, sa, IkeState.CHECKING_RESPONDER, "learn whether the responder's certificate is revoked")


def _disbelieve(ctx: Context, sa: IkeSa, failure: AuthFailed) -> None:
    """RFC 7296 section 2.21.2: the peer believes that all is well, and needs to be told."""
    record = v2_reasons.peer_not_authenticated(ctx, sa, PHASE, failure)
    ctx.fail(record)
    part(ctx, sa, Closing.FAILED, record, NotifyType.AUTHENTICATION_FAILED)


def _accept(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received) -> None:
    """The peer has passed every check of this round."""
    if not handshake.rounds.are_over(sa.connection):
        start(ctx, sa)
        return
    nonces = (handshake.nonce_own, handshake.nonce_peer)
    config.read_reply(ctx, sa, message)
    crash_tokens.take(sa, message)
    mobike_requests.agree(ctx, sa, message)
    sa.handshake = None
    established(ctx, sa, "the peer is authenticated")
    uniqueness.on_initiator(ctx, sa)
    auth_lifetime.obey(ctx, sa, message)
    ctx.answer(take_waiting(sa), ok=True)
    first, sa.active = sa.active, None
    if isinstance(first, CreateChild):
        first.first_answer(ctx, sa, message, nonces)


def _ends_authentication(sa: IkeSa, handshake: Handshake, message: Received, error: Notify) -> bool:
    """Whether an error means the IKE SA, and not only the Child SA, which is refused beside the last AUTH payload."""
    if message.find(Auth) is not None:
        return False
    return not handshake.rounds.are_over(sa.connection) or error.kind not in _ABOUT_THE_CHILD


def _refusal(ctx: Context, sa: IkeSa, error: Notify) -> FailureRecord:
    if error.kind == NotifyType.AUTHENTICATION_FAILED:
        return v2_reasons.refused_authentication(ctx, sa, PHASE)
    return reasons.refused(ctx, sa, PHASE, error.kind)


def _fail(ctx: Context, sa: IkeSa, record: FailureRecord) -> None:
    ctx.fail(record)
    close(ctx, sa, Closing.FAILED, record)
