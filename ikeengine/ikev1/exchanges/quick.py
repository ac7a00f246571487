"""Quick Mode as initiator (RFC 2409 section 5.5). What it is done for is in `create_child` and `rekey_child`.

initiator                                          responder
HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]   -->
                                              <--  HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr]
HDR*, HASH(3)                                 -->

There may be several SA payloads on either side, each for a Child SA of its own (`quick_parts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.errors import InvalidSyntax, NoProposalChosen, PeerIncompatible, PeerMisbehaved, TsUnacceptable
from ikeengine.ikev1.exchange import Exchange
from ikeengine.ikev1.exchanges import child_lifetimes, commit, proxy_ids, unity
from ikeengine.ikev1.exchanges.ending import done
from ikeengine.ikev1.exchanges.original_addresses import original_addresses
from ikeengine.ikev1.exchanges.quick_parts import Agreed, Common, Part, agree, check_together, confirm, want
from ikeengine.ikev1.exchanges.unity import Pair, Traffic
from ikeengine.ikev1.keys.hashes import hash_2, hash_3
from ikeengine.ikev1.keys.keymat import QuickModeSeed
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.conversation import Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.proposals import child as proposals
from ikeengine.ikev1.proposals.child import Choice
from ikeengine.ikev1.proposals.wishes import pfs_group
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.upkeep.successor import home
from ikeengine.ikev1.wire.payloads import Id, Ke, Nonce, Payload, Sa
from ikeengine.ikev1.wire.rules import Step
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.failure import FailureRecord, Side
from ikeengine.model.immutable import immutable
from ikeengine.registry import ExchangeType
from ikeengine.sa import reasons
from ikeengine.sa.children import nat_transport
from ikeengine.sa.children.data import ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import LAST_PACKETS
from ikeengine.sa.own_ke import OwnKe, generate
from ikeengine.timers import Timer

PHASE = "second message of Quick Mode"


@dataclass(slots=True)
class Offer:
    """What we have offered, until the peer answers."""

    conversation: Conversation
    parts: tuple[Part, ...]
    payloads: tuple[Sa, ...]
    """One for each part."""
    nonce: bytes
    ke: OwnKe | None
    selectors: Pair
    """All that one Quick Mode can be for."""
    traffic: Traffic
    """What the Child SAs are for; with Unity that is less than what is offered."""


@immutable
class Agreement:
    """What both sides have agreed on."""

    parts: tuple[Agreed, ...]
    """The first ones of the offer, and usually all of them."""
    nonce_peer: bytes
    commit: bool
    """Whether the peer says CONNECTED later."""

    @property
    def children(self) -> list[ChildSa]:
        """The new Child SAs."""
        return [one.child for one in self.parts]


@dataclass(slots=True)
class QuickMode(Exchange):
    """Negotiate Child SAs."""

    type: ClassVar[ExchangeType] = ExchangeType.QUICK_MODE
    expects: ClassVar[Step] = Step.QUICK_2

    offer: Offer | None = None

    def send_offer(self, ctx: Context, sa: IkeSa, configs: Sequence[ChildConfig], traffic: Traffic) -> None:
        """The first message. Raises NoProposalChosen if nothing of what we want can be said in IKEv1."""
        offer = self.offer = _make_offer(ctx, sa, configs, traffic)
        offer.conversation.exchange = self
        payloads: list[Payload] = [*offer.payloads, Nonce(offer.nonce)]
        if offer.ke is not None:
            payloads.append(Ke(offer.ke.public))
        payloads += [proxy_ids.to_id(selector) for selector in offer.selectors]
        payloads += original_addresses(sa, offer.parts[0].wishes.encapsulation, is_initiator=True)
        transport.send_hashed(ctx, sa, offer.conversation, payloads, repeat=True)

    def hash_of(self, sa: IkeSa, message_id: int, rest: bytes) -> bytes:
        """HASH(2) of the answer."""
        return hash_2(sa.prf_id, sa.keyring.keys.skeyid_a, message_id, self.made_offer().nonce, rest)

    def take_or_fail(self, ctx: Context, sa: IkeSa, message: Received, reqids: Sequence[int]) -> Agreement | None:
        """What the answer says; None if it is not acceptable, which commands are told if nothing else can be tried."""
        try:
            return self.take_answer(ctx, sa, message, reqids)
        except (PeerIncompatible, PeerMisbehaved) as error:
            offer = self.made_offer()
            record = reasons.malformed(ctx, sa, PHASE, error)
            if isinstance(error, TsUnacceptable):
                selectors, child = ((offer.selectors[0],), (offer.selectors[1],)), offer.parts[0].config.name
                record = reasons.selectors_mismatch(ctx, sa, PHASE, Side.PEER, selectors, child=child)
            done(ctx, sa, offer.conversation)
            if not self.ask_otherwise(ctx, sa, record.reason):
                self.fail(ctx, record)
            return None

    def fail(self, ctx: Context, record: FailureRecord) -> None:
        """Nothing comes of it."""
        ctx.fail(record)
        ctx.answer(self.ops, ok=False, reason=record.reason, record=record)

    def take_answer(self, ctx: Context, sa: IkeSa, message: Received, reqids: Sequence[int]) -> Agreement:
        """The second message. Raises NoProposalChosen, TsUnacceptable or InvalidSyntax.

        Who knows but one SA for each Quick Mode, as strongSwan, answers the first SA payload and no other.
        """
        offer, answers = self.made_offer(), message.all(Sa)
        if len(answers) > len(offer.parts):
            raise NoProposalChosen(f"the answer has {len(answers)} SA payloads, the offer {len(offer.parts)}")
        offered = list(zip(answers, offer.payloads, offer.parts, strict=False))
        choices = [proposals.accept(answer, ours, part.wishes.encapsulation) for answer, ours, part in offered]
        check_together(choices)
        _check_selectors(sa, offer, message)
        seed = QuickModeSeed(offer.nonce, message.require(Nonce).data, _shared(offer, choices[0], message))
        common = Common(seed, offer.traffic, is_initiator=True)
        lives = [child_lifetimes.agreed(choice, message, alone=len(choices) == 1) for choice in choices]
        agreed = zip(offer.parts, choices, lives, reqids, strict=False)
        parts = tuple(agree(ctx, sa, part, choice, life, common, reqid) for part, choice, life, reqid in agreed)
        return Agreement(parts, seed.nr_b, message.has_commit_bit)

    def send_last(self, ctx: Context, sa: IkeSa, agreed: Agreement) -> None:
        """The third message: the peer may send on the new SAs now. With the commit bit of the peer we may not yet."""
        conversation = self.made_offer().conversation
        skeyid_a, message_id = sa.keyring.keys.skeyid_a, conversation.message_id
        digest = hash_3(sa.prf_id, skeyid_a, message_id, self.made_offer().nonce, agreed.nonce_peer)
        transport.send_hashed(ctx, sa, conversation, [], repeat=False, hash_of=lambda rest: digest)
        if agreed.commit:
            commit.hold(ctx, sa, conversation, agreed.children)
            return
        done(ctx, sa, conversation)
        for child in agreed.children:
            confirm(ctx, child)
            if child.waiting_outbound is not None:
                # A peer may install its half only with our last message: the first packets would come too early.
                home(ctx, sa).timers.set(Timer.CHILD_SEND, ctx.now + LAST_PACKETS, child.unique_id)

    def made_offer(self) -> Offer:
        """What was offered; there is no answer without."""
        if self.offer is None:
            raise AssertionError("an answer has an offer before it")
        return self.offer


def _make_offer(ctx: Context, sa: IkeSa, configs: Sequence[ChildConfig], traffic: Traffic) -> Offer:
    group = pfs_group(configs[0].esp_proposals)
    parts = tuple(want(ctx, sa, config) for config in configs)
    payloads = tuple(proposals.offer(part.wishes, part.spis, group) for part in parts)
    return Offer(
        conversation=transport.begin(ctx, sa, ExchangeType.QUICK_MODE),
        parts=parts,
        payloads=payloads,
        nonce=ctx.new_nonce(),
        ke=None if group is None else generate(group, ctx.rng),
        selectors=unity.said(ctx, sa, (traffic[0][0], traffic[1][0])),
        traffic=traffic,
    )


def _check_selectors(sa: IkeSa, offer: Offer, message: Received) -> None:
    """The peer repeats our selectors, or leaves them out altogether. A NAT changes them in transport mode."""
    answered = tuple(proxy_ids.to_selector(payload) for payload in message.all(Id))
    ours = tuple(proxy_ids.to_selector(proxy_ids.to_id(selector)) for selector in offer.selectors)
    if not answered or answered == ours:
        return
    local, remote = nat_transport.as_seen_here(sa, answered[:1], answered[1:])
    if offer.parts[0].wishes.encapsulation.mode is not Mode.TRANSPORT or (*local, *remote) != ours:
        raise TsUnacceptable("the answer has other traffic selectors than our offer")


def _shared(offer: Offer, choice: Choice, message: Received) -> bytes:
    """g(qm)^xy, empty without PFS. Raises InvalidSyntax."""
    ke = message.find(Ke)
    if offer.ke is None or choice.group is None:
        if ke is not None:
            raise InvalidSyntax("a KE payload without PFS")
        return b""
    if ke is None:
        raise InvalidSyntax("PFS without KE payload")
    return offer.ke.shared(ke.data)
