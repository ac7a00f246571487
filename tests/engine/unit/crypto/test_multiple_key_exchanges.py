"""The key schedule of several key exchanges, computed once more with nothing but HMAC from the formulas of the RFCs.

RFC 9370 has no test vectors, and RFC 9242 neither: the formulas are written down as they stand there.
"""

from __future__ import annotations

import hashlib
import hmac

import pytest

from ikeengine.crypto.keymat_v2 import child_keys, ike_keys, rekeyed_ike_keys
from ikeengine.ikev2.peer import int_auth
from ikeengine.ikev2.peer.int_auth import IntAuth
from ikeengine.model.proposal import ChildSuite, IkeSuite, Transform
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId, ExchangeType, IntegId, KeId, PrfId, Protocol, TransformType
from ikeengine.wire.payloads import Ke, Notify

NI, NR, SPI_I, SPI_R = b"i" * 32, b"r" * 32, b"initiatr", b"respondr"
SK = [b"zero" * 8, b"one" * 11, b"two" * 12]
"""The results of the key exchanges."""
ENCR = Transform(TransformType.ENCR, EncrId.AES_CBC, 128)
INTEG = Transform(TransformType.INTEG, IntegId.HMAC_SHA2_256_128)
SUITE = IkeSuite(
    ENCR,
    Transform(TransformType.PRF, PrfId.PRF_HMAC_SHA2_256),
    INTEG,
    Transform(TransformType.KE, KeId.CURVE_25519),
    (Transform(TransformType.ADDKE1, KeId.ECP_256), Transform(TransformType.ADDKE2, KeId.CURVE_448)),
)
SIZES = {"sk_d": 32, "sk_ai": 32, "sk_ar": 32, "sk_ei": 16, "sk_er": 16, "sk_pi": 32, "sk_pr": 32}


def prf(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def prf_plus(key: bytes, seed: bytes, octets: int) -> bytes:
    """T1 = prf (K, S | 0x01), T2 = prf (K, T1 | S | 0x02) ... (RFC 7296 section 2.13)."""
    stream = block = b""
    number = 1
    while len(stream) < octets:
        block = prf(key, block + seed + bytes([number]))
        stream, number = stream + block, number + 1
    return stream[:octets]


def cut(stream: bytes, sizes: dict[str, int]) -> dict[str, bytes]:
    keys, start = {}, 0
    for name, size in sizes.items():
        keys[name], start = stream[start : start + size], start + size
    return keys


def expand(skeyseed: bytes) -> dict[str, bytes]:
    """{SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+ (SKEYSEED, Ni | Nr | SPIi | SPIr)."""
    return cut(prf_plus(skeyseed, NI + NR + SPI_I + SPI_R, sum(SIZES.values())), SIZES)


def revealed(material: object, names: object) -> dict[str, bytes]:
    return {name: getattr(material, name).reveal() for name in names}  # type: ignore[attr-defined]


def test_ike_intermediate() -> None:
    """SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr) (RFC 9370 section 2.2.2)."""
    keys = expand(prf(NI + NR, SK[0]))
    material = ike_keys(SUITE, NI, NR, SK[0], SPI_I, SPI_R)
    assert revealed(material, SIZES) == keys
    for secret in SK[1:]:
        keys = expand(prf(keys["sk_d"], secret + NI + NR))
        material = rekeyed_ike_keys(SUITE, PrfId.PRF_HMAC_SHA2_256, material.sk_d, NI, NR, secret, SPI_I, SPI_R)
        assert revealed(material, SIZES) == keys


def test_rekeyed_ike_sa() -> None:
    """SKEYSEED = prf(SK_d, SK(0) | Ni | Nr | SK(1) | ... SK(n)) (RFC 9370 section 2.2.4)."""
    old = b"d" * 32
    more = [Secret(secret) for secret in SK[1:]]
    material = rekeyed_ike_keys(SUITE, PrfId.PRF_HMAC_SHA2_256, Secret(old), NI, NR, SK[0], SPI_I, SPI_R, more)
    assert revealed(material, SIZES) == expand(prf(old, SK[0] + NI + NR + SK[1] + SK[2]))


def test_child_sa() -> None:
    """KEYMAT = prf+ (SK_d, SK(0) | Ni | Nr | SK(1) | ... SK(n)) (RFC 9370 section 2.2.4)."""
    suite = ChildSuite(Protocol.ESP, ENCR, INTEG, SUITE.ke, esn=False, additional=SUITE.additional)
    more = [Secret(secret) for secret in SK[1:]]
    material = child_keys(PrfId.PRF_HMAC_SHA2_256, Secret(b"d" * 32), suite, NI, NR, SK[0], more)
    sizes = {"encr_i": 16, "integ_i": 32, "encr_r": 16, "integ_r": 32}
    assert revealed(material, sizes) == cut(prf_plus(b"d" * 32, SK[0] + NI + NR + SK[1] + SK[2], 96), sizes)


# --- IntAuth (RFC 9242 section 3.3.2) -------------------------------------------------------------------------


def header(kind: int, length: int, *, flags: int = 0x08, message_id: int = 1) -> bytes:
    start = SPI_I + SPI_R + bytes([kind, 0x20, 43, flags])
    return start + message_id.to_bytes(4, "big") + length.to_bytes(4, "big")


KE_PAYLOAD = bytes.fromhex("0000000c00130000") + b"data"
"""KE: nothing follows, 12 octets, method 19."""
WHOLE = header(46, 44) + bytes.fromhex("22000010") + KE_PAYLOAD
"""A | P: Encrypted payload, KE is the first inside; lengths without IV, padding and integrity check."""


def test_what_is_covered_of_a_sent_message() -> None:
    assert int_auth.of_sent(SPI_I, SPI_R, 0x08, 1, [Ke(19, b"data")]) == WHOLE


def test_what_is_covered_of_a_received_message() -> None:
    sealed = header(46, 28 + 4 + 8 + 16 + 16) + bytes.fromhex("2200002c") + bytes(40)
    assert int_auth.of_received(sealed, KE_PAYLOAD) == WHOLE


def test_what_is_covered_of_fragments() -> None:
    """The Encrypted Fragment payload becomes an Encrypted payload; its RESERVED octet stays."""
    fragment = header(53, 28 + 8 + 8 + 16 + 16) + bytes.fromhex("2200002c 00010002") + bytes(40)
    assert int_auth.of_received(fragment, KE_PAYLOAD) == WHOLE
    reserved = fragment[:29] + b"\x05" + fragment[30:]
    assert int_auth.of_received(reserved, KE_PAYLOAD) == WHOLE[:29] + b"\x05" + WHOLE[30:]


def test_what_is_covered_of_payloads_before_the_encrypted_one() -> None:
    vendor = bytes.fromhex("35000008") + b"vend"
    fragment = header(43, 28 + 8 + 8 + 40) + vendor + bytes.fromhex("2200002c 00010002") + bytes(40)
    encrypted = bytes.fromhex("2e000008") + b"vend" + bytes.fromhex("22000010") + KE_PAYLOAD
    assert int_auth.of_received(fragment, KE_PAYLOAD) == header(43, 28 + len(encrypted)) + encrypted


def test_an_empty_message_is_covered_too() -> None:
    assert int_auth.of_sent(SPI_I, SPI_R, 0x08, 1, []) == header(46, 32) + bytes.fromhex("00000004")


@pytest.mark.parametrize("is_initiator", [True, False])
def test_int_auth(is_initiator: bool) -> None:
    """IntAuth = IntAuth_iN | IntAuth_rN | IKE_AUTH_MID, each link with the SK_p that was in force before it."""
    value, i_n, r_n = IntAuth(), b"", b""
    assert value.octets(is_initiator=is_initiator) == b""
    for number in (1, 2, 3):
        sk_pi, sk_pr = bytes([number]) * 32, bytes([number + 100]) * 32
        request, response = f"request {number}".encode(), f"response {number}".encode()
        i_n, r_n = prf(sk_pi, i_n + request), prf(sk_pr, r_n + response)
        sides = (Secret(sk_pi), request), (Secret(sk_pr), response)
        value.add(PrfId.PRF_HMAC_SHA2_256, *(sides if is_initiator else sides[::-1]))
    assert value.octets(is_initiator=is_initiator) == i_n + r_n + b"\0\0\0\4"


def test_messages_as_they_are_named() -> None:
    assert ExchangeType.IKE_INTERMEDIATE == 43
    assert int_auth.of_sent(SPI_I, SPI_R, 0x20, 7, [Notify(16438)])[18:24] == bytes([43, 0x20, 0, 0, 0, 7])  # type: ignore[arg-type]
