"""Sending on an IKE SA: protection, message IDs, retransmission, keepalives."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.ikev2.messages import fragmentation
from ikeengine.ikev2.messages.reassembly import repeats_request
from ikeengine.ikev2.sa import IkeSa
from ikeengine.model.path import Path
from ikeengine.outputs import LogLine, Transmit
from ikeengine.registry import ExchangeType
from ikeengine.sa.context import Context
from ikeengine.sa.retransmission import retransmission
from ikeengine.timers import Timer
from ikeengine.wire.header import FLAG_INITIATOR, FLAG_RESPONSE
from ikeengine.wire.message import write_message
from ikeengine.wire.payloads import Payload
from ikeengine.wire.sk import seal_fragments, seal_message

_COUNTERS = {
    ExchangeType.IKE_SA_INIT: "ike-init",
    ExchangeType.IKE_AUTH: "ike-auth",
    ExchangeType.CREATE_CHILD_SA: "create-child",
    ExchangeType.INFORMATIONAL: "info",
}
COUNTERS = {
    (exchange, direction, is_response): f"{name}-{direction}-{'resp' if is_response else 'req'}"
    for exchange, name in _COUNTERS.items()
    for direction in ("in", "out")
    for is_response in (False, True)
}
"""(exchange, `in` or `out`, is it a response) -> strongSwan's name of the counter; it does not count the others."""


def count(ctx: Context, sa: IkeSa, exchange: ExchangeType, direction: str, *, is_response: bool) -> None:
    """Count a message."""
    name = COUNTERS.get((exchange, direction, is_response))
    if name is not None:
        ctx.count(name, sa.name)


def send_init_request(ctx: Context, sa: IkeSa, payloads: Sequence[Payload]) -> bytes:
    """Send an IKE_SA_INIT request, with message ID 0 even if it is repeated with a cookie or another group."""
    data = write_message(sa.spi_i, bytes(8), ExchangeType.IKE_SA_INIT, FLAG_INITIATOR, 0, payloads)
    sa.window.send((data,))
    _send_request(ctx, sa, ExchangeType.IKE_SA_INIT)
    return data


def send_init_response(ctx: Context, sa: IkeSa, payloads: Sequence[Payload]) -> bytes:
    """Send the IKE_SA_INIT response that goes with a half-open IKE SA."""
    data = write_message(sa.spi_i, sa.spi_r, ExchangeType.IKE_SA_INIT, FLAG_RESPONSE, 0, payloads)
    _send_response(ctx, sa, ExchangeType.IKE_SA_INIT, (data,))
    return data


def send_request(ctx: Context, sa: IkeSa, exchange: ExchangeType, payloads: Sequence[Payload]) -> None:
    """Protect and send our next request."""
    _seal_request(ctx, sa, exchange, payloads)
    _send_request(ctx, sa, exchange)


def respond(ctx: Context, sa: IkeSa, exchange: ExchangeType, payloads: Sequence[Payload]) -> None:
    """Protect and send the response to the request that is being answered."""
    flags = FLAG_RESPONSE | (FLAG_INITIATOR if sa.is_initiator else 0)
    _send_response(ctx, sa, exchange, _seal(ctx, sa, exchange, flags, sa.window.expected_request, payloads))


def retransmit(ctx: Context, sa: IkeSa) -> bool:
    """Send the outstanding request once more, and in smaller fragments after some tries (RFC 7383 section 2.5.2).

    False when the tries are used up.
    """
    window = sa.window
    if window.request is None:
        return True
    if window.tries >= retransmission(ctx.settings, sa.connection).tries:
        return False
    if window.tries == fragmentation.PROBE_TRIES:
        _probe_smaller(ctx, sa)
    window.tries += 1
    _transmit(ctx, window.request, sa.path)
    _arm_retransmit(ctx, sa)
    return True


def repeat_response(ctx: Context, sa: IkeSa, request: bytes, path: Path) -> bool:
    """Answer a repeated request with the very same response, if it really is the same request."""
    if sa.window.response is None or not (request == sa.window.answered or repeats_request(sa, request)):
        return False
    _transmit(ctx, sa.window.response, path)
    return True


def send_on(ctx: Context, sa: IkeSa, path: Path) -> None:
    """Send the outstanding request on a path, octet for octet, without counting it as a try."""
    _transmit(ctx, sa.window.request or (), path)


def restart(ctx: Context, sa: IkeSa) -> None:
    """The path has changed: give the outstanding request all its tries again, the first one now."""
    if sa.window.request is not None:
        sa.window.tries = 0
        send_on(ctx, sa, sa.path)
        _arm_retransmit(ctx, sa)


def answered(ctx: Context, sa: IkeSa) -> None:
    """Our outstanding request has its response."""
    sa.window.close_request()
    sa.unreachable = ""
    sa.timers.stop(Timer.RETRANSMIT)


def _seal(
    ctx: Context, sa: IkeSa, exchange: ExchangeType, flags: int, message_id: int, payloads: Sequence[Payload]
) -> tuple[bytes, ...]:
    keys, _unused = sa.keys_and_suite()
    limit = fragmentation.message_limit(ctx.settings, sa)

    def next_iv() -> bytes:
        keys.sent += 1
        return keys.cipher_out.next_iv(keys.sent, ctx.rng)

    head = (sa.spi_i, sa.spi_r, exchange, flags, message_id)
    if limit is None:
        return (seal_message(*head, payloads, keys.cipher_out, next_iv()),)
    return seal_fragments(*head, payloads, keys.cipher_out, next_iv, limit)


def _seal_request(ctx: Context, sa: IkeSa, exchange: ExchangeType, payloads: Sequence[Payload]) -> None:
    flags = FLAG_INITIATOR if sa.is_initiator else 0
    data = _seal(ctx, sa, exchange, flags, sa.window.next_request, payloads)
    sa.window.send(data, (exchange, tuple(payloads)))


def _probe_smaller(ctx: Context, sa: IkeSa) -> None:
    """Cut the outstanding request into more fragments than before, if that is possible; its tries begin anew."""
    window = sa.window
    if window.request is None or window.content is None:
        return
    longest, pieces = max(map(len, window.request)), len(window.request)
    if not fragmentation.shrink(ctx.settings, sa, longest):
        return
    exchange, payloads = window.content
    _seal_request(ctx, sa, exchange, payloads)
    text = f"no answer to {pieces} datagrams of up to {longest} octets: sending {len(window.request)} smaller ones"
    ctx.emit(LogLine(1, "IKE", text, sa.name, sa.unique_id))


def _transmit(ctx: Context, message: tuple[bytes, ...], path: Path) -> None:
    for datagram in message:
        ctx.emit(Transmit(datagram, path))


def _send_request(ctx: Context, sa: IkeSa, exchange: ExchangeType) -> None:
    _transmit(ctx, sa.window.request or (), sa.path)
    count(ctx, sa, exchange, "out", is_response=False)
    _arm_retransmit(ctx, sa)


def _send_response(ctx: Context, sa: IkeSa, exchange: ExchangeType, message: tuple[bytes, ...]) -> None:
    sa.window.finish_answer(message)
    _transmit(ctx, message, sa.reply_path or sa.path)
    count(ctx, sa, exchange, "out", is_response=True)


def _arm_retransmit(ctx: Context, sa: IkeSa) -> None:
    delay = retransmission(ctx.settings, sa.connection).delay(sa.window.tries, ctx.rng)
    sa.timers.set(Timer.RETRANSMIT, ctx.now + delay)
