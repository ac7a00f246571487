"""A new Child SA: in IKE_AUTH, or later in a CREATE_CHILD_SA exchange (RFC 7296 sections 1.2 and 1.3.1).

initiator                              responder
HDR, SK {SA, Ni, [KEi,] TSi, TSr}  -->
                                   <--  HDR, SK {SA, Nr, [KEr,] TSi, TSr}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ikeengine.errors import (
    NoAdditionalSas,
    NoProposalChosen,
    PeerIncompatible,
    PeerMisbehaved,
    SinglePairRequired,
    TsUnacceptable,
)
from ikeengine.ikev2.children.negotiation import (
    ChildAnswer,
    ChildOffer,
    first_group,
    make_answer,
    make_offer,
    offer_payloads,
    offers_group,
    take_answer,
)
from ikeengine.ikev2.exchange import Exchange
from ikeengine.ikev2.exchanges import followup_ke
from ikeengine.ikev2.exchanges.delete import DeleteChild, DeleteOrphan, deleted_at_once
from ikeengine.ikev2.exchanges.followup_ke import HalfDone
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.failure import FailureRecord, Side
from ikeengine.outputs import OpId
from ikeengine.registry import ExchangeType, NotifyType, Protocol
from ikeengine.sa import reasons
from ikeengine.sa.addresses import vip_reasons, virtual_ips
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children import child_reasons, renewal
from ikeengine.sa.children.arrival import announce_up, bring_up, count_twins
from ikeengine.sa.children.data import ChildSa
from ikeengine.sa.children.nearest import nearest_child
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.task import TaskKind
from ikeengine.sa.upkeep.retries import busy_delay
from ikeengine.wire.payloads import Nonce, Notify, Payload, Sa, TsInitiator, TsResponder

MAX_REFUSED = 5
"""How many times a command lets the peer ask to try again later."""

MAX_CHILDREN = 256
"""Child SAs that a peer may create on one IKE SA."""

MAX_TWINS = 8
"""Child SAs with the very same traffic selectors that a peer may create on one IKE SA."""


@dataclass(slots=True)
class CreateChild(Exchange):
    """Bring up a Child SA."""

    name: ClassVar[str] = "CHILD_CREATE"
    kind: ClassVar[TaskKind] = TaskKind.CREATE_CHILD
    type: ClassVar[ExchangeType] = ExchangeType.CREATE_CHILD_SA

    config: ChildConfig
    offer: ChildOffer | None = None
    nonce: bytes = b""
    group: int | None = None
    """Key exchange method that the peer wants, None until it has said so."""
    refused: int = 0
    """How often the peer has asked to try again later."""
    single_pair: bool = False
    """The peer wants a Child SA for each pair of addresses (SINGLE_PAIR_REQUIRED)."""
    renews: bool = False
    """It replaces Child SAs of an older configuration, which stay until it is up."""

    def first_offer(self, ctx: Context, sa: IkeSa) -> list[Payload]:
        """The offer as part of IKE_AUTH: no nonce and no key exchange of its own."""
        self.offer = make_offer(ctx, sa, self.config, 0, packet=self.packet)
        return offer_payloads(self.offer, None)

    def first_answer(self, ctx: Context, sa: IkeSa, message: Received, nonces: tuple[bytes, bytes]) -> None:
        """The answer as part of IKE_AUTH. If it is an error, the IKE SA stays without a Child SA."""
        if virtual_ips.is_missing(sa):
            error = message.error()
            self._without_address(ctx, sa, "no address in its answer" if error is None else error.kind.name)
            if message.find(Sa) is not None and self.offer is not None:
                sa.queue.append(DeleteOrphan(self.offer.spi_in))
            return
        self._finish(ctx, sa, message, nonces, "IKE_AUTH response")

    def _without_address(self, ctx: Context, sa: IkeSa, why: str) -> None:
        fail(ctx, vip_reasons.no_address_given(ctx, sa, "IKE_AUTH response", why), self.ops)

    def request(self, ctx: Context, sa: IkeSa) -> Sequence[Payload] | None:
        """Offer a Child SA with its own nonce and, for PFS, its own key exchange."""
        fresh = renewal.find_up(sa, self.config) if self.renews or self.if_missing else None
        if fresh is not None:
            renewal.take_over(ctx, sa, fresh)
            ctx.answer(self.ops, ok=True)
            return None
        if self.is_behind_nat(ctx, sa):
            return None
        if virtual_ips.is_missing(sa):
            self._without_address(ctx, sa, "it gave none when the IKE SA was established")
            return None
        group = first_group(self.config.esp_proposals) if self.group is None else self.group
        self.offer = make_offer(ctx, sa, self.config, group, packet=self.packet, single_pair=self.single_pair)
        self.nonce = ctx.new_nonce()
        return offer_payloads(self.offer, Nonce(self.nonce))

    def response(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Install the Child SA, or take the peer's no for an answer."""
        wanted = wanted_group(message, self.config, self.offer)
        if wanted and self.group is None:
            sa.queue.appendleft(self._again(group=wanted))
            return
        busy = message.notify(NotifyType.TEMPORARY_FAILURE) is not None
        if busy and (self.refused < MAX_REFUSED or not self.ops):
            delay = busy_delay(ctx, 0 if self.ops else self.refused)
            again = Wanted(sa.name, self.config.name, delay, packet=self.packet, remote=sa.callee)
            ctx.wanted.append(replace(again, ops=self.ops, refused=self.refused + 1))
            return
        peer_nonce = message.find(Nonce)
        nonces = (self.nonce, b"" if peer_nonce is None else peer_nonce.data)
        self._finish(ctx, sa, message, nonces, "CREATE_CHILD_SA response")

    def is_behind_nat(self, ctx: Context, sa: IkeSa) -> bool:
        """Whether this is AH, which no NAT lets through. Then the commands are answered already."""
        if self.config.esp_proposals[0].protocol != Protocol.AH or not sa.uses_nat_t:
            return False
        fail(ctx, child_reasons.ah_behind_nat(ctx, sa, self.config.name), self.ops)
        return True

    def _again(self, *, group: int | None = None, single_pair: bool = False) -> CreateChild:
        """The same wish, put in another way."""
        return CreateChild(
            self.config,
            group=self.group if group is None else group,
            refused=self.refused,
            packet=self.packet,
            single_pair=single_pair or self.single_pair,
            renews=self.renews,
            ops=self.ops,
        )

    def _finish(self, ctx: Context, sa: IkeSa, message: Received, nonces: tuple[bytes, bytes], phase: str) -> None:
        if self.offer is None:
            raise AssertionError("an answered request has made an offer")
        error = message.error()
        if error is not None and message.find(Sa) is None:
            if error.kind == NotifyType.SINGLE_PAIR_REQUIRED and not self.offer.single_pair and self.packet is not None:
                sa.queue.appendleft(self._again(single_pair=True))
                return
            self._refused(ctx, sa, refusal(ctx, sa, phase, self.offer, error))
            return
        try:
            child, keys = take_answer(ctx, sa, self.offer, message, nonces, more=self.more_secrets)
        except (PeerIncompatible, PeerMisbehaved) as mismatch:
            self._refused(ctx, sa, bad_answer(ctx, sa, phase, self.offer, message, mismatch))
            sa.queue.append(DeleteOrphan(self.offer.spi_in, self.offer.proposals[0].protocol))
            return
        if deleted_at_once(ctx, sa, self, child):
            return
        child_sa.install(ctx, sa, child, keys)
        announce_up(ctx, sa, child)
        child_sa.confirm(ctx, child, self.ops)
        renewal.take_over(ctx, sa, child)
        if self.renews:
            renewal.resolve_collision(ctx, sa, child)
        self._heed_changes(sa, child)

    def _heed_changes(self, sa: IkeSa, child: ChildSa) -> None:
        """It may have been configured otherwise while we were negotiating."""
        config = sa.connection.children.get(self.config.name)
        if config is None or config.mode in (Mode.PASS, Mode.DROP):
            sa.queue.append(DeleteChild(child_id=child.unique_id, for_good=True))
        elif config != self.config:
            renewal.renew(sa, config)

    def _refused(self, ctx: Context, sa: IkeSa, record: FailureRecord) -> None:
        fail(ctx, record, self.ops)
        if self.renews:
            ctx.wanted.append(Wanted(sa.name, self.config.name, renewal.OFFER_AGAIN, renew=True))


def respond(ctx: Context, sa: IkeSa, message: Received) -> list[Payload]:
    """The peer wants a new Child SA. Raises PeerIncompatible or InvalidSyntax, which become the answer."""
    nonce = ctx.new_nonce()
    nonces = (message.require(Nonce).data, nonce)
    return answer(ctx, sa, message, nonces, Nonce(nonce), "CREATE_CHILD_SA request")


def answer(
    ctx: Context, sa: IkeSa, message: Received, nonces: tuple[bytes, bytes], nonce: Payload | None, phase: str
) -> list[Payload]:
    """Answer and install a Child SA that the peer asked for. Raises PeerIncompatible with a record left behind."""
    configs = tuple(sa.connection.children.values())
    if len(sa.children) >= MAX_CHILDREN:
        raise NoAdditionalSas(f"the peer has {len(sa.children)} Child SAs already")
    try:
        made = make_answer(ctx, sa, message, configs, nonces, nonce_payload=nonce)
    except (NoProposalChosen, TsUnacceptable, SinglePairRequired) as mismatch:
        ctx.fail(no_match(ctx, sa, phase, message, configs, mismatch, with_ke=nonce is not None))
        raise
    if count_twins(sa, made.child) >= MAX_TWINS:
        ctx.release_reqid(made.child.reqid)
        raise NoAdditionalSas(f"the peer has {MAX_TWINS} such Child SAs already")
    methods = made.child.suite.additional
    if methods:
        return made.payloads + followup_ke.begin(ctx, sa, HalfCreated(methods=methods, made=made))
    bring_up(ctx, sa, made.child, made.keys(sa))
    return made.payloads


@dataclass(slots=True, kw_only=True)
class HalfCreated(HalfDone):
    """A Child SA that the peer asked for, without its additional key exchanges so far."""

    made: ChildAnswer

    def complete(self, ctx: Context, sa: IkeSa) -> bool:
        """Install it."""
        self.made.child.installed_at = ctx.now
        bring_up(ctx, sa, self.made.child, self.made.keys(sa, self.secrets))
        return True

    def forget(self, ctx: Context, sa: IkeSa) -> None:
        """Free what it holds."""
        ctx.release_reqid(self.made.child.reqid)


def fail(ctx: Context, record: FailureRecord, ops: Sequence[OpId]) -> None:
    """Keep the record and tell the commands that waited."""
    ctx.fail(record)
    ctx.answer(ops, ok=False, reason=record.reason, record=record)


def wanted_group(message: Received, config: ChildConfig, offer: ChildOffer | None) -> int:
    """The key exchange method of an INVALID_KE_PAYLOAD answer, if we offer it and did not just use it; else 0."""
    notify = message.notify(NotifyType.INVALID_KE_PAYLOAD)
    if notify is None or len(notify.data) != 2:
        return 0
    group = int.from_bytes(notify.data, "big")
    used = offer.ke.group if offer is not None and offer.ke is not None else 0
    return group if group != used and offers_group(config.esp_proposals, group) else 0


def refusal(ctx: Context, sa: IkeSa, phase: str, offer: ChildOffer, error: Notify) -> FailureRecord:
    """The record of a no from the peer."""
    child = offer.config.name
    if error.kind == NotifyType.NO_PROPOSAL_CHOSEN:
        return reasons.refused_proposal(ctx, sa, phase, offer.proposals, child=child)
    if error.kind == NotifyType.TS_UNACCEPTABLE:
        offered = (offer.local_ts, offer.remote_ts)
        return reasons.selectors_mismatch(ctx, sa, phase, Side.PEER, offered, child=child)
    if error.kind == NotifyType.SINGLE_PAIR_REQUIRED:
        return child_reasons.single_pair_required(ctx, sa, phase, Side.PEER, child=child)
    if error.kind == NotifyType.NO_ADDITIONAL_SAS:
        return child_reasons.no_additional_sas(ctx, sa, phase, child=child)
    return reasons.refused(ctx, sa, phase, error.kind, child=child)


def bad_answer(
    ctx: Context, sa: IkeSa, phase: str, offer: ChildOffer, message: Received, error: Exception
) -> FailureRecord:
    """The record of an answer that does not fit our offer."""
    sa_payload = message.find(Sa)
    if isinstance(error, NoProposalChosen) and sa_payload is not None:
        return reasons.proposal_mismatch(
            ctx,
            sa.name,
            sa.path,
            phase,
            sa_payload.proposals,
            offer.proposals,
            child=offer.config.name,
            with_ke=offer.ke is not None,
        )
    return reasons.malformed(ctx, sa, phase, error)


def no_match(
    ctx: Context,
    sa: IkeSa,
    phase: str,
    message: Received,
    configs: Sequence[ChildConfig],
    error: PeerIncompatible,
    *,
    with_ke: bool = True,
) -> FailureRecord:
    """The record of an offer that none of our children accepts. `with_ke`: whether PFS plays a part."""
    name = configs[0].name if len(configs) == 1 else ""
    if isinstance(error, SinglePairRequired):
        return child_reasons.single_pair_required(ctx, sa, phase, Side.LOCAL, child=name)
    if sa.uses_nat_t and any(offered.protocol == Protocol.AH for offered in message.require(Sa).proposals):
        return child_reasons.ah_behind_nat(ctx, sa, name)
    if isinstance(error, TsUnacceptable):
        offered = (message.require(TsInitiator).selectors, message.require(TsResponder).selectors)
        addresses = virtual_ips.own(sa), virtual_ips.peers(sa)
        accepted = tuple(reasons.child_selectors_text(config, *addresses) for config in configs)
        nearest = nearest_child(*offered, configs, *addresses)
        return reasons.selectors_mismatch(ctx, sa, phase, Side.LOCAL, offered, accepted, nearest=nearest, child=name)
    configured = tuple(proposal for config in configs for proposal in config.esp_proposals)
    offered_proposals = message.require(Sa).proposals
    return reasons.proposal_mismatch(
        ctx, sa.name, sa.path, phase, offered_proposals, configured, child=name or "any child", with_ke=with_ke
    )
