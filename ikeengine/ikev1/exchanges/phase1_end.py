"""The end of phase 1, good or bad."""

from __future__ import annotations

from dataclasses import replace

from ikeengine.errors import AuthFailed
from ikeengine.ikev1.exchanges.delete import say_goodbye
from ikeengine.ikev1.keys.phase1 import cipher_key
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.conversation import PHASE_1
from ikeengine.ikev1.peer.admission import admission
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.upkeep import adoption, lifetimes
from ikeengine.ikev1.wire.numbers import NotifyType, ProtocolId
from ikeengine.ikev1.wire.payloads import Delete, Notify
from ikeengine.ikev1.wire.rules import Step
from ikeengine.model.failure import FailureRecord
from ikeengine.model.path import Path
from ikeengine.outputs import IkeMoved, IsakmpKeys
from ikeengine.sa import reasons, uniqueness
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import close, enter, established, take_waiting
from ikeengine.sa.states import Closing
from ikeengine.sa.upkeep.retries import initiate_delay
from ikeengine.timers import Timer

GRACE = 1.0
"""Seconds in which a right proof may follow a wrong one."""
MAX_DISBELIEVED = 8
"""Wrong proofs that are looked at: each costs signatures to check."""


def suspect(sa: IkeSa, record: FailureRecord) -> None:
    """Something is wrong, but whoever says so has not proven to be the peer: it is told if nothing better comes."""
    if sa.handshake is not None:
        sa.handshake.unproven = record


def give_up(ctx: Context, sa: IkeSa, why: Closing, record: FailureRecord) -> None:
    """Phase 1 has failed, or what has to follow on it."""
    better = _better_reason(sa)
    if why in (Closing.DEAD, Closing.FAILED) and better is not None:
        record = better
    if sa.handshake is not None and sa.handshake.rivals:
        record = replace(record, advice=sa.handshake.rivals)
    ctx.fail(record)
    end(ctx, sa, why, record)


def _better_reason(sa: IkeSa) -> FailureRecord | None:
    """What is known already to be wrong."""
    if sa.admission is not None:
        return sa.admission.refusal
    return sa.handshake.unproven if sa.handshake is not None else None


def end(ctx: Context, sa: IkeSa, why: Closing, record: FailureRecord) -> None:
    """Close an ISAKMP SA that does not come up. The failure is told already."""
    say_goodbye(ctx, sa)
    old = ctx.table.find(sa.replaces)
    if old is not None and not sa.waiting and ctx.settings.retry_initiate_interval:
        # The old one tries again, as long as it lives.
        old.timers.set(Timer.IKE_REAUTH, ctx.now + initiate_delay(ctx, old.refused + 1))
        old.refused += 1
        ctx.touch(old)
    close(ctx, sa, why, record)


def refuse(ctx: Context, sa: IkeSa, record: FailureRecord) -> None:
    """Phase 1 has failed on our side; tell the peer, for whom it may be over and successful."""
    handshake = sa.handshake
    if sa.keyrings and handshake is not None:
        if handshake.iv_of_proof:
            sa.keyring.ivs.commit(PHASE_1, handshake.iv_of_proof)
        spi = sa.spi_i + sa.spi_r
        transport.send_informational(ctx, sa, [Notify(NotifyType.AUTHENTICATION_FAILED, spi=spi)])
        if not handshake.role.is_last:
            transport.send_informational(ctx, sa, [Delete(ProtocolId.ISAKMP, (spi,))])
    give_up(ctx, sa, Closing.FAILED, record)


def disbelieve(ctx: Context, sa: IkeSa, step: Step, error: AuthFailed) -> None:
    """A proof of the peer's identity is wrong. It may have been changed on its way, and another one may be right.

    So phase 1 ends only if none comes for a while, or too many wrong ones.
    """
    handshake = sa.running_handshake()
    suspect(sa, reasons.peer_not_authenticated(ctx, sa, step.value, error, sa.connection.remote[0]))
    handshake.disbelieved += 1
    if handshake.disbelieved > MAX_DISBELIEVED:
        believe_unproven(ctx, sa)
    elif handshake.disbelieved == 1:
        sa.timers.set(Timer.GRACE, ctx.now + GRACE)


def believe_unproven(ctx: Context, sa: IkeSa) -> None:
    """Nothing better came than an error without protection: it is what the operator should read."""
    handshake = sa.handshake
    if handshake is None or handshake.unproven is None:
        return
    if handshake.disbelieved:
        refuse(ctx, sa, handshake.unproven)
    else:
        give_up(ctx, sa, Closing.FAILED, handshake.unproven)


def authenticated(ctx: Context, sa: IkeSa, *, initial_contact: bool) -> None:
    """Both sides have proven who they are. A password and an address may still be to come."""
    sa.handshake = None
    if ctx.settings.keylog:
        key = cipher_key(sa.prf_id, sa.keyring.keys.skeyid_e, sa.chosen_suite().encr)
        ctx.emit(IsakmpKeys(sa.spi_i, key))
    sa.admission = admission(sa.connection, initial_contact=initial_contact)
    if sa.admission.is_complete:
        admit(ctx, sa)
        return
    enter(ctx, sa, IkeState.AUTHENTICATED, "both sides are authenticated; XAUTH or mode config comes next")
    sa.timers.set(Timer.HALF_OPEN, ctx.now + ctx.settings.half_open_timeout)


def admit(ctx: Context, sa: IkeSa) -> None:
    """The ISAKMP SA may be used."""
    initial_contact = sa.admission is not None and sa.admission.initial_contact
    sa.admission = None
    established(ctx, sa, "both sides are authenticated")
    lifetimes.agree(ctx, sa)
    if not initial_contact:
        adoption.adopt_children(ctx, sa)
    if sa.is_initiator:
        uniqueness.on_initiator(ctx, sa)
    else:
        uniqueness.on_responder(ctx, sa, initial_contact=initial_contact)
        uniqueness.take_over(ctx, sa)
    ctx.answer(take_waiting(sa), ok=True)


def move(ctx: Context, sa: IkeSa, path: Path) -> None:
    """The peer's NAT has given it another address or port."""
    ctx.emit(IkeMoved(sa.status(), path))
    sa.path = path
    for child in list(sa.children.values()):
        child_sa.update_path(ctx, sa, child)
