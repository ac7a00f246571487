"""Octets of IKEv2 messages for tests, made without the code under test, and a cipher that is none."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from struct import pack

from ikeengine.errors import IntegrityFailed
from ikeengine.model.identity import Identity
from ikeengine.model.proposal import Proposal, Transform
from ikeengine.model.selector import TrafficSelector
from ikeengine.registry import (
    AuthMethod,
    CertEncoding,
    CpAttribute,
    CpType,
    IdType,
    NotifyType,
    Protocol,
    TransformType,
)
from ikeengine.wire.payloads import (
    Auth,
    Cert,
    CertReq,
    Configuration,
    CpAttributeValue,
    Delete,
    Eap,
    IdInitiator,
    IdResponder,
    Ke,
    Nonce,
    Notify,
    Payload,
    Sa,
    TsInitiator,
    TsResponder,
    VendorId,
)

SPI_I = bytes.fromhex("0123456789abcdef")
SPI_R = bytes.fromhex("fedcba9876543210")

IKE_PROPOSAL = Proposal(
    Protocol.IKE,
    (
        Transform(TransformType.ENCR, 20, 256),
        Transform(TransformType.PRF, 5),
        Transform(TransformType.INTEG, 12),
        Transform(TransformType.KE, 31),
    ),
)
ESP_PROPOSAL = Proposal(
    Protocol.ESP, (Transform(TransformType.ENCR, 12, 128), Transform(TransformType.ESN, 0)), spi=b"\xc0\xff\xee\x01"
)
SELECTOR = TrafficSelector(bytes((10, 1, 0, 0)), bytes((10, 1, 255, 255)))
SELECTOR_V6 = TrafficSelector(bytes(16), b"\xff" * 16, 6, 80, 443)

SAMPLES: tuple[Payload, ...] = (
    Sa((IKE_PROPOSAL,)),
    Ke(31, b"k" * 32),
    Nonce(b"n" * 32),
    IdInitiator(Identity(IdType.ID_FQDN, b"gw1.example.com")),
    IdResponder(Identity(IdType.ID_IPV4_ADDR, bytes((192, 0, 2, 1)))),
    Cert(CertEncoding.X509_SIGNATURE, b"der"),
    CertReq(CertEncoding.X509_SIGNATURE, b"h" * 40),
    Auth(AuthMethod.SHARED_KEY, b"a" * 32),
    Notify(NotifyType.REKEY_SA, b"", Protocol.ESP, b"\1\2\3\4"),
    Delete(Protocol.ESP, (b"\1\2\3\4", b"\5\6\7\x08")),
    VendorId(b"vendor"),
    TsInitiator((SELECTOR,)),
    TsResponder((SELECTOR, SELECTOR_V6)),
    Configuration(CpType.CFG_REQUEST, (CpAttributeValue(CpAttribute.INTERNAL_IP4_ADDRESS),)),
    Eap(bytes((1, 7, 0, 5, 1))),
)
"""One valid payload of each type."""

INIT_PAYLOADS: tuple[Payload, ...] = (
    Sa((IKE_PROPOSAL,)),
    Ke(31, b"k" * 32),
    Nonce(b"n" * 32),
    Notify(NotifyType.NAT_DETECTION_SOURCE_IP, b"s" * 20),
    Notify(NotifyType.NAT_DETECTION_DESTINATION_IP, b"d" * 20),
)
AUTH_PAYLOADS: tuple[Payload, ...] = (
    IdInitiator(Identity(IdType.ID_FQDN, b"gw1.example.com")),
    Auth(AuthMethod.SHARED_KEY, b"a" * 32),
    Sa((ESP_PROPOSAL,)),
    TsInitiator((SELECTOR,)),
    TsResponder((SELECTOR,)),
)


def header(
    next_payload: int, size: int, *, exchange: int = 34, flags: int = 8, version: int = 0x20, message_id: int = 0
) -> bytes:
    """An IKE header that says `size` octets for the whole message."""
    return SPI_I + SPI_R + pack("!BBBBII", next_payload, version, exchange, flags, message_id, size)


def message(next_payload: int, body: bytes, **fields: int) -> bytes:
    """An IKE message around an encoded chain."""
    return header(next_payload, 28 + len(body), **fields) + body


def payload(body: bytes, *, following: int = 0, flags: int = 0) -> bytes:
    """A payload with its generic header."""
    return pack("!BBH", following, flags, 4 + len(body)) + body


class ToyCipher:
    """Encrypts by complementing the bits and authenticates with a keyed hash. Blocks as you like."""

    def __init__(self, block: int = 1, iv_length: int = 8, icv_length: int = 16, key: bytes = b"key") -> None:
        self.block = block
        self.iv_length = iv_length
        self.icv_length = icv_length
        self._key = key
        self.opened = 0

    def seal(self, aad: bytes, iv: bytes, plaintext: bytes) -> bytes:
        ciphertext = bytes(octet ^ 0xFF for octet in plaintext)
        return ciphertext + self._icv(aad, iv, ciphertext)

    def open(self, aad: bytes, iv: bytes, data: bytes) -> bytes:
        self.opened += 1
        split = len(data) - self.icv_length
        if not compare_digest(self._icv(aad, iv, data[:split]), data[split:]):
            raise IntegrityFailed("toy")
        return bytes(octet ^ 0xFF for octet in data[:split])

    def _icv(self, aad: bytes, iv: bytes, ciphertext: bytes) -> bytes:
        return sha256(self._key + aad + iv + ciphertext).digest()[: self.icv_length]
