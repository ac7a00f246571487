"""Both sides have made a Child SA for the same traffic at the same time: one of the two stays.

IKEv1 has no rule for it. Ours: the one stays that the initiator of the ISAKMP SA has begun, and who has begun the other
one deletes it. A peer that does not, because it has another rule or does not know of the crossing, is helped.
"""

from __future__ import annotations

from ikeengine.ikev1.sa import IkeSa
from ikeengine.sa.children import renewal
from ikeengine.sa.children.data import ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import LAST_PACKETS
from ikeengine.sa.states import ChildState
from ikeengine.timers import Timer

CROSSING = 30.0
"""Seconds within which two Child SAs count as made at the same time."""

PEERS_TURN = 60.0
"""Seconds that a peer has to delete a Child SA that it has replaced, or that has lost."""


def settle(ctx: Context, sa: IkeSa, fresh: ChildSa, *, is_ours: bool) -> None:
    """A Child SA has come up, which we have begun or the peer. It may have lost already, before it was complete."""
    twin = _twin(ctx, sa, fresh)
    if twin is None or fresh.state is not ChildState.INSTALLED:
        return
    fresh_stays = is_ours is sa.is_initiator
    winner, loser = (fresh, twin) if fresh_stays else (twin, fresh)
    renewal.mark_replaced(ctx, sa, loser, winner.unique_id)
    if sa.is_initiator:
        sa.timers.set(Timer.CHILD_DRAIN, ctx.now + PEERS_TURN, loser.unique_id)
    else:
        sa.timers.set(Timer.CHILD_SEND, ctx.now + LAST_PACKETS, winner.unique_id)


def _twin(ctx: Context, sa: IkeSa, fresh: ChildSa) -> ChildSa | None:
    wanted = (fresh.config.name, fresh.local_ts, fresh.remote_ts, fresh.mode)
    for other in sa.children.values():
        if other is fresh or other.state is not ChildState.INSTALLED or other.installed_at < ctx.now - CROSSING:
            continue
        same = (other.config.name, other.local_ts, other.remote_ts, other.mode) == wanted
        if same and not _is_awaited(ctx, sa, other):
            return other
    return None


def _is_awaited(ctx: Context, sa: IkeSa, child: ChildSa) -> bool:
    """Whether the peer has yet to confirm a Child SA. It is settled then."""
    for owner in ctx.table.of_identities(sa.local_id, sa.peer_identity):
        if isinstance(owner, IkeSa):
            for conversation in owner.conversations:
                if conversation.exchange is not None and conversation.exchange.awaits(child):
                    return True
    return False
