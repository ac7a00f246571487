"""Raw public keys in the place of certificates (RFC 7670). Only a key that the configuration names is ever trusted."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.crypto.keys import PublicKey
from ikeengine.crypto.sign import check_allowed, decode_auth, verify
from ikeengine.errors import AuthFailed
from ikeengine.model.connection import RemoteAuth
from ikeengine.model.identity import Identity
from ikeengine.registry import CertEncoding, HashId, IdType
from ikeengine.wire.payloads import Auth, Cert


def key_identity(key: PublicKey) -> Identity:
    """The identity of a raw key for want of another one: the SHA-1 of its SubjectPublicKeyInfo, as in strongSwan."""
    return Identity(IdType.ID_KEY_ID, key.key_id)


def payload(key: PublicKey) -> Cert:
    """The CERT payload with our key (RFC 7670 section 3)."""
    return Cert(CertEncoding.RAW_PUBLIC_KEY, key.der)


def candidates(remote: RemoteAuth, payloads: Sequence[Cert], certified: PublicKey | None) -> list[PublicKey]:
    """The configured keys that the peer may have signed with. Raises AuthFailed if it names another one.

    `certified` is the key of the certificate that the peer sent, if it sent one.
    """
    configured = [PublicKey.from_der(der) for der in remote.pubkeys]
    named = [cert.data for cert in payloads if cert.encoding == CertEncoding.RAW_PUBLIC_KEY]
    wanted = named[0] if named else certified.der if certified is not None else None
    if wanted is None:
        return configured
    chosen = [key for key in configured if key.der == wanted]
    if not chosen:
        raise AuthFailed("raw-key", "the peer's public key is none of `remote.pubkeys`")
    return chosen


def check(
    keys: Sequence[PublicKey], auth: Auth, octets: bytes, hashes: tuple[HashId, ...] | None, remote: RemoteAuth
) -> None:
    """Check the peer's signature with the keys that it may have used. Raises AuthFailed with what is wrong with the
    last one.
    """
    failure: AuthFailed | None = None
    for key in keys:
        try:
            scheme, signature = decode_auth(key, auth.method, auth.data)
            check_allowed(key, scheme, hashes, remote.schemes)
            verify(key, scheme, signature, octets)
        except AuthFailed as error:
            failure = error
        else:
            return
    raise failure or AuthFailed("raw-key", "no public key of the peer is configured")
