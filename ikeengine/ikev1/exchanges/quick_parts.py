"""What one Quick Mode is for: usually one Child SA, but each SA payload is for one of its own (RFC 2409 section 5.5).

All of them share the nonces, the KE payloads and the traffic selectors. Proposals, SPIs, lifetimes and keys are the
own ones of each, and so is everything that becomes of it later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ikeengine.errors import InvalidSyntax, NoProposalChosen
from ikeengine.ikev1.exchanges import child_lifetimes, quick_keys, unity
from ikeengine.ikev1.exchanges.unity import Traffic
from ikeengine.ikev1.keys.keymat import QuickModeSeed
from ikeengine.ikev1.proposals.child import Choice
from ikeengine.ikev1.proposals.lifetime import Lifetime
from ikeengine.ikev1.proposals.wishes import Spis, Wishes
from ikeengine.ikev1.sa import IkeSa
from ikeengine.model.commands import Packet
from ikeengine.model.connection import ChildConfig
from ikeengine.model.immutable import immutable
from ikeengine.negotiate.selectors import is_subset, resolve
from ikeengine.sa.addresses import virtual_ips
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children.arrival import make
from ikeengine.sa.children.data import ChildKeys, ChildSa
from ikeengine.sa.context import Context


@immutable
class Part:
    """One Child SA as we want it, with our numbers for it."""

    config: ChildConfig
    wishes: Wishes
    spi_in: int
    cpi_in: int
    spis: Spis


class Common(NamedTuple):
    """What all Child SAs of one Quick Mode share."""

    seed: QuickModeSeed
    traffic: Traffic
    is_initiator: bool
    """Whether we have begun it."""


@immutable
class Agreed:
    """One Child SA as both sides want it."""

    child: ChildSa
    keys: ChildKeys
    life: Lifetime


def traffic_of(ctx: Context, sa: IkeSa, config: ChildConfig, packet: Packet | None = None) -> Traffic:
    """The first selectors of each side, or those that a packet needs; with Unity all of them at once."""
    local_ts = resolve(config.local_ts, *virtual_ips.own(sa))
    remote_ts = resolve(config.remote_ts, *virtual_ips.peers(sa))
    if unity.is_spoken(ctx, sa):
        return unity.used(ctx, sa, (local_ts, remote_ts))
    if packet is not None:
        local = next((ts for ts in local_ts if is_subset((packet.source,), (ts,))), local_ts[0])
        remote = next((ts for ts in remote_ts if is_subset((packet.destination,), (ts,))), remote_ts[0])
        return (local,), (remote,)
    return local_ts[:1], remote_ts[:1]


def want(ctx: Context, sa: IkeSa, config: ChildConfig) -> Part:
    """A Child SA of this configuration, on this ISAKMP SA. Raises AhBehindNat."""
    quick_keys.check_nat(sa, config)
    spi_in = ctx.new_child_spi()
    spis, cpi_in = quick_keys.own_spis(ctx, config, spi_in)
    return Part(config, quick_keys.wishes(sa, config), spi_in, cpi_in, spis)


def check_together(choices: Sequence[Choice]) -> None:
    """Whether what was chosen can come out of one Quick Mode. Raises InvalidSyntax or NoProposalChosen."""
    spis = [(suite.protocol, spi) for one in choices for suite, spi in zip(one.suites, one.peer_spis, strict=True)]
    if len(set(spis)) < len(spis):
        raise InvalidSyntax("two SAs of one Quick Mode have the same SPI")
    if len({one.group for one in choices}) > 1:
        raise NoProposalChosen("the SAs of one Quick Mode have different groups for PFS")


def agree(
    ctx: Context, sa: IkeSa, part: Part, choice: Choice, life: Lifetime, common: Common, reqid: int = 0
) -> Agreed:
    """The Child SA that comes of a choice, with the `reqid` of one that it replaces. Raises NoProposalChosen."""
    spis = part.spi_in, quick_keys.spi_of(choice.peer_spis[0])
    keys = quick_keys.keys(sa, choice, common.seed, part.spi_in, is_initiator=common.is_initiator)
    suite, mode = choice.suites[0], choice.encapsulation.mode
    child = make(ctx, sa, part.config, suite, mode, spis, common.traffic, reqid)
    child.ah = quick_keys.ah_around(choice, part.spi_in)
    child.cpi_in, child.cpi_out = (part.cpi_in, choice.peer_cpi) if choice.peer_cpi else (0, 0)
    child.most_bytes = child_lifetimes.peers_volume(part.config, life)
    return Agreed(child, keys, life)


def install(ctx: Context, owner: IkeSa, agreed: Agreed, *, delay_outbound: bool) -> None:
    """Give a Child SA to the datapath, and end it when the lifetime of the peer is over."""
    child_sa.install(ctx, owner, agreed.child, agreed.keys, delay_outbound=delay_outbound)
    child_lifetimes.limit(ctx, owner, agreed.child, agreed.life)


def confirm(ctx: Context, child: ChildSa) -> None:
    """Tell the commands that wait for a Child SA, once the datapath has all of it."""
    ops, child.waiting = child.waiting, ()
    child_sa.confirm(ctx, child, ops)
