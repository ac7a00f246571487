"""Public keys and the limits on them."""

from __future__ import annotations

import copy
import hashlib
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ikeengine.crypto import der
from ikeengine.crypto.keys import PublicKey
from ikeengine.errors import AuthFailed
from tests.engine import pki

RSA_ENCRYPTION = der.element(der.SEQUENCE, der.object_identifier("1.2.840.113549.1.1.1") + b"\x05\x00")


def spki(key: object) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]


def integer(number: int) -> bytes:
    return der.element(der.INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def rsa_spki(modulus: int, exponent: int) -> bytes:
    """A public key that no library would make."""
    numbers = der.element(der.SEQUENCE, integer(modulus) + integer(exponent))
    return der.element(der.SEQUENCE, RSA_ENCRYPTION + der.element(der.BIT_STRING, b"\0" + numbers))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("rsa2048", ("rsa", 2048, "")),
        ("p256", ("ecdsa", 256, "secp256r1")),
        ("p384", ("ecdsa", 384, "secp384r1")),
        ("p521", ("ecdsa", 521, "secp521r1")),
        ("bp256", ("ecdsa", 256, "brainpoolP256r1")),
        ("ed25519", ("ed25519", 256, "")),
        ("ed448", ("ed448", 456, "")),
    ],
)
def test_kinds(kind: str, expected: tuple[str, int, str]) -> None:
    encoded = spki(pki.library_key(kind))
    key = PublicKey.from_der(encoded)
    assert (key.kind, key.bits, key.curve) == expected
    assert key.der == encoded
    assert key.key_id == hashlib.sha1(encoded).digest()


def test_equality_copies_and_pickles() -> None:
    key = PublicKey.from_der(spki(pki.library_key("p256")))
    other = PublicKey.from_der(spki(pki.library_key("p256", "other")))
    assert key == pickle.loads(pickle.dumps(key)) == copy.deepcopy(key)
    assert key != other
    assert key != key.der
    assert len({key, copy.deepcopy(key), other}) == 2
    assert key.key_id.hex() in repr(key)


@pytest.mark.parametrize("kind", ["p224", "k256"])
def test_other_curves_are_refused(kind: str) -> None:
    with pytest.raises(AuthFailed, match="curve"):
        PublicKey.from_der(spki(pki.library_key(kind)))


def test_other_kinds_are_refused() -> None:
    for key in (dsa.generate_private_key(1024), x25519.X25519PrivateKey.generate()):
        with pytest.raises(AuthFailed, match="not for"):
            PublicKey.from_der(spki(key))


def odd(bits: int) -> int:
    return (1 << (bits - 1)) | 1


@pytest.mark.parametrize(
    ("bits", "offset", "exponent", "why"),
    [
        (1024, 0, 65537, "too short"),
        (2047, 0, 65537, "one bit too short"),
        (16385, 0, 65537, "one bit too long"),
        (2048, 1, 65537, "even modulus"),
        (2048, 0, 0, "exponent zero"),
        (2048, 0, 1, "exponent one"),
        (2048, 0, 65536, "even exponent"),
        (2048, 0, odd(65), "exponent too large"),
        (2048, 0, odd(2047), "huge exponent"),
        (1, 0, 1, "next to nothing"),
    ],
)
def test_hostile_rsa_keys_are_refused(bits: int, offset: int, exponent: int, why: str) -> None:
    with pytest.raises(AuthFailed) as caught:
        PublicKey.from_der(rsa_spki(odd(bits) + offset, exponent))
    assert caught.value.check == "cert-validation-failed"


@pytest.mark.parametrize(("bits", "exponent"), [(2048, 3), (16384, 65537), (2048, odd(64))])
def test_the_limits_themselves_are_allowed(bits: int, exponent: int) -> None:
    assert PublicKey.from_der(rsa_spki(odd(bits), exponent)).kind == "rsa"


def test_a_point_that_is_not_on_its_curve_is_refused() -> None:
    encoded = bytearray(spki(pki.library_key("p256")))
    encoded[-1] ^= 1
    with pytest.raises(AuthFailed):
        PublicKey.from_der(bytes(encoded))


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"garbage" * 10])
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(AuthFailed):
        PublicKey.from_der(data)
