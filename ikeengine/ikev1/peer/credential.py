"""Who we are on an ISAKMP SA, and what proves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ikeengine.auth.credentials import own_identity as identity_of
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.keys import PublicKey
from ikeengine.crypto.signature_schemes import SignatureScheme
from ikeengine.errors import LocalMisuse
from ikeengine.ikev1.peer.methods import offered, scheme_of, signs
from ikeengine.ikev1.peer.secrets import own_identity
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.algorithms import AuthMethod
from ikeengine.ikev1.wire.payloads import Cert, CertReq, Payload
from ikeengine.model.connection import ConnectionConfig, SendCert
from ikeengine.model.identity import Identity
from ikeengine.model.immutable import immutable
from ikeengine.registry import CertEncoding
from ikeengine.sa.context import Context
from ikeengine.sa.peer import certificates
from ikeengine.sa.reasons import identity_text


@immutable
class OwnCredential:
    """Our identity; with a signature also the certificate whose key makes it."""

    identity: Identity
    scheme: SignatureScheme | None = None
    certificate: Certificate | None = None
    intermediates: tuple[Certificate, ...] = ()


def methods(ctx: Context, config: ConnectionConfig, *, initiator: bool) -> tuple[AuthMethod, ...]:
    """The methods of a connection that our keys can do. Without any key, those that it should be able to do."""
    wanted = offered(config, initiator=initiator)
    able = (method for method in wanted if not signs(method, initiator=initiator) or _has_key(ctx, config, method))
    return tuple(able) or wanted


def choose(ctx: Context, sa: IkeSa) -> OwnCredential:
    """Decide who we are, and with what we sign. Raises LocalMisuse if that is not loaded."""
    if not signs(sa.auth_method, initiator=sa.is_initiator):
        return OwnCredential(own_identity(sa, sa.connection))
    local = sa.connection.local[0]
    names = sa.running_handshake().peer_requests or ()
    scheme = scheme_of(sa.auth_method)
    found = ctx.credentials.own_certificate(local, names=names, fits=_fits(scheme))
    if found is None:
        what = f"no certificate with a private key for {sa.auth_method.name} is loaded for {identity_text(local.id)}"
        raise LocalMisuse(what)
    certificate, intermediates = found
    return OwnCredential(identity_of(local, certificate), scheme, certificate, tuple(intermediates))


def certificate_payloads(sa: IkeSa, own: OwnCredential) -> list[Payload]:
    """Our CERT payloads: the certificate first, then its intermediates (RFC 2408 section 3.9)."""
    policy, was_asked = sa.connection.send_cert, sa.running_handshake().peer_requests is not None
    if own.certificate is None or policy is SendCert.NEVER or (policy is SendCert.IF_ASKED and not was_asked):
        return []
    chain = (own.certificate, *own.intermediates)
    return [Cert(CertEncoding.X509_SIGNATURE, certificate.der) for certificate in chain]


def requests(ctx: Context, sa: IkeSa, connections: Sequence[ConnectionConfig]) -> list[Payload]:
    """Our CERTREQ payloads, where the peer is to sign: one for each authority, by its name (RFC 2408 section 3.10)."""
    if not signs(sa.auth_method, initiator=not sa.is_initiator):
        return []
    asking = [config.remote[0] for config in connections if config.send_certreq]
    names = dict.fromkeys(authority.subject for authority in certificates.requested(ctx, asking))
    return [CertReq(CertEncoding.X509_SIGNATURE, name) for name in list(names)[:MAX_REQUESTS]]


MAX_REQUESTS = 20
"""Authorities that we name: peers set limits, and messages get long."""


def _has_key(ctx: Context, config: ConnectionConfig, method: AuthMethod) -> bool:
    try:
        return ctx.credentials.own_certificate(config.local[0], fits=_fits(scheme_of(method))) is not None
    except LocalMisuse:
        return False


def _fits(scheme: SignatureScheme) -> Callable[[PublicKey], bool]:
    """Whether a key can make the signature of a scheme."""
    return lambda key: scheme.kind == key.kind and scheme.curve in ("", key.curve)
