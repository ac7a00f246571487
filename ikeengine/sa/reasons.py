"""Failure records: what happened, whose side, offered against accepted, nearest match, advice (design D12)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ikeengine.errors import AuthFailed
from ikeengine.model.connection import ChildConfig, RemoteAuth
from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.model.identity import Identity
from ikeengine.model.path import Path
from ikeengine.model.proposal import Proposal
from ikeengine.model.selector import TrafficSelector
from ikeengine.negotiate.identities import format_identity
from ikeengine.negotiate.proposals import format_proposal
from ikeengine.negotiate.proposals import nearest as nearest_proposal
from ikeengine.negotiate.selectors import format_selector, resolve
from ikeengine.registry import OpenIntEnum
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa


def peer_text(path: Path) -> str:
    """`address:port` of the peer."""
    return f"[{path.remote}]:{path.remote_port}" if ":" in path.remote else f"{path.remote}:{path.remote_port}"


def identity_text(identity: Identity | None) -> str:
    """An identity for people, `%any` if there is none."""
    return "%any" if identity is None else format_identity(identity)


def child_selectors_text(config: ChildConfig, own: Iterable[str], peers: Iterable[str]) -> str:
    """The traffic selectors of a child configuration, as hosts with these addresses offer: `name: local === remote`."""
    local = " ".join(format_selector(ts) for ts in resolve(config.local_ts, *own))
    remote = " ".join(format_selector(ts) for ts in resolve(config.remote_ts, *peers))
    return f"{config.name}: {local} === {remote}"


def not_configured(ctx: Context, child: str, ike: str) -> str:
    """Why nothing can be done with what a command names, and what there is instead."""
    what = f"child {ike}/{child}" if ike and child else f"child {child}" if child else f"connection {ike}"
    known = ", ".join(sorted(f"{c.name}/{name}" for c in ctx.connections.values() for name in c.children))
    return f"no {what} is configured; known children: {known or 'none'}"


def proposal_mismatch(
    ctx: Context,
    connection: str,
    path: Path,
    phase: str,
    offered: Sequence[Proposal],
    configured: Sequence[Proposal],
    *,
    child: str = "",
    with_ke: bool = True,
) -> FailureRecord:
    """We found nothing acceptable in what the peer offers (or in its answer)."""
    what = "esp_proposals" if child else "proposals"
    return FailureRecord(
        alert=Alert.PROPOSAL_MISMATCH_CHILD if child else Alert.PROPOSAL_MISMATCH_IKE,
        side=Side.LOCAL,
        phase=phase,
        reason="no proposal is acceptable to both sides",
        at=ctx.now,
        connection=connection,
        child=child,
        peer=peer_text(path),
        offered=tuple(format_proposal(p) for p in offered),
        accepted=tuple(format_proposal(p) for p in configured),
        nearest=nearest_proposal(offered, configured, with_ke=with_ke),
        advice=f"add one of the offered proposals to {what} here, or one of the accepted ones on the peer",
    )


def refused_proposal(
    ctx: Context, sa: IkeSa, phase: str, offered: Sequence[Proposal], *, child: str = ""
) -> FailureRecord:
    """The peer found nothing acceptable in what we offer."""
    what = "esp_proposals" if child else "proposals"
    return FailureRecord(
        alert=Alert.PROPOSAL_MISMATCH_CHILD if child else Alert.PROPOSAL_MISMATCH_IKE,
        side=Side.PEER,
        phase=phase,
        reason="the peer accepts none of our proposals (NO_PROPOSAL_CHOSEN)",
        at=ctx.now,
        connection=sa.name,
        child=child,
        peer=peer_text(sa.path),
        offered=tuple(format_proposal(p) for p in offered),
        advice=f"compare {what} with the peer's configuration; its log names what it would accept",
    )


def selectors_mismatch(
    ctx: Context,
    sa: IkeSa,
    phase: str,
    side: Side,
    offered: tuple[Iterable[TrafficSelector], Iterable[TrafficSelector]],
    accepted: Iterable[str] = (),
    *,
    nearest: str = "",
    child: str = "",
) -> FailureRecord:
    """The traffic selectors have nothing in common. `offered` is (initiator's, responder's)."""
    ours = side is Side.LOCAL
    return FailureRecord(
        alert=Alert.TS_MISMATCH,
        side=side,
        phase=phase,
        reason="no child here matches the offered traffic selectors"
        if ours
        else "the peer accepts none of our traffic selectors (TS_UNACCEPTABLE)",
        at=ctx.now,
        connection=sa.name,
        child=child,
        peer=peer_text(sa.path),
        offered=(" === ".join(" ".join(format_selector(ts) for ts in half) for half in offered),),
        accepted=tuple(accepted),
        nearest=nearest,
        advice="local_ts here must overlap remote_ts on the peer, and remote_ts here must overlap its local_ts",
    )


def peer_not_authenticated(ctx: Context, sa: IkeSa, phase: str, error: AuthFailed, wanted: RemoteAuth) -> FailureRecord:
    """The peer could not prove its identity to us. `wanted` is what we have demanded."""
    known = {alert.value: alert for alert in Alert} | _ALERTS
    return FailureRecord(
        alert=known.get(error.check, Alert.PEER_AUTH_FAILED),
        side=Side.LOCAL,
        phase=phase,
        reason=f"the peer {identity_text(sa.remote_id)} is not authenticated: {error}",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        offered=(identity_text(sa.remote_id),),
        accepted=(_demand(wanted),),
        advice=_AUTH_ADVICE.get(error.check, "compare the `remote` section here with the `local` section of the peer"),
    )


_ALERTS = {"revocation-unknown": Alert.CERT_VALIDATION_FAILED, "key-strength": Alert.CERT_POLICY_VIOLATION}


def _demand(remote: RemoteAuth) -> str:
    """What a `remote` section demands, such as `*.example.com by pubkey (ecdsa-sha384)`."""
    limits = f" ({', '.join(remote.schemes)})" if remote.schemes else ""
    return f"{remote.id.text} by {remote.auth.value}{limits}"


_AUTH_ADVICE = {
    "psk": "the pre-shared keys of the two sides differ, or the identities select different ones: compare both",
    "identity": "`remote.id` here must fit `local.id` of the peer, and `local.id` here its `remote.id`",
    "no-secret": "add a secret for these two identities (`secrets.ike-<name>`)",
    "cert-untrusted-root": "load the certification authority of the peer (`authorities`), or its intermediates there",
    "cert-no-issuer": "load the certification authority of the peer (`authorities`), or its intermediates there",
    "hash-and-url": "let the peer send its certificate itself (`hash_and_url: no`), or correct its `cert_uri_base`",
    "cert-revoked": "issue a new certificate to the peer; if it was revoked by mistake, the authority has to say so",
    "revocation-unknown": "make the servers of the CRL or OCSP reachable and current, put a CRL into `x509crl`, "
    "or relax `remote.revocation`",
    "cert-policy-violation": "compare the policies and name constraints of the authorities with the certificate, "
    "and with `remote.cert_policy`",
    "cert-exceeded-path-len": "an authority may not certify that many authorities below it: issue the chain anew",
    "cert-validation-failed": "the peer needs another certificate, or its authority another one",
    "key-strength": "the peer needs a certificate with a stronger key or hash, or `remote.auth` has to allow this one",
    "method": "`remote.auth` here and `local.auth` of the peer must say the same: a pre-shared key, or a signature",
    "certificate": "let the peer send its certificate (`send_cert`, `send_certreq`), or load it here (`remote.certs`)",
    "raw-key": "add the public key of the peer to `remote.pubkeys` here, or correct `local.pubkeys` of the peer",
    "rounds": "the peer needs as many `local` sections as there are `remote` sections here, in the same order",
    "peer-auth-failed": "the peer signs with another key than that of its certificate or public key, or in a way that "
    "`remote.auth` does not allow",
    "unique-keep": "close the IKE SA that is there, or set `unique` to replace",
    "cert-expired": "renew the certificate of the peer, or set the clock of this host",
}


def local_not_authenticated(ctx: Context, sa: IkeSa, phase: str, reason: str, advice: str) -> FailureRecord:
    """We cannot prove our identity with what is loaded here."""
    return FailureRecord(
        alert=Alert.LOCAL_AUTH_FAILED,
        side=Side.LOCAL,
        phase=phase,
        reason=reason,
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice=advice,
    )


def refused_authentication(ctx: Context, sa: IkeSa, phase: str, proof: tuple[str, ...]) -> FailureRecord:
    """The peer did not believe us, or does not know whom we are looking for. `proof` is how we tried."""
    return FailureRecord(
        alert=Alert.LOCAL_AUTH_FAILED,
        side=Side.PEER,
        phase=phase,
        reason=f"the peer refuses our authentication as {identity_text(sa.local_id)} (AUTHENTICATION_FAILED)",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        offered=proof,
        advice="compare the pre-shared key or certificate, `local.id` and `remote.id` with the peer's configuration",
    )


def not_possible(ctx: Context, sa: IkeSa, phase: str, reason: str, advice: str, *, child: str = "") -> FailureRecord:
    """What the configuration wants cannot be said to the peer."""
    return FailureRecord(
        alert=Alert.INSTALL_CHILD_SA_FAILED if child else Alert.AUTHORIZATION_FAILED,
        side=Side.LOCAL,
        phase=phase,
        reason=reason,
        at=ctx.now,
        connection=sa.name,
        child=child,
        peer=peer_text(sa.path),
        advice=advice,
    )


def refused(ctx: Context, sa: IkeSa, phase: str, notify: OpenIntEnum, *, child: str = "") -> FailureRecord:
    """The peer answered with an error that has no record of its own."""
    return FailureRecord(
        alert=Alert.INSTALL_CHILD_SA_FAILED if child else Alert.AUTHORIZATION_FAILED,
        side=Side.PEER,
        phase=phase,
        reason=f"the peer answered {notify.name}",
        at=ctx.now,
        connection=sa.name,
        child=child,
        peer=peer_text(sa.path),
        advice="the peer's log says more",
    )


def malformed(ctx: Context, sa: IkeSa, phase: str, error: Exception) -> FailureRecord:
    """The peer sent something that we cannot accept."""
    return FailureRecord(
        alert=Alert.PARSE_ERROR_BODY,
        side=Side.PEER,
        phase=phase,
        reason=f"the peer broke the protocol: {error}",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice="this may be a fault of the peer's implementation: keep a capture and the log",
    )


def no_path(ctx: Context, sa: IkeSa, reason: str, first: str) -> FailureRecord:
    """There is no way to the peer: a name that does not resolve, or no route. `first` names the first message."""
    return FailureRecord(
        alert=Alert.PEER_ADDR_FAILED,
        side=Side.LOCAL,
        phase=f"before {first}",
        reason=reason,
        at=ctx.now,
        connection=sa.name,
        peer=", ".join(sa.connection.remote_addrs),
        advice="check remote_addrs, name resolution and the routing table",
    )


def datapath_refused(ctx: Context, sa: IkeSa, child: str, reason: str) -> FailureRecord:
    """The kernel or the userspace datapath did not take the Child SA."""
    return FailureRecord(
        alert=Alert.INSTALL_CHILD_SA_FAILED,
        side=Side.LOCAL,
        phase="installation",
        reason=reason,
        at=ctx.now,
        connection=sa.name,
        child=child,
        peer=peer_text(sa.path),
        advice="the datapath's message says what is missing; `engine.datapath: userspace` needs no kernel support",
    )


def policies_refused(ctx: Context, connection: str, child: str, reason: str) -> FailureRecord:
    """The kernel or the userspace datapath did not take a trap or shunt."""
    return FailureRecord(
        alert=Alert.INSTALL_CHILD_POLICY_FAILED,
        side=Side.LOCAL,
        phase="installation",
        reason=f"the policies of {child} cannot be installed: {reason}",
        at=ctx.now,
        connection=connection,
        child=child,
        advice="another program may have a policy for the same traffic; `ip xfrm policy` shows all of the kernel's",
    )
