"""Failure records of virtual IPs (RFC 7296 sections 2.19 and 3.15.4)."""

from __future__ import annotations

from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.reasons import identity_text, peer_text


def no_address_left(ctx: Context, sa: IkeSa, phase: str) -> FailureRecord:
    """The peer asks for a virtual IP, and there is none for it (INTERNAL_ADDRESS_FAILURE)."""
    pools = sa.connection.pools
    reason = f"no virtual IP is left in {', '.join(pools)}" if pools else "the peer asks for a virtual IP, without pool"
    return FailureRecord(
        alert=Alert.VIP_FAILURE,
        side=Side.LOCAL,
        phase=phase,
        reason=f"{reason}, or {identity_text(sa.peer_identity)} has `engine.lease_limit` of them already",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice="name a pool of the right address family with free addresses in `pools` of the connection",
    )


def address_required(ctx: Context, sa: IkeSa, phase: str) -> FailureRecord:
    """The peer does not ask for a virtual IP, but the connection is for clients that do (FAILED_CP_REQUIRED)."""
    return FailureRecord(
        alert=Alert.VIP_FAILURE,
        side=Side.LOCAL,
        phase=phase,
        reason="the peer did not ask for a virtual IP, and the connection has pools",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice="let the peer ask for one (`vips: 0.0.0.0` there), or remove `pools` here",
    )


def address_not_taken(ctx: Context, sa: IkeSa, phase: str) -> FailureRecord:
    """The peer does not use the virtual IP that we have given to it unasked."""
    return FailureRecord(
        alert=Alert.VIP_FAILURE,
        side=Side.PEER,
        phase=phase,
        reason="the peer does not take the virtual IP that it was given",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        offered=sa.vips.remote,
        advice="let the peer take one (`vips: 0.0.0.0` there), or remove `pools` here",
    )


def no_address_given(ctx: Context, sa: IkeSa, phase: str, why: str) -> FailureRecord:
    """We have asked for a virtual IP and got none."""
    return FailureRecord(
        alert=Alert.VIP_FAILURE,
        side=Side.PEER,
        phase=phase,
        reason=f"the peer gives us no virtual IP ({why})",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        offered=sa.vips.asked,
        advice="the peer needs a pool with free addresses of this family; without one, remove `vips` here",
    )


def vip_not_installed(ctx: Context, sa: IkeSa, reason: str) -> FailureRecord:
    """This host did not take the virtual IP that the peer has given to us."""
    return FailureRecord(
        alert=Alert.VIP_FAILURE,
        side=Side.LOCAL,
        phase="installation",
        reason=f"the virtual IP cannot be installed: {reason}",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice="check `engine.install_virtual_ip_on`, and that the engine may change addresses (CAP_NET_ADMIN)",
    )
