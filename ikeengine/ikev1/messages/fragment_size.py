"""Whether a message is sent in fragments, and how large they may be. `force` does not wait for the peer's vendor ID."""

from __future__ import annotations

from ikeengine.ikev1.messages.conversation import PHASE_1
from ikeengine.ikev1.messages.fragments import cut
from ikeengine.ikev1.sa import IkeSa
from ikeengine.model.connection import Fragmentation
from ikeengine.registry import ExchangeType
from ikeengine.sa.context import Context
from ikeengine.sa.datagram import overhead, safe


def in_fragments(ctx: Context, sa: IkeSa, data: bytes) -> tuple[bytes, ...]:
    """The datagrams that a message becomes."""
    mode = sa.connection.fragmentation
    if not (mode is Fragmentation.FORCE or (mode is Fragmentation.YES and sa.peer_takes_fragments)):
        return (data,)
    limit = (ctx.settings.fragment_size or safe(sa.path)) - overhead(ctx.settings, sa.path)
    phase_1 = sa.conversations.get(PHASE_1)
    return tuple(cut(data, limit, ExchangeType.IDENTITY_PROTECTION if phase_1 is None else phase_1.type))
