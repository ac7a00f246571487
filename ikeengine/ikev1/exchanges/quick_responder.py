"""Quick Mode as responder. The picture is in `quick`.

The inbound SA is installed before our answer is sent, so that no packet comes too early; what we send goes on the new
SA only when the third message proves that the peer is there and has the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ikeengine.errors import InvalidSyntax, NoProposalChosen, TsUnacceptable
from ikeengine.ikev1.exchange import Exchange
from ikeengine.ikev1.exchanges import child_lifetimes, collision, proxy_ids, quick_keys, unity
from ikeengine.ikev1.exchanges.ending import done
from ikeengine.ikev1.exchanges.original_addresses import original_addresses
from ikeengine.ikev1.exchanges.unity import Traffic
from ikeengine.ikev1.keys.hashes import hash_2, hash_3
from ikeengine.ikev1.keys.keymat import QuickModeSeed
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.conversation import Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.proposals import child as proposals
from ikeengine.ikev1.proposals.child import Choice
from ikeengine.ikev1.proposals.explain import explain_child
from ikeengine.ikev1.proposals.offers import child_offers
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.upkeep.successor import home
from ikeengine.ikev1.wire.numbers import NotifyType, ProtocolId
from ikeengine.ikev1.wire.payloads import Id, Ke, Nonce, Notify, Payload, Sa
from ikeengine.ikev1.wire.rules import Step
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.failure import FailureRecord, Side
from ikeengine.model.selector import TrafficSelector
from ikeengine.outputs import ChildRekeyed
from ikeengine.registry import ExchangeType
from ikeengine.sa import ike_sa, reasons
from ikeengine.sa.addresses import virtual_ips
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children import child_reasons, renewal
from ikeengine.sa.children.arrival import announce_up, make
from ikeengine.sa.children.child import UP_STATES, ChildSa
from ikeengine.sa.children.choice import choose_config
from ikeengine.sa.children.nearest import nearest_child
from ikeengine.sa.context import Context
from ikeengine.sa.own_ke import generate
from ikeengine.timers import Timer

PHASE = "first message of Quick Mode"
MAX_CHILDREN = 256
"""Child SAs that a peer may create on one ISAKMP SA."""


@dataclass(slots=True, kw_only=True)
class QuickAnswer(Exchange):
    """What we have answered, until the third message."""

    name: ClassVar[str] = "QUICK_MODE"
    type: ClassVar[ExchangeType] = ExchangeType.QUICK_MODE
    expects: ClassVar[Step] = Step.QUICK_3

    seed: QuickModeSeed
    child: ChildSa
    replaces: ChildSa | None = None

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """The peer has begun it."""
        return True

    def may_replace(self, child: ChildSa) -> bool:
        """Whether the new Child SA is for the traffic of another one."""
        ours, theirs = ((c.config.name, c.local_ts, c.remote_ts, c.mode) for c in (self.child, child))
        return child is not self.child and ours == theirs

    def awaits(self, child: ChildSa) -> bool:
        """The peer may not have it."""
        return child is self.child

    def hash_of(self, sa: IkeSa, message_id: int, rest: bytes) -> bytes:
        """HASH(3)."""
        skeyid_a = sa.keyring.keys.skeyid_a
        return hash_3(sa.prf_id, skeyid_a, message_id, self.seed.ni_b, self.seed.nr_b)

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """The peer has our answer."""
        self.confirmed(ctx, sa, message.conversation)

    def confirmed(self, ctx: Context, sa: IkeSa, conversation: Conversation) -> None:
        """Send on the new SA. The peer deletes the old one, but its Delete may get lost."""
        done(ctx, sa, conversation)
        child, old, owner = self.child, self.replaces, home(ctx, sa)
        if child.unique_id not in owner.children:
            return
        child_sa.activate_outbound(ctx, child)
        renewal.take_over(ctx, owner, child)
        if old is None or old.unique_id not in owner.children:
            announce_up(ctx, owner, child)
        else:
            ctx.emit(ChildRekeyed(owner.status(), old.status(owner), child.status(owner)))
            renewal.mark_replaced(ctx, owner, old, child.unique_id)
            owner.timers.set(Timer.CHILD_DRAIN, ctx.now + collision.PEERS_TURN, old.unique_id)
        collision.settle(ctx, owner, child, is_ours=False)

    def give_up(self, ctx: Context, sa: IkeSa, record: FailureRecord) -> bool:
        """The third message never came, but the peer may be alive."""
        self.discard(ctx, sa)
        return False

    def discard(self, ctx: Context, sa: IkeSa) -> None:
        """Without the third message the Child SA is of no use."""
        owner = home(ctx, sa)
        if self.child.unique_id in owner.children:
            child_sa.remove(ctx, owner, self.child, announce=False)

    def abandon(self, ctx: Context, sa: ike_sa.IkeSa, reason: str, record: FailureRecord | None = None) -> None:
        """Nobody waits for it here."""


def answer(ctx: Context, sa: IkeSa, message: Received) -> None:
    """The first message. What is not acceptable is told the peer in an Informational exchange."""
    configs = tuple(sa.connection.children.values())
    if len(sa.children) >= MAX_CHILDREN:
        raise InvalidSyntax(f"the peer has {len(sa.children)} Child SAs already")
    try:
        _answer(ctx, sa, message, configs)
    except quick_keys.AhBehindNat as error:
        record = child_reasons.ah_behind_nat(ctx, sa, error.child)
        _refuse(ctx, sa, message, NotifyType.NO_PROPOSAL_CHOSEN, record)
    except NoProposalChosen:
        _refuse(ctx, sa, message, NotifyType.NO_PROPOSAL_CHOSEN, _mismatch(ctx, sa, message, configs))
    except TsUnacceptable:
        _refuse(ctx, sa, message, NotifyType.INVALID_ID_INFORMATION, _no_child(ctx, sa, message, configs))


def _answer(ctx: Context, sa: IkeSa, message: Received, configs: Sequence[ChildConfig]) -> None:
    local, remote = _offered_selectors(sa, message)
    wants_transport = any(config.mode is Mode.TRANSPORT for config in configs)
    chosen = choose_config(sa, ((local,), (remote,)), configs, wants_transport=wants_transport)
    traffic = unity.used(ctx, sa, (chosen.local_ts, chosen.remote_ts))
    # In transport mode through a NAT these are not the ones of the offer.
    local, remote = chosen.first
    if traffic != ((local,), (remote,)) and not unity.is_meant(ctx, sa, (local, remote), traffic):
        raise TsUnacceptable("IKEv1 cannot narrow traffic selectors")
    config, theirs = chosen.config, message.find(Ke)
    quick_keys.check_nat(sa, config)
    spi_in = ctx.new_child_spi()
    wishes = quick_keys.wishes(sa, config)
    spis, cpi_in = quick_keys.own_spis(ctx, config, spi_in)
    payload, choice = proposals.select(message.require(Sa), wishes, spis, with_ke=theirs is not None)
    payloads: list[Payload] = [payload, Nonce(ctx.new_nonce())]
    shared = b""
    if theirs is not None and choice.group is not None:
        ours = generate(choice.group, ctx.rng)
        shared = ours.shared(theirs.data)
        payloads.append(Ke(ours.public))
    seed = QuickModeSeed(message.require(Nonce).data, payloads[1].write(), shared)
    exchange = _install(ctx, sa, config, choice, traffic, (spi_in, cpi_in), seed)
    payloads += message.all(Id)
    payloads += child_lifetimes.objection(choice, wishes.life, spis[choice.suites[0].protocol])
    payloads += original_addresses(sa, choice.encapsulation, is_initiator=False)
    _send(ctx, sa, message.conversation, exchange, payloads)


def _install(
    ctx: Context,
    sa: IkeSa,
    config: ChildConfig,
    choice: Choice,
    traffic: Traffic,
    own: tuple[int, int],
    seed: QuickModeSeed,
) -> QuickAnswer:
    """The Child SA with only its inbound half in use. `own` are our SPI and our CPI."""
    spis = own[0], quick_keys.spi_of(choice.peer_spis[0])
    keys = quick_keys.keys(sa, choice, seed, own[0], is_initiator=False)
    owner = home(ctx, sa)
    old = _replaced(owner, config, traffic)
    reqid = 0 if old is None else old.reqid
    child = make(ctx, sa, config, choice.suites[0], choice.encapsulation.mode, spis, traffic, reqid)
    child.ah = quick_keys.ah_around(choice, own[0])
    child.cpi_in, child.cpi_out = (own[1], choice.peer_cpi) if choice.peer_cpi else (0, 0)
    child.most_bytes = child_lifetimes.peers_volume(config, choice.life)
    child_sa.install(ctx, owner, child, keys, delay_outbound=True)
    child_lifetimes.limit(ctx, owner, child, choice.life)
    return QuickAnswer(seed=seed, child=child, replaces=old)


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


def _offered_selectors(sa: IkeSa, message: Received) -> tuple[TrafficSelector, TrafficSelector]:
    """The local and the remote one: IDci is the peer's."""
    ids = [proxy_ids.to_selector(payload) for payload in message.all(Id)]
    if ids:
        return ids[1], ids[0]
    return proxy_ids.of_address(sa.path.local), proxy_ids.of_address(sa.path.remote)


def _refuse(ctx: Context, sa: IkeSa, message: Received, kind: NotifyType, record: FailureRecord) -> None:
    ctx.fail(record)
    transport.finish(sa, message.conversation)
    offered = message.require(Sa).proposals[0]
    protocol = offered.protocol if kind == NotifyType.NO_PROPOSAL_CHOSEN else ProtocolId.ESP
    transport.send_informational(ctx, sa, [Notify(kind, protocol=protocol, spi=offered.spi)])


def _mismatch(ctx: Context, sa: IkeSa, message: Received, configs: Sequence[ChildConfig]) -> FailureRecord:
    configured = tuple(proposal for one in configs for proposal in (*one.esp_proposals, *one.ah_proposals))
    name = configs[0].name if len(configs) == 1 else "any child"
    offered = message.require(Sa)
    record = reasons.proposal_mismatch(ctx, sa.name, sa.path, PHASE, child_offers(offered), configured, child=name)
    nearest = [explain_child(offered, quick_keys.wishes(sa, config)) for config in configs]
    return replace(record, nearest=nearest[0] if nearest else "")


def _no_child(ctx: Context, sa: IkeSa, message: Received, configs: Sequence[ChildConfig]) -> FailureRecord:
    local, remote = _offered_selectors(sa, message)
    offered = (remote,), (local,)
    addresses = virtual_ips.own(sa), virtual_ips.peers(sa)
    accepted = tuple(reasons.child_selectors_text(config, *addresses) for config in configs)
    nearest = nearest_child(*offered, configs, *addresses)
    name = configs[0].name if len(configs) == 1 else ""
    return reasons.selectors_mismatch(ctx, sa, PHASE, Side.LOCAL, offered, accepted, nearest=nearest, child=name)
