"""IKE_SA_INIT: algorithms, nonces and the key exchange (RFC 7296 section 1.2).

initiator                              responder
HDR, SAi1, KEi, Ni            -->
                              <--      HDR, SAr1, KEr, Nr, [CERTREQ]
"""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.crypto.keymat_v2 import ike_keys
from ikeengine.errors import InvalidKeGroup, InvalidSyntax, NoProposalChosen
from ikeengine.ikev2.children.negotiation import first_group, offers_group
from ikeengine.ikev2.exchanges import intermediate, mobike_requests
from ikeengine.ikev2.keying import set_keys
from ikeengine.ikev2.messages import fragmentation, natd, transport
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.peer import hash_and_url, stapling
from ikeengine.ikev2.peer.authentication import (
    certificate_request,
    hashes_notify,
    read_certificate_request,
    read_hashes,
)
from ikeengine.ikev2.sa import Handshake, IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.connection import Childless, ConnectionConfig
from ikeengine.model.failure import FailureRecord
from ikeengine.model.path import IKE_PORT, Path
from ikeengine.model.proposal import IkeSuite, Proposal
from ikeengine.negotiate.proposals import accept_ike, offer, select_ike
from ikeengine.outputs import Dropped, DropReason
from ikeengine.registry import NotifyType
from ikeengine.sa import reasons
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import close, enter
from ikeengine.sa.nat_ports import nat_t_path
from ikeengine.sa.own_ke import generate
from ikeengine.sa.retransmission import retransmission
from ikeengine.sa.states import Closing
from ikeengine.timers import Timer
from ikeengine.wire.payloads import CertReq, Ke, Nonce, Notify, Payload, Sa

MAX_RESTARTS = 5
"""How often a COOKIE or INVALID_KE_PAYLOAD may send us back to the start."""

UNPROVEN_GRACE = 1.0
"""Seconds that an unprotected error has to be contradicted by a genuine answer to the first retransmission."""

PHASE = "IKE_SA_INIT response"


def on_path(ctx: Context, sa: IkeSa, path: object) -> None:
    """The way to the peer is known: send the first request. Anything but a Path is the reason why there is none."""
    if not isinstance(path, Path):
        record = reasons.no_path(ctx, sa, str(path), "IKE_SA_INIT")
        ctx.fail(record)
        close(ctx, sa, Closing.UNREACHABLE, record)
        return
    sa.path = path
    sa.handshake = Handshake(nonce_own=ctx.new_nonce())
    enter(ctx, sa, IkeState.INIT_SENT, "send IKE_SA_INIT")
    _send_request(ctx, sa, sa.handshake, first_group(sa.connection.proposals))


def _send_request(ctx: Context, sa: IkeSa, handshake: Handshake, group: int) -> None:
    if handshake.ke is None or handshake.ke.group != group:
        handshake.ke = generate(group, ctx.rng)
    payloads: list[Payload] = []
    if handshake.cookie:
        payloads.append(Notify(NotifyType.COOKIE, handshake.cookie))
    payloads += [
        Sa(offer(sa.connection.proposals)),
        Ke(group, handshake.ke.public),
        Nonce(handshake.nonce_own),
        *natd.payloads(sa.spi_i, bytes(8), sa.path, fake=sa.connection.encap),
        *fragmentation.announcement(sa.connection),
        *intermediate.announcement(sa.connection.proposals),
        *hashes_notify(ctx),
    ]
    handshake.init_own = transport.send_init_request(ctx, sa, payloads)


def on_response(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The responder, or somebody who pretends to be it, has answered: nothing here is protected yet."""
    handshake = sa.handshake
    if handshake is None or handshake.ke is None:
        raise AssertionError("an IKE SA in INIT_SENT has a handshake with a key exchange")
    if message.find(Sa) is None:
        _on_refusal(ctx, sa, handshake, message)
        return
    try:
        suite, shared = _accept(sa, handshake, message)
    except (NoProposalChosen, InvalidSyntax) as error:
        ctx.emit(Dropped(DropReason.UNEXPECTED, message.path, f"IKE_SA_INIT response is not acceptable: {error}"))
        _note_unproven(ctx, sa, handshake, reasons.malformed(ctx, sa, PHASE, error))
        return
    transport.answered(ctx, sa)
    sa.timers.stop(Timer.GRACE)
    sa.spi_r = message.data[8:16]
    handshake.init_peer = message.data
    handshake.nonce_peer = message.require(Nonce).data
    material = ike_keys(suite, handshake.nonce_own, handshake.nonce_peer, shared, sa.spi_i, sa.spi_r)
    set_keys(ctx, sa, suite, material)
    handshake.ke = None
    sa.fragments = fragmentation.read(message)
    _read_extensions(ctx, handshake, message)
    sa.nat_local, sa.nat_remote = natd.detect(message, sa.spi_i, sa.spi_r)
    sa.nat_fake = sa.connection.encap and not (sa.nat_local or sa.nat_remote)
    _float_to_nat_t(ctx, sa, handshake)
    intermediate.start(ctx, sa)


def _accept(sa: IkeSa, handshake: Handshake, message: Received) -> tuple[IkeSuite, bytes]:
    """The suite and g^ir of an answer. Raises NoProposalChosen or InvalidSyntax if it is not one to our request."""
    _unused, suite = accept_ike(message.require(Sa).proposals, offer(sa.connection.proposals))
    ke, nonce = message.require(Ke), message.require(Nonce)
    if handshake.ke is None or ke.group != handshake.ke.group or suite.ke.id != ke.group:
        raise InvalidSyntax(f"the KE payload uses method {ke.group}, which is not the one in our request")
    if message.data[8:16] == bytes(8):
        raise InvalidSyntax("the responder's SPI is zero")
    if suite.additional and not intermediate.is_supported(message):
        raise InvalidSyntax("the responder has chosen additional key exchanges, but does not support IKE_INTERMEDIATE")
    if ke.data == handshake.ke.public or nonce.data == handshake.nonce_own:
        raise InvalidSyntax("our own KE or nonce is reflected")
    return suite, handshake.ke.shared(ke.data)


def _on_refusal(ctx: Context, sa: IkeSa, handshake: Handshake, message: Received) -> None:
    cookie = message.notify(NotifyType.COOKIE)
    invalid_ke = message.notify(NotifyType.INVALID_KE_PAYLOAD)
    error = message.error()
    if cookie is not None and 1 <= len(cookie.data) <= 64:
        handshake.cookie = cookie.data
        _restart(ctx, sa, handshake, handshake.ke.group if handshake.ke else 0)
    elif invalid_ke is not None:
        group = int.from_bytes(invalid_ke.data, "big") if len(invalid_ke.data) == 2 else 0
        if handshake.ke is not None and group != handshake.ke.group and offers_group(sa.connection.proposals, group):
            _restart(ctx, sa, handshake, group)
        else:
            ctx.emit(Dropped(DropReason.UNEXPECTED, message.path, f"INVALID_KE_PAYLOAD wants method {group}"))
    elif error is not None:
        _note_unproven(ctx, sa, handshake, _refusal(ctx, sa, error))


def _restart(ctx: Context, sa: IkeSa, handshake: Handshake, group: int) -> None:
    if handshake.restarts >= MAX_RESTARTS:
        ctx.emit(Dropped(DropReason.LIMIT, sa.path, f"the peer has sent us back to the start {MAX_RESTARTS} times"))
        return
    handshake.restarts += 1
    _send_request(ctx, sa, handshake, group)


def _refusal(ctx: Context, sa: IkeSa, error: Notify) -> FailureRecord:
    if error.kind == NotifyType.NO_PROPOSAL_CHOSEN:
        return reasons.refused_proposal(ctx, sa, PHASE, sa.connection.proposals)
    return reasons.refused(ctx, sa, PHASE, error.kind)


def _note_unproven(ctx: Context, sa: IkeSa, handshake: Handshake, record: FailureRecord) -> None:
    """Anybody could have sent this: go on waiting for a while, so that it cannot be used against us."""
    if handshake.unproven is None:
        handshake.unproven = record
        timeout = retransmission(ctx.settings, sa.connection).timeout
        sa.timers.set(Timer.GRACE, ctx.now + timeout + UNPROVEN_GRACE)


def _multiple_auth(ctx: Context) -> list[Payload]:
    """RFC 4739 section 2.1: the responder says so here, the initiator in IKE_AUTH."""
    return [Notify(NotifyType.MULTIPLE_AUTH_SUPPORTED)] if ctx.settings.multiple_authentication else []


def _read_extensions(ctx: Context, handshake: Handshake, message: Received) -> None:
    handshake.peer_hashes = read_hashes(ctx, message.notify(NotifyType.SIGNATURE_HASH_ALGORITHMS))
    handshake.rounds.peer_can = message.notify(NotifyType.MULTIPLE_AUTH_SUPPORTED) is not None
    handshake.peer_does_nat_t = natd.is_told(message)
    handshake.peer_is_childless = message.notify(NotifyType.CHILDLESS_IKEV2_SUPPORTED) is not None
    read_certificate_request(handshake, message.all(CertReq))
    hash_and_url.read(handshake, message)


def _float_to_nat_t(ctx: Context, sa: IkeSa, handshake: Handshake) -> None:
    """With a NAT in between, everything after IKE_SA_INIT uses the NAT-T ports (RFC 7296 section 2.23).

    With MOBIKE, too, since there may be a NAT later (RFC 4555 section 3.3); but ports of one's own are left alone.
    """
    path = sa.path
    usual = path.local_port == ctx.settings.port and path.remote_port == IKE_PORT
    if not sa.uses_nat_t and not (usual and mobike_requests.may_roam(sa.connection, handshake)):
        return
    sa.path = nat_t_path(ctx.settings, path)


def choose_connection(
    message: Received, connections: Sequence[ConnectionConfig]
) -> tuple[Proposal, IkeSuite, tuple[ConnectionConfig, ...]]:
    """The proposal to answer with, and who could be meant. Raises NoProposalChosen or InvalidKeGroup."""
    offered = message.require(Sa).proposals
    with_additional = intermediate.is_supported(message)
    failure: NoProposalChosen | None = None
    for connection in connections:
        try:
            proposal, suite = select_ike(offered, connection.proposals, with_additional=with_additional)
        except NoProposalChosen as error:
            failure = failure or error
            continue
        if message.require(Ke).group != suite.ke.id:
            raise InvalidKeGroup(suite.ke.id)
        return proposal, suite, tuple(c for c in connections if c is connection or _accepts(c, proposal))
    raise failure or NoProposalChosen("no connection is configured for these addresses")


def childless_notify(candidates: Sequence[ConnectionConfig]) -> list[Notify]:
    """Say that an IKE SA needs no Child SA, unless no connection that could be meant allows that (RFC 6023)."""
    allowed = any(connection.childless is not Childless.NEVER for connection in candidates)
    return [Notify(NotifyType.CHILDLESS_IKEV2_SUPPORTED)] if allowed else []


def _accepts(connection: ConnectionConfig, chosen: Proposal) -> bool:
    """Whether a connection allows the same choice."""
    try:
        select_ike((chosen,), connection.proposals)
    except NoProposalChosen:
        return False
    return True


def answer(ctx: Context, message: Received, connections: Sequence[ConnectionConfig]) -> IkeSa:
    """Answer a request: create the half-open IKE SA and send the response.

    Raises NoProposalChosen, InvalidKeGroup or InvalidSyntax before anything is created.
    """
    proposal, suite, candidates = choose_connection(message, connections)
    nonce = message.require(Nonce).data
    ours = generate(suite.ke.id, ctx.rng)
    shared = ours.shared(message.require(Ke).data)
    sa = IkeSa(
        version=ctx.versions[2],
        connection=candidates[0],
        unique_id=ctx.new_unique_id(),
        is_initiator=False,
        spi_i=message.data[:8],
        spi_r=ctx.new_ike_spi(),
        path=message.path,
        began_at=ctx.now,
    )
    handshake = sa.handshake = Handshake(
        nonce_own=ctx.new_nonce(), nonce_peer=nonce, init_peer=message.data, candidates=candidates
    )
    set_keys(ctx, sa, suite, ike_keys(suite, nonce, handshake.nonce_own, shared, sa.spi_i, sa.spi_r))
    sa.fragments = fragmentation.read(message)
    _read_extensions(ctx, handshake, message)
    sa.nat_local, sa.nat_remote = natd.detect(message, sa.spi_i, bytes(8))
    sa.nat_fake = candidates[0].encap and not (sa.nat_local or sa.nat_remote)
    ctx.table.add_half_open(sa)
    enter(
        ctx,
        sa,
        IkeState.INTERMEDIATE_AWAITED if suite.additional else IkeState.INIT_ANSWERED,
        "answer IKE_SA_INIT",
    )
    sa.timers.set(Timer.HALF_OPEN, ctx.now + ctx.settings.half_open_timeout)
    sa.window.begin_answer(message.data)
    handshake.init_own = transport.send_init_response(
        ctx,
        sa,
        [
            Sa((proposal,)),
            Ke(ours.group, ours.public),
            Nonce(handshake.nonce_own),
            *natd.payloads(sa.spi_i, sa.spi_r, sa.path, fake=candidates[0].encap),
            *certificate_request(ctx, [remote for c in candidates for remote in c.remote]),
            *hash_and_url.announcement(ctx),
            *stapling.status_request(ctx, [c.ocsp for c in candidates]),
            *fragmentation.answer(candidates[0], sa.fragments),
            *intermediate.answer(suite),
            *childless_notify(candidates),
            *hashes_notify(ctx),
            *_multiple_auth(ctx),
        ],
    )
    return sa
