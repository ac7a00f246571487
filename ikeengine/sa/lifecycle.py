"""How an IKE SA comes to life and how it ends, with what the operator and the configuration want to happen then."""

from __future__ import annotations

from dataclasses import replace

from ikeengine.crypto.rng import fraction
from ikeengine.model.connection import Action
from ikeengine.model.failure import FailureRecord
from ikeengine.outputs import IkeUpdown, OpId, StateChanged
from ikeengine.sa import keepalive
from ikeengine.sa.addresses import virtual_ips
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children.data import UP_STATES, ChildSa
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.states import Closing, Phase, SaState
from ikeengine.sa.task import Task
from ikeengine.sa.upkeep.retries import initiate_delay
from ikeengine.timers import Timer

LAST_PACKETS = 1.0
"""Seconds that packets may take which were sent on the old Child SAs just before the new ones were there."""


def enter(ctx: Context, sa: IkeSa, state: SaState, story: str) -> None:
    """The one place where an IKE SA changes its state."""
    old, sa.state = sa.state, state
    ctx.touch(sa)
    ctx.emit(StateChanged(sa.name, sa.unique_id, 0, old.value, state.value, story))


def established(ctx: Context, sa: IkeSa, story: str) -> None:
    """Both sides are authenticated."""
    enter(ctx, sa, sa.state.of(Phase.ESTABLISHED), story)
    sa.established_at = ctx.now
    sa.timers.stop(Timer.HALF_OPEN)
    ctx.table.authenticated(sa)
    ctx.table.established(sa)
    start_timers(ctx, sa)
    sa.is_announced = True
    ctx.emit(IkeUpdown(True, sa.status()))


def start_timers(ctx: Context, sa: IkeSa, reauth_at: float | None = None) -> None:
    """Start the lifetime, DPD and keepalive timers of an established IKE SA.

    `reauth_at` is the time to authenticate again that a rekeyed IKE SA inherits.
    """
    connection = sa.connection
    expire_at = []
    if connection.rekey_time:
        jitter = connection.rand_time * fraction(ctx.rng)
        sa.timers.set(Timer.IKE_REKEY, ctx.now + max(1.0, connection.rekey_time - jitter))
        expire_at.append(ctx.now + connection.rekey_time + connection.over_time)
    if connection.reauth_time:
        jitter = connection.rand_time * fraction(ctx.rng)
        reauth_at = reauth_at or ctx.now + max(1.0, connection.reauth_time - jitter)
        sa.timers.set(Timer.IKE_REAUTH, reauth_at)
        expire_at.append(reauth_at + connection.over_time)
    if expire_at:
        sa.timers.set(Timer.IKE_EXPIRE, min(expire_at))
    if connection.dpd_delay:
        sa.timers.set(Timer.DPD, ctx.now + connection.dpd_delay)
    keepalive.start(ctx, sa)


def close(ctx: Context, sa: IkeSa, why: Closing, record: FailureRecord | None = None) -> None:
    """End an IKE SA: remove its Child SAs, answer who waits for it, and bring back what the configuration wants up."""
    if sa.phase is Phase.CLOSED:
        return
    status = sa.status()
    enter(ctx, sa, sa.state.of(Phase.CLOSED), why.value)
    wanted = _children_wanted_again(sa, why)
    for child in list(sa.children.values()):
        child_sa.remove(ctx, sa, child, announce=child.state in UP_STATES)
    sa.version.release(sa)
    virtual_ips.release(ctx, sa)
    sa.timers.clear()
    ctx.table.remove(sa)
    ctx.forget(sa)
    end_tasks(ctx, sa, why, record)
    ctx.wanted += wanted
    if sa.is_announced:
        ctx.emit(IkeUpdown(False, status))


def supersede(ctx: Context, sa: IkeSa) -> None:
    """Another IKE SA has come up that takes the place of this one: delete this one, but not before its last packets."""
    sa.timers.set(Timer.SUPERSEDED, ctx.now + LAST_PACKETS)
    ctx.touch(sa)


def end_tasks(ctx: Context, sa: IkeSa, why: Closing, record: FailureRecord | None) -> None:
    """Answer who waits for an IKE SA that comes to nothing; or try again, as `keyingtries` says."""
    never_up = sa.established_at is None and sa.is_initiator and not sa.replaces
    delay = initiate_delay(ctx, sa.attempt + 1, ctx.now - sa.began_at) if never_up else 0.0
    reason = record.reason if record is not None else why.value
    waiting = take_waiting(sa)
    if waiting and never_up and _may_try_again(ctx, sa, why, waited_for=True):
        ctx.wanted.append(Wanted(sa.name, "", delay, sa.attempt + 1, waiting, remote=sa.callee))
    else:
        ctx.answer(waiting, ok=False, reason=reason, record=record)
    # What was to come up on an IKE SA whose peer has gone comes up on the next one.
    moves_on = sa.established_at is not None and why in (Closing.DEAD, Closing.DELETED)
    attempt = 0 if moves_on else sa.attempt + 1
    for task in take_tasks(sa):
        again = moves_on or (never_up and _may_try_again(ctx, sa, why, waited_for=bool(task.ops)))
        if again and task.brings_up and (task.ops or not _is_kept(sa, task.brings_up)):
            again_then = Wanted(sa.name, task.brings_up, delay, attempt, task.ops)
            ctx.wanted.append(replace(again_then, packet=task.packet, remote=sa.callee))
        else:
            task.abandon(ctx, sa, reason, record)


def take_tasks(sa: IkeSa) -> list[Task]:
    """Remove and return everything that is queued on an IKE SA, the active exchange first."""
    tasks = ([sa.active] if sa.active is not None else []) + list(sa.queue)
    sa.active = None
    sa.queue.clear()
    return tasks


def take_waiting(sa: IkeSa) -> tuple[OpId, ...]:
    """Remove and return the commands that wait for the IKE SA alone."""
    waiting, sa.waiting = sa.waiting, ()
    return waiting


def wanted_again(sa: IkeSa, child: ChildSa, action: Action) -> list[Wanted]:
    """What a `close_action` or `dpd_action` wants for a Child SA that was up."""
    if child.state not in UP_STATES:
        return []
    wanted = []
    if action in (Action.TRAP, Action.TRAP_START):
        wanted.append(Wanted(sa.name, child.config.name, trap=True))
    if action in (Action.START, Action.RESTART, Action.TRAP_START):
        wanted.append(Wanted(sa.name, child.config.name, remote=sa.callee))
    return wanted


def _children_wanted_again(sa: IkeSa, why: Closing) -> list[Wanted]:
    """`close_action` decides when the peer deletes, `dpd_action` when the peer is lost."""
    if why is Closing.REESTABLISHED:
        return _wanted_anew(sa)
    wanted: dict[Wanted, None] = {}
    for child in sa.children.values():
        if why is Closing.DELETED:
            wanted.update(dict.fromkeys(wanted_again(sa, child, child.config.close_action)))
        elif why in (Closing.DEAD, Closing.EXPIRED, Closing.BROKEN):
            wanted.update(dict.fromkeys(wanted_again(sa, child, child.config.dpd_action)))
    return list(wanted)


def _wanted_anew(sa: IkeSa) -> list[Wanted]:
    """Everything that an IKE SA had; the commands that wait for it are done with the last Child SA."""
    up = (child.config.name for child in sa.children.values() if child.state in UP_STATES)
    names = list(dict.fromkeys(up)) or [""]
    return [*(Wanted(sa.name, name) for name in names[:-1]), Wanted(sa.name, names[-1], ops=take_waiting(sa))]


def _may_try_again(ctx: Context, sa: IkeSa, why: Closing, *, waited_for: bool) -> bool:
    """Whether an IKE SA that was never up is to be tried anew. What failed for good is not, if somebody waits for it.

    A peer that has no address yet (strongSwan's `retry_initiate_interval`) does not use up `keyingtries`.
    """
    if why is Closing.UNREACHABLE and not waited_for:
        return ctx.settings.retry_initiate_interval > 0
    tries = sa.connection.keyingtries
    left = tries == 0 or sa.attempt + 1 < tries
    return left and (why in (Closing.DEAD, Closing.UNREACHABLE) or (why is Closing.FAILED and not waited_for))


def _is_kept(sa: IkeSa, name: str) -> bool:
    """Whether the keeper brings up a Child SA again anyway."""
    child = sa.connection.children.get(name)
    return child is not None and child.keep_up
