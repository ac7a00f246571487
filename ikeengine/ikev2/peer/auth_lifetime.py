"""Repeated authentication (RFC 4478): the responder says when it wants the initiator to authenticate again."""

from __future__ import annotations

from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.model.connection import ConnectionConfig
from ikeengine.outputs import LogLine
from ikeengine.registry import NotifyType
from ikeengine.sa.context import Context
from ikeengine.timers import Timer
from ikeengine.wire.payloads import Notify, Payload

SECONDS_OCTETS = 4
_LONGEST = 0xFFFFFFFF


def announce(ctx: Context, sa: IkeSa) -> list[Payload]:
    """The AUTH_LIFETIME notify of a responder that has a `reauth_time`."""
    due = sa.timers.get(Timer.IKE_REAUTH)
    if due is None:
        return []
    seconds = min(max(1, int(due - ctx.now)), _LONGEST)
    return [Notify(NotifyType.AUTH_LIFETIME, seconds.to_bytes(SECONDS_OCTETS, "big"))]


def obey(ctx: Context, sa: IkeSa, message: Received) -> None:
    """Authenticate again in good time, if the peer wants that earlier than we do. Only the original initiator can."""
    notify = message.notify(NotifyType.AUTH_LIFETIME)
    if notify is None or len(notify.data) != SECONDS_OCTETS or not sa.is_initiator:
        return
    lifetime = int.from_bytes(notify.data, "big")
    due = ctx.now + max(1.0, lifetime - _margin(sa.connection, lifetime))
    own = sa.timers.get(Timer.IKE_REAUTH)
    if own is not None and own <= due:
        return
    sa.timers.set(Timer.IKE_REAUTH, due)
    text = f"the peer wants us to authenticate again within {lifetime} s, we will in {due - ctx.now:.0f} s"
    ctx.emit(LogLine(1, "IKE", text, sa.name, sa.unique_id))


def _margin(connection: ConnectionConfig, lifetime: int) -> float:
    """strongSwan's: `over_time`, but here at most a tenth of the time, which may be much shorter than our own."""
    return min(connection.over_time, lifetime / 10)
