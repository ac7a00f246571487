"""Identities and patterns."""

from __future__ import annotations

import pytest

from ikeengine.crypto import names
from ikeengine.errors import LocalMisuse
from ikeengine.model.identity import ANY_IDENTITY, Identity, IdentityPattern
from ikeengine.negotiate import identities as ids
from ikeengine.negotiate.identities import format_identity, match_quality, matches, parse_identity, parse_pattern
from ikeengine.registry import IdType


def fqdn(data: bytes) -> Identity:
    return Identity(IdType.ID_FQDN, data)


# text, type and data as strongSwan 5.9.8 makes them (identification_create_from_string), and how it prints them.
RECORDED = [
    ("moon.strongswan.org", IdType.ID_FQDN, b"moon.strongswan.org", "moon.strongswan.org"),
    ("carol@strongswan.org", IdType.ID_RFC822_ADDR, b"carol@strongswan.org", "carol@strongswan.org"),
    ("@moon.strongswan.org", IdType.ID_FQDN, b"moon.strongswan.org", "moon.strongswan.org"),
    ("@@foo@bar", IdType.ID_RFC822_ADDR, b"foo@bar", "foo@bar"),
    ("@#deadbeef", IdType.ID_KEY_ID, b"\xde\xad\xbe\xef", "de:ad:be:ef"),
    ("192.0.2.1", IdType.ID_IPV4_ADDR, bytes([192, 0, 2, 1]), "192.0.2.1"),
    ("2001:db8::1", IdType.ID_IPV6_ADDR, bytes.fromhex("20010db8000000000000000000000001"), "2001:db8::1"),
    ("CN=x", IdType.ID_DER_ASN1_DN, bytes.fromhex("300c310a30080603550403130178"), "CN=x"),
    ("a:b", IdType.ID_KEY_ID, b"a:b", "a:b"),
    ("keyid:abc", IdType.ID_KEY_ID, b"abc", "abc"),
    ("keyid:#00ff", IdType.ID_KEY_ID, b"\x00\xff", "00:ff"),
    ("fqdn:foo", IdType.ID_FQDN, b"foo", "foo"),
    ("dns:foo", IdType.ID_FQDN, b"foo", "foo"),
    ("email:x", IdType.ID_RFC822_ADDR, b"x", "x"),
    ("rfc822:x", IdType.ID_RFC822_ADDR, b"x", "x"),
    ("userfqdn:x", IdType.ID_RFC822_ADDR, b"x", "x"),
    ("FQDN:foo", IdType.ID_FQDN, b"foo", "foo"),
    ("{11}:abc", IdType.ID_KEY_ID, b"abc", "abc"),
    ("{2}:#666f6f", IdType.ID_FQDN, b"foo", "foo"),
    ("moon", IdType.ID_FQDN, b"moon", "moon"),
    ("1.2.3", IdType.ID_FQDN, b"1.2.3", "1.2.3"),
]


@pytest.mark.parametrize(("text", "kind", "data", "printed"), RECORDED)
def test_guessing_is_that_of_strongswan(text: str, kind: IdType, data: bytes, printed: str) -> None:
    identity = parse_identity(text)
    assert identity == Identity(kind, data)
    assert format_identity(identity) == printed


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("ipv4:192.0.2.1", "192.0.2.1"),
        ("ipv4:#c0000201", "192.0.2.1"),
        ("ipv6:2001:db8::1", "2001:db8::1"),
        ("asn1dn:CN=moon", "CN=moon"),
        ("asn1dn:#300c310a30080603550403130178", "CN=x"),
        ("keyid:#de:ad", "@#dead"),
        ("email:moon@example.com", "moon@example.com"),
    ],
)
def test_prefixes_convert_their_text(text: str, same: str) -> None:
    assert parse_identity(text) == parse_identity(same)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%any",
        "*",
        "0.0.0.0",
        "::",
        "fqdn:",
        "email:",
        "keyid:",
        "@",
        "@@",
        "@#",
        "@#xy",
        "keyid:#xy",
        "ipv4:moon",
        "ipv4:2001:db8::1",
        "ipv6:192.0.2.1",
        "ipv4:#c00002",
        "*.example.com",
        "*@example.com",
        "moon.*.com",
        "CN=*",
        "CN=",
        "foo=bar",
        "asn1dn:moon",
        "asn1dn:#3000",
        "asn1gn:#3000",
        "{201}:abc",
        "{13}:",
        "a\0b",
        "email:a\0b@c",
        "moon\udc80",
        "CN=\udc80",
    ],
)
def test_what_names_nobody(text: str) -> None:
    with pytest.raises(LocalMisuse):
        parse_identity(text)


@pytest.mark.parametrize(
    ("identity", "printed"),
    [
        (fqdn(b"a\0b\xff"), "a?b?"),
        (fqdn(b""), ""),
        (fqdn("z\u00fcrich.example".encode()), "z\u00fcrich.example"),
        (fqdn(b"\x1b[2J"), "?[2J"),
        (Identity(IdType.ID_IPV4_ADDR, b"abc"), "(invalid ID_IPV4_ADDR)"),
        (Identity(IdType.ID_IPV6_ADDR, b"abcd"), "(invalid ID_IPV6_ADDR)"),
        (Identity(IdType.ID_DER_ASN1_DN, b"abc"), "(invalid ID_DER_ASN1_DN)"),
        (Identity(IdType.ID_DER_ASN1_GN, b"abc"), "(ASN.1 general name)"),
        (Identity(IdType.ID_KEY_ID, b"ab\0"), "61:62:00"),
        (
            Identity(IdType.ID_KEY_ID, b"twenty octets of text"[:20]),
            ":".join(f"{o:02x}" for o in b"twenty octets of text"[:20]),
        ),
        (Identity(IdType.ID_NULL, b""), "(unknown ID type: 13)"),
        (Identity(IdType(201), b"abc"), "(unknown ID type: 201)"),
    ],
)
def test_printing_never_fails(identity: Identity, printed: str) -> None:
    assert format_identity(identity) == printed


def test_long_identities_are_cut() -> None:
    for kind in (IdType.ID_FQDN, IdType.ID_RFC822_ADDR, IdType.ID_KEY_ID):
        for data in (b"x" * 65000, b"\xff" * 65000):
            assert len(format_identity(Identity(kind, data))) <= names.MAX_TEXT


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("moon.example.com", "MOON.Example.com", True),
        ("Moon@example.com", "moon@EXAMPLE.com", True),
        ("moon.example.com", "email:moon.example.com", False),
        ("moon.example.com", "moon.example.com.", False),
        ("moon.example.com", "moon.example.co", False),
        ("C=CH, CN=moon", "c=ch, cn=MOON", True),
        ("C=CH, CN=moon", "CN=moon, C=CH", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("keyid:abc", "keyid:ABC", False),
        ("192.0.2.1", "::ffff:192.0.2.1", False),
        ("xn--zrich-kva.example", "fqdn:z\u00fcrich.example", False),
        ("fqdn:\u00c4.example", "fqdn:\u00e4.example", False),
    ],
)
def test_sameness(one: str, other: str, same: bool) -> None:
    left, right = parse_identity(one), parse_identity(other)
    assert ids.same_identity(left, right) is same
    assert (ids.canonical(left) == ids.canonical(right)) is same
    assert matches(parse_pattern(one), right) is same


# identity, pattern and the quality that strongSwan 5.9.8 gives (identification_t.matches), but for a range of one
# address, which is perfect there.
QUALITY = [
    ("moon.s.org", "*.s.org", 19),
    ("moon.s.org", "MOON.s.org", 20),
    ("moon.s.org", "%any", 1),
    ("moon.s.org", "*", 1),
    ("a.b.s.org", "*.S.org", 19),
    ("a@b.c", "*@b.c", 19),
    ("a@b.c", "*b.c", 0),
    (".s.org", "*.s.org", 0),
    ("moon.s.net", "*.s.org", 0),
    ("C=CH, CN=moon", "C=CH, CN=*", 19),
    ("C=CH, CN=moon", "C=*, CN=*", 18),
    ("C=CH, CN=moon", "c=ch, cn=MOON", 20),
    ("C=CH, CN=moon", "CN=*", 0),
    ("C=CH, CN=moon", "C=CH, CN=m*", 0),
    ("moon.s.org", "C=CH, CN=*", 0),
    ("10.0.0.1", "10.0.0.0/8", 19),
    ("10.0.0.1", "10.0.0.0-10.0.0.3", 19),
    ("10.0.0.3", "10.0.0.0-10.0.0.3", 19),
    ("10.0.0.4", "10.0.0.0-10.0.0.3", 0),
    ("10.0.0.1", "10.0.0.2-10.0.0.3", 0),
    ("10.0.0.2", "10.0.0.2-10.0.0.3", 19),
    ("10.0.0.2", "10.0.0.2-10.0.0.2", 19),
    ("10.255.255.255", "10.0.0.0/8", 19),
    ("11.0.0.0", "10.0.0.0/8", 0),
    ("10.0.0.0", "10.0.0.0/8", 19),
    ("9.255.255.255", "10.0.0.0/8", 0),
    ("2001:db8::1", "2001:db8::/32", 19),
    ("2001:db8::1", "10.0.0.0/8", 0),
    ("moon.s.org", "10.0.0.0/8", 0),
]


@pytest.mark.parametrize(("identity", "pattern", "quality"), QUALITY)
def test_match_quality_is_that_of_strongswan(identity: str, pattern: str, quality: int) -> None:
    assert match_quality(parse_pattern(pattern), parse_identity(identity)) == quality
    assert matches(parse_pattern(pattern), parse_identity(identity)) is (quality > 0)


def test_patterns_with_many_wildcards_stay_better_than_any() -> None:
    text = ", ".join(f"OU={n}" for n in range(25))
    pattern = ", ".join("OU=*" for _ in range(25))
    assert match_quality(parse_pattern(pattern), parse_identity(text)) == ids.WORST_WILDCARD


def test_exact_patterns_are_told_apart() -> None:
    assert parse_pattern("moon") == IdentityPattern("moon", fqdn(b"moon"))
    assert parse_pattern("*.example.com") == IdentityPattern("*.example.com", None)
    assert parse_pattern("C=CH, CN=*").exact is None
    assert parse_pattern("10.0.0.0/8").exact is None
    for text in ("%any", "%any6", "", "*", "0.0.0.0", "::", "0::0"):
        assert parse_pattern(text) == ANY_IDENTITY


@pytest.mark.parametrize(
    "text", ["moon.*.com", "gw*", "**.example.com", "keyid:#", "fqdn:", "CN=", "foo=bar", "a\0b", "*\0.example.com"]
)
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(LocalMisuse):
        parse_pattern(text)


UNSOUND = [
    fqdn(b""),
    fqdn(b"evil\0.example.com"),
    fqdn(b"*.example.com"),
    fqdn(b"*"),
    Identity(IdType.ID_RFC822_ADDR, b"*@example.com"),
    Identity(IdType.ID_RFC822_ADDR, b"a\0@example.com"),
    Identity(IdType.ID_IPV4_ADDR, b""),
    Identity(IdType.ID_IPV4_ADDR, b"12345"),
    Identity(IdType.ID_IPV6_ADDR, b"1234"),
    Identity(IdType.ID_DER_ASN1_DN, b""),
    Identity(IdType.ID_DER_ASN1_DN, b"\x30\x00"),
    Identity(IdType.ID_DER_ASN1_DN, names.parse_name("C=CH, CN=moon")[:-1]),
    Identity(IdType.ID_DER_ASN1_DN, names.parse_name("C=CH, CN=moon") + b"\0"),
    Identity(IdType.ID_DER_ASN1_DN, names.parse_name("C=CH, CN=*")),
    Identity(IdType.ID_DER_ASN1_GN, b"x"),
    Identity(IdType.ID_KEY_ID, b""),
    Identity(IdType.ID_NULL, b""),
    Identity(IdType(4), bytes(8)),
    Identity(IdType(201), b"x"),
]


@pytest.mark.parametrize("identity", UNSOUND)
def test_a_malformed_identity_matches_nothing(identity: Identity) -> None:
    assert not ids.is_sound(identity)
    for text in ("%any", "*.example.com", "*@example.com", "C=CH, CN=*", "0.0.0.0/0", "::/0"):
        assert not matches(parse_pattern(text), identity)
    assert not matches(IdentityPattern("itself", identity), identity)


def test_malformed_names_compare_as_octets() -> None:
    broken, other = Identity(IdType.ID_DER_ASN1_DN, b"\x30\x05"), Identity(IdType.ID_DER_ASN1_DN, b"\x30\x06")
    assert ids.same_identity(broken, Identity(IdType.ID_DER_ASN1_DN, b"\x30\x05"))
    assert not ids.same_identity(broken, other)
    assert ids.canonical(broken) != ids.canonical(other)


def test_a_name_does_not_match_an_exact_pattern_made_by_hand() -> None:
    by_hand = IdentityPattern("moon", None)
    assert match_quality(by_hand, fqdn(b"MOON")) == ids.PERFECT
    assert match_quality(by_hand, fqdn(b"sun")) == ids.NONE


def test_a_range_of_mixed_families_is_no_pattern_of_addresses() -> None:
    assert parse_pattern("10.0.0.9-10.0.0.1").exact == fqdn(b"10.0.0.9-10.0.0.1")
    assert parse_pattern("10.0.0.0/99").exact == fqdn(b"10.0.0.0/99")
