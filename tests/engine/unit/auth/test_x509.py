"""Chains of certificates and the identities they prove."""

from __future__ import annotations

import hashlib
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from ikeengine.auth.x509 import (
    MAX_ISSUERS,
    MAX_SIGNATURES,
    build_chain,
    certreq_hashes,
    is_signed_by,
    matches_identity,
)
from ikeengine.crypto.certificate import Certificate
from ikeengine.errors import AuthFailed
from ikeengine.model.failure import Alert
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import parse_identity
from ikeengine.registry import IdType
from tests.engine import pki

ROOT = pki.authority("C=CH, O=Example, CN=Root")
SUB = pki.authority("C=CH, O=Example, CN=Sub", ROOT)
MOON = pki.issue("C=CH, O=Example, CN=moon", ROOT, sans=pki.dns("moon.example.com"))
SUN = pki.issue("C=CH, O=Example, CN=sun", SUB)


def chain(leaf: pki.Issued, untrusted: list[pki.Issued], anchors: list[pki.Issued]) -> list[Certificate]:
    found = build_chain(leaf.certificate, [c.certificate for c in untrusted], [c.certificate for c in anchors], pki.NOW)
    return list(found)


def failure(leaf: pki.Issued, untrusted: list[pki.Issued], anchors: list[pki.Issued]) -> AuthFailed:
    with pytest.raises(AuthFailed) as caught:
        chain(leaf, untrusted, anchors)
    assert caught.value.check in {alert.value for alert in Alert}
    return caught.value


def certificates(*issued: pki.Issued) -> list[Certificate]:
    return [one.certificate for one in issued]


class TestChains:
    def test_below_the_anchor(self) -> None:
        assert chain(MOON, [], [ROOT]) == certificates(MOON, ROOT)

    def test_with_an_intermediate(self) -> None:
        assert chain(SUN, [SUB], [ROOT]) == certificates(SUN, SUB, ROOT)
        assert chain(SUN, [SUN, ROOT, SUB, SUB], [ROOT]) == certificates(SUN, SUB, ROOT)

    def test_an_intermediate_may_be_the_anchor(self) -> None:
        assert chain(SUN, [], [SUB]) == certificates(SUN, SUB)

    def test_a_pinned_certificate_needs_no_issuer(self) -> None:
        pinned = pki.issue("CN=pinned")
        assert chain(pinned, [], [pinned]) == certificates(pinned)
        assert chain(MOON, [], [MOON]) == certificates(MOON)

    def test_no_issuer(self) -> None:
        assert failure(MOON, [], []).check == "cert-no-issuer"
        assert failure(SUN, [], [ROOT]).check == "cert-no-issuer"
        assert "CN=Sub" in failure(SUN, [], [ROOT]).detail

    def test_roots_that_a_peer_sends_are_not_trusted(self) -> None:
        assert failure(MOON, [ROOT], []).check == "cert-untrusted-root"
        assert failure(SUN, [SUB, ROOT], [pki.authority("CN=Other")]).check == "cert-untrusted-root"

    def test_a_self_signed_leaf_is_not_trusted(self) -> None:
        assert failure(pki.issue("CN=me"), [], [ROOT]).check == "cert-untrusted-root"

    def test_a_leaf_that_pretends_to_be_the_root_is_not_trusted(self) -> None:
        forged = pki.authority(ROOT.subject, key="forger")
        assert failure(forged, [], [ROOT]).check == "cert-validation-failed"
        assert failure(pki.issue("CN=x", forged), [forged], [ROOT]).check == "cert-validation-failed"

    def test_another_key_with_the_name_of_the_root(self) -> None:
        mallory = pki.issue("CN=mallory", sign_with=pki.library_key("p256", "mallory"), issuer_name=ROOT.subject)
        found = failure(mallory, [], [ROOT])
        assert found.check == "cert-validation-failed"
        assert "does not verify" in found.detail

    def test_two_anchors_of_one_name_are_both_tried(self) -> None:
        other = pki.authority(ROOT.subject, key="new key of the root")
        leaf = pki.issue("CN=x", other)
        assert chain(leaf, [], [ROOT, other]) == certificates(leaf, other)
        assert chain(leaf, [], [other, ROOT]) == certificates(leaf, other)

    def test_a_bad_chain_does_not_hide_a_good_one(self) -> None:
        expired = pki.authority(SUB.subject, ROOT, not_after=pki.NOW - pki.DAY / 2)
        assert expired.library_key is SUB.library_key
        assert chain(SUN, [expired, SUB], [ROOT]) == certificates(SUN, SUB, ROOT)
        assert failure(SUN, [expired], [ROOT]).check == "cert-expired"

    def test_cross_certified_authorities_do_not_loop(self) -> None:
        one, two = pki.authority("CN=One"), pki.authority("CN=Two")
        one_by_two = pki.authority("CN=One", two)
        two_by_one = pki.authority("CN=Two", one)
        leaf = pki.issue("CN=x", one)
        assert failure(leaf, [one_by_two, two_by_one], [ROOT]).check in {"cert-no-issuer", "cert-exceeded-path-len"}
        assert chain(leaf, [one_by_two, two_by_one], [two]) == certificates(leaf, one_by_two, two)

    def test_depth(self) -> None:
        issuers = [ROOT]
        for number in range(MAX_ISSUERS):
            issuers.append(pki.authority(f"CN=CA {number}", issuers[-1]))
        fits = pki.issue("CN=x", issuers[MAX_ISSUERS - 1])
        assert len(chain(fits, issuers[1:], [ROOT])) == MAX_ISSUERS + 1
        deep = pki.issue("CN=y", issuers[MAX_ISSUERS])
        assert failure(deep, issuers[1:], [ROOT]).check == "cert-exceeded-path-len"

    def test_a_tangle_of_certificates_costs_a_bounded_number_of_signatures(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = []
        genuine = Certificate.check_signature
        monkeypatch.setattr(Certificate, "check_signature", lambda *args: calls.append(1) or genuine(*args))
        tangle = [
            pki.authority("CN=T", key=f"t{n % 5}", sign_with=pki.library_key("p256", f"t{m}"))
            for n in range(5)
            for m in range(5)
        ]
        leaf = pki.issue("CN=x", sign_with=pki.library_key("p256", "t0"), issuer_name="CN=T")
        assert failure(leaf, tangle, [ROOT])
        assert len(calls) <= MAX_SIGNATURES

    def test_name_chaining_ignores_case_and_spaces(self) -> None:
        leaf = pki.issue("CN=x", sign_with=ROOT.library_key, issuer_name="C=ch, O=EXAMPLE, CN=  root")
        assert chain(leaf, [], [ROOT]) == certificates(leaf, ROOT)

    def test_key_identifiers_are_only_a_hint(self) -> None:
        wrong = [(x509.AuthorityKeyIdentifier(b"wrong", None, None), False)]
        leaf = pki.issue("CN=x", SUB, extensions=wrong)
        marked = pki.authority(SUB.subject, ROOT, extensions=[(x509.SubjectKeyIdentifier(b"other"), False)])
        assert chain(leaf, [marked], [ROOT]) == certificates(leaf, marked, ROOT)

    @pytest.mark.parametrize("hints", [True, False])
    def test_key_identifiers_spare_signatures(self, monkeypatch: pytest.MonkeyPatch, hints: bool) -> None:
        def named(identifier: bytes, key: str) -> pki.Issued:
            extensions = [(x509.SubjectKeyIdentifier(identifier), False)] if hints else []
            return pki.authority("CN=R", key=key, extensions=extensions)

        anchors = [named(b"one", "k1"), named(b"two", "k2"), named(b"three", "k3")]
        wanted = [(x509.AuthorityKeyIdentifier(b"three", None, None), False)]
        leaf = pki.issue("CN=x", anchors[2], extensions=wanted)
        calls = []
        genuine = Certificate.check_signature
        monkeypatch.setattr(Certificate, "check_signature", lambda *args: calls.append(1) or genuine(*args))
        assert chain(leaf, [], anchors) == certificates(leaf, anchors[2])
        assert len(calls) == (1 if hints else 3)

    @pytest.mark.parametrize("kind", ["rsa2048", "p384", "p521", "bp256", "ed25519", "ed448"])
    def test_every_kind_of_key(self, kind: str) -> None:
        root = pki.authority("CN=Root", kind=kind)
        leaf = pki.issue("CN=x", root, kind=kind)
        assert chain(leaf, [], [root]) == certificates(leaf, root)

    def test_is_signed_by(self) -> None:
        assert is_signed_by(MOON.certificate, ROOT.certificate)
        assert not is_signed_by(MOON.certificate, SUB.certificate)
        assert not is_signed_by(MOON.certificate, pki.authority(ROOT.subject, key="forger").certificate)


class TestValidity:
    @pytest.mark.parametrize("which", ["leaf", "intermediate", "anchor"])
    def test_outside_of_the_period(self, which: str) -> None:
        for period in (
            {"not_after": pki.NOW - pki.DAY / 2},
            {"not_before": pki.NOW + pki.DAY / 2},
        ):
            root = pki.authority("CN=R", **period) if which == "anchor" else pki.authority("CN=R")
            sub = pki.authority("CN=S", root, **period) if which == "intermediate" else pki.authority("CN=S", root)
            leaf = pki.issue("CN=x", sub, **period) if which == "leaf" else pki.issue("CN=x", sub)
            found = failure(leaf, [sub], [root])
            assert found.check == "cert-expired"
            assert "UTC" in found.detail

    def test_the_first_and_the_last_second_count(self) -> None:
        leaf = pki.issue("CN=x", ROOT, not_before=pki.NOW, not_after=pki.NOW)
        assert chain(leaf, [], [ROOT])


class TestConstraints:
    def test_unknown_critical_extensions(self) -> None:
        unknown = [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]
        root = pki.authority("CN=R", extensions=unknown)
        sub = pki.authority("CN=S", ROOT, extensions=unknown)
        for leaf, untrusted, anchor in (
            (pki.issue("CN=x", ROOT, extensions=unknown), [], ROOT),
            (pki.issue("CN=x", sub), [sub], ROOT),
            (pki.issue("CN=x", root), [], root),
        ):
            found = failure(leaf, untrusted, [anchor])
            assert found.check == "cert-validation-failed"
            assert "1.2.3.4" in found.detail

    @pytest.mark.parametrize("ca", [False, None])
    def test_an_end_entity_cannot_issue(self, ca: bool | None) -> None:
        bogus = pki.issue("CN=bogus", ROOT, ca=ca)
        found = failure(pki.issue("CN=x", bogus), [bogus], [ROOT])
        assert found.check == "cert-validation-failed"
        assert "not a certification authority" in found.detail
        lone = pki.issue("CN=lone", ca=ca)
        assert failure(pki.issue("CN=x", lone), [], [lone]).check == "cert-validation-failed"

    def test_key_usage_of_issuers(self) -> None:
        for usage, works in (({"key_cert_sign": True}, True), ({"crl_sign": True}, False)):
            sub = pki.authority("CN=S", ROOT, extensions=[(pki.key_usage(**usage), True)])
            leaf = pki.issue("CN=x", sub)
            if works:
                assert chain(leaf, [sub], [ROOT])
            else:
                assert failure(leaf, [sub], [ROOT]).check == "cert-validation-failed"

    @pytest.mark.parametrize(
        ("usage", "works"),
        [
            ("digital_signature", True),
            ("content_commitment", True),
            ("key_encipherment", False),
            ("key_agreement", False),
        ],
    )
    def test_key_usage_of_end_entities(self, usage: str, works: bool) -> None:
        leaf = pki.issue("CN=x", ROOT, extensions=[(pki.key_usage(**{usage: True}), True)])
        if works:
            assert chain(leaf, [], [ROOT])
        else:
            assert "key usage" in failure(leaf, [], [ROOT]).detail

    @pytest.mark.parametrize(
        ("purposes", "works"),
        [
            (["1.3.6.1.5.5.7.3.17"], True),
            (["2.5.29.37.0"], True),
            (["1.3.6.1.5.5.7.3.1"], True),
            (["1.3.6.1.5.5.7.3.2"], True),
            (["1.3.6.1.5.5.8.2.2"], True),
            (["1.3.6.1.5.5.7.3.3"], False),
            (["1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.9"], False),
            (["1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.17"], True),
        ],
    )
    @pytest.mark.parametrize("critical", [True, False])
    def test_extended_key_usage(self, purposes: list[str], works: bool, critical: bool) -> None:
        usage = x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose) for purpose in purposes])
        leaf = pki.issue("CN=x", ROOT, extensions=[(usage, critical)])
        if works:
            assert chain(leaf, [], [ROOT])
        else:
            assert "extended key usage" in failure(leaf, [], [ROOT]).detail

    def test_extended_key_usage_of_issuers_does_not_matter(self) -> None:
        sub = pki.authority(
            "CN=S", ROOT, extensions=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)]
        )
        assert chain(pki.issue("CN=x", sub), [sub], [ROOT])

    def test_path_length(self) -> None:
        root = pki.authority("CN=R", path_length=1)
        one = pki.authority("CN=1", root)
        two = pki.authority("CN=2", one)
        assert chain(pki.issue("CN=x", one), [one], [root])
        assert failure(pki.issue("CN=x", two), [one, two], [root]).check == "cert-exceeded-path-len"
        last = pki.authority("CN=last", root, path_length=0)
        assert chain(pki.issue("CN=x", last), [last], [root])
        zero = pki.authority("CN=0", path_length=0)
        assert chain(pki.issue("CN=x", zero), [], [zero])
        below = pki.authority("CN=b", zero)
        assert failure(pki.issue("CN=x", below), [below], [zero]).check == "cert-exceeded-path-len"

    def test_self_issued_intermediates_do_not_count(self) -> None:
        zero = pki.authority("CN=0", path_length=0)
        rolled = pki.authority("CN=0", zero, key="new key")
        assert chain(pki.issue("CN=x", rolled), [rolled], [zero])

    def test_name_constraints_at_every_level(self) -> None:
        only = [(x509.NameConstraints(pki.dns("example.com"), None), True)]
        never = [(x509.NameConstraints(None, pki.dns("secret.example.com")), True)]
        root = pki.authority("CN=R", extensions=only)
        sub = pki.authority("CN=S", root, extensions=never)
        for name, works in (("a.example.com", True), ("a.example.org", False), ("x.secret.example.com", False)):
            leaf = pki.issue("", sub, sans=pki.dns(name))
            if works:
                assert chain(leaf, [sub], [root])
            else:
                assert failure(leaf, [sub], [root]).check == "cert-policy-violation"

    def test_name_constraints_hold_for_intermediates_but_not_for_self_issued_ones(self) -> None:
        only = [(x509.NameConstraints([x509.DirectoryName(pki.library_name("C=CH"))], None), True)]
        root = pki.authority("CN=R", extensions=only)
        sub = pki.authority("C=AT, CN=S", root)
        assert failure(pki.issue("C=CH, CN=x", sub), [sub], [root]).check == "cert-policy-violation"
        rolled = pki.authority("CN=R", root, key="new key")
        assert chain(pki.issue("C=CH, CN=x", rolled), [rolled], [root])

    def test_weak_signatures_on_certificates(self) -> None:
        assert (
            failure(pki.issue("CN=x", ROOT, algorithm=pki.hashes.SHA224()), [], [ROOT]).check
            == "cert-validation-failed"
        )


class TestIdentities:
    MANY = pki.issue(
        "C=CH, O=Example, CN=many.example.com",
        ROOT,
        sans=[
            x509.DNSName("moon.example.com"),
            x509.DNSName("*.wild.example.com"),
            x509.RFC822Name("moon@example.com"),
            x509.IPAddress(ip_address("192.0.2.1")),
            x509.IPAddress(ip_address("2001:db8::1")),
        ],
    ).certificate

    @pytest.mark.parametrize(
        ("text", "proven"),
        [
            ("moon.example.com", True),
            ("MOON.example.com", True),
            ("moon@example.com", True),
            ("192.0.2.1", True),
            ("2001:db8::1", True),
            ("C=CH, O=Example, CN=many.example.com", True),
            ("c=ch, o=example, cn=MANY.example.com", True),
            ("many.example.com", False),
            ("a.wild.example.com", False),
            ("sun.example.com", False),
            ("email:moon.example.com", False),
            ("fqdn:moon@example.com", False),
            ("192.0.2.2", False),
            ("::ffff:192.0.2.1", False),
            ("CN=many.example.com", False),
            ("CN=many.example.com, O=Example, C=CH", False),
            ("keyid:moon.example.com", False),
            ("fqdn:192.0.2.1", False),
        ],
    )
    def test_what_a_certificate_proves(self, text: str, proven: bool) -> None:
        assert matches_identity(self.MANY, parse_identity(text)) is proven

    def test_hostile_identities(self) -> None:
        for identity in (
            Identity(IdType.ID_FQDN, b"*.wild.example.com"),
            Identity(IdType.ID_FQDN, b""),
            Identity(IdType.ID_FQDN, b"moon.example.com\0"),
            Identity(IdType.ID_DER_ASN1_DN, b""),
            Identity(IdType.ID_DER_ASN1_DN, b"\x30\x00"),
            Identity(IdType.ID_DER_ASN1_DN, self.MANY.subject[:-1]),
            Identity(IdType.ID_KEY_ID, self.MANY.public_key.key_id),
            Identity(IdType.ID_NULL, b""),
        ):
            assert not matches_identity(self.MANY, identity)

    def test_an_empty_subject_proves_no_empty_name(self) -> None:
        certificate = pki.issue("", ROOT, sans=pki.dns("moon")).certificate
        assert not matches_identity(certificate, Identity(IdType.ID_DER_ASN1_DN, b"\x30\x00"))
        assert matches_identity(certificate, parse_identity("moon"))


def test_certreq_hashes_are_those_of_the_public_keys() -> None:
    def key_hash(issued: pki.Issued) -> bytes:
        key = issued.library_key.public_key()
        return hashlib.sha1(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()

    anchors = certificates(ROOT, SUB, ROOT)
    assert certreq_hashes(anchors) == key_hash(ROOT) + key_hash(SUB)
    assert certreq_hashes([]) == b""
