"""One IKE SA per peer, or more: INITIAL_CONTACT (RFC 7296 section 2.4) and the `unique` option, as strongSwan means it.

Only IKE SAs between the very same two authenticated identities, over the same address family, ever affect each other.
The responder decides, when it has authenticated the initiator. `replace` and `keep` look at IKE SAs of connections that
are configured alike; INITIAL_CONTACT is obeyed for all of them. Beyond strongSwan, IKE SAs that both sides initiate at
the same time are told apart: INITIAL_CONTACT was then said in ignorance, and with `replace` both keep the same one.
"""

from __future__ import annotations

from dataclasses import replace

from ikeengine.errors import AuthFailed
from ikeengine.model.connection import ConnectionConfig, Fragmentation, Unique
from ikeengine.model.identity import Identity
from ikeengine.negotiate.addresses import is_fixed
from ikeengine.negotiate.identities import format_identity
from ikeengine.outputs import LogLine
from ikeengine.sa.addresses import virtual_ips
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.lifecycle import close, supersede
from ikeengine.sa.states import Closing, Phase
from ikeengine.timers import Timer

CROSSING = 10.0
"""Two IKE SAs that the two sides have initiated within so many seconds are taken for the same wish."""

REAUTHENTICATION = 10.0
"""Seconds that an IKE SA stays when its peer makes another one from the same address and port: it may be authenticating
again, and wants to make its Child SAs anew before the old ones go."""


def is_initial_contact(ctx: Context, sa: IkeSa) -> bool:
    """Whether to say INITIAL_CONTACT, because we know of no other IKE SA with this peer; what replaces one knows it."""
    expected = sa.connection.remote[0].id.exact
    if sa.connection.unique is Unique.NEVER or expected is None or sa.replaces:
        return False
    return not _of_identities(ctx, sa, expected)


def check_new(ctx: Context, sa: IkeSa, *, initial_contact: bool, may_replace: bool = False) -> None:
    """With `unique: keep` the IKE SA that is there goes before a new one, and before others. Raises AuthFailed.

    `may_replace`: a new one from the very address may be there to replace the old one, which IKEv1 has no message for.
    """
    if sa.connection.unique is not Unique.KEEP or initial_contact:
        return
    duplicates = _duplicates(ctx, sa)
    if may_replace:
        duplicates = [other for other in duplicates if other.path.remote != sa.path.remote]
    for surplus in duplicates[1:]:
        _replace(ctx, surplus)
    if duplicates:
        raise AuthFailed("unique-keep", "there is an IKE SA with this identity, and `unique` is keep")


def on_initiator(ctx: Context, sa: IkeSa) -> None:
    """The responder has proven its identity. It decides about duplicates, unless it began as well, at the same time."""
    if sa.connection.unique is Unique.REPLACE:
        for other in _duplicates(ctx, sa):
            if _overlap(sa, other, CROSSING):
                supersede(ctx, loser(sa, other))


def give_back_addresses(ctx: Context, sa: IkeSa, *, initial_contact: bool) -> None:
    """A new IKE SA gets the virtual IP addresses of those that `on_responder` ends because of it."""
    policy = sa.connection.unique
    if policy is Unique.NEVER or not (initial_contact or policy is Unique.REPLACE):
        return
    for other in _others(ctx, sa) if initial_contact else _duplicates(ctx, sa):
        if not _overlap(sa, other, CROSSING):
            virtual_ips.give_back(ctx, other)


def on_responder(ctx: Context, sa: IkeSa, *, initial_contact: bool) -> None:
    """An initiator has proven its identity: end what it says, or what the configuration says, is obsolete."""
    if sa.connection.unique is Unique.NEVER:
        return
    if initial_contact:
        for other in _others(ctx, sa):
            if not _overlap(sa, other):
                _forget(ctx, other)
    if sa.connection.unique is not Unique.REPLACE:
        return
    for other in _duplicates(ctx, sa):
        if _overlap(sa, other, CROSSING):
            supersede(ctx, loser(sa, other))
        elif (other.path.remote, other.path.remote_port) == (sa.path.remote, sa.path.remote_port):
            other.timers.set(Timer.LINGER, ctx.now + REAUTHENTICATION)
            ctx.touch(other)
        else:
            _replace(ctx, other)


def _of_identities(ctx: Context, sa: IkeSa, remote: Identity | None) -> list[IkeSa]:
    """The established IKE SAs between these identities over the same address family."""
    found = ctx.table.of_identities(sa.local_id, remote)
    return [other for other in found if (":" in other.path.remote) == (":" in sa.path.remote)]


def _others(ctx: Context, sa: IkeSa) -> list[IkeSa]:
    return [
        other
        for other in _of_identities(ctx, sa, sa.peer_identity)
        if other is not sa and other.phase is Phase.ESTABLISHED and sa.replaces != other.local_spi
    ]


def _duplicates(ctx: Context, sa: IkeSa) -> list[IkeSa]:
    """Those that the `unique` option concerns, the oldest first."""
    return [other for other in _others(ctx, sa) if _peer(other.connection) == _peer(sa.connection)]


def _peer(connection: ConnectionConfig) -> ConnectionConfig:
    """What strongSwan compares of two connections: whom to trust and what to do when, but not how to get there."""
    return replace(
        connection,
        name="",
        proposals=(),
        local_addrs=(),
        remote_addrs=(),
        local_port=0,
        remote_port=0,
        encap=False,
        fragmentation=Fragmentation.YES,
        send_certreq=True,
        children={},
    )


def _replace(ctx: Context, sa: IkeSa) -> None:
    peer = format_identity(sa.peer_identity) if sa.peer_identity is not None else "%any"
    text = f"deleting duplicate IKE_SA for peer '{peer}' due to uniqueness policy"
    ctx.emit(LogLine(1, "IKE", text, sa.name, sa.unique_id))
    sa.queue.append(sa.version.delete_ike(Closing.REPLACED))
    ctx.touch(sa)


def _forget(ctx: Context, other: IkeSa) -> None:
    """The peer says that it does not know this IKE SA; if it is mistaken, one Delete sets that right."""
    other.version.say_goodbye(other)
    close(ctx, other, Closing.REPLACED)


def _overlap(sa: IkeSa, other: IkeSa, slack: float = 0.0) -> bool:
    """Whether both sides have initiated at the same time. Then INITIAL_CONTACT was said in ignorance."""
    crossing = other.is_initiator != sa.is_initiator
    return crossing and other.established_at is not None and sa.began_at <= other.established_at + slack


def loser(one: IkeSa, other: IkeSa) -> IkeSa:
    """The older of two; but if both sides have initiated at the same time, the one that both sides choose."""
    older, newer = sorted((one, other), key=lambda sa: sa.established_at or 0.0)
    return max(older, newer, key=lambda sa: sa.spi_i) if _overlap(newer, older, CROSSING) else older


def take_over(ctx: Context, sa: IkeSa) -> None:
    """The peer has initiated while we were looking for it: what was to be done on our own new IKE SA is done here.

    Ours gets no further than its first message, so the peer cannot give up this one for it.
    """
    if not ctx.settings.reuse_ikesa or not is_fixed(sa.connection.remote_addrs):
        return
    for other in ctx.table.of_connection(sa.name):
        if other.connection is sa.connection and _is_needless(sa, other):
            waiting, other.waiting = other.waiting, ()
            ctx.answer(waiting, ok=True)
            for task in other.queue:
                task.if_missing = True
                sa.queue.append(task)
            other.queue.clear()
            close(ctx, other, Closing.REPLACED)


def _is_needless(sa: IkeSa, other: IkeSa) -> bool:
    """Whether an IKE SA that we have begun to initiate would lead to the very same peer."""
    begun = other.version is sa.version and other.has_only_called and not other.replaces
    same_peer = sa.connection.remote[0].id.exact is not None or other.path.remote == sa.path.remote
    return begun and same_peer
