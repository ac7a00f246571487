"""What is said outside of IKE SAs about SAs that are lost: hints (RFC 7296 section 1.5) and proofs (RFC 6290).

    peer that knows the IKE SA               restarted peer
    HDR, SK {...}                     -->
                                      <--    HDR, N(INVALID_IKE_SPI), N(QCD_TOKEN)

INVALID_IKE_SPI and INVALID_SPI alone may come from anybody: they make us ask the peer for a sign of life, and nothing
more. A token that matches the one that the peer has given us under protection proves that the peer lost the IKE SA.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from ikeengine.errors import InvalidSyntax, UnsupportedCriticalPayload
from ikeengine.ikev2 import lookup
from ikeengine.ikev2 import reasons as v2_reasons
from ikeengine.ikev2.exchanges.liveness import Liveness
from ikeengine.ikev2.sa import NO_SPI, IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.ikev2.upkeep import crash_tokens
from ikeengine.limits import TokenBucket
from ikeengine.model.commands import UnknownSpi
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.path import IKE_PORT, Path
from ikeengine.outputs import Dropped, DropReason, LogLine, Transmit
from ikeengine.registry import ExchangeType, NotifyType, PayloadType
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import close
from ikeengine.sa.states import Closing
from ikeengine.wire.header import FLAG_INITIATOR, FLAG_RESPONSE, Header
from ikeengine.wire.message import parse, write_message
from ikeengine.wire.payloads import Notify, Payload

ANSWERS_PER_SECOND = 20.0
"""Answers to requests for IKE SAs that are not there, and to ESP packets for SAs that are not there."""

HEARD_PER_SECOND = 10.0
"""Unprotected messages about lost SAs that are looked at."""

HINT_INTERVAL = 10.0
"""Seconds between two signs of life that hints can make us ask a peer for."""

TOKENS_HEARD = 8
"""Tokens of one message that are compared; section 4.5 of RFC 6290 demands four."""

_HINTS = (NotifyType.INVALID_IKE_SPI, NotifyType.INVALID_SPI)


class CrashDetector:
    """Both sides of it: what we say to who is not known here, and what we hear from who does not know us."""

    __slots__ = ("_answers", "_ctx", "_heard")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._answers = TokenBucket(ANSWERS_PER_SECOND, ANSWERS_PER_SECOND)
        self._heard = TokenBucket(HEARD_PER_SECOND, HEARD_PER_SECOND)

    # --- who has lost its SAs ---------------------------------------------------------------------------------

    def answer(self, header: Header, path: Path, connections: Sequence[ConnectionConfig]) -> None:
        """A message for an IKE SA that is not there. A protected request gets our token, if `qcd` is on for its sender.

        The token is never sent for an IKE SA that we have (RFC 6290 section 9.2), and never in answer to a response.
        """
        secret = self._ctx.qcd_secret
        wanted = secret is not None and any(connection.qcd for connection in connections)
        if not wanted or secret is None or header.is_response or header.next_payload not in _PROTECTED:
            return
        if NO_SPI in (header.spi_i, header.spi_r) or not self._answers.take(self._ctx.now):
            return
        flags = FLAG_RESPONSE | (0 if header.is_initiator else FLAG_INITIATOR)
        said = [
            Notify(NotifyType.INVALID_IKE_SPI),
            Notify(NotifyType.QUICK_CRASH_DETECTION, crash_tokens.make(secret, header.spi_i, header.spi_r)),
        ]
        reply = write_message(header.spi_i, header.spi_r, header.exchange, flags, header.message_id, said)
        self._ctx.emit(Transmit(reply, path))

    def complain(self, event: UnknownSpi, connections: Sequence[ConnectionConfig]) -> None:
        """An ESP packet for an SA that is not there: tell its sender (RFC 7296 section 1.5), if `qcd` is on for it."""
        if not any(connection.qcd for connection in connections) or not self._answers.take(self._ctx.now):
            return
        said = [Notify(NotifyType.INVALID_SPI, event.spi.to_bytes(4, "big"))]
        message = write_message(NO_SPI, NO_SPI, ExchangeType.INFORMATIONAL, FLAG_INITIATOR, 0, said)
        port = self._ctx.settings.port if event.path.local_port == IKE_PORT else event.path.local_port
        self._ctx.emit(Transmit(message, Path(event.path.local, port, event.path.remote, event.path.remote_port)))

    # --- whose peer has lost its SAs --------------------------------------------------------------------------

    def hear(self, sa: IkeSa, header: Header, data: bytes, path: Path) -> bool:
        """An unprotected message with the SPIs of an IKE SA. False if it is not about lost SAs."""
        notifies = _said(header, data)
        if not any(notify.kind in _HINTS for notify in notifies):
            return False
        if not self._heard.take(self._ctx.now):
            self._drop(DropReason.LIMIT, path, "too many unprotected messages about lost SAs")
            return True
        tokens = [notify.data for notify in notifies if notify.kind == NotifyType.QUICK_CRASH_DETECTION][:TOKENS_HEARD]
        if _is_proven(sa, tokens):
            self._crashed(sa)
        else:
            what = "a wrong QCD_TOKEN" if tokens else "INVALID_IKE_SPI or INVALID_SPI without protection"
            self._drop(DropReason.UNEXPECTED, path, what)
            self._suspect(sa)
        return True

    def hear_stray(self, header: Header, data: bytes, path: Path) -> None:
        """An unprotected message without the SPIs of an IKE SA: it may complain about one of our ESP packets."""
        said = [n for n in _said(header, data) if n.kind == NotifyType.INVALID_SPI and len(n.data) == 4]
        if header.is_response or not said or not self._heard.take(self._ctx.now):
            return
        spi = int.from_bytes(said[0].data, "big")
        for sa in lookup.everyone(self._ctx):
            if sa.path.remote == path.remote and any(child.spi_out == spi for child in sa.children.values()):
                self._suspect(sa)

    def _crashed(self, sa: IkeSa) -> None:
        """RFC 6290 section 3: the IKE SA is silently deleted with its Child SAs. `dpd_action` says what comes then."""
        ctx = self._ctx
        ctx.emit(LogLine(1, "IKE", "the peer has restarted and proves it with its token", sa.name, sa.unique_id))
        record = v2_reasons.peer_restarted(ctx, sa)
        ctx.fail(record)
        close(ctx, sa, Closing.DEAD, record)

    def _suspect(self, sa: IkeSa) -> None:
        """Ask for a sign of life, unless that was done a moment ago or something is under way anyway."""
        ctx = self._ctx
        if sa.state is not IkeState.ESTABLISHED or ctx.now < sa.hints_ignored_until:
            return
        sa.hints_ignored_until = ctx.now + HINT_INTERVAL
        if sa.active is None and not sa.queue:
            sa.queue.append(Liveness())
            ctx.touch(sa)

    def _drop(self, reason: DropReason, path: Path, detail: str) -> None:
        self._ctx.emit(Dropped(reason, path, detail))


_PROTECTED = (PayloadType.SK, PayloadType.SKF)


def _said(header: Header, data: bytes) -> list[Notify]:
    """The notifies of a message that consists of unprotected ones; none if it does not."""
    if header.next_payload != PayloadType.NOTIFY or header.exchange == ExchangeType.IKE_SA_INIT:
        return []
    try:
        parsed = parse(data, header)
    except (InvalidSyntax, UnsupportedCriticalPayload):
        return []
    payloads: Sequence[Payload] = () if parsed.encrypted is not None else parsed.payloads
    return [payload for payload in payloads if isinstance(payload, Notify)]


def _is_proven(sa: IkeSa, tokens: list[bytes]) -> bool:
    """Whether one of the tokens is the peer's. Every comparison takes the same time."""
    known = sa.peer_token.reveal()
    if not known or not sa.connection.qcd or sa.state.is_connecting:
        return False
    return sum(hmac.compare_digest(known, token) for token in tokens) > 0
