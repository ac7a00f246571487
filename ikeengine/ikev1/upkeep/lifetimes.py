"""How long an ISAKMP SA lives: the initiator says it, a responder may say less (RFC 2407 section 4.6.3.1).

An ISAKMP SA that outlives the one of the peer cannot be used, so it is replaced before the shorter of the two lifetimes
ends: first by the initiator, then, should that have failed, by the responder.
"""

from __future__ import annotations

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.proposals.lifetime import Lifetime, lifetime, read_responder_lifetime, responder_lifetime
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.numbers import NotifyType, ProtocolId
from ikeengine.ikev1.wire.payloads import Notify
from ikeengine.model.connection import ConnectionConfig
from ikeengine.outputs import LogLine
from ikeengine.sa.context import Context
from ikeengine.timers import Timer

INITIATORS_PART, RESPONDERS_PART = 0.1, 0.05
"""How much of a lifetime is left, at most, when the ISAKMP SA is replaced; never more than `over_time`."""


def own(config: ConnectionConfig) -> Lifetime:
    """The lifetime that a connection wants."""
    ends = [time for time in (config.reauth_time, config.rekey_time) if time]
    return lifetime(min(ends) + config.over_time if ends else 0)


def agree(ctx: Context, sa: IkeSa) -> None:
    """Both sides are authenticated. A responder that wants less than the initiator has proposed says so."""
    ours, proposed = own(sa.connection), Lifetime(int(sa.lifetime))
    if not sa.is_initiator and ours.seconds and (not proposed.seconds or proposed.seconds > ours.seconds):
        data = responder_lifetime(ProtocolId.ISAKMP, ours)
        transport.send_informational(ctx, sa, [Notify(NotifyType.RESPONDER_LIFETIME, data, spi=sa.spi_i + sa.spi_r)])
    _limit(ctx, sa, proposed)


def obey(ctx: Context, sa: IkeSa, notify: Notify) -> None:
    """The peer says a lifetime of the ISAKMP SA; a longer one than before changes nothing."""
    if notify.protocol != ProtocolId.ISAKMP or sa.established_at is None:
        return
    try:
        said = read_responder_lifetime(ProtocolId.ISAKMP, notify.data)
    except InvalidSyntax:
        return
    before = Lifetime(int(sa.lifetime))
    if said.seconds and before.shorter(said) != before:
        text = f"the peer wants the ISAKMP SA to live {said.seconds} s, not {before.seconds or 'for ever'}"
        ctx.emit(LogLine(1, "IKE", text, sa.name, sa.unique_id))
        _limit(ctx, sa, before.shorter(said))


def _limit(ctx: Context, sa: IkeSa, negotiated: Lifetime) -> None:
    """Replace the ISAKMP SA in good time before this lifetime ends, and end it then."""
    sa.lifetime = negotiated.seconds
    if not sa.lifetime or sa.established_at is None:
        return
    end = sa.established_at + sa.lifetime
    part = INITIATORS_PART if sa.is_initiator else RESPONDERS_PART
    margin = min(sa.connection.over_time or sa.lifetime, sa.lifetime * part)
    _not_later(sa, Timer.IKE_EXPIRE, end)
    due = [time for timer in (Timer.IKE_REKEY, Timer.IKE_REAUTH) if (time := sa.timers.get(timer)) is not None]
    if not due or min(due) > end - margin:
        sa.timers.set(Timer.IKE_REKEY, max(ctx.now, end - margin))
    ctx.touch(sa)


def _not_later(sa: IkeSa, timer: Timer, at: float) -> None:
    present = sa.timers.get(timer)
    sa.timers.set(timer, at if present is None else min(present, at))
