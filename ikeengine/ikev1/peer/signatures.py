"""The peer's signature over HASH_I or HASH_R, and the certificate that it belongs to (RFC 2409 section 5.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ikeengine.auth.demands import check_demands
from ikeengine.auth.x509 import matches_identity
from ikeengine.crypto import pkcs7
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.sign import verify
from ikeengine.errors import AuthFailed, InvalidSyntax
from ikeengine.ikev1.peer import choice, proof
from ikeengine.ikev1.peer.methods import scheme_of
from ikeengine.ikev1.sa import IkeSa, Keyring
from ikeengine.ikev1.wire.message import Chain
from ikeengine.ikev1.wire.payloads import Cert, Signature
from ikeengine.model.connection import ConnectionConfig, RemoteAuth
from ikeengine.model.identity import Identity
from ikeengine.model.immutable import immutable
from ikeengine.registry import CertEncoding
from ikeengine.sa.context import Context
from ikeengine.sa.peer.certificates import peer_chain


@immutable
class Believed:
    """A peer that has proven its identity, if its certificates are not revoked."""

    connection: ConnectionConfig
    chain: tuple[Certificate, ...]
    payloads: tuple[Cert, ...]

    @property
    def remote(self) -> RemoteAuth:
        """What was demanded of it."""
        return self.connection.remote[0]


def check(ctx: Context, sa: IkeSa, keyring: Keyring, chain: Chain) -> Believed:
    """Check the signature of a message with all that belongs to it. Raises AuthFailed, or InvalidSyntax.

    Of several connections for the peer, the first one is taken whose demands are met.
    """
    signature = chain.first(Signature)
    if signature is None:
        raise InvalidSyntax("a proof of identity without SIG payload")
    identity, id_body = proof.claimed(sa, chain)
    sa.remote_id = identity
    signed = proof.peer_hash(sa, keyring, id_body)
    payloads = tuple(_unwrapped(chain.all(Cert), identity))
    failure: AuthFailed | None = None
    for connection in choice.fitting(sa.running_handshake().candidates, identity):
        try:
            trusted = _check(ctx, sa, connection.remote[0], identity, payloads, signature.data, signed)
        except AuthFailed as error:
            failure = failure or error
        else:
            return Believed(connection, trusted, payloads)
    raise failure or AssertionError("there is a connection for the peer")


def _check(
    ctx: Context,
    sa: IkeSa,
    remote: RemoteAuth,
    identity: Identity,
    payloads: Sequence[Cert],
    signature: bytes,
    signed: bytes,
) -> tuple[Certificate, ...]:
    chain = peer_chain(ctx, remote, identity, payloads)
    if remote.schemes:
        # IKEv1 does not say which hash was signed, so only the key counts.
        check_demands(chain[:1], replace(remote, chain_constraints=remote.schemes, cert_policy=()))
    verify(chain[0].public_key, scheme_of(sa.auth_method), signature, signed)
    return chain


def _unwrapped(payloads: Sequence[Cert], identity: Identity) -> Iterator[Cert]:
    """The CERT payloads with every certificate in one of its own; of wrapped ones the peer's own goes first."""
    for payload in payloads:
        if payload.encoding != CertEncoding.PKCS7:
            yield payload
            continue
        wrapped = map(Certificate.from_der, pkcs7.unwrap(payload.data))
        for certificate in sorted(wrapped, key=lambda one: not matches_identity(one, identity)):
            yield Cert(CertEncoding.X509_SIGNATURE, certificate.der)
