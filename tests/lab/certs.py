"""Certificates for tests: authorities, intermediate authorities, and leafs with RSA, ECDSA and Edwards keys."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

type_of_key = {
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa4096": lambda: rsa.generate_private_key(65537, 4096),
    "ecdsa256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ecdsa521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}
_CURVE_HASHES = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: object

    @property
    def subject(self) -> str:
        """The distinguished name as swanctl writes it."""
        return ", ".join(
            f"{attribute.rfc4514_attribute_name}={attribute.value}" for attribute in self.certificate.subject
        )

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, PKCS#8."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


class Authority(Issued):
    """A certification authority."""

    def leaf(
        self,
        name: str,
        kind: str = "ecdsa256",
        *,
        days: tuple[float, float] = (-1, 30),
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> Issued:
        """A certificate for a host name, valid from and until so many days from now, with further extensions."""
        return _issue(name, kind, self, days=days, extensions=extensions)

    def intermediate(
        self,
        name: str,
        kind: str = "ecdsa256",
        *,
        path_length: int | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> Authority:
        """An authority below this one."""
        issued = _issue(name, kind, self, authority=True, path_length=path_length, extensions=extensions)
        return Authority(issued.certificate, issued.key)

    def crl(
        self, *revoked: Issued, number: int = 1, days: tuple[float, float] = (-1, 7), base: int | None = None
    ) -> bytes:
        """A CRL (DER) that lists these certificates; a delta CRL if there is the number of a `base`."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now + timedelta(days=days[0]))
            .next_update(now + timedelta(days=days[1]))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if base is not None:
            builder = builder.add_extension(x509.DeltaCRLIndicator(base), critical=True)
        for issued in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(issued.certificate.serial_number)
            entry = entry.revocation_date(now + timedelta(days=days[0]))
            entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, _hash_for(self.key)).public_bytes(serialization.Encoding.DER)


@functools.cache
def authority(
    name: str = "Test CA", kind: str = "ecdsa256", extensions: tuple[tuple[x509.ExtensionType, bool], ...] = ()
) -> Authority:
    """A self-signed authority; the same one for the same arguments, because keys take time."""
    issued = _issue(name, kind, None, authority=True, extensions=extensions)
    return Authority(issued.certificate, issued.key)


def _issue(
    name: str,
    kind: str,
    issuer: Issued | None,
    *,
    authority: bool = False,
    days: tuple[float, float] = (-1, 30),
    path_length: int | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Issued:
    key = type_of_key[kind]()
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Keymesh"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    now = datetime.now(UTC)
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(authority, path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    for extension in _authority_extensions() if authority else _leaf_extensions(name):
        if not any(type(extension) is type(other) for other, _critical in extensions):
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.KeyUsage))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return Issued(builder.sign(signer, _hash_for(signer)), key)


def crl_at(*uris: str) -> tuple[x509.ExtensionType, bool]:
    """An extension that says where the CRL of the issuer is."""
    points = [x509.DistributionPoint([x509.UniformResourceIdentifier(uri)], None, None, None) for uri in uris]
    return x509.CRLDistributionPoints(points), False


def ocsp_at(uri: str) -> tuple[x509.ExtensionType, bool]:
    """An extension that says where the OCSP responder of the issuer is."""
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(uri))
    return x509.AuthorityInformationAccess([access]), False


def policies(*oids: str) -> tuple[x509.ExtensionType, bool]:
    """Certificate policies."""
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids]), False


OCSP_SIGNING: tuple[x509.ExtensionType, bool] = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
"""What makes a certificate one of an OCSP responder."""


def _authority_extensions() -> list[x509.ExtensionType]:
    return [_key_usage(sign=False)]


def _leaf_extensions(name: str) -> list[x509.ExtensionType]:
    return [
        _key_usage(sign=True),
        x509.SubjectAlternativeName([x509.DNSName(name)]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.IPSEC_IKE]),
    ]


def _key_usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not sign,
        crl_sign=not sign,
        encipher_only=False,
        decipher_only=False,
    )


def _hash_for(key: object) -> hashes.HashAlgorithm | None:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVE_HASHES[key.curve.key_size]
    return hashes.SHA256() if isinstance(key, rsa.RSAPrivateKey) else None
