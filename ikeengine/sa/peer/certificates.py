"""The certificate of a peer: which one it is, and whether it may be trusted for the identity that the peer claims."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Protocol

from ikeengine.auth import x509
from ikeengine.auth.demands import check_demands
from ikeengine.crypto.certificate import Certificate
from ikeengine.errors import AuthFailed
from ikeengine.model.connection import AuthKind, RemoteAuth
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import format_identity
from ikeengine.registry import CertEncoding
from ikeengine.sa.context import Context


class CertPayload(Protocol):
    """A CERT payload of any version."""

    @property
    def encoding(self) -> CertEncoding:
        """What is in it."""

    @property
    def data(self) -> bytes:
        """The octets."""


def anchors(ctx: Context, remote: RemoteAuth) -> Sequence[Certificate]:
    """The authorities that a peer's certificate may come from."""
    return [Certificate.from_der(der) for der in remote.cacerts] or ctx.credentials.anchors()


def requested(ctx: Context, remotes: Sequence[RemoteAuth]) -> Sequence[Certificate]:
    """The authorities to name in CERTREQ payloads; none if no certificate is wanted."""
    certified = [remote for remote in remotes if remote.auth is AuthKind.PUBKEY and not only_raw(remote)]
    named = {der for remote in certified for der in remote.cacerts}
    return [Certificate.from_der(der) for der in named] or (ctx.credentials.anchors() if certified else ())


def only_raw(remote: RemoteAuth) -> bool:
    """Whether a peer is to use a raw public key, and no certificate."""
    return bool(remote.pubkeys) and not (remote.certs or remote.cacerts)


def peer_chain(
    ctx: Context, remote: RemoteAuth, identity: Identity, payloads: Sequence[CertPayload]
) -> tuple[Certificate, ...]:
    """The chain of trust of the peer's certificate, end entity first, as the connection demands it. Raises AuthFailed.

    Nothing is said yet about who holds its private key, or whether it is revoked.
    """
    leaf, others = sent_certificates(payloads)
    leaf = leaf or _known_certificate(ctx, remote, identity)
    if remote.certs:
        if leaf.der not in remote.certs:
            raise AuthFailed("certificate", "the peer's certificate is none of `remote.certs`")
        chain = x509.build_chain(leaf, [], [leaf], ctx.wall)
    else:
        chain = x509.build_chain(leaf, [*others, *ctx.credentials.certificates()], anchors(ctx, remote), ctx.wall)
    check_demands(chain, remote)
    if not x509.matches_identity(leaf, identity):
        raise AuthFailed("identity", f"the certificate {leaf.subject_text} is not for {format_identity(identity)}")
    return chain


def sent_certificates(payloads: Sequence[CertPayload]) -> tuple[Certificate | None, list[Certificate]]:
    """The peer's own certificate, which comes first, and those of the rest that can be read. Raises AuthFailed."""
    encoded = [payload.data for payload in payloads if payload.encoding == CertEncoding.X509_SIGNATURE]
    if not encoded:
        return None, []
    others = []
    for der in encoded[1:]:
        with contextlib.suppress(AuthFailed):
            others.append(Certificate.from_der(der))
    return Certificate.from_der(encoded[0]), others


def _known_certificate(ctx: Context, remote: RemoteAuth, identity: Identity) -> Certificate:
    """The peer's certificate when it sent none: a configured or loaded one for its identity."""
    configured = [Certificate.from_der(der) for der in remote.certs]
    for certificate in [*configured, *ctx.credentials.certificates()]:
        if x509.matches_identity(certificate, identity):
            return certificate
    shown = format_identity(identity)
    raise AuthFailed("certificate", f"the peer sent no certificate, and none is loaded for {shown}")
