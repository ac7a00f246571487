"""Where the Child SAs of a replaced ISAKMP SA are: an exchange that was under way ends where it has begun."""

from __future__ import annotations

from ikeengine.ikev1.sa import IkeSa
from ikeengine.sa.context import Context


def home(ctx: Context, sa: IkeSa) -> IkeSa:
    """The ISAKMP SA that has the Child SAs of this one now."""
    while sa.successor:
        found = ctx.table.find(sa.successor)
        if not isinstance(found, IkeSa):
            break
        sa = found
    return sa
