"""Distinguished names."""

from __future__ import annotations

import pytest

from ikeengine.crypto import der, names
from ikeengine.errors import LocalMisuse


def attribute(oid: str, tag: int, value: bytes) -> bytes:
    return der.element(der.SEQUENCE, der.object_identifier(oid) + der.element(tag, value))


def name(*rdns: bytes) -> bytes:
    return der.element(der.SEQUENCE, b"".join(der.element(der.SET, rdn) for rdn in rdns))


CN = "2.5.4.3"

# What strongSwan 5.9.8 encodes and prints for these texts.
RECORDED = [
    (
        "C=CH, O=Linux strongSwan, CN=moon",
        "3037310b300906035504061302434831193017060355040a13104c696e7578207374726f6e675377616e310d300b060355040313046d6f6f6e",
    ),
    ("/C=CH/O=Foo/CN=a b", "3029310b3009060355040613024348310c300a060355040a1303466f6f310c300a06035504031303612062"),
    ("CN=Z\u00fcrich", "30123110300e06035504030c075ac3bc72696368"),
    ("O=a+b", "300e310c300a060355040a1303612b62"),
    ("CN = x , O= y", "3018310a30080603550403130178310a3008060355040a130179"),
    ("SN=x1", "300d310b3009060355040413027831"),
    ("serialNumber=x1", "300d310b3009060355040513027831"),
    ("UID=x1", "301431123010060a0992268993f22c64010113027831"),
    ("EN=x1", "301431123010060a6086480186f84203010313027831"),
    ("E=x1", "30133111300f06092a864886f70d01090116027831"),
    ("STREET=x", "300c310a30080603550409130178"),
    ("postalCode=4", "300c310a30080603550411130134"),
    ("dnQualifier=x1", "300d310b3009060355042e13027831"),
    ("UA=x1", "30133111300f06092a864886f70d01090813027831"),
]


@pytest.mark.parametrize(("text", "encoded"), RECORDED)
def test_encoding_is_that_of_strongswan(text: str, encoded: str) -> None:
    assert names.parse_name(text).hex() == encoded


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("C=CH, O=Linux strongSwan, CN=moon", "C=CH, O=Linux strongSwan, CN=moon"),
        ("c=CH,o=Linux strongSwan,cn=moon", "C=CH, O=Linux strongSwan, CN=moon"),
        ("emailAddress=a@b.c", "E=a@b.c"),
        ("Email=a@b.c", "E=a@b.c"),
        ("EN=7", "employeeNumber=7"),
        ("UN=x", "unstructuredName=x"),
        ("UA=x", "unstructuredAddress=x"),
        ("surname=x, givenName=y, title=z", "SN=x, G=y, T=z"),
        ("2.5.4.3=moon", "CN=moon"),
        ("1.2.3.4=x", "1.2.3.4=x"),
        ("O=Foo\\, Inc., CN=x", "O=Foo\\, Inc., CN=x"),
        ("/O=Foo, Inc./CN=x", "O=Foo\\, Inc., CN=x"),
        ("E=a+b@c.d", "E=a+b@c.d"),
        ("CN=a+SN=b", "CN=a+SN=b"),
        ("CN=a\\+SN=b", "CN=a\\+SN=b"),
        ("CN=a\\\\b", "CN=a\\\\b"),
        ("CN=\\c3\\bc", "CN=\u00fc"),
        ("CN=\\#5", "CN=\\#5"),
        ("CN=x\\ ", "CN=x\\ "),
        ("CN=\\ x", "CN=\\ x"),
        ("1.2.3=#0500", "1.2.3=#0500"),
        ("CN=x\\\\ , O=y", "CN=x\\\\, O=y"),
        ("CN=x\\\\\\ , O=y", "CN=x\\\\\\ , O=y"),
        ("CN=\\ ", "CN=\\ "),
        ("CN=a\\ \\ ", "CN=a \\ "),
    ],
)
def test_printed_form(text: str, printed: str) -> None:
    assert names.format_name(names.parse_name(text)) == printed
    assert names.same_name(names.parse_name(printed), names.parse_name(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CN",
        "CN=",
        "=x",
        "foo=bar",
        "CN=a,,O=b",
        "CN=a,",
        "CN=#zz",
        "CN=#0500ff",
        "CN=#05",
        "CN=\\00",
        "CN=a\0b",
        "CN=\\ff",
        "1=x",
        "CN=\udc80",
        "/",
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        names.parse_name(text)
    assert text in str(caught.value)


def test_string_types_do_not_matter_but_other_types_do() -> None:
    moon = [
        name(attribute(CN, der.PRINTABLE_STRING, b"moon")),
        name(attribute(CN, der.UTF8_STRING, b"moon")),
        name(attribute(CN, der.TELETEX_STRING, b"moon")),
        name(attribute(CN, der.BMP_STRING, "moon".encode("utf-16-be"))),
        name(attribute(CN, der.UNIVERSAL_STRING, "moon".encode("utf-32-be"))),
        name(attribute(CN, der.UTF8_STRING, b"  MOON ")),
    ]
    assert all(names.same_name(one, other) for one in moon for other in moon)
    assert not names.same_name(moon[0], name(attribute(CN, der.BIT_STRING, b"moon")))


def test_spaces_are_collapsed_and_only_ascii_case_is_folded() -> None:
    same, parse = names.same_name, names.parse_name
    assert same(parse("O=Linux strongSwan"), parse("O=LINUX   Strongswan"))
    assert not same(parse("O=Linux strongSwan"), parse("O=LinuxstrongSwan"))
    assert not same(parse("CN=\u00c4"), parse("CN=\u00e4"))
    assert not same(parse("CN=K"), parse("CN=\u212a")), "KELVIN SIGN only looks like a K"


def test_order_matters_and_so_does_every_attribute() -> None:
    same, parse = names.same_name, names.parse_name
    assert not same(parse("C=CH, CN=moon"), parse("CN=moon, C=CH"))
    assert not same(parse("C=CH, CN=moon"), parse("CN=moon"))
    assert not same(parse("CN=moon, SN=5"), parse("CN=moon+SN=5"))
    assert same(parse("CN=moon+SN=5"), parse("SN=5+CN=moon"))


def test_one_value_cannot_pass_for_two_attributes() -> None:
    forged = name(attribute("2.5.4.10", der.UTF8_STRING, b"Foo, CN=admin"))
    honest = names.parse_name("O=Foo, CN=admin")
    assert not names.same_name(forged, honest)
    assert names.format_name(forged) != names.format_name(honest)


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "30",
        "31003000",
        "300231 00",
        "3002300 0",
        "30043102 3000",
        "300e310c300a0603550403130361",
        "300c310a300806035504030c01ff00",
        "300b31093007060355040305",
    ],
)
def test_malformed_names(encoded: str) -> None:
    data = bytes.fromhex(encoded.replace(" ", ""))
    assert names.format_name(data) == names.INVALID_NAME
    assert not names.is_sound(data)
    assert not names.same_name(data, names.parse_name("CN=moon"))
    assert names.same_name(data, data)
    assert names.wildcards(names.comparable(names.parse_name("CN=*")), data) is None


def test_short_der_in_an_id_payload() -> None:
    for length in range(4):
        for first in (b"\x30", b"\x00", b"\xff"):
            data = (first + b"\x82\xff\xff")[:length]
            assert names.format_name(data) == names.INVALID_NAME


def test_undecodable_strings_compare_as_octets() -> None:
    broken = name(attribute(CN, der.UTF8_STRING, b"\xff\xfe"))
    assert names.format_name(broken) == "CN=#0c02fffe"
    assert not names.same_name(broken, name(attribute(CN, der.UTF8_STRING, b"\xff\xfd")))


def test_what_cannot_be_printed_is_replaced_and_long_names_are_cut() -> None:
    assert names.format_name(name(attribute(CN, der.UTF8_STRING, b"a\x1b[2J\nb"))) == "CN=a?[2J?b"
    assert len(names.format_name(name(attribute(CN, der.UTF8_STRING, b"x" * 60000)))) == names.MAX_TEXT
    longest = b"x" * (names.MAX_TEXT - len("CN="))
    assert names.format_name(name(attribute(CN, der.UTF8_STRING, longest))).endswith("x")
    assert names.format_name(name(attribute(CN, der.UTF8_STRING, longest + b"x"))).endswith("x...")


def test_soundness() -> None:
    assert names.is_sound(names.parse_name("CN=moon"))
    assert names.is_sound(names.parse_name("CN=*.example.com")), "the common name of many a certificate"
    assert not names.is_sound(names.parse_name("CN=*"))
    assert not names.is_sound(name(attribute(CN, der.UTF8_STRING, b"a\0b")))
    assert not names.is_sound(b"\x30\x00")
    assert names.is_empty(b"\x30\x00")


def test_wildcards() -> None:
    def count(pattern: str, text: str) -> int | None:
        return names.wildcards(names.comparable(names.parse_name(pattern)), names.parse_name(text))

    assert count("C=CH, CN=*", "C=CH, CN=moon") == 1
    assert count("C=*, CN=*", "C=CH, CN=moon") == 2
    assert count("C=CH, CN=moon", "C=ch, CN=MOON") == 0
    assert count("CN=*", "C=CH, CN=moon") is None
    assert count("C=CH, CN=*", "C=AT, CN=moon") is None
    assert count("C=CH, CN=*", "C=CH, O=moon") is None
    assert count("C=CH, CN=m*", "C=CH, CN=moon") is None
    assert count("CN=*", "CN=moon+SN=5") is None


def test_values_of_one_kind() -> None:
    encoded = names.parse_name("C=CH, E=a@b.c, CN=x+E=d@e.f")
    assert names.values_of(encoded, "E") == ("a@b.c", "d@e.f")
    assert names.values_of(encoded, "O") == ()
