"""Identities survive the way to text and back, and no octets make printing or matching fail."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ikeengine.crypto import der, names
from ikeengine.errors import LocalMisuse
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import (
    canonical,
    format_identity,
    is_sound,
    match_quality,
    matches,
    parse_identity,
    parse_pattern,
    same_identity,
)
from ikeengine.registry import IdType

PATTERNS = [
    parse_pattern(text) for text in ("%any", "*.example.com", "*@example.com", "C=CH, CN=*", "10.0.0.0/8", "moon")
]

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=20)
OIDS = st.sampled_from(
    ["2.5.4.3", "2.5.4.10", "2.5.4.6", "1.2.840.113549.1.9.1", "0.9.2342.19200300.100.1.25", "1.2.3.4"]
)
TAGS = st.sampled_from([der.UTF8_STRING, der.BMP_STRING, der.UNIVERSAL_STRING])
CODECS = {der.UTF8_STRING: "utf-8", der.BMP_STRING: "utf-16-be", der.UNIVERSAL_STRING: "utf-32-be"}


@st.composite
def distinguished_names(draw: st.DrawFn) -> bytes:
    rdns = []
    for _ in range(draw(st.integers(1, 4))):
        attributes = []
        for _ in range(draw(st.integers(1, 2))):
            text, tag = draw(PRINTABLE), draw(TAGS)
            if tag == der.BMP_STRING:
                text = "".join(character for character in text if character <= "\uffff") or "x"
            oid = der.object_identifier(draw(OIDS))
            attributes.append(der.element(der.SEQUENCE, oid + der.element(tag, text.encode(CODECS[tag]))))
        rdns.append(der.element(der.SET, b"".join(sorted(set(attributes)))))
    return der.element(der.SEQUENCE, b"".join(rdns))


@given(distinguished_names())
def test_printed_names_are_read_back(name: bytes) -> None:
    text = names.format_name(name)
    if len(text) < names.MAX_TEXT:
        assert names.same_name(names.parse_name(text), name), text


@given(distinguished_names())
def test_names_are_identities(name: bytes) -> None:
    identity = Identity(IdType.ID_DER_ASN1_DN, name)
    if is_sound(identity) and len(format_identity(identity)) < names.MAX_TEXT:
        again = parse_identity("asn1dn:" + format_identity(identity))
        assert same_identity(again, identity)
        assert canonical(again) == canonical(identity)
        assert matches(parse_pattern("asn1dn:" + format_identity(identity)), identity)


@given(st.sampled_from(["fqdn", "email", "keyid"]), PRINTABLE)
def test_strings_survive_with_their_prefix(prefix: str, text: str) -> None:
    try:
        identity = parse_identity(f"{prefix}:{text}")
    except LocalMisuse:
        assert "*" in text or text.startswith("#")
        return
    assert is_sound(identity)
    if not text.startswith("#") and len(text.encode()) != 20:
        assert format_identity(identity) == text


@given(st.ip_addresses())
def test_addresses_survive(address: object) -> None:
    text = str(address)
    if text not in ("0.0.0.0", "::"):
        assert format_identity(parse_identity(text)) == text


@given(st.integers(0, 255), st.binary(max_size=64))
def test_no_octets_from_a_peer_make_anything_fail(kind: int, data: bytes) -> None:
    identity = Identity(IdType(kind), data)
    assert format_identity(identity).isprintable()
    hash(canonical(identity))
    assert same_identity(identity, identity)
    for pattern in PATTERNS:
        assert match_quality(pattern, identity) == 0 or is_sound(identity)


@given(st.text(max_size=40))
def test_any_text_is_an_identity_or_a_complaint(text: str) -> None:
    for parse in (parse_identity, parse_pattern):
        try:
            parse(text)
        except LocalMisuse:
            continue
