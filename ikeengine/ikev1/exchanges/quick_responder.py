"""Quick Mode as responder. The picture is in `quick`.

The inbound SA is installed before our answer is sent, so that no packet comes too early; what we send goes on the new
SA only when the third message proves that the peer is there and has the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from ikeengine.errors import InvalidSyntax, NoProposalChosen, TsUnacceptable
from ikeengine.ikev1.exchange import Exchange
from ikeengine.ikev1.exchanges import child_lifetimes, collision, commit, quick_choice, quick_refusal
from ikeengine.ikev1.exchanges.ending import done
from ikeengine.ikev1.exchanges.original_addresses import original_addresses
from ikeengine.ikev1.exchanges.quick_choice import Chosen
from ikeengine.ikev1.exchanges.quick_parts import Common, agree, install
from ikeengine.ikev1.exchanges.unity import Traffic
from ikeengine.ikev1.keys.hashes import hash_2, hash_3
from ikeengine.ikev1.keys.keymat import QuickModeSeed
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.conversation import Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.upkeep.successor import home
from ikeengine.ikev1.wire.numbers import NotifyType, ProtocolId
from ikeengine.ikev1.wire.payloads import Id, Ke, Nonce, Notify, Payload, Sa
from ikeengine.ikev1.wire.rules import Step
from ikeengine.model.connection import ChildConfig
from ikeengine.model.failure import FailureRecord
from ikeengine.outputs import ChildRekeyed
from ikeengine.registry import ExchangeType
from ikeengine.sa import ike_sa
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children import renewal
from ikeengine.sa.children.arrival import announce_up
from ikeengine.sa.children.data import UP_STATES, ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.own_ke import generate
from ikeengine.timers import Timer

MAX_CHILDREN = 256
"""Child SAs that a peer may create on one ISAKMP SA."""


class Answered(NamedTuple):
    """A Child SA that we have answered with, and the one that the peer rekeys with it."""

    child: ChildSa
    replaces: ChildSa | None


@dataclass(slots=True, kw_only=True)
class QuickAnswer(Exchange):
    """What we have answered, until the third message. All of it comes up then, or nothing."""

    name: ClassVar[str] = "QUICK_MODE"
    type: ClassVar[ExchangeType] = ExchangeType.QUICK_MODE
    expects: ClassVar[Step] = Step.QUICK_3

    seed: QuickModeSeed
    answered: tuple[Answered, ...]
    commit: bool = False
    """Whether the peer says CONNECTED later."""

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """The peer has begun it."""
        return True

    def may_replace(self, child: ChildSa) -> bool:
        """Whether one of the new Child SAs is for the traffic of another one."""
        theirs = child.config.name, child.local_ts, child.remote_ts, child.mode
        ours = [one.child for one in self.answered]
        return child not in ours and theirs in [(c.config.name, c.local_ts, c.remote_ts, c.mode) for c in ours]

    def awaits(self, child: ChildSa) -> bool:
        """The peer may not have it."""
        return any(child is one.child for one in self.answered)

    def hash_of(self, sa: IkeSa, message_id: int, rest: bytes) -> bytes:
        """HASH(3)."""
        skeyid_a = sa.keyring.keys.skeyid_a
        return hash_3(sa.prf_id, skeyid_a, message_id, self.seed.ni_b, self.seed.nr_b)

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """The peer has our answer."""
        self.commit = self.commit or message.has_commit_bit
        self.confirmed(ctx, sa, message.conversation)

    def confirmed(self, ctx: Context, sa: IkeSa, conversation: Conversation) -> None:
        """Send on the new SAs, soon if not now."""
        owner = home(ctx, sa)
        alive = [one for one in self.answered if one.child.unique_id in owner.children]
        if self.commit and alive:
            commit.hold(ctx, sa, conversation, [one.child for one in alive])
        else:
            done(ctx, sa, conversation)
        for one in alive:
            if not self.commit:
                child_sa.activate_outbound(ctx, one.child)
            _bring_up(ctx, owner, one)

    def give_up(self, ctx: Context, sa: IkeSa, record: FailureRecord) -> bool:
        """The third message never came, but the peer may be alive."""
        self.discard(ctx, sa)
        return False

    def discard(self, ctx: Context, sa: IkeSa) -> None:
        """Without the third message the Child SAs are of no use."""
        owner = home(ctx, sa)
        for child, _replaces in self.answered:
            if child.unique_id in owner.children:
                child_sa.remove(ctx, owner, child, announce=False)

    def abandon(self, ctx: Context, sa: ike_sa.IkeSa, reason: str, record: FailureRecord | None = None) -> None:
        """Nobody waits for it here."""


def _bring_up(ctx: Context, owner: IkeSa, one: Answered) -> None:
    """The peer deletes the old one, but its Delete may get lost."""
    child, old = one
    renewal.take_over(ctx, owner, child)
    if old is None or old.unique_id not in owner.children:
        announce_up(ctx, owner, child)
    else:
        ctx.emit(ChildRekeyed(owner.status(), old.status(owner), child.status(owner)))
        renewal.mark_replaced(ctx, owner, old, child.unique_id)
        owner.timers.set(Timer.CHILD_DRAIN, ctx.now + collision.PEERS_TURN, old.unique_id)
    collision.settle(ctx, owner, child, is_ours=False)


def answer(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The first message. What is not acceptable is told the peer in an Informational exchange."""
    if len(sa.children) + len(message.all(Sa)) > MAX_CHILDREN:
        raise InvalidSyntax(f"the peer has {len(sa.children)} Child SAs already")
    try:
        _answer(ctx, sa, message)
    except NoProposalChosen as error:
        _refuse(ctx, sa, message, NotifyType.NO_PROPOSAL_CHOSEN, quick_refusal.of_proposals(ctx, sa, message, error))
    except TsUnacceptable:
        _refuse(ctx, sa, message, NotifyType.INVALID_ID_INFORMATION, quick_refusal.of_selectors(ctx, sa, message))


def _answer(ctx: Context, sa: IkeSa, message: Received) -> None:
    traffic, configs = quick_choice.candidates(ctx, sa, message)
    theirs = message.find(Ke)
    chosen = quick_choice.choose(ctx, sa, message.all(Sa), configs, with_ke=theirs is not None)
    group = chosen[0].choice.group
    payloads: list[Payload] = [*(one.answer for one in chosen), Nonce(ctx.new_nonce())]
    nonce, shared = payloads[-1].write(), b""
    if theirs is not None and group is not None:
        ours = generate(group, ctx.rng)
        shared = ours.shared(theirs.data)
        payloads.append(Ke(ours.public))
    seed = QuickModeSeed(message.require(Nonce).data, nonce, shared)
    common = Common(seed, traffic, is_initiator=False)
    answered = tuple(_install(ctx, sa, one, common) for one in chosen)
    payloads += message.all(Id)
    for one in chosen:
        spi_in = one.part.spis[one.choice.suites[0].protocol]
        payloads += child_lifetimes.objection(one.choice, one.part.wishes.life, spi_in)
    payloads += original_addresses(sa, chosen[0].choice.encapsulation, is_initiator=False)
    exchange = QuickAnswer(seed=seed, answered=answered, commit=message.has_commit_bit)
    _send(ctx, sa, message.conversation, exchange, payloads)


def _install(ctx: Context, sa: IkeSa, chosen: Chosen, common: Common) -> Answered:
    """A Child SA with only its inbound half in use."""
    part, choice, owner = chosen.part, chosen.choice, home(ctx, sa)
    old = _replaced(owner, part.config, common.traffic)
    agreed = agree(ctx, sa, part, choice, choice.life, common, 0 if old is None else old.reqid)
    install(ctx, owner, agreed, delay_outbound=True)
    return Answered(agreed.child, old)


def _send(
    ctx: Context, sa: IkeSa, conversation: Conversation, exchange: QuickAnswer, payloads: Sequence[Payload]
) -> None:
    """The second message, repeated until the third one comes."""
    conversation.exchange = exchange
    skeyid_a, message_id = sa.keyring.keys.skeyid_a, conversation.message_id

    def hash_of(rest: bytes) -> bytes:
        return hash_2(sa.prf_id, skeyid_a, message_id, exchange.seed.ni_b, rest)

    transport.send_hashed(ctx, sa, conversation, payloads, repeat=True, hash_of=hash_of)


def _replaced(sa: IkeSa, config: ChildConfig, traffic: Traffic) -> ChildSa | None:
    """The Child SA that the peer rekeys: IKEv1 does not say so, but it is for the very same traffic."""
    for child in sa.children.values():
        same = child.config.name == config.name and (child.local_ts, child.remote_ts) == traffic
        if same and child.state in UP_STATES and child.waiting_outbound is None:
            return child
    return None


def _refuse(ctx: Context, sa: IkeSa, message: Received, kind: NotifyType, record: FailureRecord) -> None:
    ctx.fail(record)
    transport.finish(sa, message.conversation)
    offered = message.require(Sa).proposals[0]
    protocol = offered.protocol if kind == NotifyType.NO_PROPOSAL_CHOSEN else ProtocolId.ESP
    transport.send_informational(ctx, sa, [Notify(kind, protocol=protocol, spi=offered.spi)])
