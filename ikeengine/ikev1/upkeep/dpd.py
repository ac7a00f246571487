"""Dead peer detection (RFC 3706): ask only if nothing was heard for a while.

one side                                          other side
HDR*, HASH(1), N(R-U-THERE, sequence number)  -->
                                              <--  HDR*, HASH(1), N(R-U-THERE-ACK, the same number)

Each is an exchange of its own without an answer, so the question is repeated here and not by `transport`.
"""

from __future__ import annotations

from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.numbers import NotifyType
from ikeengine.ikev1.wire.payloads import Notify
from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import close
from ikeengine.sa.reasons import peer_text
from ikeengine.sa.retransmission import retransmission
from ikeengine.sa.states import Closing
from ikeengine.timers import Timer

LEAST_ANSWER_TIME = 1.0
"""Seconds that a peer has at least to answer, whatever `dpd_timeout` says."""


def heard(ctx: Context, sa: IkeSa) -> None:
    """An authentic message of the peer says that it is alive."""
    sa.dpd_tries = 0
    sa.timers.stop(Timer.DPD_TIMEOUT)
    if sa.timers.get(Timer.DPD) is not None:
        sa.timers.set(Timer.DPD, ctx.now + sa.connection.dpd_delay)


def ask(ctx: Context, sa: IkeSa) -> None:
    """Nothing was heard for `dpd_delay`: ask, and go on asking until `dpd_timeout` or the tries are over."""
    connection, rules = sa.connection, retransmission(ctx.settings, sa.connection)
    if not sa.peer_does_dpd:
        return
    if not sa.dpd_tries:
        _count(sa)
        if connection.dpd_timeout:
            end = max(ctx.now + LEAST_ANSWER_TIME, sa.last_inbound + connection.dpd_timeout)
            sa.timers.set(Timer.DPD_TIMEOUT, end)
    elif sa.dpd_tries > rules.tries and not connection.dpd_timeout:
        timed_out(ctx, sa)
        return
    _send(ctx, sa, NotifyType.R_U_THERE, sa.dpd_sequence.to_bytes(4, "big"))
    sa.timers.set(Timer.DPD, ctx.now + rules.delay(sa.dpd_tries, ctx.rng))
    sa.dpd_tries += 1


def probe(ctx: Context, sa: IkeSa) -> None:
    """Ask once, whatever `dpd_delay` says. Nothing follows from silence."""
    if sa.peer_does_dpd:
        _count(sa)
        _send(ctx, sa, NotifyType.R_U_THERE, sa.dpd_sequence.to_bytes(4, "big"))


def answer(ctx: Context, sa: IkeSa, notify: Notify) -> None:
    """The peer asks whether we are alive."""
    if len(notify.data) == 4 and notify.spi == sa.spi_i + sa.spi_r:
        _send(ctx, sa, NotifyType.R_U_THERE_ACK, notify.data)


def timed_out(ctx: Context, sa: IkeSa) -> None:
    """The peer has not answered for too long."""
    record = FailureRecord(
        alert=Alert.RETRANSMIT_SEND_TIMEOUT,
        side=Side.NETWORK,
        phase="dead peer detection",
        reason=f"no answer to {sa.dpd_tries} R-U-THERE; last heard of the peer {ctx.now - sa.last_inbound:.0f} s ago",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice="the peer restarted or the network is down; `dpd_action` decides what happens now",
    )
    ctx.fail(record)
    close(ctx, sa, Closing.DEAD, record)


def _count(sa: IkeSa) -> None:
    sa.dpd_sequence = (sa.dpd_sequence + 1) & 0xFFFFFFFF or 1


def _send(ctx: Context, sa: IkeSa, kind: NotifyType, data: bytes) -> None:
    transport.send_informational(ctx, sa, [Notify(kind, data, spi=sa.spi_i + sa.spi_r)])
