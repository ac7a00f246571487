"""Child SAs outlive the ISAKMP SA that made them (RFC 2409 section 9): the next one with the same peer takes them."""

from __future__ import annotations

from ikeengine.ikev1.exchanges.create_child import CreateChild
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import enter, supersede
from ikeengine.timers import Timer

LINGER = 10.0
"""Seconds that the peer has to delete an ISAKMP SA that it has replaced."""


def adopt_children(ctx: Context, sa: IkeSa) -> None:
    """Take over what older ISAKMP SAs of the same connection with the same peer have.

    If both sides have made a new one at the same time, both keep the same one.
    """
    for old in ctx.table.of_identities(sa.local_id, sa.peer_identity):
        if old is sa or not isinstance(old, IkeSa) or old.state is not IkeState.ESTABLISHED:
            continue
        if old.connection is not sa.connection or old.path.remote != sa.path.remote:
            continue
        if (old.vips.local, old.vips.remote) != (sa.vips.local, sa.vips.remote):
            _begin_anew(ctx, old, sa)
            continue
        if _crossed(sa, old) and sa.spi_i > old.spi_i:
            _hand_over(ctx, sa, old, is_ours=sa.is_initiator)
            return
        _hand_over(ctx, old, sa, is_ours=sa.replaces == old.local_spi)


def _begin_anew(ctx: Context, old: IkeSa, heir: IkeSa) -> None:
    """The gateway has given other addresses, which the Child SAs do not fit to: the client makes its own again."""
    if heir.replaces == old.local_spi:
        for child in old.children.values():
            if child.state in child_sa.UP_STATES:
                heir.queue.append(CreateChild(child.config))
        supersede(ctx, old)


def _crossed(sa: IkeSa, old: IkeSa) -> bool:
    """Whether each side has begun one of them before it knew of the other one."""
    begun_apart = old.is_initiator != sa.is_initiator
    return begun_apart and old.established_at is not None and sa.began_at <= old.established_at


def _hand_over(ctx: Context, old: IkeSa, heir: IkeSa, *, is_ours: bool) -> None:
    """`is_ours`: whether it is us who deletes the old one."""
    for child in list(old.children.values()):
        child_sa.move(ctx, child, old, heir)
    enter(ctx, old, IkeState.REKEYED, "replaced by a new ISAKMP SA")
    if is_ours:
        supersede(ctx, old)
    else:
        old.timers.set(Timer.LINGER, ctx.now + LINGER)
