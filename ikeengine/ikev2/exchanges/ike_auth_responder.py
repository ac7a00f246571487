"""IKE_AUTH, the responder's side: who is this, is it true, and what may it have? (RFC 7296 sections 1.2 and 2.15)"""

from __future__ import annotations

from collections.abc import Callable

from ikeengine.errors import AuthFailed, InvalidSyntax, LocalMisuse, PeerIncompatible, PeerMisbehaved
from ikeengine.ikev2 import reasons as v2_reasons
from ikeengine.ikev2.exchanges import config, create_child, mobike_requests
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.peer import auth_lifetime, authentication, hash_and_url, stapling
from ikeengine.ikev2.sa import Handshake, IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.ikev2.upkeep import crash_tokens
from ikeengine.model.connection import AuthKind, Childless, ConnectionConfig
from ikeengine.model.failure import FailureRecord
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import format_identity, matches, same_identity
from ikeengine.registry import AuthMethod, ExchangeType, NotifyType
from ikeengine.sa import reasons, uniqueness
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import enter, established
from ikeengine.sa.peer import vetting
from ikeengine.wire.payloads import Auth, Cert, CertReq, IdInitiator, IdResponder, Notify, Payload, Sa

PHASE = "IKE_AUTH request"


def on_request(ctx: Context, sa: IkeSa, message: Received) -> None:
    """Who is this, and whom are they looking for?"""
    handshake = sa.running_handshake()
    handshake.request = message
    handshake.rounds.peer_can = message.notify(NotifyType.MULTIPLE_AUTH_SUPPORTED) is not None
    _answer(ctx, sa, handshake, message)


def on_further_request(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The next round of authentication (RFC 4739)."""
    _answer(ctx, sa, sa.running_handshake(), message)


def on_fetched(ctx: Context, sa: IkeSa, document: object) -> None:
    """A CRL or an OCSP response has come that the certificates wait for, or will not."""
    handshake = sa.running_handshake()
    vetting.take(ctx, handshake.checks, document)
    _guarded(ctx, sa, lambda: _check_revocation(ctx, sa, handshake))


def on_looked_up(ctx: Context, sa: IkeSa, document: object) -> None:
    """A certificate has come that the initiator has only named, or will not."""
    handshake = sa.running_handshake()
    message, handshake.arrived = handshake.arrived, None
    if message is None:
        raise AssertionError("something was fetched because of a request")

    def go_on() -> None:
        hash_and_url.take(message, document)
        _look_up(ctx, sa, handshake, message)

    _guarded(ctx, sa, go_on)


def _answer(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received) -> None:
    _guarded(ctx, sa, lambda: _look_up(ctx, sa, handshake, message))


def _look_up(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received) -> None:
    """Fetch what the initiator only names; then check it. Raises AuthFailed."""
    if not hash_and_url.look_up(ctx, sa, message):
        _check(ctx, sa, handshake, message)
        return
    handshake.arrived = message
    if sa.state is not IkeState.CHECKING_INITIATOR:
        enter(ctx, sa, IkeState.CHECKING_INITIATOR, "fetch the initiator's certificate")


def _guarded(ctx: Context, sa: IkeSa, step: Callable[[], None]) -> None:
    """Take a step of the authentication; what it complains about is refused."""
    try:
        step()
    except AuthFailed as error:
        _refuse(ctx, sa, v2_reasons.peer_not_authenticated(ctx, sa, PHASE, error), NotifyType.AUTHENTICATION_FAILED)
    except LocalMisuse as error:
        advice = "load the secret or the certificate and its private key, or correct `local.id`"
        record = reasons.local_not_authenticated(ctx, sa, PHASE, str(error), advice)
        _refuse(ctx, sa, record, NotifyType.AUTHENTICATION_FAILED)
    except PeerMisbehaved as error:
        _refuse(ctx, sa, reasons.malformed(ctx, sa, PHASE, error), NotifyType.INVALID_SYNTAX)


def _check(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received) -> None:
    """Check the initiator, then prove who we are; in later rounds only what is left of it."""
    initiator = message.require(IdInitiator) if handshake.rounds.peer_follows else None
    if initiator is not None:
        sa.remote_id = initiator.identity
    if message is handshake.request and initiator is not None:
        _choose_connection(ctx, sa, handshake, message, initiator.identity)
        authentication.read_certificate_request(handshake, message.all(CertReq))
        hash_and_url.read(handshake, message)
    if handshake.rounds.own_follows(sa.connection):
        handshake.own = authentication.choose_own(ctx, sa, handshake)
        sa.local_id = handshake.own.identity
    if initiator is not None:
        _check_initiator(ctx, sa, handshake, message, initiator)
        stapling.plan_own(ctx, sa, handshake)
    _check_revocation(ctx, sa, handshake)


def _check_revocation(ctx: Context, sa: IkeSa, handshake: Handshake) -> None:
    """Wait until it is known whether the initiator's certificates are revoked, if it can be known."""
    if not vetting.go_on(ctx, sa, handshake.checks):
        _prove(ctx, sa, handshake)
    elif sa.state is not IkeState.CHECKING_INITIATOR:
        enter(ctx, sa, IkeState.CHECKING_INITIATOR, "learn whether the initiator's certificate is revoked")


def _prove(ctx: Context, sa: IkeSa, handshake: Handshake) -> None:
    """The initiator has passed every check of this round: prove who we are."""
    proves = handshake.rounds.own_follows(sa.connection)
    auth = _begin_own(ctx, sa, handshake) if proves else None
    if proves and auth is None:
        enter(ctx, sa, IkeState.AUTH_ANSWERING, "sign our IKE_AUTH response")
    else:
        _respond(ctx, sa, handshake, auth)


def _check_initiator(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received, who: IdInitiator) -> None:
    """Check the AUTH payload of this round. Raises AuthFailed."""
    authentication.check_peer(ctx, sa, handshake, message.require(Auth), who.body, message.all(Cert))
    if message is handshake.request:
        _check_childless(sa, message)
    handshake.rounds.count_peer(sa.connection, message)
    if not handshake.rounds.peer_follows:
        uniqueness.check_new(ctx, sa, initial_contact=_is_initial_contact(handshake))


def _begin_own(ctx: Context, sa: IkeSa, handshake: Handshake) -> Auth | None:
    own, peer = handshake.own, sa.remote_id
    if own is None or peer is None:
        raise AssertionError("both identities are known before we prove ours")
    return authentication.begin_own(ctx, sa, handshake, IdResponder(own.identity).body, peer)


def _is_initial_contact(handshake: Handshake) -> bool:
    return handshake.request is not None and handshake.request.notify(NotifyType.INITIAL_CONTACT) is not None


def on_signature(ctx: Context, sa: IkeSa, signature: object) -> None:
    """The private key has done its work, or could not."""
    handshake = sa.running_handshake()
    if not isinstance(signature, bytes):
        advice = "check the private key file and its password"
        record = reasons.local_not_authenticated(ctx, sa, PHASE, str(signature), advice)
        _refuse(ctx, sa, record, NotifyType.AUTHENTICATION_FAILED)
        return
    _respond(ctx, sa, handshake, authentication.finish_own(handshake, signature))


def _choose_connection(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received, peer: Identity) -> None:
    """Of the connections that fit so far, take the one for these identities; an exact match goes before a wildcard.

    Of several, that one is meant which demands what the initiator does: a secret or a signature, one round or more.
    """
    idr, auth = message.find(IdResponder), message.find(Auth)
    wanted = None if idr is None else idr.identity
    fitting = [c for c in _still_configured(ctx, handshake.candidates) if _is_for(c, peer, wanted)]
    if not fitting:
        whom = "" if wanted is None else f" looking for {format_identity(wanted)}"
        configured = ", ".join(map(_identities, handshake.candidates))
        raise AuthFailed("identity", f"no connection is for {format_identity(peer)}{whom}; configured: {configured}")
    goes_on = message.notify(NotifyType.ANOTHER_AUTH_FOLLOWS) is not None
    kind = AuthKind.PSK if auth is not None and auth.method == AuthMethod.SHARED_KEY else AuthKind.PUBKEY

    def misfit(connection: ConnectionConfig) -> tuple[bool, ...]:
        first = connection.remote[0]
        other_way = first.auth is not kind, (len(connection.remote) > 1) is not goes_on
        return first.id.exact is None, *other_way, connection.local[0].id is None

    sa.connection = min(fitting, key=misfit)


def _check_childless(sa: IkeSa, message: Received) -> None:
    """Whether a first Child SA is wanted here, and there (RFC 6023). Raises InvalidSyntax."""
    with_child, childless = message.find(Sa) is not None, sa.connection.childless
    if childless is (Childless.FORCE if with_child else Childless.NEVER):
        begins = "with" if with_child else "without"
        raise InvalidSyntax(f"the peer begins {begins} a Child SA, but here is `childless: {childless.value}`")


def _identities(connection: ConnectionConfig) -> str:
    local, remote = connection.local[0].id, connection.remote[0].id
    return f"{connection.name}: remote {remote.text}" + (f", local {format_identity(local)}" if local else "")


def _still_configured(ctx: Context, candidates: tuple[ConnectionConfig, ...]) -> list[ConnectionConfig]:
    """The present form of connections that were configured when IKE_SA_INIT came."""
    present = [ctx.connections.get(candidate.name) for candidate in candidates]
    return [now for then, now in zip(candidates, present, strict=True) if now and now.proposals == then.proposals]


def _is_for(connection: ConnectionConfig, peer: Identity, wanted: Identity | None) -> bool:
    own = connection.local[0].id
    return matches(connection.remote[0].id, peer) and (wanted is None or own is None or same_identity(own, wanted))


def _refuse(ctx: Context, sa: IkeSa, record: FailureRecord, notify: NotifyType) -> None:
    """Say no, without saying why, and keep the SA only to repeat that if the answer is lost."""
    ctx.fail(record)
    transport.respond(ctx, sa, ExchangeType.IKE_AUTH, [Notify(notify)])
    enter(ctx, sa, IkeState.REFUSED, record.reason)


def _respond(ctx: Context, sa: IkeSa, handshake: Handshake, auth: Auth | None) -> None:
    """Send our proof of this round, and what was asked for if it was the last one."""
    if ctx.connections.get(sa.name) is not sa.connection:
        record = reasons.local_not_authenticated(
            ctx, sa, PHASE, f"the connection {sa.name} was changed during the authentication", "the peer may try again"
        )
        _refuse(ctx, sa, record, NotifyType.AUTHENTICATION_FAILED)
        return
    payloads = [] if auth is None else _proof(ctx, sa, handshake, auth)
    if handshake.rounds.are_over(sa.connection):
        payloads += _finish(ctx, sa, handshake)
    else:
        enter(ctx, sa, IkeState.AUTH_CONTINUED, "wait for the next round of authentication")
    transport.respond(ctx, sa, ExchangeType.IKE_AUTH, payloads)


def _proof(ctx: Context, sa: IkeSa, handshake: Handshake, auth: Auth) -> list[Payload]:
    """Who we are, and what proves it."""
    own = handshake.own
    if own is None:
        raise AssertionError("our credential is chosen before the answer is made")
    certificates = authentication.certificate_payloads(ctx, sa, own, handshake)
    return [IdResponder(own.identity), *certificates, auth, *handshake.rounds.count_own(sa.connection)]


def _finish(ctx: Context, sa: IkeSa, handshake: Handshake) -> list[Payload]:
    """Both sides are authenticated: make the Child SA. The inbound SA is in place before the answer is."""
    message = handshake.request
    if message is None:
        raise AssertionError("a request came before it is answered")
    nonces = (handshake.nonce_peer, handshake.nonce_own)
    crash_tokens.take(sa, message)
    contact = _is_initial_contact(handshake)
    uniqueness.give_back_addresses(ctx, sa, initial_contact=contact)
    configured = config.respond(ctx, sa, message)
    mobility = mobike_requests.agree(ctx, sa, message)
    sa.handshake = None
    established(ctx, sa, "both sides are authenticated")
    uniqueness.on_responder(ctx, sa, initial_contact=contact)
    uniqueness.take_over(ctx, sa)
    with_child = message.find(Sa) is not None and not config.refuses_child(configured)
    child = _first_child(ctx, sa, message, nonces) if with_child else []
    return [*crash_tokens.offer(ctx, sa), *configured, *child, *mobility, *auth_lifetime.announce(ctx, sa)]


def _first_child(ctx: Context, sa: IkeSa, message: Received, nonces: tuple[bytes, bytes]) -> list[Payload]:
    """RFC 7296 section 1.2: if only the Child SA fails, the IKE SA is established all the same."""
    try:
        return create_child.answer(ctx, sa, message, nonces, None, PHASE)
    except (PeerIncompatible, PeerMisbehaved) as error:
        return [Notify(error.notify or NotifyType.INVALID_SYNTAX, error.data)]
