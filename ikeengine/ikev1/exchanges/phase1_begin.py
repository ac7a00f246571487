"""The begin of phase 1 as initiator: in Main Mode, or in Aggressive Mode if the connection says so."""

from __future__ import annotations

from ikeengine.ikev1.exchanges import aggressive, main
from ikeengine.ikev1.sa import IkeSa
from ikeengine.model.path import Path
from ikeengine.sa import reasons
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import close
from ikeengine.sa.states import Closing


def on_path(ctx: Context, sa: IkeSa, path: object) -> None:
    """The way to the peer is known. Anything but a Path is the reason why there is none."""
    if not isinstance(path, Path):
        record = reasons.no_path(ctx, sa, str(path), "the first message")
        ctx.fail(record)
        close(ctx, sa, Closing.UNREACHABLE, record)
        return
    sa.path = path
    begin = aggressive.begin if sa.connection.aggressive else main.begin
    begin(ctx, sa)
