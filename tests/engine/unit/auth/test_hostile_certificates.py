"""S12: certificates that somebody made to hurt us, each with a name, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ikeengine.auth.crl_check import Subject, check_crls
from ikeengine.auth.status import Verdict
from ikeengine.auth.x509 import MAX_SIGNATURES, build_chain
from ikeengine.crypto import der
from ikeengine.crypto.certificate import MAX_CERTIFICATE_OCTETS, Certificate
from ikeengine.crypto.crl import MAX_CRL_OCTETS, Crl
from ikeengine.crypto.keys import PublicKey
from ikeengine.errors import AuthFailed, InvalidSyntax
from ikeengine.registry import CertEncoding, ExchangeType
from ikeengine.wire import rules
from ikeengine.wire.caps import MAX_CERTS
from ikeengine.wire.payloads import Cert
from tests.engine import pki
from tests.engine.pki import DAY, NOW, Issued, authority, issue, make_crl

ROOT = authority("CN=Root")


def refusal(leaf: Issued, *between: Issued) -> AuthFailed:
    with pytest.raises(AuthFailed) as caught:
        build_chain(leaf.certificate, [one.certificate for one in between], [ROOT.certificate], NOW)
    return caught.value


def unknown_critical() -> AuthFailed:
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    return refusal(issue("CN=moon", ROOT, extensions=[(extension, True)]))


def name_constraints() -> AuthFailed:
    constraint = x509.NameConstraints([x509.DNSName("example.org")], None)
    middle = authority("CN=Middle", ROOT, extensions=[(constraint, True)])
    return refusal(issue("CN=moon", middle, sans=pki.dns("moon.example.com")), middle)


def usage() -> AuthFailed:
    eku = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    return refusal(issue("CN=moon", ROOT, extensions=[(eku, False)]))


def path_length() -> AuthFailed:
    middle = authority("CN=Middle", ROOT, path_length=0)
    lower = authority("CN=Lower", middle)
    return refusal(issue("CN=moon", lower), lower, middle)


def expired() -> AuthFailed:
    return refusal(issue("CN=moon", ROOT, not_after=NOW - timedelta(hours=1)))


def not_yet_valid() -> AuthFailed:
    return refusal(issue("CN=moon", ROOT, not_before=NOW + timedelta(hours=1)))


def self_signed() -> AuthFailed:
    return refusal(issue("CN=moon"))


def cross_loop() -> AuthFailed:
    """Two authorities that certify each other, below nobody."""
    one, other = authority("CN=One"), authority("CN=Other")
    loop = [authority("CN=One", other), authority("CN=Other", one)]
    return refusal(issue("CN=moon", one), *loop)


def leaf_as_authority() -> AuthFailed:
    middle = issue("CN=Middle", ROOT)
    return refusal(issue("CN=moon", middle), middle)


@pytest.mark.parametrize(
    ("attempt", "check"),
    [
        (unknown_critical, "cert-validation-failed"),
        (name_constraints, "cert-policy-violation"),
        (usage, "cert-validation-failed"),
        (path_length, "cert-exceeded-path-len"),
        (expired, "cert-expired"),
        (not_yet_valid, "cert-expired"),
        (self_signed, "cert-untrusted-root"),
        (cross_loop, "cert-no-issuer"),
        (leaf_as_authority, "cert-validation-failed"),
    ],
    ids=lambda value: value.__name__ if callable(value) else value,
)
def test_refused_with_its_name(attempt: Callable[[], AuthFailed], check: str) -> None:
    error = attempt()
    assert error.check == check
    assert "serial " in error.detail or "CN=" in error.detail


def test_a_certificate_of_a_megabyte() -> None:
    big = der.element(der.SEQUENCE, bytes(1 << 20))
    with pytest.raises(AuthFailed, match="too many"):
        Certificate.from_der(big)
    assert MAX_CERTIFICATE_OCTETS < 1 << 20


def test_fifty_certificates() -> None:
    """More than a handful never get beyond the rules of the message."""
    payloads = [Cert(CertEncoding.X509_SIGNATURE, b"x")] * 50
    with pytest.raises(InvalidSyntax):
        rules.check(ExchangeType.IKE_AUTH, False, (), tuple(payloads))
    assert MAX_CERTS < 50


def test_fifty_issuers_with_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each could be the one: the search gives up after so many signatures."""
    tangle = [authority("CN=Middle", ROOT, key=f"key {number}") for number in range(50)]
    leaf = issue("CN=moon", tangle[0], sign_with=pki.library_key("p256", "nobody"))
    verified: list[Certificate] = []
    check_signature = Certificate.check_signature

    def count(self: Certificate, key: PublicKey) -> None:
        verified.append(self)
        check_signature(self, key)

    monkeypatch.setattr(Certificate, "check_signature", count)
    assert refusal(leaf, *tangle).check == "cert-validation-failed"
    assert len(verified) == MAX_SIGNATURES


@pytest.mark.parametrize("exponent", [(1 << 2048) + 1, (1 << 64) + 1, 2, 1])
def test_rsa_with_a_huge_or_useless_exponent(exponent: int) -> None:
    modulus = pki.library_key("rsa2048").public_key().public_numbers().n
    number = der.element(der.INTEGER, exponent.to_bytes(exponent.bit_length() // 8 + 1))
    body = der.element(der.SEQUENCE, der.element(der.INTEGER, modulus.to_bytes(257)) + number)
    algorithm = der.element(der.SEQUENCE, der.object_identifier("1.2.840.113549.1.1.1") + b"\x05\x00")
    info = der.element(der.SEQUENCE, algorithm + der.element(der.BIT_STRING, b"\0" + body))
    with pytest.raises(AuthFailed):
        PublicKey.from_der(info)


@pytest.mark.parametrize(("bits", "fine"), [(16384, True), (16392, False), (1024, False)])
def test_rsa_sizes(bits: int, fine: bool) -> None:
    """A modulus without known factors does: only its size is looked at."""
    modulus = (1 << (bits - 1)) | 1
    key = rsa.RSAPublicNumbers(65537, modulus).public_key()
    encoded = key.public_bytes(pki.serialization.Encoding.DER, pki.serialization.PublicFormat.SubjectPublicKeyInfo)
    if fine:
        assert PublicKey.from_der(encoded).bits == bits
    else:
        with pytest.raises(AuthFailed, match="RSA keys have 2048 to 16384 bits"):
            PublicKey.from_der(encoded)


def test_revoked_by_its_crl() -> None:
    leaf = issue("CN=moon", ROOT)
    crl = Crl.from_der(make_crl(ROOT, leaf))
    status = check_crls(Subject(leaf.certificate, (ROOT.certificate,)), [crl], NOW)
    assert status.verdict is Verdict.REVOKED


def test_damaged_crls() -> None:
    leaf = issue("CN=moon", ROOT)
    sound = make_crl(ROOT, leaf)
    for position in range(len(sound)):
        damaged = bytearray(sound)
        damaged[position] ^= 0x41
        try:
            crl = Crl.from_der(bytes(damaged))
        except AuthFailed:
            continue
        status = check_crls(Subject(leaf.certificate, (ROOT.certificate,)), [crl], NOW)
        assert status.verdict is not Verdict.GOOD, position
    with pytest.raises(AuthFailed, match="too many"):
        Crl.from_der(bytes(MAX_CRL_OCTETS + 1))


def test_a_crl_of_an_authority_that_may_not_sign_crls() -> None:
    mute = authority("CN=Mute", ROOT, extensions=[(pki.key_usage(key_cert_sign=True), True)])
    leaf = issue("CN=moon", mute)
    status = check_crls(Subject(leaf.certificate, (mute.certificate,)), [Crl.from_der(make_crl(mute))], NOW)
    assert (status.verdict, "does not allow to sign CRLs" in status.detail) == (Verdict.UNKNOWN, True)


def test_indirect_crl_is_said_to_be_one() -> None:
    other = x509.DirectoryName(pki.library_name("CN=Other"))
    point = x509.DistributionPoint([x509.UniformResourceIdentifier("http://a/crl")], None, None, [other])
    leaf = issue("CN=moon", ROOT, extensions=[(x509.CRLDistributionPoints([point]), False)])
    status = check_crls(Subject(leaf.certificate, (ROOT.certificate,)), [], NOW)
    assert "indirect CRL" in status.detail


def test_an_exponential_tree_of_policies() -> None:
    """CVE-2023-0464: mappings that double the tree of RFC 5280 with each certificate cost nothing here."""
    both = [x509.PolicyInformation(x509.ObjectIdentifier(f"1.2.{n}"), None) for n in (1, 2)]
    pairs = b"".join(
        der.element(der.SEQUENCE, der.object_identifier(f"1.2.{a}") + der.object_identifier(f"1.2.{b}"))
        for a in (1, 2)
        for b in (1, 2)
    )
    mapping = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), der.element(der.SEQUENCE, pairs))
    extensions = [(x509.CertificatePolicies(both), False), (mapping, True)]
    chain = [ROOT]
    for number in range(6):
        chain.insert(0, authority(f"CN=Level {number}", chain[0], extensions=extensions, not_after=NOW + DAY))
    leaf = issue("CN=moon", chain[0], extensions=[(x509.CertificatePolicies(both), False)])
    found = build_chain(leaf.certificate, [c.certificate for c in chain], [ROOT.certificate], NOW)
    assert len(found) == 8
