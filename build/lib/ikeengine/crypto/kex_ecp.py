"""Elliptic curve groups modulo a prime: the NIST curves (RFC 5903) and the Brainpool curves (RFC 6954).

The public value is x followed by y, the shared secret is x alone (RFC 5903 sections 7 and 9).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ikeengine.crypto.kex_method import KeyExchange, KeyExchangeMethod, register
from ikeengine.crypto.rng import Rng
from ikeengine.errors import InvalidSyntax
from ikeengine.registry import KeId

_UNCOMPRESSED = b"\x04"
_EXTRA_OCTETS = 8
"""64 more random bits than the order has make the reduction unbiased (FIPS 186-5 appendix A.2.1)."""


class EcpMethod(KeyExchangeMethod):
    """A curve. `order` is the number of its points: private values are from 1 to order - 1."""

    def __init__(self, ke_id: KeId, keyword: str, curve: ec.EllipticCurve, order: int) -> None:
        self.field_octets = (curve.key_size + 7) // 8
        super().__init__(ke_id, keyword, 2 * self.field_octets)
        self.curve = curve
        self.order = order

    def generate(self, rng: Rng) -> KeyExchange:
        """A private value by reduction of a longer random number."""
        number = int.from_bytes(rng.bytes(self.field_octets + _EXTRA_OCTETS), "big")
        return EcpExchange(self, number % (self.order - 1) + 1)


class EcpExchange(KeyExchange):
    """One exchange on a curve."""

    __slots__ = ("_key", "_method", "_private")

    def __init__(self, method: EcpMethod, private: int) -> None:
        self._method = method
        self._private = private
        self._key = ec.derive_private_key(private, method.curve)
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public = point[len(_UNCOMPRESSED) :]

    def shared(self, peer_public: bytes) -> bytes:
        """The x coordinate. A point that is not on the curve is refused (RFC 6989 section 2.3)."""
        self._method.check_length(peer_public)
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(self._method.curve, _UNCOMPRESSED + peer_public)
            return self._key.exchange(ec.ECDH(), point)
        except ValueError:
            raise InvalidSyntax(f"the {self._method.keyword} public value is not on the curve") from None

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self._method.id, self._private)


def _restore(ke_id: int, private: int) -> EcpExchange:
    return EcpExchange(_METHODS[ke_id], private)


_METHODS: dict[int, EcpMethod] = {
    method.id: method
    for method in (
        EcpMethod(
            KeId.ECP_256,
            "ecp256",
            ec.SECP256R1(),
            0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        ),
        EcpMethod(
            KeId.ECP_384,
            "ecp384",
            ec.SECP384R1(),
            0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        ),
        EcpMethod(
            KeId.ECP_521,
            "ecp521",
            ec.SECP521R1(),
            0x01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
        ),
        EcpMethod(
            KeId.ECP_256_BP,
            "ecp256bp",
            ec.BrainpoolP256R1(),
            0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
        ),
        EcpMethod(
            KeId.ECP_384_BP,
            "ecp384bp",
            ec.BrainpoolP384R1(),
            0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202E9046565,
        ),
        EcpMethod(
            KeId.ECP_512_BP,
            "ecp512bp",
            ec.BrainpoolP512R1(),
            0xAADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330870553E5C414CA92619418661197FAC10471DB1D381085DDADDB58796829CA90069,
        ),
    )
}
for _method in _METHODS.values():
    register(_method)
