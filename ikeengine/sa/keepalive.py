"""NAT keepalives (RFC 3948 sections 2.3 and 4)."""

from __future__ import annotations

from ikeengine.outputs import Transmit
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.timers import Timer

KEEPALIVE = b"\xff"


def start(ctx: Context, sa: IkeSa) -> None:
    """Start the keepalive timer, if we are the side behind the NAT."""
    if sa.nat_local and ctx.settings.keep_alive:
        sa.timers.set(Timer.KEEPALIVE, ctx.now + ctx.settings.keep_alive)
    else:
        sa.timers.stop(Timer.KEEPALIVE)


def send(ctx: Context, sa: IkeSa) -> None:
    """Keep the NAT mapping of our address alive."""
    ctx.emit(Transmit(KEEPALIVE, sa.path, keepalive=True))
    start(ctx, sa)
