"""Failure records that only IKEv2 has (design D12)."""

from __future__ import annotations

from dataclasses import replace

from ikeengine.errors import AuthFailed
from ikeengine.ikev2.peer.rounds import Rounds
from ikeengine.ikev2.sa import IkeSa
from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.sa import reasons
from ikeengine.sa.context import Context
from ikeengine.sa.reasons import identity_text, peer_text


def pfs_mismatch(record: FailureRecord) -> FailureRecord:
    """The record of a first rekeying that found no common proposal: the key exchange is what differs now."""
    advice = (
        "the key exchange methods (PFS) in esp_proposals of the two sides differ; that shows at the first rekeying "
        "only, because IKE_AUTH makes a Child SA without one. Until it is set right, the tunnel ends with each lifetime"
    )
    return replace(record, advice=advice)


def peer_not_authenticated(ctx: Context, sa: IkeSa, phase: str, error: AuthFailed) -> FailureRecord:
    """The peer could not prove its identity to us, in this round of authentication."""
    rounds = sa.handshake.rounds if sa.handshake is not None else Rounds()
    remotes = sa.connection.remote
    return reasons.peer_not_authenticated(ctx, sa, phase, error, remotes[min(rounds.peer, len(remotes) - 1)])


def refused_authentication(ctx: Context, sa: IkeSa, phase: str) -> FailureRecord:
    """The peer did not believe us, or does not know whom we are looking for."""
    return reasons.refused_authentication(ctx, sa, phase, _own_proof(sa))


def _own_proof(sa: IkeSa) -> tuple[str, ...]:
    """How we tried to prove our identity, as long as that is known."""
    own = None if sa.handshake is None else sa.handshake.own
    if own is None:
        return ()
    how = "pre-shared key"
    if own.key is not None and own.scheme is not None:
        what = "raw public key" if own.certificate is None else f"certificate {own.certificate.subject_text}"
        how = f"{what}, signature {own.scheme.name}"
    return (f"{identity_text(own.identity)} by {how}",)


def not_childless(ctx: Context, sa: IkeSa) -> FailureRecord:
    """Only the IKE SA was asked for, and the peer does not do that (RFC 6023)."""
    return FailureRecord(
        alert=Alert.AUTHORIZATION_FAILED,
        side=Side.PEER,
        phase="IKE_SA_INIT response",
        reason="the peer cannot establish an IKE SA without a Child SA (no CHILDLESS_IKEV2_SUPPORTED)",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice="initiate one of the children of this connection instead",
    )


def peer_restarted(ctx: Context, sa: IkeSa) -> FailureRecord:
    """The peer has lost the IKE SA, and proves it (RFC 6290)."""
    return FailureRecord(
        alert=Alert.INVALID_IKE_SPI,
        side=Side.PEER,
        phase="INFORMATIONAL",
        reason="the peer has restarted: it has lost the IKE SA and proves it with its token",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice="nothing needs to be done if `dpd_action` is restart or trap; else initiate the connection again",
    )
