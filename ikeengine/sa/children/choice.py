"""Which of its children a responder takes for an offer, and what is left of the selectors (RFC 7296 section 2.9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ikeengine.errors import TsUnacceptable
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.immutable import immutable
from ikeengine.model.selector import TrafficSelector
from ikeengine.negotiate.selectors import is_subset, narrow, resolve
from ikeengine.sa.addresses import virtual_ips
from ikeengine.sa.children import nat_transport
from ikeengine.sa.children.address_pairs import narrowed_to_pair
from ikeengine.sa.ike_sa import IkeSa

Selectors = tuple[TrafficSelector, ...]
Offered = tuple[Selectors, Selectors]

_SAME, _WITHIN, _OVERLAPS = 3, 2, 1


@immutable
class ChildChoice:
    """A child that fits an offer, with the narrowed selectors. `fit` is the better the higher."""

    config: ChildConfig
    local_ts: Selectors
    remote_ts: Selectors
    transport: bool
    first: tuple[TrafficSelector, TrafficSelector]
    """The first local and remote selector of the offer: what the initiator wants most."""
    fit: int
    more_possible: bool = False
    """Other children allow what is left of the offer, in Child SAs of their own."""


def choose_config(sa: IkeSa, offered: Offered, configs: Sequence[ChildConfig], *, wants_transport: bool) -> ChildChoice:
    """The child configuration that fits the offered selectors best. `offered` is local and remote, as seen from here.

    Equal selectors are better than wider ones, and those better than ones that only overlap; among equals a child that
    allows the first selectors of the offer, and then the first child counts. Raises TsUnacceptable if none fits at
    all, SinglePairRequired if the offer must be for one pair of addresses.
    """
    fitting = list(_fitting(sa, offered, configs, wants_transport=wants_transport))
    if not fitting:
        raise TsUnacceptable("no child of this connection has traffic selectors in common with the offer")
    best = max(fitting, key=lambda choice: (choice.fit, _allows_first(choice)))
    if best.config.single_pair:
        local_ts, remote_ts = narrowed_to_pair(best.local_ts, best.remote_ts, best.first)
        rest = (local_ts, remote_ts) != (best.local_ts, best.remote_ts)
        best = replace(best, local_ts=local_ts, remote_ts=remote_ts, more_possible=rest)
    others = [choice for choice in fitting if choice.config is not best.config]
    return replace(best, more_possible=best.more_possible or any(_adds_to(best, other) for other in others))


def _fitting(
    sa: IkeSa, offered: Offered, configs: Sequence[ChildConfig], *, wants_transport: bool
) -> Iterator[ChildChoice]:
    for config in configs:
        if config.mode in (Mode.PASS, Mode.DROP):
            continue
        transport = wants_transport and config.mode is Mode.TRANSPORT
        ours, theirs = nat_transport.as_seen_here(sa, *offered) if transport else offered
        allowed = resolve(config.local_ts, *virtual_ips.own(sa)), resolve(config.remote_ts, *virtual_ips.peers(sa))
        local, remote = narrow(ours, allowed[0]), narrow(theirs, allowed[1])
        if local and remote:
            fit = _SAME if allowed == (ours, theirs) else _WITHIN if (local, remote) == (ours, theirs) else _OVERLAPS
            yield ChildChoice(config, local, remote, transport, (ours[0], theirs[0]), fit)


def _allows_first(choice: ChildChoice) -> bool:
    local, remote = choice.first
    return is_subset((local,), choice.local_ts) and is_subset((remote,), choice.remote_ts)


def _adds_to(choice: ChildChoice, other: ChildChoice) -> bool:
    return not (is_subset(other.local_ts, choice.local_ts) and is_subset(other.remote_ts, choice.remote_ts))
