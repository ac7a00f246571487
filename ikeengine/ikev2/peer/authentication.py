"""The AUTH payload: making our own and checking the peer's (RFC 7296 section 2.15, RFC 7427)."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from functools import lru_cache

from ikeengine.auth import x509
from ikeengine.auth.credentials import own_identity
from ikeengine.auth.octets import signed_octets
from ikeengine.auth.psk import psk_auth
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.keys import PublicKey
from ikeengine.crypto.sign import SignatureScheme, candidate_schemes, check_allowed, decode_auth, encode_auth, verify
from ikeengine.errors import AuthFailed, LocalMisuse
from ikeengine.ikev2.peer import hash_and_url, raw_keys, stapling
from ikeengine.ikev2.sa import Handshake, IkeSa
from ikeengine.model.connection import AuthKind, LocalAuth, RemoteAuth, SendCert
from ikeengine.model.credentials import SharedKey
from ikeengine.model.identity import Identity
from ikeengine.model.immutable import immutable
from ikeengine.model.proposal import IkeSuite
from ikeengine.negotiate.identities import address_identity, format_identity, matches
from ikeengine.outputs import AskSignature
from ikeengine.registry import AuthMethod, CertEncoding, HashId, NotifyType
from ikeengine.sa.context import Context
from ikeengine.sa.peer import certificates, vetting
from ikeengine.sa.states import Answer
from ikeengine.wire.payloads import Auth, Cert, CertReq, Notify, Payload

ACCEPTED_HASHES = (HashId.SHA2_256, HashId.SHA2_384, HashId.SHA2_512, HashId.IDENTITY)
"""What we announce in SIGNATURE_HASH_ALGORITHMS. Never SHA-1 (RFC 7427 section 4)."""
_OUR_HASHES = Notify(
    NotifyType.SIGNATURE_HASH_ALGORITHMS, b"".join(hash_id.to_bytes(2, "big") for hash_id in ACCEPTED_HASHES)
)


@immutable
class OwnCredential:
    """Who we are on an IKE SA, and what proves it."""

    auth: LocalAuth
    identity: Identity
    key: PublicKey | None = None
    """The public half of the key that signs; None with a pre-shared key."""
    scheme: SignatureScheme | None = None
    certificate: Certificate | None = None
    intermediates: tuple[Certificate, ...] = ()


def hashes_notify(ctx: Context) -> list[Payload]:
    """Our SIGNATURE_HASH_ALGORITHMS notify, unless `signature_authentication` is off."""
    if not ctx.settings.signature_authentication:
        return []
    return [_OUR_HASHES]


def read_hashes(ctx: Context, notify: Notify | None) -> tuple[HashId, ...] | None:
    """The peer's hash algorithms; None if it does not speak RFC 7427, or we do not."""
    if notify is None or len(notify.data) % 2 or not ctx.settings.signature_authentication:
        return None
    return _hashes(notify.data)


@lru_cache(maxsize=64)
def _hashes(data: bytes) -> tuple[HashId, ...]:
    return tuple(HashId(int.from_bytes(data[i : i + 2], "big")) for i in range(0, len(data), 2))


def certificate_request(ctx: Context, remotes: Sequence[RemoteAuth]) -> list[Payload]:
    """The CERTREQ payloads for the authorities that we trust and for raw keys, if they are wanted at all."""
    payloads: list[Payload] = []
    authorities = certificates.requested(ctx, remotes)
    if authorities:
        payloads.append(CertReq(CertEncoding.X509_SIGNATURE, x509.certreq_hashes(authorities)))
    if any(remote.pubkeys for remote in remotes):
        payloads.append(CertReq(CertEncoding.RAW_PUBLIC_KEY, b""))
    return payloads


_HASHES_IN = (CertEncoding.X509_SIGNATURE, CertEncoding.HASH_AND_URL_X509, CertEncoding.HASH_AND_URL_BUNDLE)


def read_certificate_request(handshake: Handshake, requests: Sequence[CertReq]) -> None:
    """Note what the peer asks for (RFC 7296 section 3.7, RFC 7670 section 3)."""
    hashes = [request.authorities for request in requests if request.encoding in _HASHES_IN]
    if hashes:
        handshake.peer_authorities = b"".join(hashes)
    kinds = {request.encoding for request in requests}
    handshake.peer_asks_raw |= CertEncoding.RAW_PUBLIC_KEY in kinds
    handshake.peer_asks_ocsp |= CertEncoding.OCSP_CONTENT in kinds


def choose_own(ctx: Context, sa: IkeSa, handshake: Handshake) -> OwnCredential:
    """Decide who we are in the present round and with what we sign. Raises LocalMisuse if that is not loaded."""
    auth = handshake.rounds.local(sa.connection)
    if auth.auth is AuthKind.PSK:
        return OwnCredential(auth, auth.id or address_identity(sa.path.local))
    if auth.pubkeys and not auth.certs:
        key = _own_raw_key(ctx, auth)
        identity = auth.id or raw_keys.key_identity(key)
        return OwnCredential(auth, identity, key, _scheme(key, handshake, auth))
    found = ctx.credentials.own_certificate(auth, handshake.peer_authorities or b"")
    if found is None:
        raise LocalMisuse(f"no certificate with a private key is loaded for {_shown(auth.id)}")
    certificate, intermediates = found
    key = certificate.public_key
    scheme = _scheme(key, handshake, auth)
    return OwnCredential(auth, own_identity(auth, certificate), key, scheme, certificate, tuple(intermediates))


def _own_raw_key(ctx: Context, auth: LocalAuth) -> PublicKey:
    keys = [PublicKey.from_der(der) for der in auth.pubkeys]
    usable = [key for key in keys if ctx.credentials.has_private_key(key.key_id)]
    if not usable:
        raise LocalMisuse("no private key is loaded for any of `local.pubkeys`")
    return usable[0]


def _scheme(key: PublicKey, handshake: Handshake, auth: LocalAuth) -> SignatureScheme:
    schemes = candidate_schemes(key, handshake.peer_hashes, auth.schemes)
    if schemes:
        return schemes[0]
    hashes = handshake.peer_hashes
    announced = "no SIGNATURE_HASH_ALGORITHMS" if hashes is None else ", ".join(h.name for h in hashes) or "no hash"
    allowed = f" and `auth` allows {', '.join(auth.schemes)}" if auth.schemes else ""
    raise LocalMisuse(
        f"no signature scheme fits our {key.kind} key of {key.bits} bits: the peer announced {announced}{allowed}"
    )


def certificate_payloads(ctx: Context, sa: IkeSa, own: OwnCredential, handshake: Handshake) -> list[Payload]:
    """Our CERT payloads: the certificate first, its intermediates, and its status if the peer asks; or our raw key."""
    policy = sa.connection.send_cert
    if own.certificate is None:
        wanted = policy is SendCert.ALWAYS or (policy is SendCert.IF_ASKED and handshake.peer_asks_raw)
        return [raw_keys.payload(own.key)] if own.key is not None and wanted else []
    if policy is SendCert.NEVER or (policy is SendCert.IF_ASKED and handshake.peer_authorities is None):
        return []
    chain = (own.certificate, *own.intermediates)
    sent = [hash_and_url.certificate_payload(ctx, handshake, certificate) for certificate in chain]
    return [*sent, *stapling.own_status(ctx, sa, handshake)]


def begin_own(ctx: Context, sa: IkeSa, handshake: Handshake, id_body: bytes, peer: Identity) -> Auth | None:
    """Make our AUTH payload, or ask for a signature and return None: it comes as `Answer.SIGNED`.

    Raises LocalMisuse if there is no pre-shared key for us and the peer.
    """
    own, keys, suite = handshake.own, *sa.keys_and_suite()
    if own is None:
        raise AssertionError("our credential is chosen before it is used")
    octets = signed_octets(handshake.init_own, handshake.nonce_peer, suite.prf.id, keys.sk_p_own, id_body)
    octets += handshake.int_auth.octets(is_initiator=sa.is_initiator)
    if own.scheme is None or own.key is None:
        shared = _own_psk(ctx, sa, own.identity, peer)
        return Auth(AuthMethod.SHARED_KEY, psk_auth(suite.prf.id, shared.secret, octets))
    op = ctx.ask(sa, Answer.SIGNED)
    ctx.emit(AskSignature(op, own.key.key_id, own.scheme.name, octets))
    return None


def _own_psk(ctx: Context, sa: IkeSa, own: Identity, peer: Identity) -> SharedKey:
    """The key that the peer has proven to know, otherwise the first one for us and the peer. Raises LocalMisuse."""
    keys = ctx.credentials.find_psk(own, peer)
    if not keys:
        raise LocalMisuse(f"no pre-shared key for {format_identity(own)} and {format_identity(peer)}")
    return next((key for key in keys if key.name == sa.shared_key), keys[0])


def finish_own(handshake: Handshake, signature: bytes) -> Auth:
    """Our AUTH payload from the signature that we asked for."""
    if handshake.own is None or handshake.own.scheme is None:
        raise AssertionError("a signature was asked for with a scheme")
    method, data = encode_auth(handshake.own.scheme, signature)
    return Auth(method, data)


def check_peer(
    ctx: Context, sa: IkeSa, handshake: Handshake, auth: Auth, id_body: bytes, payloads: Sequence[Cert]
) -> None:
    """Check the peer's AUTH payload against what the connection demands in this round. Raises AuthFailed.

    `sa.remote_id` holds the identity that the peer claims, `sa.local_id` ours (for the choice of a pre-shared key).
    """
    keys, suite = sa.keys_and_suite()
    remote, identity = handshake.rounds.remote(sa.connection), sa.remote_id
    if identity is None or not matches(remote.id, identity):
        raise AuthFailed("identity", f"the peer is {_shown(identity)}, but `remote.id` wants {remote.id.text}")
    octets = signed_octets(handshake.init_peer, handshake.nonce_own, suite.prf.id, keys.sk_p_peer, id_body)
    octets += handshake.int_auth.octets(is_initiator=sa.is_initiator)
    if remote.auth is AuthKind.PSK:
        _check_psk(ctx, sa, suite, auth, octets)
    else:
        _check_signature(ctx, sa, handshake, auth, octets, payloads)


def _check_psk(ctx: Context, sa: IkeSa, suite: IkeSuite, auth: Auth, octets: bytes) -> None:
    if auth.method != AuthMethod.SHARED_KEY:
        raise AuthFailed("method", f"the peer used {auth.method.name}, but `remote.auth` is psk")
    local, remote = sa.local_id, sa.remote_id
    keys = ctx.credentials.find_psk(local, remote) if local is not None and remote is not None else ()
    if not keys:
        raise AuthFailed("no-secret", f"no pre-shared key is loaded for {_shown(local)} and {_shown(remote)}")
    right = [key for key in keys if hmac.compare_digest(auth.data, psk_auth(suite.prf.id, key.secret, octets))]
    if not right:
        raise AuthFailed("psk", "the peer does not use the same pre-shared key")
    sa.shared_key = right[0].name


def _check_signature(
    ctx: Context, sa: IkeSa, handshake: Handshake, auth: Auth, octets: bytes, payloads: Sequence[Cert]
) -> None:
    if auth.method == AuthMethod.SHARED_KEY:
        raise AuthFailed("method", "the peer used a pre-shared key, but `remote.auth` is pubkey")
    if auth.method == AuthMethod.DIGITAL_SIGNATURE and not ctx.settings.signature_authentication:
        raise AuthFailed("method", "the peer used RFC 7427, but `engine.signature_authentication` is off")
    remote, identity = handshake.rounds.remote(sa.connection), sa.remote_id
    if identity is None:
        raise AuthFailed("identity", "the peer did not say who it is")
    if remote.pubkeys:
        sent = certificates.sent_certificates(payloads)[0]
        if sent is None or certificates.only_raw(remote):
            keys = raw_keys.candidates(remote, payloads, None if sent is None else sent.public_key)
            raw_keys.check(keys, auth, octets, handshake.peer_hashes, remote)
            return
    chain = certificates.peer_chain(ctx, remote, identity, payloads)
    key = chain[0].public_key
    scheme, signature = decode_auth(key, auth.method, auth.data)
    check_allowed(key, scheme, handshake.peer_hashes, remote.schemes)
    verify(key, scheme, signature, octets)
    vetting.plan_peer(ctx, handshake.checks, remote, chain, payloads)


def _shown(identity: Identity | None) -> str:
    return "%any" if identity is None else format_identity(identity)
