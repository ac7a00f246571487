"""The payloads that are little more than octets."""

from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.numbers import PayloadType, UnityAttribute, XauthAttribute
from ikeengine.ikev1.wire.payloads import (
    Attributes,
    Cert,
    CertReq,
    Fragment,
    Hash,
    Ke,
    NatD,
    NatOa,
    Nonce,
    Signature,
    VendorId,
)
from ikeengine.registry import CertEncoding, CpType
from ikeengine.wire.reader import Reader


@pytest.mark.parametrize("kind", [Ke, Hash, Signature, VendorId, NatD])
@pytest.mark.parametrize("data", [b"", b"a", b"b" * 65531], ids=len)
def test_all_of_the_body(kind: type[Ke | Hash | Signature | VendorId | NatD], data: bytes):
    assert kind.read(Reader(data)) == kind(data)
    assert kind(data).write() == data


@pytest.mark.parametrize("size", [0, 7, 8, 256, 257])
def test_nonce_lengths(size: int):
    if 8 <= size <= 256:
        assert Nonce.read(Reader(b"n" * size)).write() == b"n" * size
    else:
        with pytest.raises(InvalidSyntax, match=f"a nonce of {size} octets"):
            Nonce.read(Reader(b"n" * size))


def test_certificates():
    assert Cert.read(Reader(b"\4der")) == Cert(CertEncoding.X509_SIGNATURE, b"der")
    assert Cert(CertEncoding.X509_SIGNATURE, b"der").write() == b"\4der"
    assert CertReq.read(Reader(b"\4")) == CertReq(CertEncoding.X509_SIGNATURE)
    assert CertReq(CertEncoding.PKCS7, b"name").write() == b"\1name"
    for kind in (Cert, CertReq):
        with pytest.raises(InvalidSyntax):
            kind.read(Reader(b""))


def test_xauth_request():
    octets = bytes.fromhex("01 00 abcd c088 0000 4089 0000 408a 0000")
    payload = Attributes.read(Reader(octets))
    assert payload == Attributes(
        CpType.CFG_REQUEST,
        0xABCD,
        (
            Attribute(XauthAttribute.XAUTH_TYPE, 0),
            Attribute(XauthAttribute.XAUTH_USER_NAME, b""),
            Attribute(XauthAttribute.XAUTH_USER_PASSWORD, b""),
        ),
    )
    assert payload.write() == octets


def test_unity_banner():
    payload = Attributes(CpType.CFG_REPLY, 1, (Attribute(UnityAttribute.UNITY_BANNER, b"hello"),))
    assert payload.write() == bytes.fromhex("02 00 0001 7000 0005") + b"hello"


def test_w11_attributes_cut_at_every_octet():
    octets = bytes.fromhex("01 00 abcd c088 0000 4089 0005") + b"carol"
    whole = {4, 8, len(octets)}
    for size in range(len(octets) + 1):
        if size in whole:
            assert Attributes.read(Reader(octets[:size])).write() == octets[:size]
        else:
            with pytest.raises(InvalidSyntax):
                Attributes.read(Reader(octets[:size]))


def test_w11_more_attributes_than_anybody_needs():
    assert len(Attributes.read(Reader(bytes(4) + bytes(4) * 256)).attributes) == 256
    with pytest.raises(InvalidSyntax, match="more than 256 attributes"):
        Attributes.read(Reader(bytes(4) + bytes(4) * 257))


def test_payloads_of_the_drafts_keep_their_number():
    assert NatD.read_draft(Reader(b"hash")) == NatD(b"hash", PayloadType.NAT_D_DRAFT)
    assert NatOa.read_draft(Reader(b"\1\0\0\0abcd")) == NatOa(b"abcd", PayloadType.NAT_OA_DRAFT)
    assert NatD(b"hash") != NatD(b"hash", PayloadType.NAT_D_DRAFT)


@pytest.mark.parametrize("kind", [0, 1, 2, 4, 5, 6, 255])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 8, 15, 16, 17, 32])
def test_w11_original_addresses(kind: int, size: int):
    octets = bytes((kind, 0, 0, 0)) + b"a" * size
    if (kind, size) in {(1, 4), (5, 16)}:
        assert NatOa.read(Reader(octets)).write() == octets
    else:
        with pytest.raises(InvalidSyntax):
            NatOa.read(Reader(octets))


def test_fragment():
    octets = bytes.fromhex("0001 02 01") + b"data"
    assert Fragment.read(Reader(octets)) == Fragment(1, 2, True, b"data")
    assert Fragment(1, 2, True, b"data").write() == octets
    assert not Fragment.read(Reader(bytes.fromhex("0001 02 fe") + b"data")).is_last, "only one flag has a meaning"


@pytest.mark.parametrize("size", range(5))
def test_w11_fragments_of_nothing(size: int):
    """CVE-2013-6076, CVE-2016-1287: shorter than its own fields, or without data."""
    with pytest.raises(InvalidSyntax):
        Fragment.read(Reader(bytes.fromhex("0001 01 01")[:size]))


def test_w11_fragment_number_0():
    with pytest.raises(InvalidSyntax, match="fragment 0"):
        Fragment.read(Reader(bytes.fromhex("0001 00 01") + b"data"))
