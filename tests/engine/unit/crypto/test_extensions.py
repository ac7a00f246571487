"""Extensions of certificates."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ikeengine.crypto import der, names
from ikeengine.crypto.extensions import NameConstraints
from ikeengine.crypto.general_names import MAX_NAMES, GeneralName, NameKind
from ikeengine.crypto.policy_extensions import Policies
from ikeengine.errors import AuthFailed
from tests.engine import pki

NAMES = [
    x509.DNSName("moon.example.com"),
    x509.RFC822Name("moon@example.com"),
    x509.IPAddress(ip_address("192.0.2.1")),
    x509.IPAddress(ip_address("2001:db8::1")),
    x509.UniformResourceIdentifier("http://example.com/"),
    x509.DirectoryName(pki.library_name("C=CH, CN=other")),
    x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
    x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
]


def test_nothing_is_there_by_default() -> None:
    found = pki.issue(ca=None).certificate.extensions
    assert found.names == ()
    assert not found.is_ca
    assert found.path_length is found.key_usage is found.extended_key_usage is found.name_constraints is None
    assert found.unknown_critical == ()


def test_every_kind_of_name() -> None:
    found = pki.issue(sans=NAMES).certificate.extensions.names
    assert [name.kind for name in found] == [
        NameKind.DNS,
        NameKind.EMAIL,
        NameKind.IP,
        NameKind.IP,
        NameKind.URI,
        NameKind.DN,
        NameKind.OTHER,
        NameKind.OTHER,
    ]
    assert found[0].value == b"moon.example.com"
    assert found[2].value == bytes([192, 0, 2, 1])
    assert names.same_name(found[5].value, names.parse_name("C=CH, CN=other"))


def test_constraints_usage_and_key_identifiers() -> None:
    found = pki.issue(
        "CN=ca",
        ca=True,
        path_length=3,
        extensions=[
            (pki.key_usage(key_cert_sign=True, key_agreement=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.IPSEC_IKE]), False),
            (
                x509.NameConstraints([x509.DNSName("example.com")], [x509.IPAddress(ip_network("10.0.0.0/8"))]),
                True,
            ),
            (x509.SubjectKeyIdentifier(b"subject"), False),
            (x509.AuthorityKeyIdentifier(b"issuer", None, None), False),
        ],
    ).certificate.extensions
    assert found.is_ca
    assert found.path_length == 3
    assert found.key_usage == {"key_cert_sign"}
    assert found.extended_key_usage == ("1.3.6.1.5.5.7.3.17",)
    assert found.name_constraints == NameConstraints(
        (GeneralName(NameKind.DNS, b"example.com"),),
        (GeneralName(NameKind.IP, bytes([10, 0, 0, 0, 255, 0, 0, 0])),),
    )
    assert (found.subject_key_id, found.authority_key_id) == (b"subject", b"issuer")
    assert found.unknown_critical == ()


def mappings(*pairs: tuple[str, str]) -> x509.ExtensionType:
    body = b"".join(der.element(der.SEQUENCE, b"".join(map(der.object_identifier, pair))) for pair in pairs)
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), der.element(der.SEQUENCE, body))


def unrecognized(oid: str) -> x509.ExtensionType:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x05\x00")


def test_only_critical_unknown_extensions_are_noted() -> None:
    extensions = [(unrecognized("1.2.3.4"), True), (unrecognized("1.2.3.5"), False)]
    assert pki.issue(extensions=extensions).certificate.extensions.unknown_critical == ("1.2.3.4",)


@pytest.mark.parametrize(
    ("extension", "policies"),
    [
        (
            x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)]),
            Policies(certificate_policies=("1.2.3",)),
        ),
        (x509.InhibitAnyPolicy(0), Policies(inhibit_any_policy=0)),
        (x509.PolicyConstraints(None, 0), Policies(inhibit_policy_mapping=0)),
        (x509.PolicyConstraints(1 << 20, None), Policies(require_explicit_policy=255)),
        (mappings(("1.2.3", "1.2.4")), Policies(mappings=(("1.2.3", "1.2.4"),))),
    ],
)
def test_policies(extension: x509.ExtensionType, policies: Policies) -> None:
    found = pki.issue(extensions=[(extension, True)]).certificate.extensions
    assert (found.policies, found.unknown_critical) == (policies, ())


@pytest.mark.parametrize("octets", [b"\x30\x00", b"\x05\x00", b"\x30\x02\x30\x00", b""])
def test_broken_mappings(octets: bytes) -> None:
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), octets)
    with pytest.raises(AuthFailed):
        pki.issue(extensions=[(broken, True)])


def test_pointers() -> None:
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://ca.example.com/a.crl"), x509.UniformResourceIdentifier("ldap:///b c")],
        None,
        frozenset((x509.ReasonFlags.key_compromise,)),
        None,
    )
    ocsp = x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example.com")
    )
    extensions = [
        (x509.CRLDistributionPoints([point]), False),
        (x509.FreshestCRL([point]), False),
        (x509.AuthorityInformationAccess([ocsp]), False),
        (x509.OCSPNoCheck(), False),
    ]
    found = pki.issue(extensions=extensions).certificate.extensions.pointers
    assert found.crl_uris == found.delta_uris == ("http://ca.example.com/a.crl",)
    assert found.crl_points[0].reasons == frozenset(("keyCompromise",))
    assert found.ocsp_uris == ("http://ocsp.example.com",)
    assert found.ocsp_no_check


def test_too_many_names() -> None:
    assert len(pki.issue(sans=pki.dns(*["a"] * MAX_NAMES)).certificate.extensions.names) == MAX_NAMES
    with pytest.raises(AuthFailed, match="too many"):
        pki.issue(sans=pki.dns(*["a"] * (MAX_NAMES + 1)))
