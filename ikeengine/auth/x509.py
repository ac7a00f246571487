"""Trust in certificates: chains to a trust anchor, and which identities a certificate proves.

Path validation follows RFC 5280 section 6.1, with the profile of RFC 4945 for IKE. Decisions:

- An anchor is trusted, but not excused: its validity, its CA flag, its path length and its name constraints count too.
- An end-entity certificate that is itself an anchor (a pinned certificate) needs no chain.
- Extended key usage of an end entity, if present, must allow IKE (RFC 4945 section 5.1.3.12), or be one of the usages
  that certificates of VPN gateways and clients carry in practice: serverAuth, clientAuth, and the retired IPsec ones.
  So a certificate for signing code or mail does not open a tunnel.
- Policies are evaluated as section 6.1 says (see `policies`); those of the anchor do not count.
- The common name proves nothing; only subjectAltName and the whole subject do (RFC 4945 section 3.1.9).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from ikeengine.auth.name_constraints import check_names
from ikeengine.auth.policies import ANY_RULES, PolicyRules, check_policies
from ikeengine.crypto.certificate import Certificate
from ikeengine.errors import AuthFailed
from ikeengine.model.failure import Alert
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import is_sound, same_identity

MAX_ISSUERS = 7
"""Most certificates above the end entity; strongSwan's MAX_TRUST_PATH_LEN."""
MAX_SIGNATURES = 32
"""Most signatures that one search verifies, whatever tangle of certificates a peer sends."""

_PURPOSES = frozenset(
    {
        "2.5.29.37.0",  # anyExtendedKeyUsage
        "1.3.6.1.5.5.7.3.17",  # ipsecIKE
        "1.3.6.1.5.5.7.3.1",  # serverAuth
        "1.3.6.1.5.5.7.3.2",  # clientAuth
        "1.3.6.1.5.5.7.3.5",  # ipsecEndSystem
        "1.3.6.1.5.5.7.3.6",  # ipsecTunnel
        "1.3.6.1.5.5.7.3.7",  # ipsecUser
        "1.3.6.1.5.5.8.2.2",  # iKEIntermediate
    }
)


def build_chain(
    leaf: Certificate,
    untrusted: Sequence[Certificate],
    anchors: Sequence[Certificate],
    wall: datetime,
    rules: PolicyRules = ANY_RULES,
) -> tuple[Certificate, ...]:
    """A valid chain from `leaf` to an anchor, both included.

    `untrusted` are the certificates that may serve as intermediates, such as those the peer sent; `wall` is the time,
    aware. Raises AuthFailed whose `check` is the Alert value of what is wrong with the first chain that was found, or
    of why none was.
    """
    search = _Search(untrusted, anchors)
    failure: AuthFailed | None = None
    for chain in search.chains((leaf,)):
        try:
            check_chain(chain, wall, rules)
        except AuthFailed as error:
            failure = failure or error
        else:
            return chain
    raise failure or search.failure or _no_issuer(leaf)


class _Search:
    """Depth-first search for chains whose names and signatures fit. `failure` says why the first try went nowhere."""

    def __init__(self, untrusted: Sequence[Certificate], anchors: Sequence[Certificate]) -> None:
        self._anchors = frozenset(anchors)
        self._candidates = tuple(dict.fromkeys((*anchors, *untrusted)))
        self._signatures = 0
        self.failure: AuthFailed | None = None

    def chains(self, path: tuple[Certificate, ...]) -> Iterator[tuple[Certificate, ...]]:
        """All chains that continue `path`, which starts at the end entity."""
        last = path[-1]
        if last in self._anchors:
            yield path
            return
        if len(path) > MAX_ISSUERS:
            detail = f"more than {MAX_ISSUERS} certificates above `{path[0].subject_text}`"
            self._fail(Alert.CERT_EXCEEDED_PATH_LEN, detail)
            return
        issuers = [c for c in self._candidates if c.subject_rdns == last.issuer_rdns and c not in path]
        if not issuers:
            self.failure = self.failure or _no_issuer(last)
        for issuer in sorted(issuers, key=lambda candidate: not _key_ids_agree(last, candidate)):
            if self._signed(last, issuer):
                yield from self.chains((*path, issuer))

    def _signed(self, certificate: Certificate, issuer: Certificate) -> bool:
        if self._signatures >= MAX_SIGNATURES:
            self._fail(Alert.CERT_VALIDATION_FAILED, f"no chain found within {MAX_SIGNATURES} signatures")
            return False
        self._signatures += 1
        try:
            certificate.check_signature(issuer.public_key)
        except AuthFailed as error:
            self.failure = self.failure or error
            return False
        return True

    def _fail(self, alert: Alert, detail: str) -> None:
        self.failure = self.failure or AuthFailed(alert.value, detail)


def is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether names and signature say that `issuer` issued a certificate."""
    if certificate.issuer_rdns != issuer.subject_rdns:
        return False
    try:
        certificate.check_signature(issuer.public_key)
    except AuthFailed:
        return False
    return True


def _key_ids_agree(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the key identifiers do not speak against the issuer. Only a hint: try those that agree first."""
    wanted, found = certificate.extensions.authority_key_id, issuer.extensions.subject_key_id
    return not wanted or not found or wanted == found


def _no_issuer(certificate: Certificate) -> AuthFailed:
    if certificate.is_self_issued:
        detail = f"{certificate.described} is self-signed and not among the trusted authorities"
        return AuthFailed(Alert.CERT_UNTRUSTED_ROOT.value, detail)
    detail = f"the issuer of {certificate.described} is not known"
    return AuthFailed(Alert.CERT_NO_ISSUER.value, detail)


def check_chain(chain: Sequence[Certificate], wall: datetime, rules: PolicyRules = ANY_RULES) -> None:
    """Check everything but signatures and revocation of a chain that starts at the end entity. Raises AuthFailed."""
    _check_end_entity(chain[0])
    _check_path(chain, wall)
    check_policies(chain, rules)


def find_signer_chain(
    signer: Certificate, untrusted: Sequence[Certificate], anchors: Sequence[Certificate], wall: datetime
) -> tuple[Certificate, ...] | None:
    """A valid chain for a certificate whose key signs CRLs, None if there is none."""
    for chain in _Search(untrusted, anchors).chains((signer,)):
        try:
            _check_path(chain, wall)
        except AuthFailed:
            continue
        return chain
    return None


def _check_path(chain: Sequence[Certificate], wall: datetime) -> None:
    for certificate in chain:
        _check_validity(certificate, wall)
        _check_critical_extensions(certificate)
    for position, issuer in enumerate(chain[1:], 1):
        _check_issuer(issuer)
        below = chain[:position]
        _check_path_length(issuer, below)
        _check_name_constraints(issuer, below)


def _check_validity(certificate: Certificate, wall: datetime) -> None:
    if wall > certificate.not_after:
        detail = f"{certificate.described} expired on {certificate.not_after:%Y-%m-%d %H:%M:%S} UTC"
        raise AuthFailed(Alert.CERT_EXPIRED.value, detail)
    if wall < certificate.not_before:
        detail = f"{certificate.described} is not valid before {certificate.not_before:%Y-%m-%d %H:%M:%S} UTC"
        raise AuthFailed(Alert.CERT_EXPIRED.value, detail)


def _check_critical_extensions(certificate: Certificate) -> None:
    unknown = certificate.extensions.unknown_critical
    if unknown:
        raise _invalid(f"{certificate.described} has the critical extension {unknown[0]}, which is not known here")


def _check_end_entity(leaf: Certificate) -> None:
    usage = leaf.extensions.key_usage
    if usage is not None and not usage & {"digital_signature", "content_commitment"}:
        raise _invalid(f"the key usage of {leaf.described} does not allow signatures")
    purposes = leaf.extensions.extended_key_usage
    if purposes is not None and _PURPOSES.isdisjoint(purposes):
        raise _invalid(f"the extended key usage of {leaf.described} does not allow IKE: {', '.join(purposes)}")


def _check_issuer(issuer: Certificate) -> None:
    if not issuer.is_ca:
        raise _invalid(f"{issuer.described} is not a certification authority")
    usage = issuer.extensions.key_usage
    if usage is not None and "key_cert_sign" not in usage:
        raise _invalid(f"the key usage of {issuer.described} does not allow to sign certificates")


def _check_path_length(issuer: Certificate, below: Sequence[Certificate]) -> None:
    """Count the intermediates between an authority and the end entity; self-issued ones are free."""
    if issuer.path_length is None:
        return
    intermediates = sum(not certificate.is_self_issued for certificate in below[1:])
    if intermediates > issuer.path_length:
        detail = f"{issuer.described} allows {issuer.path_length} intermediates below it, not {intermediates}"
        raise AuthFailed(Alert.CERT_EXCEEDED_PATH_LEN.value, detail)


def _check_name_constraints(issuer: Certificate, below: Sequence[Certificate]) -> None:
    constraints = issuer.extensions.name_constraints
    if constraints is None:
        return
    check_names(below[0], constraints)
    for certificate in below[1:]:
        if not certificate.is_self_issued:
            check_names(certificate, constraints)


def _invalid(detail: str) -> AuthFailed:
    return AuthFailed(Alert.CERT_VALIDATION_FAILED.value, detail)


def matches_identity(certificate: Certificate, identity: Identity) -> bool:
    """Whether a certificate proves an identity (RFC 4945 section 3.1): no wildcards, no common names, no key IDs."""
    return is_sound(identity) and any(same_identity(proven, identity) for proven in certificate.identities)


def certreq_hashes(anchors: Sequence[Certificate]) -> bytes:
    """The authorities of a CERTREQ payload: the SHA-1 of each one's SubjectPublicKeyInfo (RFC 7296 section 3.7)."""
    return b"".join(dict.fromkeys(anchor.public_key.key_id for anchor in anchors))
