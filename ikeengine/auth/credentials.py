"""The credentials that the core knows: pre-shared keys, authorities, certificates, and which private keys exist.

Private keys themselves are elsewhere (design D3): a signature is asked for by key identifier.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache

from ikeengine.auth.passwords import Passwords
from ikeengine.auth.revocation_cache import RevocationCache
from ikeengine.auth.shared_keys import SharedKeys
from ikeengine.auth.x509 import MAX_ISSUERS, is_signed_by, matches_identity
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.keys import PublicKey
from ikeengine.errors import AuthFailed, LocalMisuse
from ikeengine.model.connection import LocalAuth
from ikeengine.model.credentials import Authority, SharedKey
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import same_identity
from ikeengine.registry import IdType

KEY_ID_OCTETS = 20


class CredentialStore:
    """All credentials of one engine. Only configuration fills it; nothing that a peer sends ever gets in."""

    def __init__(self) -> None:
        self._shared = SharedKeys()
        self.passwords = Passwords()
        self._authorities: dict[str, Authority] = {}
        self._anchors: dict[str, Certificate] = {}
        self._certificates: dict[bytes, Certificate] = {}
        self._key_ids: set[bytes] = set()
        self._responders: dict[bytes, Certificate] = {}
        self.revocation = RevocationCache()
        self._chains: dict[Certificate, tuple[Certificate, ...]] = {}

    def add_shared(self, key: SharedKey) -> None:
        """Add a pre-shared key, or replace the one of that name."""
        self._shared.add(key)

    def remove_shared(self, name: str) -> None:
        """Forget a pre-shared key, if it is there."""
        self._shared.remove(name)

    def shared_names(self) -> tuple[str, ...]:
        """The names of all pre-shared keys."""
        return self._shared.names()

    def find_psk(self, local: Identity, remote: Identity) -> tuple[SharedKey, ...]:
        """The pre-shared keys for a pair of identities, ours first. See `shared_keys` for which ones are best."""
        return self._shared.find(local, remote)

    def add_authority(self, authority: Authority) -> None:
        """Trust a certification authority, or replace the one of that name. Raises LocalMisuse for no certificate."""
        certificate = _parse_configured(authority.certificate, f"the authority `{authority.name}`")
        self._authorities[authority.name] = authority
        self._anchors[authority.name] = certificate
        self._chains.clear()

    def remove_authority(self, name: str) -> None:
        """Trust an authority no longer, if it is there."""
        self._authorities.pop(name, None)
        self._anchors.pop(name, None)
        self._chains.clear()

    def authorities(self) -> tuple[Authority, ...]:
        """All authorities."""
        return tuple(self._authorities.values())

    def anchors(self) -> tuple[Certificate, ...]:
        """The certificates of all authorities, each once."""
        return tuple(dict.fromkeys(self._anchors.values()))

    def add_certificate(self, der: bytes) -> Certificate:
        """Add a certificate of ours or an intermediate one. Raises LocalMisuse for a certificate that is unusable."""
        certificate = _parse_configured(der, "a certificate")
        self._certificates[der] = certificate
        self._chains.clear()
        return certificate

    def remove_certificate(self, der: bytes) -> None:
        """Forget a certificate, if it is there."""
        self._certificates.pop(der, None)
        self._chains.clear()

    def certificates(self) -> tuple[Certificate, ...]:
        """All certificates that were added, authorities not included."""
        return tuple(self._certificates.values())

    def add_responder(self, der: bytes) -> None:
        """Trust somebody to sign OCSP responses about any certificate. Raises LocalMisuse."""
        self._responders[der] = _parse_configured(der, "the certificate of an OCSP responder")

    def remove_responder(self, der: bytes) -> None:
        """Trust a responder no longer, if it is there."""
        self._responders.pop(der, None)

    def responders(self) -> tuple[Certificate, ...]:
        """The OCSP responders that are trusted by configuration."""
        return tuple(self._responders.values())

    def authority_of(self, certificate: Certificate) -> Authority | None:
        """The authority that has this certificate, with the URIs that are configured for it."""
        return next((a for a in self._authorities.values() if a.certificate == certificate.der), None)

    def issuer_of(self, certificate: Certificate) -> Certificate | None:
        """The certificate of who issued one of ours, None if it is not loaded or it is self-signed."""
        return next(iter(self._chain(certificate)), None)

    def add_private_key_id(self, key_id: bytes) -> None:
        """Note that a private key exists. `key_id` is `crypto.sign.PrivateKey.key_id`."""
        self._key_ids.add(key_id)

    def remove_private_key_id(self, key_id: bytes) -> None:
        """Note that a private key is gone."""
        self._key_ids.discard(key_id)

    def has_private_key(self, key_id: bytes) -> bool:
        """Whether a private key exists."""
        return key_id in self._key_ids

    def own_certificate(
        self,
        auth: LocalAuth,
        wanted_ca_hashes: bytes = b"",
        *,
        names: Collection[bytes] = (),
        fits: Callable[[PublicKey], bool] = lambda key: True,
    ) -> tuple[Certificate, tuple[Certificate, ...]] | None:
        """Our certificate for an authentication and the intermediates to send with it, or None.

        Only certificates whose private key exists and, if `auth.id` is set, that prove this identity. `auth.certs`
        come first and exclude others. `wanted_ca_hashes` are the concatenated hashes of the peer's CERTREQ payloads
        (RFC 7296 section 3.7): a certificate below one of these authorities is preferred, but any is better than none.
        `names` are the same for IKEv1, whose CERTREQ payloads hold names in DER. `fits` says which keys are of use.
        """
        wanted = {wanted_ca_hashes[i : i + KEY_ID_OCTETS] for i in range(0, len(wanted_ca_hashes), KEY_ID_OCTETS)}
        first: tuple[Certificate, tuple[Certificate, ...]] | None = None
        for certificate in self._usable(auth):
            chain = self._chain(certificate)
            found = certificate, tuple(c for c in chain if not c.is_self_issued)
            if not fits(certificate.public_key):
                continue
            if not (wanted or names) or _is_below(chain, wanted) or _is_named(certificate, chain, names):
                return found
            first = first or found
        return first

    def _usable(self, auth: LocalAuth) -> Iterator[Certificate]:
        configured = (_parse_configured(der, "a local certificate") for der in auth.certs)
        for certificate in configured if auth.certs else self._certificates.values():
            proves_id = auth.id is None or matches_identity(certificate, auth.id)
            if proves_id and self.has_private_key(certificate.public_key.key_id):
                yield certificate

    def _chain(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """The issuers of one of our certificates, as far as we know them."""
        if certificate not in self._chains:
            self._chains[certificate] = _issuers(certificate, (*self.anchors(), *self.certificates()))
        return self._chains[certificate]


def _is_below(chain: Sequence[Certificate], wanted: Collection[bytes]) -> bool:
    return any(issuer.public_key.key_id in wanted for issuer in chain)


def _is_named(certificate: Certificate, chain: Sequence[Certificate], names: Collection[bytes]) -> bool:
    """Whether one of the issuers has one of these names; an empty one is that of any authority."""
    return b"" in names or any(below.issuer in names for below in (certificate, *chain))


@lru_cache(maxsize=1024)
def _parse_configured(der: bytes, what: str) -> Certificate:
    try:
        return Certificate.from_der(der)
    except AuthFailed as error:
        raise LocalMisuse(f"{what} is unusable: {error.detail}") from None


def _issuers(certificate: Certificate, pool: Sequence[Certificate]) -> tuple[Certificate, ...]:
    chain: list[Certificate] = []
    last = certificate
    while not last.is_self_issued and len(chain) < MAX_ISSUERS:
        issuer = next((c for c in pool if c not in chain and is_signed_by(last, c)), None)
        if issuer is None:
            break
        chain.append(issuer)
        last = issuer
    return tuple(chain)


def own_identity(auth: LocalAuth, certificate: Certificate) -> Identity:
    """The identity to claim with a certificate: the configured one, else the subject, else the first that it proves.

    The octets are those in the certificate, because peers may compare them (RFC 4945 section 3.1.5). Raises
    LocalMisuse if the certificate does not prove the configured identity, or none at all.
    """
    proven = certificate.identities
    if auth.id is not None:
        proven = tuple(identity for identity in proven if same_identity(identity, auth.id))
    if not proven:
        raise LocalMisuse(f"the certificate `{certificate.subject_text}` does not prove the identity to claim")
    return next((identity for identity in proven if identity.type == IdType.ID_DER_ASN1_DN), proven[0])
