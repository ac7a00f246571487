"""Proving our identity and checking the peer's at the end of phase 1 (RFC 2409 sections 5.1 and 5.4)."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.errors import AuthFailed, LocalMisuse
from ikeengine.ikev1.exchanges import phase1_end
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.conversation import Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer import proof, secrets
from ikeengine.ikev1.peer.credential import OwnCredential
from ikeengine.ikev1.peer.methods import uses_psk
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.wire.numbers import NotifyType
from ikeengine.ikev1.wire.payloads import CertReq, Hash, Id, Notify, Payload
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import format_identity, matches
from ikeengine.sa import reasons, uniqueness
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import enter
from ikeengine.sa.states import Closing


def make_keys(ctx: Context, sa: IkeSa, connections: Sequence[ConnectionConfig]) -> None:
    """Derive the keys, or one set of them for each pre-shared key that may be the right one. Raises LocalMisuse."""
    if uses_psk(sa.auth_method):
        sa.keyrings = secrets.psk_keyrings(sa, secrets.find_by_address(ctx, sa, connections))
    else:
        sa.keyrings = (secrets.signature_keyring(sa),)


def requests(ctx: Context, sa: IkeSa, connections: Sequence[ConnectionConfig]) -> Sequence[Payload]:
    """Our CERTREQ payloads, where the peer is to sign."""
    return ()


def read_requests(message: Received) -> tuple[bytes, ...] | None:
    """The authorities that a peer's CERTREQ payloads name; None if there are none."""
    found = message.all(CertReq)
    return tuple(request.authority for request in found) if found else None


def prove(
    ctx: Context, sa: IkeSa, conversation: Conversation, state: IkeState, signing: IkeState, *, repeat: bool = True
) -> None:
    """Send our proof, and go to `state`; or ask for a signature first, in the state `signing`."""
    handshake = sa.running_handshake()
    handshake.own = OwnCredential(secrets.own_identity(sa, sa.connection))
    identity = Id.of(handshake.own.identity)
    handshake.id_own = identity.write()
    sa.local_id = handshake.own.identity
    if sa.state is not state:
        enter(ctx, sa, state, "prove our identity")
    payloads: list[Payload] = [identity, Hash(proof.own_hash(sa, sa.keyring))]
    if sa.is_initiator and uniqueness.is_initial_contact(ctx, sa):
        payloads.append(Notify(NotifyType.INITIAL_CONTACT, spi=sa.spi_i + sa.spi_r))
    transport.send_encrypted(ctx, sa, conversation, payloads, repeat=repeat)


def check(ctx: Context, sa: IkeSa, message: Received, candidates: Sequence[ConnectionConfig]) -> None:
    """The peer's proof. Its HASH, or what its signature is for, was right already."""
    identity = message.require(Id).identity
    sa.remote_id = identity
    transport.answered(sa, message.conversation)
    try:
        sa.connection = _choose(candidates, identity)
    except AuthFailed as error:
        record = reasons.peer_not_authenticated(ctx, sa, message.step.value, error, sa.connection.remote[0])
        _refuse(ctx, sa)
        phase1_end.give_up(ctx, sa, Closing.FAILED, record)
        return
    sa.shared_key = sa.keyring.shared_key
    initial_contact = any(notify.kind == NotifyType.INITIAL_CONTACT for notify in message.all(Notify))
    if sa.is_initiator:
        phase1_end.authenticated(ctx, sa, initial_contact=initial_contact)
        return
    try:
        prove(ctx, sa, message.conversation, IkeState.KE_ANSWERED, IkeState.AUTH_ANSWERING, repeat=False)
    except LocalMisuse as error:
        record = reasons.local_not_authenticated(ctx, sa, message.step.value, str(error), "load what is missing")
        phase1_end.give_up(ctx, sa, Closing.FAILED, record)
        return
    phase1_end.authenticated(ctx, sa, initial_contact=initial_contact)


def _choose(candidates: Sequence[ConnectionConfig], identity: Identity) -> ConnectionConfig:
    """The connection that is for this peer. Raises AuthFailed."""
    found = next((config for config in candidates if matches(config.remote[0].id, identity)), None)
    if found is None:
        wanted = ", ".join(dict.fromkeys(config.remote[0].id.text for config in candidates))
        raise AuthFailed("identity", f"the peer is {format_identity(identity)}, but `remote.id` wants {wanted}")
    return found


def _refuse(ctx: Context, sa: IkeSa) -> None:
    """Tell the peer, who believes that all is well."""
    spi = sa.spi_i + sa.spi_r
    transport.send_informational(ctx, sa, [Notify(NotifyType.AUTHENTICATION_FAILED, spi=spi)])
