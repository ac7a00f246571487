"""One IKE SA per peer, or more: INITIAL_CONTACT (RFC 7296 section 2.4) and the `unique` option.

Only IKE SAs between the very same two authenticated identities ever affect each other.
"""

from __future__ import annotations

from ikeengine.errors import AuthFailed
from ikeengine.ikev2 import transport, virtual_ips
from ikeengine.ikev2.context import Context
from ikeengine.ikev2.exchanges.delete import DeleteIke
from ikeengine.ikev2.lifecycle import Closing, close
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.connection import Unique
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
            loser = _loser(sa, other)
            loser.queue.append(DeleteIke(why=Closing.REPLACED))
            if loser is not sa:
                virtual_ips.give_back(ctx, loser)
            ctx.touch(loser)


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


def _loser(sa: IkeSa, other: IkeSa) -> IkeSa:
    """The older one; but if both sides have initiated at the same time, the one that both sides choose."""
    return max(sa, other, key=lambda one: one.spi_i) if _overlap(sa, other, CROSSING) else other
