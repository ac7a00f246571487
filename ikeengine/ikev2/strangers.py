"""IKE_SA_INIT requests: strangers are answered without keeping state, until one of them is worth a half-open IKE SA."""

from __future__ import annotations

from ikeengine.cookies import CookieJar
from ikeengine.errors import InvalidKeGroup, InvalidSyntax, NoProposalChosen, UnsupportedCriticalPayload
from ikeengine.ikev2 import lookup
from ikeengine.ikev2.exchanges import ike_sa_init
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.messages.received import Received
from ikeengine.limits import TokenBucket
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.path import Path
from ikeengine.outputs import Dropped, DropReason, Transmit
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.sa import reasons
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import NO_SPI
from ikeengine.wire import rules
from ikeengine.wire.header import FLAG_RESPONSE, Header
from ikeengine.wire.message import parse, write_message
from ikeengine.wire.payloads import Nonce, Notify, Sa

VERSION = 2
ERROR_REPLY_RATE = 50.0
"""Errors per second that strangers get at most; what exceeds it is dropped in silence."""


class Strangers:
    """What answers those of whom nothing is known."""

    __slots__ = ("_cookies", "_ctx", "_replies")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._cookies = CookieJar(ctx.rng)
        self._replies = TokenBucket(ERROR_REPLY_RATE, ERROR_REPLY_RATE)

    def receive(self, header: Header, data: bytes, path: Path) -> None:
        """An IKE_SA_INIT request."""
        ctx = self._ctx
        if header.message_id != 0 or header.spi_r != NO_SPI or header.spi_i == NO_SPI or not header.is_initiator:
            self._drop(DropReason.BAD_HEADER, path, "an IKE_SA_INIT request with wrong SPIs, flags or message ID")
            return
        if ctx.table.find(header.spi_i) is not None:
            self._drop(DropReason.REFLECTED, path, "an IKE_SA_INIT request with our own SPI")
            return
        known = lookup.find_by_init(ctx, path, header.spi_i)
        if known is not None:
            if not transport.repeat_response(ctx, known, data, path):
                self._drop(DropReason.UNEXPECTED, path, "another IKE_SA_INIT request with the same SPI")
            return
        try:
            parsed = parse(data, header)
            rules.check(ExchangeType.IKE_SA_INIT, False, parsed.payloads, ())
        except UnsupportedCriticalPayload as error:
            self._drop(DropReason.BAD_PAYLOADS, path, str(error))
            self.reply(header, path, Notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, error.data))
            return
        except InvalidSyntax as error:
            self._drop(DropReason.BAD_PAYLOADS, path, str(error))
            return
        message = Received(ExchangeType.IKE_SA_INIT, False, parsed.payloads, data, path)
        if self._admit(header, message, path):
            self._answer_init(header, message, path)

    def _admit(self, header: Header, message: Received, path: Path) -> bool:
        """Hold the limits: silence for a source with too many half-open SAs, a cookie when there are many."""
        ctx, settings, limits = self._ctx, self._ctx.settings, self._ctx.table.limits
        of_source = limits.of_source(path.remote)
        over_limit = settings.ikesa_limit and len(ctx.table) >= settings.ikesa_limit
        if over_limit or ctx.is_shutting_down:
            self._drop(DropReason.LIMIT, path, "no more IKE SAs are accepted")
            return False
        if settings.block_threshold and of_source >= settings.block_threshold:
            self._drop(DropReason.LIMIT, path, f"{of_source} half-open IKE SAs from this source")
            return False
        nonce = message.require(Nonce).data
        many = settings.cookie_threshold and limits.total >= settings.cookie_threshold
        many_here = settings.cookie_threshold_ip and of_source >= settings.cookie_threshold_ip
        if not (many or many_here):
            return True
        cookie = message.notify(NotifyType.COOKIE)
        if cookie is not None and self._cookies.check(cookie.data, nonce, header.spi_i, path, ctx.now):
            return True
        if cookie is not None:
            self._drop(DropReason.BAD_COOKIE, path, "the cookie is not one of ours, or too old")
        fresh = self._cookies.make(nonce, header.spi_i, path, ctx.now)
        self._transmit_reply(header, path, Notify(NotifyType.COOKIE, fresh))
        return False

    def _answer_init(self, header: Header, message: Received, path: Path) -> None:
        ctx = self._ctx
        connections = ctx.candidates.matching(path, VERSION)
        if not connections:
            self._drop(DropReason.NO_CONNECTION, path, f"no connection is configured for {path}")
            self.reply(header, path, Notify(NotifyType.NO_PROPOSAL_CHOSEN))
            return
        try:
            sa = ike_sa_init.answer(ctx, message, connections)
        except NoProposalChosen as error:
            # Only what is answered is recorded: a flood must not push the useful records out.
            if self.reply(header, path, Notify(error.notify)):
                self._record_mismatch(message, path, connections)
        except InvalidKeGroup as error:
            self.reply(header, path, Notify(error.notify, error.data))
        except InvalidSyntax as error:
            self._drop(DropReason.BAD_PAYLOADS, path, str(error))
        else:
            ctx.touch(sa)

    def _record_mismatch(self, message: Received, path: Path, connections: tuple[ConnectionConfig, ...]) -> None:
        offered = message.require(Sa).proposals
        configured = tuple(dict.fromkeys(p for connection in connections for p in connection.proposals))
        name = connections[0].name
        phase = "IKE_SA_INIT request"
        self._ctx.fail(reasons.proposal_mismatch(self._ctx, name, path, phase, offered, configured))

    def reply(self, header: Header, path: Path, notify: Notify) -> bool:
        """Answer a stranger with an error, without keeping anything. False if that is over the limit."""
        allowed = self._replies.take(self._ctx.now)
        if allowed:
            self._transmit_reply(header, path, notify)
        return allowed

    def _transmit_reply(self, header: Header, path: Path, notify: Notify) -> None:
        data = write_message(header.spi_i, header.spi_r, header.exchange, FLAG_RESPONSE, header.message_id, [notify])
        self._ctx.emit(Transmit(data, path))

    def _drop(self, reason: DropReason, path: Path, detail: str) -> None:
        self._ctx.emit(Dropped(reason, path, detail))
