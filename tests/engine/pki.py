"""Certificates for tests, made in memory. Keys are made once a session; elliptic curves, because they are fast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.sign import PrivateKey

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)

_ATTRIBUTES = {
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "E": NameOID.EMAIL_ADDRESS,
}
_CURVES = {
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
    "bp256": ec.BrainpoolP256R1(),
    "p224": ec.SECP224R1(),
    "k256": ec.SECP256K1(),
}


def library_key(kind: str = "p256", name: str = "") -> Any:
    """A private key of the library. Different names have different keys."""
    return _make_key(kind, name)


@cache
def _make_key(kind: str, _name: str) -> Any:
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


def pem(key: Any, password: bytes | None = None) -> bytes:
    """PKCS#8 in PEM."""
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def private_key(kind: str = "p256", name: str = "") -> PrivateKey:
    """The same key as `library_key`, as the engine loads it."""
    return _load_key(kind, name)


@cache
def _load_key(kind: str, name: str) -> PrivateKey:
    return PrivateKey.load(pem(library_key(kind, name)))


def library_name(text: str) -> x509.Name:
    """A name of the library from a text without escapes."""
    pairs = [part.strip().split("=", 1) for part in text.split(",")] if text else []
    return x509.Name([x509.NameAttribute(_ATTRIBUTES[key], value) for key, value in pairs])


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: Certificate
    library_key: Any
    subject: str

    @property
    def der(self) -> bytes:
        return self.certificate.der


def issue(
    subject: str = "C=CH, O=Example, CN=moon",
    issuer: Issued | None = None,
    *,
    kind: str = "p256",
    key: str = "",
    ca: bool | None = False,
    path_length: int | None = None,
    sans: Iterable[x509.GeneralName] = (),
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    not_before: datetime = NOW - DAY,
    not_after: datetime = NOW + DAY,
    algorithm: Any = None,
    sign_with: Any = None,
    issuer_name: str = "",
) -> Issued:
    """A certificate; self-signed without an issuer. `ca` None leaves basicConstraints out."""
    own_key = library_key(kind, key or subject)
    signing_key = sign_with or (issuer.library_key if issuer else own_key)
    issuer_text = issuer_name or (issuer.subject if issuer else subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(library_name(subject))
        .issuer_name(library_name(issuer_text))
        .public_key(own_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    if sans := list(sans):
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    if algorithm is None and not isinstance(signing_key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        algorithm = hashes.SHA256()
    encoded = builder.sign(signing_key, algorithm).public_bytes(serialization.Encoding.DER)
    return Issued(Certificate.from_der(encoded), own_key, subject)


def authority(subject: str = "C=CH, O=Example, CN=Root", issuer: Issued | None = None, **options: Any) -> Issued:
    """A certification authority."""
    return issue(subject, issuer, ca=True, **options)


def dns(*values: str) -> list[x509.GeneralName]:
    """Alternative names for `issue`."""
    return [x509.DNSName(value) for value in values]


def key_usage(**allowed: bool) -> x509.KeyUsage:
    """A KeyUsage with only these bits."""
    bits = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{bit: allowed.get(bit, False) for bit in bits.split()})


def crl_at(*uris: str) -> tuple[x509.ExtensionType, bool]:
    """An extension that says where the CRL of the issuer is."""
    points = [x509.DistributionPoint([x509.UniformResourceIdentifier(uri)], None, None, None) for uri in uris]
    return x509.CRLDistributionPoints(points), False


def ocsp_at(*uris: str) -> tuple[x509.ExtensionType, bool]:
    """An extension that says where the OCSP responder of the issuer is."""
    method = AuthorityInformationAccessOID.OCSP
    accesses = [x509.AccessDescription(method, x509.UniformResourceIdentifier(uri)) for uri in uris]
    return x509.AuthorityInformationAccess(accesses), False


def make_crl(
    issuer: Issued,
    *revoked: Issued,
    at: datetime = NOW,
    number: int = 1,
    base: int | None = None,
    lifetime: timedelta = DAY,
    reason: x509.ReasonFlags | None = None,
    sign_with: Any = None,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """A CRL (DER), issued at a time; a delta CRL if there is the number of a `base`."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(library_name(issuer.subject))
        .last_update(at)
        .next_update(at + lifetime)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    if base is not None:
        builder = builder.add_extension(x509.DeltaCRLIndicator(base), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for issued in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(issued.certificate.serial).revocation_date(at)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(sign_with or issuer.library_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def make_ocsp(
    subject: Issued,
    issuer: Issued,
    *,
    at: datetime = NOW,
    status: str = "good",
    lifetime: timedelta | None = timedelta(hours=1),
    signer: Issued | None = None,
    sends_signer: bool = True,
    nonce: bytes | None = None,
    by_name: bool = False,
    about: Issued | None = None,
) -> bytes:
    """An OCSP response (DER): `status` is good, revoked or unknown; `about` another issuer to name."""
    statuses = {
        "good": ocsp.OCSPCertStatus.GOOD,
        "revoked": ocsp.OCSPCertStatus.REVOKED,
        "unknown": ocsp.OCSPCertStatus.UNKNOWN,
    }
    by = signer or issuer
    encoding = ocsp.OCSPResponderEncoding.NAME if by_name else ocsp.OCSPResponderEncoding.HASH
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=x509.load_der_x509_certificate(subject.der),
        issuer=x509.load_der_x509_certificate((about or issuer).der),
        algorithm=hashes.SHA1(),
        cert_status=statuses[status],
        this_update=at,
        next_update=None if lifetime is None else at + lifetime,
        revocation_time=at if status == "revoked" else None,
        revocation_reason=x509.ReasonFlags.superseded if status == "revoked" else None,
    )
    builder = builder.responder_id(encoding, x509.load_der_x509_certificate(by.der))
    if signer is not None and sends_signer:
        builder = builder.certificates([x509.load_der_x509_certificate(signer.der)])
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.sign(by.library_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def nonce_of(request: bytes) -> bytes:
    """The nonce of an OCSP request."""
    extensions = ocsp.load_der_ocsp_request(request).extensions
    return extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
