"""How an IKE SA comes to life and how it ends, with what the operator and the configuration want to happen then."""

from __future__ import annotations

from enum import Enum

from ikeengine.crypto.cipher import packet_cipher
from ikeengine.crypto.keymat_v2 import IkeKeyMaterial
from ikeengine.crypto.rng import fraction
from ikeengine.ikev2 import child as child_sa
from ikeengine.ikev2 import transport
from ikeengine.ikev2.context import Context, Wanted
from ikeengine.ikev2.exchange import Exchange
from ikeengine.ikev2.sa import IkeSa, Keys
from ikeengine.ikev2.states import IkeState
from ikeengine.model.connection import Action
from ikeengine.model.failure import FailureRecord
from ikeengine.model.proposal import IkeSuite
from ikeengine.outputs import IkeKeys, IkeUpdown, OpId, StateChanged
from ikeengine.timers import Timer


class Closing(Enum):
    """Why an IKE SA ends. Decides what happens to its Child SAs."""

    TERMINATED = "terminated by the operator"
    DELETED = "deleted by the peer"
    DEAD = "the peer does not answer"
    FAILED = "negotiation failed"
    REPLACED = "replaced by another IKE SA"
    EXPIRED = "lifetime over"


def enter(ctx: Context, sa: IkeSa, state: IkeState, story: str) -> None:
    """The one place where an IKE SA changes its state."""
    old, sa.state = sa.state, state
    ctx.emit(StateChanged(sa.name, sa.unique_id, 0, old.value, state.value, story))


def set_keys(ctx: Context, sa: IkeSa, suite: IkeSuite, material: IkeKeyMaterial) -> None:
    """Give an IKE SA its keys. Which of them are ours depends on who was the original initiator."""
    initiator = packet_cipher(suite.encr, material.sk_ei.reveal(), suite.integ, material.sk_ai.reveal())
    responder = packet_cipher(suite.encr, material.sk_er.reveal(), suite.integ, material.sk_ar.reveal())
    sa.suite = suite
    sa.keys = Keys(
        sk_d=material.sk_d,
        sk_p_own=material.sk_pi if sa.is_initiator else material.sk_pr,
        sk_p_peer=material.sk_pr if sa.is_initiator else material.sk_pi,
        cipher_out=initiator if sa.is_initiator else responder,
        cipher_in=responder if sa.is_initiator else initiator,
    )
    if ctx.settings.keylog:
        _emit_keys(ctx, sa, suite, material)


def established(ctx: Context, sa: IkeSa, story: str) -> None:
    """Both sides are authenticated."""
    enter(ctx, sa, IkeState.ESTABLISHED, story)
    sa.handshake = None
    sa.established_at = ctx.now
    sa.timers.stop(Timer.HALF_OPEN)
    ctx.table.authenticated(sa)
    ctx.table.established(sa)
    start_timers(ctx, sa)
    sa.is_announced = True
    ctx.emit(IkeUpdown(True, sa.status()))


def start_timers(ctx: Context, sa: IkeSa) -> None:
    """Start the lifetime, DPD and keepalive timers of an established IKE SA."""
    connection = sa.connection
    if connection.rekey_time:
        jitter = connection.rand_time * fraction(ctx.rng)
        sa.timers.set(Timer.IKE_REKEY, ctx.now + max(1.0, connection.rekey_time - jitter))
        sa.timers.set(Timer.IKE_EXPIRE, ctx.now + connection.rekey_time + connection.over_time)
    if connection.dpd_delay:
        sa.timers.set(Timer.DPD, ctx.now + connection.dpd_delay)
    transport.start_keepalive(ctx, sa)


def close(ctx: Context, sa: IkeSa, why: Closing, record: FailureRecord | None = None) -> None:
    """End an IKE SA: remove its Child SAs, answer who waits for it, and bring back what the configuration wants up."""
    if sa.state is IkeState.CLOSED:
        return
    status = sa.status()
    was_up = sa.established_at is not None
    tasks, waiting = take_tasks(sa), take_waiting(sa)
    enter(ctx, sa, IkeState.CLOSED, why.value)
    wanted = _children_wanted_again(sa, why)
    for child in list(sa.children.values()):
        child_sa.remove(ctx, sa, child, announce=child.state in child_sa.UP_STATES)
    sa.timers.clear()
    ctx.table.remove(sa)
    if why is Closing.DEAD and not was_up and sa.is_initiator and _may_try_again(sa):
        wanted += _tried_again(sa, tasks, waiting)
    else:
        reason = record.reason if record is not None else why.value
        ctx.answer(waiting, ok=False, reason=reason, record=record)
        for task in tasks:
            task.abandon(ctx, sa, reason, record)
    ctx.wanted += wanted
    if sa.is_announced and why is not Closing.REPLACED:
        ctx.emit(IkeUpdown(False, status))


def take_tasks(sa: IkeSa) -> list[Exchange]:
    """Remove and return everything that is queued on an IKE SA, the active exchange first."""
    tasks = ([sa.active] if sa.active is not None else []) + list(sa.queue)
    sa.active = None
    sa.queue.clear()
    return tasks


def take_waiting(sa: IkeSa) -> tuple[OpId, ...]:
    """Remove and return the commands that wait for the IKE SA alone."""
    waiting, sa.waiting = sa.waiting, ()
    return waiting


def _children_wanted_again(sa: IkeSa, why: Closing) -> list[Wanted]:
    """`close_action` decides when the peer deletes, `dpd_action` when it is dead or the lifetime is over."""
    names = []
    for child in sa.children.values():
        config = child.config
        closed = why is Closing.DELETED and config.close_action in (Action.START, Action.TRAP_START)
        lost = why in (Closing.DEAD, Closing.EXPIRED) and config.dpd_action is Action.RESTART
        if child.state in child_sa.UP_STATES and (closed or lost) and config.name not in names:
            names.append(config.name)
    return [Wanted(sa.name, name) for name in names]


def _may_try_again(sa: IkeSa) -> bool:
    tries = sa.connection.keyingtries
    return tries == 0 or sa.attempt + 1 < tries


def _tried_again(sa: IkeSa, tasks: list[Exchange], waiting: tuple[OpId, ...]) -> list[Wanted]:
    attempt = sa.attempt + 1
    wanted = [Wanted(sa.name, task.brings_up, attempt=attempt, ops=task.ops) for task in tasks if task.brings_up]
    if waiting or not wanted:
        wanted.append(Wanted(sa.name, "", attempt=attempt, ops=waiting))
    return wanted


def _emit_keys(ctx: Context, sa: IkeSa, suite: IkeSuite, material: IkeKeyMaterial) -> None:
    keys = (material.sk_ei, material.sk_er, material.sk_ai, material.sk_ar)
    ctx.emit(IkeKeys(sa.spi_i, sa.spi_r, *keys, suite.encr, suite.integ))
