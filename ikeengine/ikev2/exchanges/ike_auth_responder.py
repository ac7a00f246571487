"""IKE_AUTH, the responder's side: who is this, is it true, and what may it have? (RFC 7296 sections 1.2 and 2.15)"""

from __future__ import annotations

from ikeengine.errors import AuthFailed, LocalMisuse, PeerIncompatible, PeerMisbehaved
from ikeengine.ikev2 import authentication, reasons, transport, uniqueness
from ikeengine.ikev2.context import Context
from ikeengine.ikev2.exchanges import config, create_child
from ikeengine.ikev2.lifecycle import enter, established
from ikeengine.ikev2.received import Received
from ikeengine.ikev2.sa import Handshake, IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.failure import FailureRecord
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import format_identity, matches
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.wire.payloads import Auth, Cert, CertReq, IdInitiator, IdResponder, Notify, Payload, Sa

PHASE = "IKE_AUTH request"


def on_request(ctx: Context, sa: IkeSa, message: Received) -> None:
    """Check the initiator, then prove who we are."""
    handshake = _handshake(sa)
    try:
        initiator = message.require(IdInitiator)
        sa.remote_id = initiator.identity
        wanted = message.find(IdResponder)
        _choose_connection(ctx, sa, handshake, initiator.identity, None if wanted is None else wanted.identity)
        _read_certificate_request(handshake, message)
        own = handshake.own = authentication.choose_own(ctx, sa, handshake)
        sa.local_id = own.identity
        authentication.check_peer(ctx, sa, handshake, message.require(Auth), initiator.body, message.all(Cert))
        uniqueness.check_new(ctx, sa, initial_contact=message.notify(NotifyType.INITIAL_CONTACT) is not None)
        auth = authentication.begin_own(ctx, sa, handshake, IdResponder(own.identity).body, initiator.identity)
    except AuthFailed as error:
        _refuse(ctx, sa, reasons.peer_not_authenticated(ctx, sa, PHASE, error), NotifyType.AUTHENTICATION_FAILED)
    except LocalMisuse as error:
        advice = "load the secret or the certificate and its private key, or correct `local.id`"
        record = reasons.local_not_authenticated(ctx, sa, PHASE, str(error), advice)
        _refuse(ctx, sa, record, NotifyType.AUTHENTICATION_FAILED)
    except PeerMisbehaved as error:
        _refuse(ctx, sa, reasons.malformed(ctx, sa, PHASE, error), NotifyType.INVALID_SYNTAX)
    else:
        if auth is None:
            handshake.request = message
            enter(ctx, sa, IkeState.AUTH_ANSWERING, "sign our IKE_AUTH response")
        else:
            _finish(ctx, sa, handshake, message, auth)


def on_signature(ctx: Context, sa: IkeSa, signature: object) -> None:
    """The private key has done its work, or could not."""
    handshake = _handshake(sa)
    if handshake.request is None:
        raise AssertionError("a signature was asked for because of a request")
    if not isinstance(signature, bytes):
        advice = "check the private key file and its password"
        record = reasons.local_not_authenticated(ctx, sa, PHASE, str(signature), advice)
        _refuse(ctx, sa, record, NotifyType.AUTHENTICATION_FAILED)
        return
    _finish(ctx, sa, handshake, handshake.request, authentication.finish_own(handshake, signature))


def _choose_connection(ctx: Context, sa: IkeSa, handshake: Handshake, peer: Identity, wanted: Identity | None) -> None:
    """Of the connections that fit so far, take the one for these identities; an exact match goes before a wildcard."""
    fitting = [c for c in _still_configured(ctx, handshake.candidates) if _is_for(c, peer, wanted)]
    if not fitting:
        whom = "" if wanted is None else f" looking for {format_identity(wanted)}"
        configured = ", ".join(map(_identities, handshake.candidates))
        raise AuthFailed("identity", f"no connection is for {format_identity(peer)}{whom}; configured: {configured}")
    sa.connection = min(fitting, key=lambda c: (c.remote[0].id.exact is None, c.local[0].id is None))


def _identities(connection: ConnectionConfig) -> str:
    local, remote = connection.local[0].id, connection.remote[0].id
    return f"{connection.name}: remote {remote.text}" + (f", local {format_identity(local)}" if local else "")


def _still_configured(ctx: Context, candidates: tuple[ConnectionConfig, ...]) -> list[ConnectionConfig]:
    """The present form of connections that were configured when IKE_SA_INIT came."""
    present = [ctx.connections.get(candidate.name) for candidate in candidates]
    return [now for then, now in zip(candidates, present, strict=True) if now and now.proposals == then.proposals]


def _is_for(connection: ConnectionConfig, peer: Identity, wanted: Identity | None) -> bool:
    own = connection.local[0].id
    return matches(connection.remote[0].id, peer) and (wanted is None or own is None or own == wanted)


def _read_certificate_request(handshake: Handshake, message: Received) -> None:
    requests = message.all(CertReq)
    if requests:
        handshake.peer_authorities = b"".join(request.authorities for request in requests)


def _refuse(ctx: Context, sa: IkeSa, record: FailureRecord, notify: NotifyType) -> None:
    """Say no, without saying why, and keep the SA only to repeat that if the answer is lost."""
    ctx.fail(record)
    transport.respond(ctx, sa, ExchangeType.IKE_AUTH, [Notify(notify)])
    enter(ctx, sa, IkeState.REFUSED, record.reason)


def _finish(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received, auth: Auth) -> None:
    """Both sides are authenticated: make the Child SA and answer. The inbound SA is in place before the answer is."""
    own = handshake.own
    if own is None:
        raise AssertionError("our credential is chosen before the answer is made")
    if ctx.connections.get(sa.name) is not sa.connection:
        record = reasons.local_not_authenticated(
            ctx, sa, PHASE, f"the connection {sa.name} was changed while we were signing", "the peer may try again"
        )
        _refuse(ctx, sa, record, NotifyType.AUTHENTICATION_FAILED)
        return
    payloads: list[Payload] = [IdResponder(own.identity)]
    payloads += authentication.certificate_payloads(sa, own, handshake)
    payloads.append(auth)
    nonces = (handshake.nonce_peer, handshake.nonce_own)
    # What the initiator replaces goes first: its new IKE SA gets the virtual IP that the old one had.
    contact = message.notify(NotifyType.INITIAL_CONTACT) is not None
    uniqueness.on_established(ctx, sa, initial_contact=contact)
    configured = config.respond(ctx, sa, message)
    payloads += configured
    established(ctx, sa, "both sides are authenticated")
    if message.find(Sa) is not None and not config.refuses_child(configured):
        payloads += _first_child(ctx, sa, message, nonces)
    transport.respond(ctx, sa, ExchangeType.IKE_AUTH, payloads)


def _first_child(ctx: Context, sa: IkeSa, message: Received, nonces: tuple[bytes, bytes]) -> list[Payload]:
    """RFC 7296 section 1.2: if only the Child SA fails, the IKE SA is established all the same."""
    try:
        return create_child.answer(ctx, sa, message, nonces, None, PHASE)
    except (PeerIncompatible, PeerMisbehaved) as error:
        return [Notify(error.notify or NotifyType.INVALID_SYNTAX, error.data)]


def _handshake(sa: IkeSa) -> Handshake:
    if sa.handshake is None:
        raise AssertionError(f"IKE SA {sa.unique_id} has no handshake in state {sa.state.value}")
    return sa.handshake
