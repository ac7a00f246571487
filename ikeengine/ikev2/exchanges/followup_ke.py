"""IKE_FOLLOWUP_KE: additional key exchanges after CREATE_CHILD_SA (RFC 9370 section 2.2.4).

initiator                              responder
HDR, SK {SA, Ni, KEi(0), [TSi, TSr]}  -->
                                  <--  HDR, SK {SA, Nr, KEr(0), [TSi, TSr,] N(ADDITIONAL_KEY_EXCHANGE)(link 1)}
HDR, SK {KEi(1), N(ADDITIONAL_KEY_EXCHANGE)(link 1)}  -->
                                  <--  HDR, SK {KEr(1), N(ADDITIONAL_KEY_EXCHANGE)(link 2)}
HDR, SK {KEi(2), N(ADDITIONAL_KEY_EXCHANGE)(link 2)}  -->
                                  <--  HDR, SK {KEr(2)}

The initiator keeps the response and acts on it when the last method is done; the task that asked stays the active one
all the time. The responder keeps what it has agreed to as `HalfDone`, under the link that it has given out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from ikeengine.errors import InvalidSyntax, NoProposalChosen, PeerIncompatible, PeerMisbehaved
from ikeengine.ikev2.exchange import Exchange
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.model.proposal import Transform
from ikeengine.model.secret import Secret
from ikeengine.negotiate.proposals import accept_child, accept_ike
from ikeengine.outputs import OpId
from ikeengine.registry import ExchangeType, NotifyType, Protocol
from ikeengine.sa import own_ke
from ikeengine.sa.context import Context
from ikeengine.sa.own_ke import OwnKe
from ikeengine.timers import Timer
from ikeengine.wire.payloads import Ke, Nonce, Notify, Payload, Sa

PATIENCE = 30.0
"""Seconds that an initiator has for its next IKE_FOLLOWUP_KE request; time enough for some retransmissions."""

MAX_HALF_DONE = 8
"""Exchanges of a peer that may wait for their additional key exchanges, on one IKE SA."""

LINK_OCTETS = 8

Sent = tuple[ExchangeType, tuple[Payload, ...]] | None
"""What our last request was."""


# --- the initiator --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Followup:
    """The additional key exchanges that the answer to a request of ours has made necessary."""

    answer: Received
    methods: tuple[Transform, ...]
    secrets: list[Secret] = field(default_factory=list)
    ke: OwnKe | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every method is done."""
        return len(self.secrets) == len(self.methods)

    def add(self, ke: Ke) -> None:
        """The peer has answered one of them. Raises InvalidSyntax."""
        if self.ke is None or ke.group != self.ke.group:
            raise InvalidSyntax(f"the KE payload uses method {ke.group}, which is not the one in our request")
        self.secrets.append(Secret(self.ke.shared(ke.data)))
        self.ke = None


def expected(task: Exchange) -> ExchangeType:
    """The exchange type that answers the present request of a task."""
    return task.type if task.followup is None else ExchangeType.IKE_FOLLOWUP_KE


def take(ctx: Context, sa: IkeSa, task: Exchange, message: Received, sent: Sent) -> Received | None:
    """What the task has to act on: the answer, once all its additional key exchanges are done, or the peer's no.

    None if the next one is under way now, or if the task has given way to a rekeying by the peer. Raises InvalidSyntax.
    """
    if task.followup is None:
        methods = _methods(message, sent)
        if not methods:
            return message
        task.followup = Followup(message, methods)
    elif message.find(Ke) is None:
        return message
    else:
        task.followup.add(message.require(Ke))
    if task.followup.is_complete:
        return task.followup.answer
    if not task.gives_way(ctx, sa, task.followup.answer.require(Nonce).data):
        _send_next(ctx, sa, task, task.followup, message)
    return None


def _methods(message: Received, sent: Sent) -> tuple[Transform, ...]:
    """The additional key exchanges that an answer chooses of our offer; none if it is not acceptable anyway."""
    answer = message.find(Sa)
    offers = [] if sent is None else [payload for payload in sent[1] if isinstance(payload, Sa)]
    if answer is None or not offers or sent is None:
        return ()
    offered = offers[0].proposals
    try:
        if offered[0].protocol == Protocol.IKE:
            return accept_ike(answer.proposals, offered)[1].additional
        with_ke = any(isinstance(payload, Ke) for payload in sent[1])
        return accept_child(answer.proposals, offered, with_ke=with_ke)[1].additional
    except NoProposalChosen:
        return ()


def _send_next(ctx: Context, sa: IkeSa, task: Exchange, followup: Followup, message: Received) -> None:
    link = message.notify(NotifyType.ADDITIONAL_KEY_EXCHANGE)
    if link is None:
        raise InvalidSyntax(f"{message.describe()} has no ADDITIONAL_KEY_EXCHANGE, but another key exchange is due")
    followup.ke = own_ke.generate(followup.methods[len(followup.secrets)].id, ctx.rng)
    sa.active = task
    ours = Ke(followup.ke.group, followup.ke.public)
    again = Notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, link.data)
    transport.send_request(ctx, sa, ExchangeType.IKE_FOLLOWUP_KE, [ours, again])


# --- the responder --------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class HalfDone(ABC):
    """What the peer has asked for and we have agreed to, while additional key exchanges are missing."""

    methods: tuple[Transform, ...]
    secrets: list[Secret] = field(default_factory=list)
    deadline: float = 0.0
    ops: tuple[OpId, ...] = ()
    """Commands that want the same as the peer."""

    def replaces(self, child_id: int) -> bool:
        """Whether it rekeys this Child SA, or with 0 the IKE SA."""
        return False

    @abstractmethod
    def complete(self, ctx: Context, sa: IkeSa) -> bool:
        """Every key exchange is done. False if there is nothing left that this could be done to."""

    @abstractmethod
    def forget(self, ctx: Context, sa: IkeSa) -> None:
        """It comes to nothing."""


def begin(ctx: Context, sa: IkeSa, half_done: HalfDone) -> list[Payload]:
    """Keep this until the additional key exchanges are done. Returns what tells the peer."""
    while len(sa.half_done) >= MAX_HALF_DONE:
        _drop(ctx, sa, next(iter(sa.half_done)))
    link = ctx.rng.bytes(LINK_OCTETS)
    sa.half_done[link] = half_done
    _arm(ctx, sa, half_done)
    return [Notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, link)]


def on_request(ctx: Context, sa: IkeSa, message: Received) -> None:
    """Answer an additional key exchange. STATE_NOT_FOUND if we know of nothing that it adds to."""
    link = message.notify(NotifyType.ADDITIONAL_KEY_EXCHANGE)
    half_done = None if link is None else sa.half_done.get(link.data)
    if link is None or half_done is None:
        payloads: list[Payload] = [Notify(NotifyType.STATE_NOT_FOUND)]
    else:
        try:
            payloads = _answer(ctx, sa, message, half_done, link)
        except (PeerIncompatible, PeerMisbehaved) as error:
            _drop(ctx, sa, link.data)
            payloads = [Notify(error.notify or NotifyType.INVALID_SYNTAX, error.data)]
    transport.respond(ctx, sa, ExchangeType.IKE_FOLLOWUP_KE, payloads)


def _answer(ctx: Context, sa: IkeSa, message: Received, half_done: HalfDone, link: Notify) -> list[Payload]:
    ke, group = message.require(Ke), half_done.methods[len(half_done.secrets)].id
    if ke.group != group:
        raise InvalidSyntax(f"the KE payload uses method {ke.group}, but {group} is next")
    public, shared = own_ke.answer(group, ctx.rng, ke.data)
    half_done.secrets.append(Secret(shared))
    if len(half_done.secrets) < len(half_done.methods):
        _arm(ctx, sa, half_done)
        return [Ke(group, public), Notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, link.data)]
    del sa.half_done[link.data]
    _set_timer(sa)
    if half_done.complete(ctx, sa):
        return [Ke(group, public)]
    half_done.forget(ctx, sa)
    return [Notify(NotifyType.TEMPORARY_FAILURE)]


def join(sa: IkeSa, child_id: int, ops: tuple[OpId, ...]) -> bool:
    """Whether the peer is rekeying this Child SA (0: the IKE SA) already; then `ops` wait for that."""
    for half_done in sa.half_done.values():
        if half_done.replaces(child_id):
            half_done.ops += ops
            return True
    return False


def is_rekeying(sa: IkeSa) -> bool:
    """Whether the peer is replacing the IKE SA: what we want waits for the new one (RFC 7296 section 2.25.2)."""
    return any(half_done.replaces(0) for half_done in sa.half_done.values())


def expire(ctx: Context, sa: IkeSa) -> None:
    """Forget what the peer has not gone on with."""
    for link in [link for link, half_done in sa.half_done.items() if half_done.deadline <= ctx.now]:
        _drop(ctx, sa, link)
    _set_timer(sa)


def drop_rekeying(ctx: Context, sa: IkeSa, child_id: int) -> None:
    """The peer starts again to rekey this Child SA (0: the IKE SA): what it had begun before is of no more use."""
    for link in [link for link, half_done in sa.half_done.items() if half_done.replaces(child_id)]:
        _drop(ctx, sa, link)


def _drop(ctx: Context, sa: IkeSa, link: bytes) -> None:
    sa.half_done.pop(link).forget(ctx, sa)


def _arm(ctx: Context, sa: IkeSa, half_done: HalfDone) -> None:
    half_done.deadline = ctx.now + PATIENCE
    _set_timer(sa)


def _set_timer(sa: IkeSa) -> None:
    if sa.half_done:
        sa.timers.set(Timer.FOLLOWUP, min(half_done.deadline for half_done in sa.half_done.values()))
    else:
        sa.timers.stop(Timer.FOLLOWUP)
