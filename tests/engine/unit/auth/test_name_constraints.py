"""Name constraints, kind by kind."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509

from ikeengine.auth.name_constraints import check_names
from ikeengine.crypto.extensions import NameConstraints
from ikeengine.errors import AuthFailed
from tests.engine import pki


def constraints(permitted: list[x509.GeneralName], excluded: list[x509.GeneralName]) -> NameConstraints:
    extension = x509.NameConstraints(permitted or None, excluded or None)
    ca = pki.authority("CN=CA", extensions=[(extension, True)]).certificate
    assert ca.extensions.name_constraints is not None
    return ca.extensions.name_constraints


def violates(certificate: pki.Issued, permitted: list[x509.GeneralName], excluded: list[x509.GeneralName]) -> bool:
    try:
        check_names(certificate.certificate, constraints(permitted, excluded))
    except AuthFailed as error:
        return error.check == "cert-policy-violation"
    return False


def general(kind: str, value: str) -> x509.GeneralName:
    return {
        "dns": x509.DNSName,
        "email": x509.RFC822Name,
        "uri": x509.UniformResourceIdentifier,
        "ip": lambda text: x509.IPAddress(ip_network(text) if "/" in text else ip_address(text)),
        "dn": lambda text: x509.DirectoryName(pki.library_name(text)),
        "other": lambda text: x509.OtherName(x509.ObjectIdentifier(text), b"\x05\x00"),
    }[kind](value)


@pytest.mark.parametrize(
    ("kind", "subtree", "name", "within"),
    [
        ("dns", "example.com", "example.com", True),
        ("dns", "example.com", "moon.example.com", True),
        ("dns", "example.com", "MOON.Example.COM", True),
        ("dns", "EXAMPLE.com", "moon.example.com", True),
        ("dns", "example.com", "badexample.com", False),
        ("dns", "example.com", "example.com.evil.org", False),
        ("dns", ".example.com", "moon.example.com", True),
        ("dns", "", "anything.org", True),
        ("dns", "example.com", "moon.example.com.", True),
        ("email", "example.com", "moon@example.com", True),
        ("email", "example.com", "moon@sub.example.com", False),
        ("email", ".example.com", "moon@sub.example.com", True),
        ("email", ".example.com", "moon@example.com", False),
        ("email", "moon@example.com", "moon@EXAMPLE.com", True),
        ("email", "moon@example.com", "Moon@example.com", False),
        ("email", "moon@example.com", "sun@example.com", False),
        ("ip", "10.0.0.0/8", "10.1.2.3", True),
        ("ip", "10.0.0.0/8", "11.0.0.1", False),
        ("ip", "2001:db8::/32", "2001:db8::1", True),
        ("ip", "2001:db8::/32", "2001:db9::1", False),
        ("ip", "10.0.0.0/8", "2001:db8::1", False),
        ("uri", "example.com", "http://example.com/x", True),
        ("uri", "example.com", "http://sub.example.com/x", False),
        ("uri", ".example.com", "http://sub.example.com:80/x", True),
        ("uri", "example.com", "http://user@example.com/x", True),
        ("uri", "example.com", "http://evil.org/?example.com", False),
        ("dn", "C=CH, O=Example", "C=CH, O=Example, CN=x", True),
        ("dn", "C=CH, O=Example", "C=ch, O=EXAMPLE", True),
        ("dn", "C=CH, O=Example", "C=CH, O=Other, CN=x", False),
        ("dn", "C=CH, O=Example", "C=CH", False),
        ("dn", "O=Example", "C=CH, O=Example", False),
    ],
)
def test_subtrees(kind: str, subtree: str, name: str, within: bool) -> None:
    certificate = pki.issue("", issuer_name="CN=CA", sans=[general(kind, name)])
    assert violates(certificate, [general(kind, subtree)], []) is not within
    assert violates(certificate, [], [general(kind, subtree)]) is within


@pytest.mark.parametrize(
    ("kind", "subtree", "name"),
    [
        ("uri", "example.com", "http://192.0.2.1/"),
        ("uri", "example.com", "http://[2001:db8::1]/"),
        ("uri", "example.com", "urn:moon"),
        ("uri", "example.com", "http://[moon/"),
        ("other", "1.2.3.4", "1.2.3.4"),
    ],
)
def test_what_cannot_be_compared_violates_either_way(kind: str, subtree: str, name: str) -> None:
    certificate = pki.issue("", issuer_name="CN=CA", sans=[general(kind, name)])
    assert violates(certificate, [general(kind, subtree)], [])
    assert violates(certificate, [], [general(kind, subtree)])


def test_constraints_only_concern_their_kind() -> None:
    certificate = pki.issue("C=CH, CN=x", sans=[general("dns", "moon.example.com"), general("other", "1.2.3")])
    assert not violates(certificate, [general("ip", "10.0.0.0/8")], [general("email", "example.com")])


def test_every_name_counts_and_any_subtree_will_do() -> None:
    two = pki.issue("", issuer_name="CN=CA", sans=pki.dns("a.example.com", "b.example.org"))
    com, org = general("dns", "example.com"), general("dns", "example.org")
    assert not violates(two, [com, org], [])
    assert violates(two, [com], [])
    assert violates(two, [com, org], [org])


def test_the_subject_counts() -> None:
    certificate = pki.issue("C=CH, O=Example, CN=x")
    assert not violates(certificate, [general("dn", "C=CH, O=Example")], [])
    assert violates(certificate, [general("dn", "C=CH, O=Other")], [])
    assert violates(certificate, [], [general("dn", "C=CH")])


def test_an_email_address_in_the_subject_counts_unless_there_is_an_alternative() -> None:
    old_style = pki.issue("C=CH, E=x@evil.org")
    assert violates(old_style, [general("email", "example.com")], [])
    new_style = pki.issue("C=CH, E=x@evil.org", sans=[general("email", "x@example.com")])
    assert not violates(new_style, [general("email", "example.com")], [])


def test_an_address_without_at_cannot_be_compared() -> None:
    assert violates(pki.issue("C=CH, E=nonsense"), [], [general("email", "example.com")])


def test_the_complaint_names_the_name() -> None:
    only = constraints([general("dns", "example.com"), general("dn", "C=CH")], [])
    for certificate, said in (
        (pki.issue("C=CH, CN=x", sans=pki.dns("moon.evil.org")), "the DNS name 'moon.evil.org' is in no permitted"),
        (pki.issue("C=AT, CN=x"), "the distinguished name C=AT, CN=x is in no permitted"),
    ):
        with pytest.raises(AuthFailed, match=said):
            check_names(certificate.certificate, only)
