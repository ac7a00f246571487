"""Failure records of Child SAs that cannot be what was asked for (design D12)."""

from __future__ import annotations

from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.reasons import peer_text


def single_pair_required(ctx: Context, sa: IkeSa, phase: str, side: Side, *, child: str = "") -> FailureRecord:
    """One side wants a Child SA for each pair of addresses, and the offer does not tell which pair is wanted."""
    who = "the peer wants" if side is Side.PEER else "this side wants"
    return FailureRecord(
        alert=Alert.TS_MISMATCH,
        side=side,
        phase=phase,
        reason=f"{who} a Child SA of its own for each pair of addresses (SINGLE_PAIR_REQUIRED)",
        at=ctx.now,
        connection=sa.name,
        child=child,
        peer=peer_text(sa.path),
        advice="initiate with a packet (`start_action: trap`), or write a child for each pair of addresses",
    )


def no_additional_sas(ctx: Context, sa: IkeSa, phase: str, *, child: str = "") -> FailureRecord:
    """The peer takes no more Child SAs on this IKE SA."""
    return FailureRecord(
        alert=Alert.INSTALL_CHILD_SA_FAILED,
        side=Side.PEER,
        phase=phase,
        reason="the peer takes no more Child SAs on this IKE SA (NO_ADDITIONAL_SAS)",
        at=ctx.now,
        connection=sa.name,
        child=child,
        peer=peer_text(sa.path),
        advice="put the traffic selectors into one child, or give the child a connection of its own",
    )


def ah_behind_nat(ctx: Context, sa: IkeSa, child: str) -> FailureRecord:
    """AH covers the addresses, which a NAT changes (RFC 4302 section 1.1)."""
    return FailureRecord(
        alert=Alert.INSTALL_CHILD_SA_FAILED,
        side=Side.NETWORK,
        phase="negotiation of AH",
        reason="AH cannot pass the NAT between the peers",
        at=ctx.now,
        connection=sa.name,
        child=child,
        peer=peer_text(sa.path),
        advice="use `esp_proposals`, with the cipher `null` if nothing is to be encrypted",
    )
