"""Octets of IKEv1 messages for tests, made without the code under test, and one valid payload of each type."""

from __future__ import annotations

from struct import pack

from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.numbers import IdType, NotifyType, PayloadType, ProtocolId, XauthAttribute
from ikeengine.ikev1.wire.payloads import (
    Attributes,
    Cert,
    CertReq,
    Delete,
    Fragment,
    Hash,
    Id,
    Ke,
    NatD,
    NatOa,
    Nonce,
    Notify,
    Payload,
    ProposalPayload,
    Sa,
    Signature,
    TransformPayload,
    VendorId,
)
from ikeengine.registry import CertEncoding, CpAttribute, CpType

COOKIE_I = bytes.fromhex("0123456789abcdef")
COOKIE_R = bytes.fromhex("fedcba9876543210")

IKE_ATTRIBUTES = (
    Attribute(1, 7),
    Attribute(14, 256),
    Attribute(2, 4),
    Attribute(3, 1),
    Attribute(4, 14),
    Attribute(11, 1),
    Attribute(12, b"\0\1\x51\x80"),
)
IKE_PROPOSAL = ProposalPayload(1, ProtocolId.ISAKMP, (TransformPayload(1, 1, IKE_ATTRIBUTES),))
ESP_PROPOSAL = ProposalPayload(
    1,
    ProtocolId.ESP,
    (
        TransformPayload(1, 12, (Attribute(6, 128), Attribute(5, 5), Attribute(4, 1))),
        TransformPayload(2, 3, (Attribute(5, 2), Attribute(4, 1), Attribute(1, 2), Attribute(2, b"\0\1\0\0"))),
    ),
    b"\xc0\xff\xee\x01",
)
AH_PROPOSAL = ProposalPayload(1, ProtocolId.AH, (TransformPayload(1, 5, (Attribute(5, 5),)),), b"\xc0\xff\xee\x02")
IPCOMP_PROPOSAL = ProposalPayload(2, ProtocolId.IPCOMP, (TransformPayload(1, 2),), b"\x12\x34")

SAMPLES: tuple[Payload, ...] = (
    Sa((IKE_PROPOSAL,)),
    Ke(b"k" * 128),
    Id(IdType.ID_FQDN, b"gw1.example.com"),
    Cert(CertEncoding.X509_SIGNATURE, b"der"),
    CertReq(CertEncoding.X509_SIGNATURE, b"name"),
    Hash(b"h" * 20),
    Signature(b"s" * 256),
    Nonce(b"n" * 32),
    Notify(NotifyType.R_U_THERE, b"\0\0\0\1", ProtocolId.ISAKMP, COOKIE_I + COOKIE_R),
    Delete(ProtocolId.ESP, (b"\1\2\3\4", b"\5\6\7\x08")),
    VendorId(b"vendor"),
    Attributes(
        CpType.CFG_REPLY,
        0x1234,
        (
            Attribute(XauthAttribute.XAUTH_TYPE, 0),
            Attribute(XauthAttribute.XAUTH_USER_NAME, b"carol"),
            Attribute(CpAttribute.INTERNAL_IP4_ADDRESS, b""),
        ),
    ),
    NatD(b"d" * 20),
    NatOa(bytes((192, 0, 2, 1))),
    NatD(b"e" * 16, PayloadType.NAT_D_DRAFT),
    NatOa(bytes(15) + b"\1", PayloadType.NAT_OA_DRAFT),
    Fragment(1, 2, True, b"rest of a message"),
)
"""One valid payload of each type."""

NETS = (
    Id(IdType.ID_IPV4_ADDR_SUBNET, bytes((10, 1, 0, 0, 255, 255, 0, 0))),
    Id(IdType.ID_IPV4_ADDR_RANGE, bytes((10, 2, 0, 0, 10, 2, 0, 99)), 17, 1701),
)
MAIN_1: tuple[Payload, ...] = (Sa((IKE_PROPOSAL,)), VendorId(bytes.fromhex("afcad71368a1f1c96b8696fc77570100")))
MAIN_3: tuple[Payload, ...] = (Ke(b"k" * 128), Nonce(b"n" * 32), NatD(b"d" * 20), NatD(b"s" * 20))
AGGRESSIVE_1: tuple[Payload, ...] = (
    Sa((IKE_PROPOSAL,)),
    Ke(b"k" * 128),
    Nonce(b"n" * 32),
    Id(IdType.ID_KEY_ID, b"group"),
)
QUICK_1: tuple[Payload, ...] = (
    Hash(b"h" * 20),
    Sa((AH_PROPOSAL, ESP_PROPOSAL, IPCOMP_PROPOSAL)),
    Nonce(b"n" * 32),
    Ke(b"k" * 128),
    *NETS,
)


def header(
    next_payload: int, size: int, *, exchange: int = 2, flags: int = 0, version: int = 0x10, message_id: int = 0
) -> bytes:
    """An ISAKMP header that says `size` octets for the whole message."""
    return COOKIE_I + COOKIE_R + pack("!BBBBII", next_payload, version, exchange, flags, message_id, size)


def message(next_payload: int, body: bytes, **fields: int) -> bytes:
    """An IKEv1 message around an encoded chain."""
    return header(next_payload, 28 + len(body), **fields) + body


def payload(body: bytes, *, following: int = 0, reserved: int = 0) -> bytes:
    """A payload with its generic header."""
    return pack("!BBH", following, reserved, 4 + len(body)) + body
