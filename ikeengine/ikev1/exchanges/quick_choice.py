"""What a responder of Quick Mode chooses: a child for the traffic, and one of its own for each SA payload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ikeengine.errors import NoProposalChosen, PeerIncompatible, TsUnacceptable
from ikeengine.ikev1.exchanges import proxy_ids, unity
from ikeengine.ikev1.exchanges.quick_keys import AhBehindNat
from ikeengine.ikev1.exchanges.quick_parts import Part, check_together, want
from ikeengine.ikev1.exchanges.unity import Traffic
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.proposals import child as proposals
from ikeengine.ikev1.proposals.child import Choice
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.payloads import Id, Sa
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.selector import TrafficSelector
from ikeengine.sa.children.choice import ChildChoice, choose_config
from ikeengine.sa.context import Context


class Chosen(NamedTuple):
    """The Child SA for an SA payload, what was chosen from that, and the SA payload that says so."""

    part: Part
    choice: Choice
    answer: Sa


class NothingFits(NoProposalChosen):
    """No child has a proposal in common with an SA payload."""

    def __init__(self, offered: Sa, configs: Sequence[ChildConfig], taken: int) -> None:
        super().__init__("none of the offered proposals is acceptable")
        self.offered = offered
        self.configs, self.taken = configs, taken
        """The children that are left, and how many other SA payloads have taken."""


def candidates(ctx: Context, sa: IkeSa, message: Received) -> tuple[Traffic, list[ChildConfig]]:
    """What the offered selectors mean here, and the children for just that. Raises TsUnacceptable."""
    fitting = list(_fitting(sa, offered_selectors(sa, message)))
    best = fitting[0]
    traffic = unity.used(ctx, sa, (best.local_ts, best.remote_ts))
    # In transport mode through a NAT these are not the ones of the offer.
    local, remote = best.first
    if traffic != ((local,), (remote,)) and not unity.is_meant(ctx, sa, (local, remote), traffic):
        raise TsUnacceptable("IKEv1 cannot narrow traffic selectors")
    return traffic, [choice.config for choice in fitting]


def _fitting(sa: IkeSa, offered: tuple[TrafficSelector, TrafficSelector]) -> Iterator[ChildChoice]:
    """The child that fits best, and others with the same selectors in the same mode."""
    local, remote = offered
    rest = list(sa.connection.children.values())
    wants_transport = any(config.mode is Mode.TRANSPORT for config in rest)
    best = choice = choose_config(sa, ((local,), (remote,)), rest, wants_transport=wants_transport)
    while (choice.local_ts, choice.remote_ts, choice.transport) == (best.local_ts, best.remote_ts, best.transport):
        yield choice
        rest.remove(choice.config)
        try:
            choice = choose_config(sa, ((local,), (remote,)), rest, wants_transport=wants_transport)
        except PeerIncompatible:
            return


def choose(
    ctx: Context, sa: IkeSa, offered: Sequence[Sa], configs: Sequence[ChildConfig], *, with_ke: bool
) -> list[Chosen]:
    """A child for each SA payload: the first one that is left and fits. All of them fit, or none comes up.

    Raises NothingFits, AhBehindNat, and what `check_together` raises.
    """
    parts = _parts(ctx, sa, configs)
    chosen: list[Chosen] = []
    for payload in offered:
        one = _first_fit(payload, parts, with_ke=with_ke)
        if one is None:
            raise NothingFits(payload, [part.config for part in parts], len(chosen))
        parts.remove(one.part)
        chosen.append(one)
    check_together([one.choice for one in chosen])
    return chosen


def _parts(ctx: Context, sa: IkeSa, configs: Sequence[ChildConfig]) -> list[Part]:
    """What each child wants, without those with AH behind a NAT. Raises AhBehindNat if none is left."""
    parts, failure = [], None
    for config in configs:
        try:
            parts.append(want(ctx, sa, config))
        except AhBehindNat as error:
            failure = failure or error
    if failure is not None and not parts:
        raise failure
    return parts


def _first_fit(offered: Sa, parts: Sequence[Part], *, with_ke: bool) -> Chosen | None:
    for part in parts:
        try:
            answer, choice = proposals.select(offered, part.wishes, part.spis, with_ke=with_ke)
        except NoProposalChosen:
            continue
        return Chosen(part, choice, answer)
    return None


def offered_selectors(sa: IkeSa, message: Received) -> tuple[TrafficSelector, TrafficSelector]:
    """The local and the remote one: IDci is the peer's."""
    ids = [proxy_ids.to_selector(payload) for payload in message.all(Id)]
    if ids:
        return ids[1], ids[0]
    return proxy_ids.of_address(sa.path.local), proxy_ids.of_address(sa.path.remote)
