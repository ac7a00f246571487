"""Certificates as values."""

from __future__ import annotations

import copy
import hashlib
import pickle
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.x509 import CertificateBuilder

from ikeengine.crypto import der
from ikeengine.crypto.certificate import MAX_CERTIFICATE_OCTETS, Certificate
from ikeengine.errors import AuthFailed
from ikeengine.model.identity import Identity
from ikeengine.registry import IdType
from tests.engine import pki

ROOT = pki.authority()
MOON = pki.issue(sans=pki.dns("moon.example.com"), issuer=ROOT)


def test_fields() -> None:
    moon = MOON.certificate
    assert moon.subject_text == "C=CH, O=Example, CN=moon"
    assert moon.issuer_text == "C=CH, O=Example, CN=Root"
    assert moon.not_before == pki.NOW - pki.DAY
    assert moon.not_after == pki.NOW + pki.DAY
    assert moon.serial > 0
    assert moon.fingerprint == hashlib.sha256(MOON.der).hexdigest()
    assert moon.public_key.kind == "ecdsa"
    assert not moon.is_ca
    assert not moon.is_self_issued
    assert ROOT.certificate.is_ca
    assert ROOT.certificate.is_self_issued
    assert ROOT.certificate.path_length is None
    assert "CN=moon" in repr(moon)


def test_the_key_identifier_is_that_of_the_octets_in_the_certificate() -> None:
    encoded = MOON.library_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert MOON.certificate.public_key.key_id == hashlib.sha1(encoded).digest()
    assert MOON.certificate.public_key == pki.private_key("p256", MOON.subject).public


def test_equality_copies_and_pickles() -> None:
    moon = MOON.certificate
    assert moon == Certificate.from_der(MOON.der) == pickle.loads(pickle.dumps(moon)) == copy.deepcopy(moon)
    assert moon != ROOT.certificate
    assert moon != MOON.der
    assert len({moon, Certificate.from_der(MOON.der), ROOT.certificate}) == 2


def test_identities_are_the_names_and_then_the_subject() -> None:
    sans = [
        x509.DNSName("moon.example.com"),
        x509.RFC822Name("moon@example.com"),
        x509.IPAddress(ip_address("192.0.2.1")),
        x509.IPAddress(ip_address("2001:db8::1")),
        x509.UniformResourceIdentifier("http://example.com/"),
    ]
    certificate = pki.issue(sans=sans).certificate
    assert certificate.identities == (
        Identity(IdType.ID_FQDN, b"moon.example.com"),
        Identity(IdType.ID_RFC822_ADDR, b"moon@example.com"),
        Identity(IdType.ID_IPV4_ADDR, ip_address("192.0.2.1").packed),
        Identity(IdType.ID_IPV6_ADDR, ip_address("2001:db8::1").packed),
        Identity(IdType.ID_DER_ASN1_DN, certificate.subject),
    )


def test_wildcards_nuls_and_empty_subjects_are_no_identities() -> None:
    certificate = pki.issue("", issuer_name="CN=x", sans=pki.dns("*.example.com", "a\0b", "moon")).certificate
    assert certificate.identities == (Identity(IdType.ID_FQDN, b"moon"),)


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "bp256", "rsa2048", "ed25519", "ed448"])
def test_signatures_of_every_kind(kind: str) -> None:
    root = pki.authority("CN=Root", kind=kind)
    leaf = pki.issue(issuer=root).certificate
    leaf.check_signature(root.certificate.public_key)
    root.certificate.check_signature(root.certificate.public_key)


def test_signatures_by_others() -> None:
    for kind in ("p256", "p384", "rsa2048", "ed25519", "ed448"):
        with pytest.raises(AuthFailed) as caught:
            MOON.certificate.check_signature(pki.private_key(kind, "somebody else").public)
        assert caught.value.check == "cert-validation-failed"


def test_a_changed_certificate_does_not_verify() -> None:
    changed = MOON.der.replace(b"moon.example.com", b"moon.example.net")
    with pytest.raises(AuthFailed):
        Certificate.from_der(changed).check_signature(ROOT.certificate.public_key)


@pytest.mark.parametrize("weak", ["1.2.840.10045.4.1", "1.2.840.10045.4.3.1"])
def test_sha1_and_sha224_are_refused(weak: str) -> None:
    """Only the name of the algorithm is exchanged: libraries refuse to make such signatures."""
    forged = reidentified(MOON.der, der.object_identifier("1.2.840.10045.4.3.2"), der.object_identifier(weak))
    with pytest.raises(AuthFailed, match="not accepted"):
        Certificate.from_der(forged).check_signature(ROOT.certificate.public_key)


def reidentified(certificate: bytes, old: bytes, new: bytes) -> bytes:
    """The certificate with another signature algorithm identifier, inside and outside."""
    old_identifier, new_identifier = der.element(der.SEQUENCE, old), der.element(der.SEQUENCE, new)
    signed, _algorithm, signature = der.encoded_elements(der.only(certificate, der.SEQUENCE))
    body = der.only(signed, der.SEQUENCE).replace(old_identifier, new_identifier)
    return der.element(der.SEQUENCE, der.element(der.SEQUENCE, body) + new_identifier + signature)


def test_version_1_has_no_version_and_no_extensions() -> None:
    signed, algorithm, signature = der.encoded_elements(der.only(MOON.der, der.SEQUENCE))
    fields = list(der.encoded_elements(der.only(signed, der.SEQUENCE)))
    old = der.element(der.SEQUENCE, b"".join(fields[1:7]))
    certificate = Certificate.from_der(der.element(der.SEQUENCE, old + algorithm + signature))
    assert certificate.subject == MOON.certificate.subject
    assert certificate.issuer == MOON.certificate.issuer
    assert certificate.public_key == MOON.certificate.public_key
    assert [identity.type for identity in certificate.identities] == [IdType.ID_DER_ASN1_DN]
    assert not certificate.is_ca


def test_two_different_algorithms_are_refused() -> None:
    position = MOON.der.rindex(der.object_identifier("1.2.840.10045.4.3.2")) + 9
    changed = MOON.der[:position] + b"\x03" + MOON.der[position + 1 :]
    with pytest.raises(AuthFailed, match="two different"):
        Certificate.from_der(changed)


def test_every_truncation_is_refused() -> None:
    for length in range(len(MOON.der)):
        with pytest.raises(AuthFailed) as caught:
            Certificate.from_der(MOON.der[:length])
        assert caught.value.check == "cert-validation-failed"


def test_every_flipped_octet_is_refused_or_at_least_not_signed() -> None:
    for position in range(len(MOON.der)):
        changed = MOON.der[:position] + bytes([MOON.der[position] ^ 0x55]) + MOON.der[position + 1 :]
        with pytest.raises(AuthFailed):
            Certificate.from_der(changed).check_signature(ROOT.certificate.public_key)


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"\x30\x80\x00\x00", b"-----BEGIN CERTIFICATE-----"])
def test_what_is_no_certificate(data: bytes) -> None:
    with pytest.raises(AuthFailed):
        Certificate.from_der(data)


def test_trailing_octets_and_huge_certificates() -> None:
    with pytest.raises(AuthFailed):
        Certificate.from_der(MOON.der + b"\0")
    with pytest.raises(AuthFailed, match="too many"):
        Certificate.from_der(bytes(MAX_CERTIFICATE_OCTETS + 1))


def test_a_key_that_cannot_sign_makes_the_certificate_unusable() -> None:
    builder = (
        CertificateBuilder()
        .subject_name(pki.library_name("CN=x"))
        .issuer_name(pki.library_name(ROOT.subject))
        .public_key(x25519.X25519PrivateKey.generate().public_key())
        .serial_number(1)
        .not_valid_before(pki.NOW)
        .not_valid_after(pki.NOW)
    )
    encoded = builder.sign(ROOT.library_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    with pytest.raises(AuthFailed, match="public key"):
        Certificate.from_der(encoded)
