"""Proving our identity and checking the peer's at the end of phase 1 (RFC 2409 sections 5.1 and 5.4)."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.errors import AuthFailed, LocalMisuse
from ikeengine.ikev1.exchanges import phase1_end
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.conversation import PHASE_1
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer import choice, credential, proof, secrets
from ikeengine.ikev1.peer.admission import demanded_login
from ikeengine.ikev1.peer.methods import uses_psk
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.upkeep import lifetimes
from ikeengine.ikev1.wire.numbers import NotifyType
from ikeengine.ikev1.wire.payloads import CertReq, Hash, Id, Notify, Payload, Signature
from ikeengine.model.connection import ConnectionConfig
from ikeengine.outputs import AskSignature
from ikeengine.registry import CertEncoding
from ikeengine.sa import reasons, uniqueness
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import enter
from ikeengine.sa.peer import vetting
from ikeengine.sa.states import Answer

_WANTED = (CertEncoding.X509_SIGNATURE, CertEncoding.PKCS7)


def make_keys(ctx: Context, sa: IkeSa, connections: Sequence[ConnectionConfig]) -> None:
    """Derive the keys, or one set of them for each pre-shared key that may be the right one. Raises LocalMisuse."""
    if uses_psk(sa.auth_method):
        sa.keyrings = secrets.psk_keyrings(sa, secrets.find_by_address(ctx, sa, connections))
    else:
        sa.keyrings = (secrets.signature_keyring(sa),)


def read_requests(sa: IkeSa, message: Received) -> None:
    """Note the authorities that a peer's CERTREQ payloads name."""
    handshake = sa.running_handshake()
    found = tuple(request.authority for request in message.all(CertReq) if request.encoding in _WANTED)
    if found:
        handshake.peer_requests = (*(handshake.peer_requests or ()), *found)


# --- our own proof


def prove(ctx: Context, sa: IkeSa) -> None:
    """Send our proof, or ask for a signature first."""
    handshake = sa.running_handshake()
    try:
        mine = handshake.own = credential.choose(ctx, sa)
    except LocalMisuse as error:
        _cannot_prove(ctx, sa, str(error), "load the certificate and its private key, or correct `local.id`")
        return
    handshake.id_own = Id.of(mine.identity).write()
    sa.local_id = mine.identity
    if handshake.role.is_last and not _is_let_in(ctx, sa):
        return
    octets = proof.own_hash(sa, sa.keyring)
    if mine.certificate is None or mine.scheme is None:
        _send_proof(ctx, sa, Hash(octets))
        return
    enter(ctx, sa, handshake.role.signing, "sign our proof of identity")
    op = ctx.ask(sa, Answer.SIGNED)
    ctx.emit(AskSignature(op, mine.certificate.public_key.key_id, mine.scheme.name, octets))


def on_signature(ctx: Context, sa: IkeSa, signature: object) -> None:
    """The private key has done its work, or could not."""
    if isinstance(signature, bytes):
        _send_proof(ctx, sa, Signature(signature))
    else:
        _cannot_prove(ctx, sa, str(signature), "check the private key file and its password")


def _send_proof(ctx: Context, sa: IkeSa, what: Hash | Signature) -> None:
    role, conversation = sa.running_handshake().role, sa.conversations.get(PHASE_1)
    if conversation is None:
        raise AssertionError("phase 1 is a conversation")
    role.send(ctx, sa, conversation, [*credential.certificate_payloads(sa, own(sa)), what])
    if role.is_last:
        _finish(ctx, sa)


def own(sa: IkeSa) -> credential.OwnCredential:
    """Who we are; chosen before it is proven."""
    chosen = sa.running_handshake().own
    if chosen is None:
        raise AssertionError("our credential is chosen before its proof is sent")
    return chosen


def initial_contact(ctx: Context, sa: IkeSa) -> list[Payload]:
    """What an initiator says that knows of no other SA with this peer (RFC 2407 section 4.6.3.3)."""
    if not uniqueness.is_initial_contact(ctx, sa):
        return []
    return [Notify(NotifyType.INITIAL_CONTACT, spi=sa.spi_i + sa.spi_r)]


def _cannot_prove(ctx: Context, sa: IkeSa, reason: str, advice: str) -> None:
    record = reasons.local_not_authenticated(ctx, sa, sa.state.value, reason, advice)
    phase1_end.refuse(ctx, sa, record)


# --- the peer's proof


def check(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The peer's proof. Its HASH or its signature was right already: the message is authentic."""
    handshake = sa.running_handshake()
    handshake.arrived = message
    transport.answered(sa, message.conversation)
    sa.remote_id = proof.claimed(sa, message.chain)[0]
    believed = handshake.believed
    try:
        if believed is None:
            sa.connection = choice.fitting(handshake.candidates, sa.remote_id)[0]
        else:
            sa.connection = believed.connection
            vetting.plan_peer(ctx, handshake.checks, believed.remote, believed.chain, believed.payloads)
    except AuthFailed as error:
        _refuse_peer(ctx, sa, error)
        return
    _vet(ctx, sa)


def on_fetched(ctx: Context, sa: IkeSa, document: object) -> None:
    """A CRL or an OCSP response has come that the peer's certificates wait for, or will not."""
    vetting.take(ctx, sa.running_handshake().checks, document)
    _vet(ctx, sa)


def _vet(ctx: Context, sa: IkeSa) -> None:
    """Wait until it is known whether the peer's certificates are revoked, if it can be known."""
    checking = IkeState.CHECKING_RESPONDER if sa.is_initiator else IkeState.CHECKING_INITIATOR
    try:
        waits = vetting.go_on(ctx, sa, sa.running_handshake().checks)
    except AuthFailed as error:
        _refuse_peer(ctx, sa, error)
        return
    if not waits:
        _accept(ctx, sa)
    elif sa.state is not checking:
        enter(ctx, sa, checking, "learn whether the peer's certificate is revoked")


def _is_let_in(ctx: Context, sa: IkeSa) -> bool:
    """Whether one more ISAKMP SA with this peer may be. Users of XAUTH are counted when they have logged in."""
    if sa.is_initiator or demanded_login(sa.connection) is not None:
        return True
    try:
        initial_contact = NotifyType.INITIAL_CONTACT in _said(sa)
        uniqueness.check_new(ctx, sa, initial_contact=initial_contact, may_replace=True)
    except AuthFailed as error:
        _refuse_peer(ctx, sa, error)
        return False
    return True


def _accept(ctx: Context, sa: IkeSa) -> None:
    """The peer has passed every check. Whoever sends the last message proves its own identity only now."""
    sa.shared_key = sa.keyring.shared_key
    if not sa.running_handshake().role.is_last:
        if _is_let_in(ctx, sa):
            _finish(ctx, sa)
    elif ctx.connections.get(sa.name) is not sa.connection:
        _cannot_prove(ctx, sa, f"the connection {sa.name} was changed during the authentication", "let the peer retry")
    else:
        read_requests(sa, _arrived(sa))
        prove(ctx, sa)


def _finish(ctx: Context, sa: IkeSa) -> None:
    """Phase 1 is over."""
    said = _said(sa)
    phase1_end.authenticated(ctx, sa, initial_contact=NotifyType.INITIAL_CONTACT in said)
    if NotifyType.RESPONDER_LIFETIME in said:
        lifetimes.obey(ctx, sa, said[NotifyType.RESPONDER_LIFETIME])


def _said(sa: IkeSa) -> dict[int, Notify]:
    """What the peer has said beside its proof, because it is not worth a message of its own."""
    message = _arrived(sa)
    return {notify.kind: notify for notify in message.all(Notify)} if message.encrypted else {}


def _arrived(sa: IkeSa) -> Received:
    message = sa.running_handshake().arrived
    if message is None:
        raise AssertionError("the peer's proof has come before phase 1 ends")
    return message


def _refuse_peer(ctx: Context, sa: IkeSa, error: AuthFailed) -> None:
    phase = _arrived(sa).step.value
    phase1_end.refuse(ctx, sa, reasons.peer_not_authenticated(ctx, sa, phase, error, sa.connection.remote[0]))
