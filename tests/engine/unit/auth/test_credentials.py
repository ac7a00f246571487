"""The credential store."""

from __future__ import annotations

import pytest
from cryptography import x509

from ikeengine.auth.credentials import CredentialStore, own_identity
from ikeengine.auth.x509 import certreq_hashes
from ikeengine.errors import LocalMisuse
from ikeengine.model.connection import AuthKind, LocalAuth
from ikeengine.model.credentials import Authority, SharedKey
from ikeengine.model.identity import Identity
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import parse_identity
from ikeengine.registry import IdType
from tests.engine import pki

ROOT = pki.authority("C=CH, O=Example, CN=Root")
SUB = pki.authority("C=CH, O=Example, CN=Sub", ROOT)
OTHER = pki.authority("CN=Other")
MOON = pki.issue("C=CH, O=Example, CN=moon", SUB, sans=pki.dns("moon.example.com"))
SECOND = pki.issue("C=CH, O=Example, CN=second", OTHER, sans=pki.dns("moon.example.com"))
LONELY = pki.issue("CN=lonely")


def store(
    *certificates: pki.Issued, authorities: tuple[pki.Issued, ...] = (ROOT,), keys: bool = True
) -> CredentialStore:
    credentials = CredentialStore()
    for number, issued in enumerate(authorities):
        credentials.add_authority(Authority(f"ca{number}", issued.der))
    for issued in certificates:
        credentials.add_certificate(issued.der)
        if keys:
            credentials.add_private_key_id(issued.certificate.public_key.key_id)
    return credentials


def local(text: str = "", *certs: pki.Issued) -> LocalAuth:
    return LocalAuth(AuthKind.PUBKEY, parse_identity(text) if text else None, tuple(c.der for c in certs))


class TestShared:
    def test_keys_come_and_go(self) -> None:
        credentials = CredentialStore()
        moon, sun = parse_identity("moon"), parse_identity("sun")
        assert not credentials.find_psk(moon, sun)
        key = SharedKey("ike", Secret(b"swordfish"))
        credentials.add_shared(key)
        assert credentials.shared_names() == ("ike",)
        assert credentials.find_psk(moon, sun) == (key,)
        credentials.remove_shared("ike")
        assert credentials.shared_names() == ()
        assert not credentials.find_psk(moon, sun)


class TestAuthorities:
    def test_they_come_and_go(self) -> None:
        credentials = store(authorities=(ROOT, SUB, ROOT))
        assert [authority.name for authority in credentials.authorities()] == ["ca0", "ca1", "ca2"]
        assert credentials.anchors() == (ROOT.certificate, SUB.certificate)
        credentials.remove_authority("ca0")
        credentials.remove_authority("ca0")
        assert credentials.anchors() == (SUB.certificate, ROOT.certificate)

    def test_garbage_is_refused(self) -> None:
        credentials = store()
        with pytest.raises(LocalMisuse, match="bad one"):
            credentials.add_authority(Authority("bad one", b"garbage"))
        assert [authority.name for authority in credentials.authorities()] == ["ca0"]


class TestCertificates:
    def test_they_come_and_go(self) -> None:
        credentials = store(MOON, MOON, SUB)
        assert credentials.certificates() == (MOON.certificate, SUB.certificate)
        assert credentials.add_certificate(MOON.der) == MOON.certificate
        credentials.remove_certificate(MOON.der)
        credentials.remove_certificate(MOON.der)
        assert credentials.certificates() == (SUB.certificate,)

    def test_garbage_is_refused(self) -> None:
        with pytest.raises(LocalMisuse):
            CredentialStore().add_certificate(b"garbage")

    def test_private_keys_are_known_by_their_identifier(self) -> None:
        credentials = CredentialStore()
        key_id = pki.private_key().key_id
        assert not credentials.has_private_key(key_id)
        credentials.add_private_key_id(key_id)
        assert credentials.has_private_key(key_id)
        credentials.remove_private_key_id(key_id)
        credentials.remove_private_key_id(key_id)
        assert not credentials.has_private_key(key_id)


class TestOwnCertificate:
    def test_with_its_intermediates_but_without_the_root(self) -> None:
        assert store(MOON, SUB).own_certificate(local("moon.example.com")) == (MOON.certificate, (SUB.certificate,))
        assert store(MOON).own_certificate(local("moon.example.com")) == (MOON.certificate, ())
        assert store(LONELY).own_certificate(local()) == (LONELY.certificate, ())

    def test_none_fits(self) -> None:
        assert store(MOON).own_certificate(local("sun.example.com")) is None
        assert store(MOON, keys=False).own_certificate(local("moon.example.com")) is None
        assert store().own_certificate(local()) is None

    def test_the_identity_chooses(self) -> None:
        credentials = store(LONELY, MOON)
        assert credentials.own_certificate(local()) == (LONELY.certificate, ())
        assert credentials.own_certificate(local("C=CH, O=Example, CN=moon")) == (MOON.certificate, ())

    def test_configured_certificates_exclude_others(self) -> None:
        credentials = store(LONELY, MOON)
        assert credentials.own_certificate(local("", MOON)) == (MOON.certificate, ())
        assert credentials.own_certificate(local("", SECOND)) is None
        credentials.add_private_key_id(SECOND.certificate.public_key.key_id)
        assert credentials.own_certificate(local("", SECOND)) == (SECOND.certificate, ())
        assert SECOND.certificate not in credentials.certificates()
        with pytest.raises(LocalMisuse):
            credentials.own_certificate(LocalAuth(AuthKind.PUBKEY, None, (b"garbage",)))

    def test_a_certificate_request_prefers_but_does_not_exclude(self) -> None:
        credentials = store(MOON, SECOND, SUB, authorities=(ROOT, OTHER))
        auth = local("moon.example.com")
        for wanted, expected in (
            ([ROOT], MOON),
            ([SUB], MOON),
            ([OTHER], SECOND),
            ([LONELY, OTHER], SECOND),
            ([LONELY], MOON),
            ([], MOON),
        ):
            found = credentials.own_certificate(auth, certreq_hashes([one.certificate for one in wanted]))
            assert found is not None
            assert found[0] == expected.certificate

    def test_a_request_of_odd_length_is_no_trouble(self) -> None:
        assert store(MOON).own_certificate(local(), b"odd") == (MOON.certificate, ())

    def test_changes_are_noticed(self) -> None:
        credentials = store(MOON)
        assert credentials.own_certificate(local()) == (MOON.certificate, ())
        credentials.add_certificate(SUB.der)
        assert credentials.own_certificate(local()) == (MOON.certificate, (SUB.certificate,))
        credentials.remove_certificate(SUB.der)
        assert credentials.own_certificate(local()) == (MOON.certificate, ())

    def test_cross_certification_does_not_loop(self) -> None:
        one, two = pki.authority("CN=One"), pki.authority("CN=Two")
        one_by_two, two_by_one = pki.authority("CN=One", two), pki.authority("CN=Two", one)
        leaf = pki.issue("CN=x", one)
        found = store(leaf, one_by_two, two_by_one, authorities=()).own_certificate(local("", leaf))
        assert found == (leaf.certificate, (one_by_two.certificate, two_by_one.certificate))


class TestOwnIdentity:
    def test_the_octets_are_those_of_the_certificate(self) -> None:
        configured = parse_identity("c=ch, o=example, cn=moon")
        claimed = own_identity(LocalAuth(id=configured), MOON.certificate)
        assert claimed == Identity(IdType.ID_DER_ASN1_DN, MOON.certificate.subject)
        assert claimed != configured

    def test_the_default_is_the_subject_and_then_the_first_name(self) -> None:
        assert own_identity(LocalAuth(), MOON.certificate).type == IdType.ID_DER_ASN1_DN
        nameless = pki.issue("", ROOT, sans=[*pki.dns("moon"), x509.RFC822Name("moon@example.com")]).certificate
        assert own_identity(LocalAuth(), nameless) == parse_identity("moon")

    def test_a_configured_name(self) -> None:
        assert own_identity(local("MOON.example.com"), MOON.certificate) == parse_identity("moon.example.com")

    def test_what_it_does_not_prove(self) -> None:
        with pytest.raises(LocalMisuse):
            own_identity(local("sun.example.com"), MOON.certificate)
        with pytest.raises(LocalMisuse):
            own_identity(LocalAuth(), pki.issue("", ROOT).certificate)
