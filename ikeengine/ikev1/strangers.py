"""First messages of Main Mode and Aggressive Mode: what is not acceptable leaves nothing behind.

IKEv1 has no cookies that could prove an address before there is state (RFC 2408 section 2.5.3 does not say how). So the
number of half-open SAs is limited, for each source and for all of them.
"""

from __future__ import annotations

from dataclasses import replace

from ikeengine.errors import AuthFailed, InvalidSyntax, NoProposalChosen
from ikeengine.ikev1.exchanges import aggressive_responder, main_responder
from ikeengine.ikev1.messages.conversation import PHASE_1, Conversation
from ikeengine.ikev1.messages.first_fragments import FirstFragments
from ikeengine.ikev1.messages.fragments import is_fragment
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer.credential import methods
from ikeengine.ikev1.proposals import ike
from ikeengine.ikev1.proposals.explain import explain_ike
from ikeengine.ikev1.proposals.ike_transforms import IkeTransform
from ikeengine.ikev1.proposals.offers import ike_offers
from ikeengine.ikev1.wire import rules
from ikeengine.ikev1.wire.message import parse, write_message
from ikeengine.ikev1.wire.numbers import NotifyType
from ikeengine.ikev1.wire.payloads import Notify, Sa
from ikeengine.ikev1.wire.rules import Step
from ikeengine.limits import TokenBucket
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.path import Path
from ikeengine.outputs import Dropped, DropReason, Transmit
from ikeengine.registry import ExchangeType
from ikeengine.sa import reasons
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import NO_SPI
from ikeengine.wire.header import Header, read_header

VERSION = 1
_FIRST = {ExchangeType.IDENTITY_PROTECTION: Step.MAIN_1, ExchangeType.AGGRESSIVE: Step.AGGRESSIVE_1}
"""What may begin phase 1."""
MAX_HALF_OPEN = 1024
"""Half-open SAs of both versions beyond which nobody may begin with IKEv1."""
ERROR_REPLY_RATE = 20.0
"""Errors per second that strangers get at most; what exceeds it is dropped in silence."""


class Strangers:
    """What answers those of whom nothing is known."""

    __slots__ = ("_ctx", "_fragments", "_replies")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._fragments = FirstFragments(ctx)
        self._replies = TokenBucket(ERROR_REPLY_RATE, ERROR_REPLY_RATE)

    def receive(self, header: Header, data: bytes, path: Path) -> None:
        """A message without a responder's cookie: only one that begins phase 1 can be meant."""
        ctx = self._ctx
        if header.message_id != PHASE_1 or header.spi_i == NO_SPI or ctx.table.find(header.spi_i) is not None:
            self._drop(DropReason.BAD_HEADER, path, "a first message with wrong cookies or message ID")
            return
        step = _FIRST.get(header.exchange)
        if step is None:
            self._drop(DropReason.UNEXPECTED, path, f"exchange type {header.exchange} without an ISAKMP SA")
            return
        if is_fragment(header):
            whole = self._fragments.add(header, data, path)
            if whole is not None:
                self.receive(read_header(whole), whole, path)
            return
        try:
            parsed = parse(data, header)
            rules.check(step, parsed.chain.payloads, encrypted=parsed.is_encrypted)
        except InvalidSyntax as error:
            self._drop(DropReason.BAD_PAYLOADS, path, str(error))
            return
        conversation = Conversation(PHASE_1, header.exchange, is_ours=False)
        message = Received(
            step, parsed.chain, data, path, conversation, encrypted=False, has_commit_bit=parsed.has_commit_bit
        )
        if self._admit(path):
            begin = self._answer if step is Step.MAIN_1 else self._answer_aggressive
            begin(header, message, path)

    def _admit(self, path: Path) -> bool:
        """Hold the limits."""
        settings, table = self._ctx.settings, self._ctx.table
        of_source = table.limits.of_source(path.remote)
        over_limit = settings.ikesa_limit and len(table) >= settings.ikesa_limit
        if over_limit or self._ctx.is_shutting_down or table.limits.total >= MAX_HALF_OPEN:
            self._drop(DropReason.LIMIT, path, "no more ISAKMP SAs are accepted")
            return False
        if settings.block_threshold and of_source >= settings.block_threshold:
            self._drop(DropReason.LIMIT, path, f"{of_source} half-open SAs from this source")
            return False
        return True

    def _answer(self, header: Header, message: Received, path: Path) -> None:
        ctx = self._ctx
        connections = tuple(c for c in ctx.candidates.matching(path, VERSION) if not c.aggressive)
        if not connections:
            self._drop(DropReason.NO_CONNECTION, path, f"no connection with IKEv1 is configured for {path}")
            self._refuse(header, path)
            return
        try:
            chosen, candidates = choose(ctx, message.require(Sa), connections)
        except NoProposalChosen:
            if self._refuse(header, path):
                self._record_mismatch(message, path, connections)
        except InvalidSyntax as error:
            self._drop(DropReason.BAD_PAYLOADS, path, str(error))
        else:
            ctx.touch(main_responder.answer(ctx, message, chosen, candidates))

    def _answer_aggressive(self, header: Header, message: Received, path: Path) -> None:
        """Only to those who are meant, and in silence to all others."""
        ctx = self._ctx
        try:
            admitted = aggressive_responder.admitted(ctx, message, ctx.candidates.matching(path, VERSION))
            chosen, candidates = choose(ctx, message.require(Sa), tuple(admitted))
            ctx.touch(aggressive_responder.answer(ctx, message, chosen, candidates))
        except AuthFailed as error:
            self._drop(DropReason.NO_CONNECTION, path, error.detail)
        except NoProposalChosen:
            if self._refuse(header, path):
                self._record_mismatch(message, path, tuple(admitted))
        except InvalidSyntax as error:
            self._drop(DropReason.BAD_PAYLOADS, path, str(error))

    def _record_mismatch(self, message: Received, path: Path, connections: tuple[ConnectionConfig, ...]) -> None:
        configured = tuple(dict.fromkeys(p for connection in connections for p in connection.proposals))
        offer, phase = message.require(Sa), message.step.value
        able = tuple(method for connection in connections for method in methods(self._ctx, connection, initiator=False))
        name = connections[0].name
        record = reasons.proposal_mismatch(self._ctx, name, path, phase, ike_offers(offer), configured)
        self._ctx.fail(replace(record, nearest=explain_ike(offer, configured, able)))

    def _refuse(self, header: Header, path: Path) -> bool:
        """Say NO-PROPOSAL-CHOSEN without protection and without keeping anything. False if that is over the limit."""
        if not self._replies.take(self._ctx.now):
            return False
        spi_r, message_id = self._ctx.rng.bytes(8), int.from_bytes(self._ctx.rng.bytes(4), "big")
        notify = Notify(NotifyType.NO_PROPOSAL_CHOSEN, spi=header.spi_i + spi_r)
        data = write_message(header.spi_i, spi_r, ExchangeType.INFORMATIONAL_V1, 0, message_id, [notify])
        self._ctx.emit(Transmit(data, path))
        return True

    def _drop(self, reason: DropReason, path: Path, detail: str) -> None:
        self._ctx.emit(Dropped(reason, path, detail))


def choose(
    ctx: Context, sa: Sa, connections: tuple[ConnectionConfig, ...]
) -> tuple[tuple[Sa, IkeTransform], tuple[ConnectionConfig, ...]]:
    """What to answer with, and the connections that could be meant. Raises NoProposalChosen or InvalidSyntax."""
    failure: NoProposalChosen | None = None
    for connection in connections:
        try:
            chosen = ike.select(sa, connection.proposals, methods(ctx, connection, initiator=False))
        except NoProposalChosen as error:
            failure = failure or error
            continue
        return chosen, tuple(c for c in connections if c is connection or _accepts(ctx, c, chosen[0]))
    raise failure or NoProposalChosen("no connection is configured for these addresses")


def _accepts(ctx: Context, connection: ConnectionConfig, chosen: Sa) -> bool:
    """Whether a connection allows the same choice."""
    try:
        ike.select(chosen, connection.proposals, methods(ctx, connection, initiator=False))
    except NoProposalChosen:
        return False
    return True
