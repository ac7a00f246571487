"""Why a responder of Quick Mode refuses, for the operator (design D12). The peer learns no more than a notify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ikeengine.errors import NoProposalChosen
from ikeengine.ikev1.exchanges import quick_keys
from ikeengine.ikev1.exchanges.quick_choice import NothingFits, offered_selectors
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.proposals.explain import explain_child
from ikeengine.ikev1.proposals.offers import child_offers
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.payloads import Sa
from ikeengine.model.connection import ChildConfig
from ikeengine.model.failure import FailureRecord, Side
from ikeengine.sa import reasons
from ikeengine.sa.addresses import virtual_ips
from ikeengine.sa.children import child_reasons
from ikeengine.sa.children.nearest import nearest_child
from ikeengine.sa.context import Context

PHASE = "first message of Quick Mode"


def of_proposals(ctx: Context, sa: IkeSa, message: Received, error: NoProposalChosen) -> FailureRecord:
    """Nothing can be chosen from an SA payload, or there is one too many."""
    if isinstance(error, quick_keys.AhBehindNat):
        return child_reasons.ah_behind_nat(ctx, sa, error.child)
    if not isinstance(error, NothingFits):
        every = tuple(sa.connection.children.values())
        return replace(_mismatch(ctx, sa, message.require(Sa), every), nearest=str(error))
    record = _mismatch(ctx, sa, error.offered, error.configs)
    if error.configs:
        return record
    wanted, taken = len(message.all(Sa)), error.taken
    return replace(
        record,
        reason=f"the peer wants {wanted} SAs in one Quick Mode, but {taken} of the children here have this traffic",
        advice="write as many children with these traffic selectors as the peer has, with the same proposals",
    )


def _mismatch(ctx: Context, sa: IkeSa, offered: Sa, configs: Sequence[ChildConfig]) -> FailureRecord:
    configured = tuple(proposal for one in configs for proposal in (*one.esp_proposals, *one.ah_proposals))
    name = configs[0].name if len(configs) == 1 else "any child"
    record = reasons.proposal_mismatch(ctx, sa.name, sa.path, PHASE, child_offers(offered), configured, child=name)
    nearest = [explain_child(offered, quick_keys.wishes(sa, config)) for config in configs]
    return replace(record, nearest=nearest[0] if nearest else "")


def of_selectors(ctx: Context, sa: IkeSa, message: Received) -> FailureRecord:
    """No child is for this traffic."""
    local, remote = offered_selectors(sa, message)
    offered = (remote,), (local,)
    configs, addresses = tuple(sa.connection.children.values()), (virtual_ips.own(sa), virtual_ips.peers(sa))
    accepted = tuple(reasons.child_selectors_text(config, *addresses) for config in configs)
    nearest = nearest_child(*offered, configs, *addresses)
    name = configs[0].name if len(configs) == 1 else ""
    return reasons.selectors_mismatch(ctx, sa, PHASE, Side.LOCAL, offered, accepted, nearest=nearest, child=name)
