"""How both sides agree on a Child SA, in IKE_AUTH and in CREATE_CHILD_SA (RFC 7296 sections 1.3.1, 2.9 and 2.17)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ikeengine.crypto.keymat_v2 import ChildKeyMaterial, child_keys
from ikeengine.errors import InvalidKeGroup, InvalidSyntax, NoProposalChosen, TsUnacceptable
from ikeengine.ikev2.children.notifies import allowed_padding, child_notifies, peer_cpi
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.model.commands import Packet
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.proposal import ChildSuite, Proposal
from ikeengine.model.secret import Secret
from ikeengine.model.selector import TrafficSelector
from ikeengine.negotiate.proposals import accept_child, offer, select_child
from ikeengine.negotiate.selectors import is_host, is_subset, narrow, resolve
from ikeengine.registry import NotifyType, Protocol, TransformType
from ikeengine.sa.addresses import virtual_ips
from ikeengine.sa.children import nat_transport
from ikeengine.sa.children.address_pairs import offered_for
from ikeengine.sa.children.arrival import make
from ikeengine.sa.children.choice import choose_config
from ikeengine.sa.children.cpi import new_cpi
from ikeengine.sa.children.data import ChildKeys, ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.own_ke import OwnKe, generate
from ikeengine.wire.payloads import Ke, Notify, Payload, Sa, TsInitiator, TsResponder

SPI_OCTETS = 4

Selectors = tuple[TrafficSelector, ...]


@dataclass(slots=True)
class ChildOffer:
    """What we have offered for a Child SA, until the peer answers."""

    config: ChildConfig
    spi_in: int
    proposals: tuple[Proposal, ...]
    local_ts: Selectors
    remote_ts: Selectors
    ke: OwnKe | None
    cpi_in: int = 0
    """Our Compression Parameter Index, 0 without IPComp."""
    single_pair: bool = False


@dataclass(slots=True)
class ChildAnswer:
    """What we answer to the peer's offer: the Child SA, ready to be installed, and the payloads that say so."""

    child: ChildSa
    payloads: list[Payload]
    nonces: tuple[bytes, bytes]
    shared: Secret

    def keys(self, sa: IkeSa, more: Sequence[Secret] = ()) -> ChildKeys:
        """The keys, with the results of the additional key exchanges."""
        keys = _keys(sa, self.child.suite, self.nonces, self.shared.reveal(), more)
        return ChildKeys(keys.encr_i, keys.integ_i, keys.encr_r, keys.integ_r)


def first_group(proposals: Iterable[Proposal]) -> int:
    """The key exchange method that a fresh offer starts with, 0 for no PFS."""
    for proposal in proposals:
        for transform in proposal.of_type(TransformType.KE):
            return transform.id
    return 0


def offers_group(proposals: Iterable[Proposal], group: int) -> bool:
    """Whether a key exchange method is among the proposals."""
    return any(t.id == group for proposal in proposals for t in proposal.of_type(TransformType.KE))


def make_offer(
    ctx: Context,
    sa: IkeSa,
    config: ChildConfig,
    group: int,
    *,
    packet: Packet | None = None,
    single_pair: bool = False,
    rekeyed: ChildSa | None = None,
) -> ChildOffer:
    """Prepare an offer. `group` 0 leaves the key exchange out, as IKE_AUTH must.

    `packet` is what the Child SA is wanted for; `single_pair` leaves no other addresses than its own. A Child SA that
    was `rekeyed` and is for one pair of addresses stays so.
    """
    spi_in = ctx.new_child_spi()
    single_pair = single_pair or config.single_pair
    if rekeyed is not None and rekeyed.single_pair:
        selectors = [rekeyed.local_ts, rekeyed.remote_ts]
    else:
        own, peers = virtual_ips.own(sa), virtual_ips.peers(sa)
        configured = resolve(config.local_ts, *own), resolve(config.remote_ts, *peers)
        single_pair = single_pair and (packet is not None or all(is_host(half[0]) for half in configured))
        selectors = offered_for(packet, *configured, single_pair=single_pair)
    return ChildOffer(
        config=config,
        spi_in=spi_in,
        proposals=offer(config.esp_proposals, spi=spi_in.to_bytes(SPI_OCTETS, "big"), with_ke=bool(group)),
        local_ts=selectors[0],
        remote_ts=selectors[1],
        ke=generate(group, ctx.rng) if group else None,
        cpi_in=new_cpi(ctx) if config.ipcomp else 0,
        single_pair=single_pair,
    )


def offer_payloads(offer: ChildOffer, nonce: Payload | None) -> list[Payload]:
    """The payloads of an offer, in the order of RFC 7296. `nonce` is None in IKE_AUTH."""
    payloads: list[Payload] = [*child_notifies(offer.config.mode, offer.cpi_in)]
    payloads.append(Sa(offer.proposals))
    if nonce is not None:
        payloads.append(nonce)
    if offer.ke is not None:
        payloads.append(Ke(offer.ke.group, offer.ke.public))
    payloads += [TsInitiator(offer.local_ts), TsResponder(offer.remote_ts)]
    return payloads


def take_answer(
    ctx: Context,
    sa: IkeSa,
    offer: ChildOffer,
    message: Received,
    nonces: tuple[bytes, bytes],
    reqid: int = 0,
    more: Sequence[Secret] = (),
) -> tuple[ChildSa, ChildKeys]:
    """Check the peer's answer against our offer and make the Child SA of it. `nonces` are Ni and Nr.

    `more` are the results of the additional key exchanges.

    Raises NoProposalChosen, TsUnacceptable or InvalidSyntax if the answer is not one that our offer allows.
    """
    proposal, suite = accept_child(message.require(Sa).proposals, offer.proposals, with_ke=offer.ke is not None)
    transport = offer.config.mode is Mode.TRANSPORT and message.notify(NotifyType.USE_TRANSPORT_MODE) is not None
    local_ts, remote_ts = message.require(TsInitiator).selectors, message.require(TsResponder).selectors
    if transport:
        local_ts, remote_ts = nat_transport.as_seen_here(sa, local_ts, remote_ts)
    if not is_subset(local_ts, offer.local_ts) or not is_subset(remote_ts, offer.remote_ts):
        raise TsUnacceptable("the peer's traffic selectors are not a subset of what was offered")
    if sa.vips.local:
        # We offered any address before we had one; the peer should have narrowed that to ours.
        local_ts = narrow(local_ts, resolve(offer.config.local_ts, *virtual_ips.own(sa)))
    if not local_ts:
        raise TsUnacceptable("the peer's traffic selectors leave out the virtual IP that it has given to us")
    shared = b""
    if suite.ke is not None:
        ke = message.require(Ke)
        if offer.ke is None or ke.group != offer.ke.group or ke.group != suite.ke.id:
            raise InvalidSyntax(f"the answer's KE payload uses method {ke.group}, which is not the one in our request")
        shared = offer.ke.shared(ke.data)
    child = _new_child(ctx, sa, offer.config, suite, proposal, transport, local_ts, remote_ts, reqid, offer.spi_in)
    _add_extras(child, message, offer.cpi_in)
    child.single_pair = offer.single_pair
    child.more_possible = message.notify(NotifyType.ADDITIONAL_TS_POSSIBLE) is not None
    keys = _keys(sa, suite, nonces, shared, more)
    return child, ChildKeys(keys.encr_r, keys.integ_r, keys.encr_i, keys.integ_i)


def make_answer(
    ctx: Context,
    sa: IkeSa,
    message: Received,
    configs: Sequence[ChildConfig],
    nonces: tuple[bytes, bytes],
    *,
    nonce_payload: Payload | None,
    reqid: int = 0,
) -> ChildAnswer:
    """Answer the peer's offer with one of `configs`. `nonce_payload` is None in IKE_AUTH, where there is no PFS.

    Raises TsUnacceptable, SinglePairRequired, NoProposalChosen, InvalidKeGroup or InvalidSyntax; nothing has changed
    then.
    """
    offered = message.require(Sa).proposals
    selectors = message.require(TsResponder).selectors, message.require(TsInitiator).selectors
    wants_transport = message.notify(NotifyType.USE_TRANSPORT_MODE) is not None
    choice = choose_config(sa, selectors, configs, wants_transport=wants_transport)
    config, local_ts, remote_ts = choice.config, choice.local_ts, choice.remote_ts
    proposal, suite = select_child(offered, config.esp_proposals, with_ke=nonce_payload is not None)
    check_nat(sa, suite.protocol)
    transport = choice.transport
    cpi_in = new_cpi(ctx) if config.ipcomp and peer_cpi(message) else 0
    payloads: list[Payload] = [*child_notifies(Mode.TRANSPORT if transport else Mode.TUNNEL, cpi_in)]
    if choice.more_possible:
        payloads.append(Notify(NotifyType.ADDITIONAL_TS_POSSIBLE))
    shared, ke_payload = _answer_ke(ctx, message, suite)
    child = _new_child(ctx, sa, config, suite, proposal, transport, local_ts, remote_ts, reqid)
    _add_extras(child, message, cpi_in)
    child.single_pair = config.single_pair
    payloads.append(Sa((replace(proposal, spi=child.spi_in.to_bytes(SPI_OCTETS, "big")),)))
    if nonce_payload is not None:
        payloads.append(nonce_payload)
    if ke_payload is not None:
        payloads.append(ke_payload)
    payloads += [TsInitiator(remote_ts), TsResponder(local_ts)]
    return ChildAnswer(child, payloads, nonces, Secret(shared))


def _add_extras(child: ChildSa, message: Received, cpi_in: int) -> None:
    """IPComp if both sides want it, and padding if the peer bears it."""
    child.cpi_out = peer_cpi(message) if cpi_in else 0
    child.cpi_in = cpi_in if child.cpi_out else 0
    child.tfc_padding = allowed_padding(child.config, child.mode, message)


def check_nat(sa: IkeSa, protocol: Protocol) -> None:
    """AH covers the addresses that a NAT changes (RFC 4302 section 1.1). Raises NoProposalChosen."""
    if protocol == Protocol.AH and sa.uses_nat_t:
        raise NoProposalChosen("AH cannot pass the NAT between the peers; use ESP")


def _answer_ke(ctx: Context, message: Received, suite: ChildSuite) -> tuple[bytes, Payload | None]:
    if suite.ke is None:
        return b"", None
    ke = message.find(Ke)
    if ke is None or ke.group != suite.ke.id:
        raise InvalidKeGroup(suite.ke.id)
    ours = generate(suite.ke.id, ctx.rng)
    return ours.shared(ke.data), Ke(ours.group, ours.public)


def _new_child(
    ctx: Context,
    sa: IkeSa,
    config: ChildConfig,
    suite: ChildSuite,
    proposal: Proposal,
    transport: bool,
    local_ts: Selectors,
    remote_ts: Selectors,
    reqid: int,
    spi_in: int = 0,
) -> ChildSa:
    spi_out = int.from_bytes(proposal.spi, "big")
    if len(proposal.spi) != SPI_OCTETS or spi_out == 0:
        raise NoProposalChosen(f"the SPI of the peer's proposal is not {SPI_OCTETS} octets or is zero")
    mode = Mode.TRANSPORT if transport else Mode.TUNNEL
    spis = spi_in or ctx.new_child_spi(), spi_out
    return make(ctx, sa, config, suite, mode, spis, (local_ts, remote_ts), reqid)


def _keys(
    sa: IkeSa, suite: ChildSuite, nonces: tuple[bytes, bytes], shared: bytes, more: Sequence[Secret]
) -> ChildKeyMaterial:
    keys, ike_suite = sa.keys_and_suite()
    return child_keys(ike_suite.prf.id, keys.sk_d, suite, *nonces, shared, more)
