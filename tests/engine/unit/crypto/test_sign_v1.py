"""Signatures of IKEv1: over a hash, and without its name (RFC 2409 section 5.1, RFC 4754)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ikeengine.crypto import sign
from ikeengine.crypto.sign import SCHEMES, V1_SCHEMES
from ikeengine.errors import AuthFailed, LocalMisuse
from tests.engine import pki

KINDS = [
    ("rsa2048", "ikev1-rsa", 16),
    ("rsa2048", "ikev1-rsa", 20),
    ("rsa2048", "ikev1-rsa", 64),
    ("p256", "ikev1-ecdsa-256", 32),
    ("p384", "ikev1-ecdsa-384", 48),
    ("p521", "ikev1-ecdsa-521", 64),
]
HASH = hashlib.sha256(b"HASH_I").digest()


@pytest.mark.parametrize(("kind", "name", "octets"), KINDS)
def test_every_scheme_signs_and_verifies(kind: str, name: str, octets: int) -> None:
    key, other = pki.private_key(kind), pki.private_key(kind, "somebody else")
    digest = bytes(range(octets))
    signature = key.sign(name, digest)
    sign.verify(key.public, V1_SCHEMES[name], signature, digest)
    for bad in (b"", signature[:-1], signature + b"\0", bytes(len(signature)), other.sign(name, digest)):
        with pytest.raises(AuthFailed) as caught:
            sign.verify(key.public, V1_SCHEMES[name], bad, digest)
        assert caught.value.check == "peer-auth-failed"
    with pytest.raises(AuthFailed):
        sign.verify(key.public, V1_SCHEMES[name], signature, bytes(octets))


@pytest.mark.parametrize(("kind", "name"), [("p256", "ikev1-ecdsa-256"), ("p521", "ikev1-ecdsa-521")])
def test_ecdsa_signs_only_the_hash_of_its_method(kind: str, name: str) -> None:
    key = pki.private_key(kind)
    with pytest.raises(LocalMisuse, match="cannot sign"):
        key.sign(name, bytes(20))
    signature = key.sign(name, bytes(32 if kind == "p256" else 64))
    with pytest.raises(AuthFailed):
        sign.verify(key.public, V1_SCHEMES[name], signature, bytes(20))


def encoded(before: bytes, after: bytes = b"") -> bytes:
    """Octets as long as an RSA-2048 modulus that begin and end as said, with padding in between."""
    return before + b"\xff" * (256 - len(before) - len(after)) + after


FORGERIES: dict[str, Callable[[], bytes]] = {
    "short padding, garbage behind": lambda: b"\0\x01" + b"\xff" * 8 + b"\0" + HASH + b"g" * (256 - 11 - len(HASH)),
    "garbage before the hash": lambda: encoded(b"\0\x01", b"\0garbage" + HASH),
    "block type 2": lambda: encoded(b"\0\x02", b"\0" + HASH),
    "block type 0": lambda: (b"\0" + HASH).rjust(256, b"\0"),
    "padding that is not all ones": lambda: encoded(b"\0\x01\xfe", b"\0" + HASH),
    "no zero before the hash": lambda: encoded(b"\0\x01", HASH),
    "DigestInfo": lambda: encoded(b"\0\x01", b"\0" + bytes.fromhex("3031300d060960864801650304020105000420") + HASH),
    "zeros before a shorter hash": lambda: encoded(b"\0\x01", b"\0\0" + HASH[1:]),
    "part of the hash": lambda: encoded(b"\0\x01", b"\0" + HASH[:-1]),
}


@pytest.mark.parametrize("why", FORGERIES)
def test_only_one_encoding_is_right(why: str) -> None:
    key = pki.library_key("rsa2048")
    assert isinstance(key, RSAPrivateKey)
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n

    def signed(octets: bytes) -> bytes:
        return pow(int.from_bytes(octets, "big"), numbers.d, modulus).to_bytes(256, "big")

    public = pki.private_key("rsa2048").public
    sign.verify(public, V1_SCHEMES["ikev1-rsa"], signed(encoded(b"\0\x01", b"\0" + HASH)), HASH)
    with pytest.raises(AuthFailed):
        sign.verify(public, V1_SCHEMES["ikev1-rsa"], signed(FORGERIES[why]()), HASH)


def test_a_signature_is_a_number_below_the_modulus() -> None:
    key = pki.private_key("rsa2048")
    modulus = pki.library_key("rsa2048").private_numbers().public_numbers.n
    bigger = int.from_bytes(key.sign("ikev1-rsa", HASH), "big") + modulus
    octets = bigger.to_bytes(257, "big").removeprefix(b"\0")
    with pytest.raises(AuthFailed):
        sign.verify(key.public, V1_SCHEMES["ikev1-rsa"], octets, HASH)


def test_hashes_too_long_for_the_key_are_refused() -> None:
    key = pki.private_key("rsa2048")
    with pytest.raises(LocalMisuse):
        key.sign("ikev1-rsa", bytes(246))
    with pytest.raises(AuthFailed):
        sign.verify(key.public, V1_SCHEMES["ikev1-rsa"], bytes(256), bytes(246))


def test_versions_do_not_take_each_others_schemes() -> None:
    assert not set(SCHEMES) & set(V1_SCHEMES)
    for kind in ("rsa2048", "p256"):
        for hashes in (sign.HASHES, None):
            candidates = sign.candidate_schemes(pki.private_key(kind).public, hashes, ())
            assert not any(scheme.bare for scheme in candidates)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("rsa2048", "ikev1-rsa"), ("p256", "ikev1-ecdsa-256"), ("p384", "ikev1-ecdsa-384"), ("p521", "ikev1-ecdsa-521")],
)
def test_the_scheme_follows_from_the_key(kind: str, name: str) -> None:
    key = pki.private_key(kind).public
    assert sign.v1_scheme(key.kind, key.curve) is V1_SCHEMES[name]


@pytest.mark.parametrize("kind", ["ed25519", "ed448", "bp256"])
def test_other_keys_cannot_be_used(kind: str) -> None:
    key = pki.private_key(kind)
    assert sign.v1_scheme(key.public.kind, key.public.curve) is None
    with pytest.raises(LocalMisuse):
        key.sign("ikev1-rsa", HASH)
