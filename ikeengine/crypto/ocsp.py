"""OCSP requests and responses (RFC 6960), parsed once, completely, or not at all. See `auth.ocsp_check` for trust."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import SignatureAlgorithmOID

from ikeengine.crypto import der, names
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.crl import UNSPECIFIED, Revoked
from ikeengine.crypto.der_object import DerObject, unusable
from ikeengine.crypto.keys import PublicKey
from ikeengine.crypto.signed import Parameters, Signed, check_signed
from ikeengine.errors import AuthFailed
from ikeengine.model.immutable import immutable

MAX_RESPONSE_OCTETS = 64 << 10
MAX_SINGLES = 64
MAX_RESPONDER_CERTIFICATES = 8
NONCE_OCTETS = 32
"""RFC 8954 section 2.1."""

_RSA = (
    SignatureAlgorithmOID.RSA_WITH_SHA256,
    SignatureAlgorithmOID.RSA_WITH_SHA384,
    SignatureAlgorithmOID.RSA_WITH_SHA512,
)
_ECDSA = (
    SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384,
    SignatureAlgorithmOID.ECDSA_WITH_SHA512,
)
_EDWARDS = (SignatureAlgorithmOID.ED25519, SignatureAlgorithmOID.ED448)


def make_request(certificate: Certificate, issuer: Certificate, nonce: bytes) -> bytes:
    """The DER of a request for the status of one certificate."""
    digest = hashes.SHA1()  # noqa: S303  names a certificate, as RFC 5019 section 2.1.1 wants it; protects nothing
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        hashlib.sha1(issuer.subject, usedforsecurity=False).digest(),
        hashlib.sha1(_key_bits(issuer.public_key), usedforsecurity=False).digest(),
        certificate.serial,
        digest,
    )
    return builder.add_extension(x509.OCSPNonce(nonce), critical=False).build().public_bytes(Encoding.DER)


@immutable
class Single:
    """The status of one certificate. `revoked` is set if it is revoked; neither that nor good means unknown."""

    hash_name: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int
    is_good: bool
    revoked: Revoked | None
    this_update: datetime
    next_update: datetime | None

    def is_for(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Whether it is about this certificate of this issuer."""
        if self.serial != certificate.serial or self.hash_name not in hashlib.algorithms_available:
            return False
        return (
            hashlib.new(self.hash_name, issuer.subject, usedforsecurity=False).digest() == self.issuer_name_hash
            and hashlib.new(self.hash_name, _key_bits(issuer.public_key), usedforsecurity=False).digest()
            == self.issuer_key_hash
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OcspResponse(DerObject):
    """A successful basic response. The responder is known by the hash of its key or by its name. Equal by its DER."""

    NOUN: ClassVar[str] = "OCSP response"

    der: bytes
    responder_key_hash: bytes
    responder_rdns: tuple[names.Rdn, ...] | None
    produced_at: datetime
    nonce: bytes | None
    certificates: tuple[Certificate, ...]
    """Those that come with the response and are usable."""
    singles: tuple[Single, ...]
    _signed: Signed

    @classmethod
    def _parse(cls, encoded: bytes) -> Self:
        if len(encoded) > MAX_RESPONSE_OCTETS:
            raise _unusable(f"{len(encoded)} octets are too many")
        library = ocsp.load_der_ocsp_response(encoded)
        if library.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise _unusable(f"the responder answers {library.response_status.name.lower()}")
        nonce = None
        for extension in library.extensions:
            if isinstance(extension.value, x509.OCSPNonce):
                nonce = extension.value.nonce
            elif extension.critical:
                raise _unusable(f"it has the critical extension {extension.oid.dotted_string}, not known here")
        name = library.responder_name
        return cls(
            der=encoded,
            responder_key_hash=library.responder_key_hash or b"",
            responder_rdns=names.comparable(name.public_bytes()) if name is not None else None,
            produced_at=library.produced_at_utc,
            nonce=nonce,
            certificates=_certificates(library),
            singles=_singles(library),
            _signed=Signed(
                library.tbs_response_bytes, library.signature, library.signature_hash_algorithm, _parameters(library)
            ),
        )

    def names_responder(self, certificate: Certificate) -> bool:
        """Whether the response says that this is who made it."""
        if self.responder_rdns is not None:
            return self.responder_rdns == certificate.subject_rdns
        return (
            hashlib.sha1(_key_bits(certificate.public_key), usedforsecurity=False).digest() == self.responder_key_hash
        )

    @property
    def responder_text(self) -> str:
        """Who made the response, for people."""
        named = [c.subject_text for c in self.certificates if self.names_responder(c)]
        return f"`{named[0]}`" if named else f"key {self.responder_key_hash.hex()}" if self.responder_key_hash else "?"

    def check_signature(self, key: PublicKey) -> None:
        """Check that `key` signed the response. Raises AuthFailed("cert-validation-failed")."""
        try:
            check_signed(key, self._signed)
        except Exception as error:  # noqa: BLE001  a bad signature, another key, a forbidden hash: all the same
            raise _unusable(f"its signature does not verify: {type(error).__name__} {error}".strip()) from None

    def __repr__(self) -> str:
        return f"<OCSP response for {len(self.singles)} certificates>"


def _unusable(detail: str) -> AuthFailed:
    return unusable(OcspResponse.NOUN, detail)


def _key_bits(key: PublicKey) -> bytes:
    """The subjectPublicKey without tag, length and number of unused bits, which is what CertID hashes."""
    parts = list(der.elements(der.only(key.der, der.SEQUENCE)))
    return parts[1][1][1:]


def _parameters(library: ocsp.OCSPResponse) -> Parameters:
    oid, algorithm = library.signature_algorithm_oid, library.signature_hash_algorithm
    if oid in _RSA:
        return PKCS1v15()
    if oid in _ECDSA and algorithm is not None:
        return ECDSA(algorithm)
    if oid in _EDWARDS:
        return None
    raise _unusable(f"signatures with {oid.dotted_string} are not accepted")


def _certificates(library: ocsp.OCSPResponse) -> tuple[Certificate, ...]:
    found = []
    for certificate in library.certificates[:MAX_RESPONDER_CERTIFICATES]:
        try:
            found.append(Certificate.from_der(certificate.public_bytes(Encoding.DER)))
        except AuthFailed:
            continue  # of no use to us; whether it was needed shows when the responder is looked for
    return tuple(found)


def _singles(library: ocsp.OCSPResponse) -> tuple[Single, ...]:
    found: list[Single] = []
    for single in library.responses:
        if len(found) >= MAX_SINGLES:
            raise _unusable(f"more than {MAX_SINGLES} certificates")
        found.append(_single(single))
    return tuple(found)


def _single(single: ocsp.OCSPSingleResponse) -> Single:
    revoked = None
    if single.certificate_status is ocsp.OCSPCertStatus.REVOKED and single.revocation_time_utc is not None:
        reason = single.revocation_reason
        revoked = Revoked(single.revocation_time_utc, reason.value if reason else UNSPECIFIED)
    return Single(
        hash_name=single.hash_algorithm.name,
        issuer_name_hash=single.issuer_name_hash,
        issuer_key_hash=single.issuer_key_hash,
        serial=single.serial_number,
        is_good=single.certificate_status is ocsp.OCSPCertStatus.GOOD,
        revoked=revoked,
        this_update=single.this_update_utc,
        next_update=single.next_update_utc,
    )
