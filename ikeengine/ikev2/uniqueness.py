"""One IKE SA per peer, or more: INITIAL_CONTACT (RFC 7296 section 2.4) and the `unique` option.

Only IKE SAs between the very same two authenticated identities ever affect each other.
"""

from __future__ import annotations

from ikeengine.errors import AuthFailed
from ikeengine.ikev2 import transport
from ikeengine.ikev2.context import Context
from ikeengine.ikev2.exchanges.create_child import CreateChild
from ikeengine.ikev2.lifecycle import Closing, close, supersede
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.connection import Unique
from ikeengine.negotiate.addresses import is_fixed
from ikeengine.registry import ExchangeType, NotifyType, Protocol
from ikeengine.wire.payloads import Delete, Notify, Payload

CROSSING = 10.0
"""Two IKE SAs that the two sides have initiated within so many seconds are taken for the same wish."""


def initial_contact(ctx: Context, sa: IkeSa) -> list[Payload]:
    """The INITIAL_CONTACT notify, if we know of no other IKE SA with this peer."""
    expected = sa.connection.remote[0].id.exact
    if sa.connection.unique is Unique.NEVER or expected is None:
        return []
    return [] if ctx.table.of_identities(sa.local_id, expected) else [Notify(NotifyType.INITIAL_CONTACT)]


def check_new(ctx: Context, sa: IkeSa, *, initial_contact: bool) -> None:
    """With `unique: keep` the IKE SA that is there goes before a new one. Raises AuthFailed."""
    if sa.connection.unique is Unique.KEEP and not initial_contact and _others(ctx, sa):
        raise AuthFailed("unique-keep", "there is an IKE SA with this identity, and `unique` is keep")


def on_established(ctx: Context, sa: IkeSa, *, initial_contact: bool) -> None:
    """A peer has proven its identity: end the IKE SAs that it says, or that the configuration says, are obsolete."""
    policy = sa.connection.unique
    if policy is Unique.NEVER:
        return
    for other in _others(ctx, sa):
        if initial_contact and not _overlap(sa, other):
            _forget(ctx, other)
        elif policy is Unique.REPLACE:
            supersede(ctx, loser(sa, other))


def _others(ctx: Context, sa: IkeSa) -> list[IkeSa]:
    others = ctx.table.of_identities(sa.local_id, sa.remote_id)
    return [
        other
        for other in others
        if other is not sa and other.state is IkeState.ESTABLISHED and sa.replaces != other.local_spi
    ]


def _forget(ctx: Context, other: IkeSa) -> None:
    """The peer says that it does not know this IKE SA; if it is mistaken, one Delete sets that right."""
    if other.window.request is None:
        transport.send_request(ctx, other, ExchangeType.INFORMATIONAL, [Delete(Protocol.IKE, ())])
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

    Ours gets no further than IKE_SA_INIT, so the peer cannot give up this one for it.
    """
    if not ctx.settings.reuse_ikesa or not is_fixed(sa.connection.remote_addrs):
        return
    for other in ctx.table.of_connection(sa.name):
        if other.connection is sa.connection and _is_needless(sa, other):
            waiting, other.waiting = other.waiting, ()
            ctx.answer(waiting, ok=True)
            for task in other.queue:
                if isinstance(task, CreateChild):
                    task.if_missing = True
                sa.queue.append(task)
            other.queue.clear()
            close(ctx, other, Closing.REPLACED)


def _is_needless(sa: IkeSa, other: IkeSa) -> bool:
    """Whether an IKE SA that we have begun to initiate would lead to the very same peer."""
    begun = other.is_initiator and other.state in (IkeState.CREATED, IkeState.INIT_SENT) and not other.replaces
    same_peer = sa.connection.remote[0].id.exact is not None or other.path.remote == sa.path.remote
    return begun and same_peer
