"""Quick Mode as initiator (RFC 2409 section 5.5). What it is done for is in `create_child`.

initiator                                          responder
HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]   -->
                                              <--  HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr]
HDR*, HASH(3)                                 -->
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ikeengine.errors import InvalidSyntax, TsUnacceptable
from ikeengine.ikev1.exchange import Exchange
from ikeengine.ikev1.exchanges import child_lifetimes, commit, proxy_ids, quick_keys, unity
from ikeengine.ikev1.exchanges.ending import done
from ikeengine.ikev1.exchanges.original_addresses import original_addresses
from ikeengine.ikev1.exchanges.unity import Pair, Traffic
from ikeengine.ikev1.keys.hashes import hash_2, hash_3
from ikeengine.ikev1.keys.keymat import QuickModeSeed
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.conversation import Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.proposals import child as proposals
from ikeengine.ikev1.proposals.child import Choice
from ikeengine.ikev1.proposals.lifetime import Lifetime
from ikeengine.ikev1.proposals.wishes import Wishes, pfs_group
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.upkeep.successor import home
from ikeengine.ikev1.wire.payloads import Id, Ke, Nonce, Payload, Sa
from ikeengine.ikev1.wire.rules import Step
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.registry import ExchangeType
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children import nat_transport
from ikeengine.sa.children.arrival import make
from ikeengine.sa.children.child import ChildKeys, ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.lifecycle import LAST_PACKETS
from ikeengine.sa.own_ke import OwnKe, generate
from ikeengine.timers import Timer


@dataclass(slots=True)
class Offer:
    """What we have offered, until the peer answers."""

    conversation: Conversation
    config: ChildConfig
    wishes: Wishes
    payload: Sa
    spi_in: int
    cpi_in: int
    nonce: bytes
    ke: OwnKe | None
    selectors: Pair
    """All that one Quick Mode can be for."""
    traffic: Traffic
    """What the Child SA is for; with Unity that is less than what is offered."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides have agreed on."""

    child: ChildSa
    keys: ChildKeys
    life: Lifetime
    nonce_peer: bytes
    commit: bool
    """Whether the peer says CONNECTED later."""


@dataclass(slots=True)
class QuickMode(Exchange):
    """Negotiate a Child SA."""

    type: ClassVar[ExchangeType] = ExchangeType.QUICK_MODE
    expects: ClassVar[Step] = Step.QUICK_2

    offer: Offer | None = None

    def send_offer(self, ctx: Context, sa: IkeSa, config: ChildConfig, traffic: Traffic) -> None:
        """The first message. Raises NoProposalChosen if nothing of what we want can be said in IKEv1."""
        offer = self.offer = _make_offer(ctx, sa, config, traffic)
        offer.conversation.exchange = self
        payloads: list[Payload] = [offer.payload, Nonce(offer.nonce)]
        if offer.ke is not None:
            payloads.append(Ke(offer.ke.public))
        payloads += [proxy_ids.to_id(selector) for selector in offer.selectors]
        payloads += original_addresses(sa, offer.wishes.encapsulation, is_initiator=True)
        transport.send_hashed(ctx, sa, offer.conversation, payloads, repeat=True)

    def hash_of(self, sa: IkeSa, message_id: int, rest: bytes) -> bytes:
        """HASH(2) of the answer."""
        return hash_2(sa.prf_id, sa.keyring.keys.skeyid_a, message_id, self.made_offer().nonce, rest)

    def take_answer(self, ctx: Context, sa: IkeSa, message: Received, reqid: int = 0) -> Agreement:
        """The second message. Raises NoProposalChosen, TsUnacceptable or InvalidSyntax."""
        offer = self.made_offer()
        choice = proposals.accept(message.require(Sa), offer.payload, offer.wishes.encapsulation)
        _check_selectors(sa, offer, message)
        seed = QuickModeSeed(offer.nonce, message.require(Nonce).data, _shared(offer, choice, message))
        spis = offer.spi_in, quick_keys.spi_of(choice.peer_spis[0])
        suite, mode = choice.suites[0], choice.encapsulation.mode
        keys = quick_keys.keys(sa, choice, seed, offer.spi_in, is_initiator=True)
        child = make(ctx, sa, offer.config, suite, mode, spis, offer.traffic, reqid)
        child.ah = quick_keys.ah_around(choice, offer.spi_in)
        child.cpi_in, child.cpi_out = (offer.cpi_in, choice.peer_cpi) if choice.peer_cpi else (0, 0)
        life = child_lifetimes.agreed(choice, message)
        child.most_bytes = child_lifetimes.peers_volume(offer.config, life)
        return Agreement(child, keys, life, seed.nr_b, message.has_commit_bit)

    def send_last(self, ctx: Context, sa: IkeSa, agreed: Agreement) -> None:
        """The third message: the peer may send on the new SAs now. With the commit bit of the peer we may not yet."""
        conversation = self.made_offer().conversation
        skeyid_a, message_id = sa.keyring.keys.skeyid_a, conversation.message_id
        digest = hash_3(sa.prf_id, skeyid_a, message_id, self.made_offer().nonce, agreed.nonce_peer)
        transport.send_hashed(ctx, sa, conversation, [], repeat=False, hash_of=lambda rest: digest)
        if agreed.commit:
            commit.hold(ctx, sa, conversation, [agreed.child], self.ops)
            return
        done(ctx, sa, conversation)
        child_sa.confirm(ctx, agreed.child, self.ops)
        if agreed.child.waiting_outbound is not None:
            # A peer may install its half only with our last message, so that the first packets would come too early.
            home(ctx, sa).timers.set(Timer.CHILD_SEND, ctx.now + LAST_PACKETS, agreed.child.unique_id)

    def made_offer(self) -> Offer:
        """What was offered; there is no answer without."""
        if self.offer is None:
            raise AssertionError("an answer has an offer before it")
        return self.offer


def _make_offer(ctx: Context, sa: IkeSa, config: ChildConfig, traffic: Traffic) -> Offer:
    quick_keys.check_nat(sa, config)
    wishes = quick_keys.wishes(sa, config)
    group = pfs_group(config.esp_proposals)
    spi_in = ctx.new_child_spi()
    spis, cpi_in = quick_keys.own_spis(ctx, config, spi_in)
    payload = proposals.offer(wishes, spis, group)
    return Offer(
        conversation=transport.begin(ctx, sa, ExchangeType.QUICK_MODE),
        config=config,
        wishes=wishes,
        payload=payload,
        spi_in=spi_in,
        cpi_in=cpi_in,
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
    if offer.wishes.encapsulation.mode is not Mode.TRANSPORT or (*local, *remote) != ours:
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
