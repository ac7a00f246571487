"""Signing and verifying AUTH payloads."""

from __future__ import annotations

import copy
import hashlib
import pickle

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ikeengine.crypto import sign
from ikeengine.crypto.sign import SCHEMES, PrivateKey, PublicKey
from ikeengine.errors import AuthFailed, LocalMisuse
from ikeengine.registry import AuthMethod, HashId
from tests.engine import pki

OCTETS = b"message 1" * 50 + b"nonce" + b"prf"
ALL = sign.HASHES
EVERY = [
    ("rsa2048", [name for name in SCHEMES if "rsa" in name]),
    ("p256", ["ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512", "legacy-ecdsa-256"]),
    ("p384", ["ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512", "legacy-ecdsa-384"]),
    ("p521", ["ecdsa-sha512", "legacy-ecdsa-521"]),
    ("bp256", ["ecdsa-sha256"]),
    ("ed25519", ["ed25519"]),
    ("ed448", ["ed448"]),
]
PAIRS = [(kind, name) for kind, scheme_names in EVERY for name in scheme_names]


def names(schemes: tuple[sign.SignatureScheme, ...]) -> list[str]:
    return [scheme.name for scheme in schemes]


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_every_scheme_signs_and_verifies(kind: str, name: str) -> None:
    key = pki.private_key(kind)
    method, data = sign.encode_auth(SCHEMES[name], key.sign(name, OCTETS))
    scheme, signature = sign.decode_auth(key.public, method, data)
    assert scheme.name == name
    sign.verify(key.public, scheme, signature, OCTETS)


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_what_does_not_verify(kind: str, name: str) -> None:
    key, other = pki.private_key(kind), pki.private_key(kind, "somebody else")
    signature = key.sign(name, OCTETS)
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    last = signature[:-1] + bytes([signature[-1] ^ 1])
    for bad in (
        flipped,
        last,
        signature[:-1],
        signature + b"\0",
        b"\0" * len(signature),
        b"",
        other.sign(name, OCTETS),
    ):
        with pytest.raises(AuthFailed) as caught:
            sign.verify(key.public, SCHEMES[name], bad, OCTETS)
        assert caught.value.check == "peer-auth-failed"
    with pytest.raises(AuthFailed):
        sign.verify(key.public, SCHEMES[name], signature, OCTETS + b"\0")
    with pytest.raises(AuthFailed):
        sign.verify(other.public, SCHEMES[name], signature, OCTETS)


def test_auth_data_of_rfc_7427() -> None:
    method, data = sign.encode_auth(SCHEMES["ecdsa-sha256"], b"signature")
    assert method == AuthMethod.DIGITAL_SIGNATURE
    assert data == b"\x0c" + bytes.fromhex("300a06082a8648ce3d040302") + b"signature"
    assert sign.encode_auth(SCHEMES["legacy-ecdsa-256"], b"signature") == (AuthMethod.ECDSA_256, b"signature")


@pytest.mark.parametrize(
    ("kind", "method", "data", "why"),
    [
        ("p256", 14, b"", "nothing"),
        ("p256", 14, b"\x00", "empty identifier"),
        ("p256", 14, b"\xff" + bytes(10), "identifier cut off"),
        ("p256", 14, b"\x0c" + SCHEMES["ecdsa-sha256"].algorithm_identifier, "no signature"),
        ("p256", 14, b"\x0f" + SCHEMES["rsa-sha256"].algorithm_identifier + b"x", "another kind of key"),
        ("p256", 14, b"\x0f" + bytes.fromhex("300d06092a864886f70d0101050500") + b"x", "SHA-1"),
        ("p256", 1, b"x" * 256, "RSA signature, ECDSA key"),
        ("p256", 10, b"x" * 96, "another curve"),
        ("bp256", 9, b"x" * 64, "another curve of the same size"),
        ("rsa2048", 9, b"x" * 64, "ECDSA signature, RSA key"),
        ("rsa2048", 1, b"", "no signature"),
        ("rsa2048", 1, b"x" * 255, "too short"),
        ("rsa2048", 1, b"\xff" * 256, "not below the modulus"),
        ("rsa2048", 2, b"x" * 32, "a pre-shared key is no signature"),
        ("rsa2048", 3, b"x" * 40, "DSS"),
        ("rsa2048", 13, b"", "NULL"),
        ("rsa2048", 201, b"x", "unknown"),
    ],
)
def test_what_does_not_decode(kind: str, method: int, data: bytes, why: str) -> None:
    with pytest.raises(AuthFailed) as caught:
        sign.decode_auth(pki.private_key(kind).public, AuthMethod(method), data)
    assert caught.value.check == "peer-auth-failed"


def test_the_scheme_must_fit_the_key_in_verify_too() -> None:
    with pytest.raises(AuthFailed):
        sign.verify(pki.private_key("p256").public, SCHEMES["rsa-sha256"], b"x" * 256, OCTETS)


def test_the_signature_over_another_hash_fails() -> None:
    key = pki.private_key("rsa2048")
    for signed, claimed in (
        ("rsa-sha256", "rsa-sha384"),
        ("rsa/pss-sha512", "rsa/pss-sha256"),
        ("rsa-sha256", "rsa/pss-sha256"),
    ):
        with pytest.raises(AuthFailed):
            sign.verify(key.public, SCHEMES[claimed], key.sign(signed, OCTETS), OCTETS)


class TestForgedPkcs1:
    """Signatures made with the private key around a padding that a lax verifier would accept (CVE-2018-16151)."""

    DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")

    @staticmethod
    def raw(encoded: bytes) -> bytes:
        numbers = pki.library_key("rsa2048").private_numbers()
        n = numbers.public_numbers.n
        return pow(int.from_bytes(encoded, "big"), numbers.d, n).to_bytes(256, "big")

    def padded(self, content: bytes) -> bytes:
        return b"\0\1" + b"\xff" * (253 - len(content)) + b"\0" + content

    def test_the_helper_makes_genuine_signatures(self) -> None:
        genuine = self.padded(self.DIGEST_INFO + hashlib.sha256(OCTETS).digest())
        assert self.raw(genuine) == pki.private_key("rsa2048").sign("rsa-sha256", OCTETS)

    @pytest.mark.parametrize("name", ["rsa-sha256", "legacy-rsa-sha256"])
    def test_forgeries(self, name: str) -> None:
        digest = hashlib.sha256(OCTETS).digest()
        without_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + digest
        long_length = bytes.fromhex("308131300d060960864801650304020105000420") + digest
        genuine = self.DIGEST_INFO + digest
        for encoded in (
            b"\0\1" + b"\xff" * 8 + b"\0" + genuine + bytes(256 - 11 - len(genuine)),  # trailing octets
            b"\0\1" + b"\xff" * (252 - len(genuine)) + b"\0" + genuine + b"\0",
            b"\0\1" + b"\xff" * 100 + b"\0" * (154 - len(genuine)) + genuine,  # padding cut short
            b"\0\1" + b"\xfe" * (253 - len(genuine)) + b"\0" + genuine,  # other padding octets
            b"\0\2" + b"\xff" * (253 - len(genuine)) + b"\0" + genuine,  # another block type
            self.padded(self.DIGEST_INFO[:-1] + b"\x1f" + digest[:31]),  # short digest
            self.padded(without_null),
            self.padded(long_length),
            self.padded(digest),
            self.padded(b""),
            self.padded(bytes.fromhex("3020300c06082a864886f70d020505000410") + hashlib.md5(OCTETS).digest()),
        ):
            assert len(encoded) == 256
            with pytest.raises(AuthFailed):
                sign.verify(pki.private_key("rsa2048").public, SCHEMES[name], self.raw(encoded), OCTETS)

    def test_md5_in_method_1_is_not_recognised(self) -> None:
        forged = self.padded(bytes.fromhex("3020300c06082a864886f70d020505000410") + hashlib.md5(OCTETS).digest())
        with pytest.raises(AuthFailed):
            sign.decode_auth(pki.private_key("rsa2048").public, AuthMethod.RSA_DIGITAL_SIGNATURE, self.raw(forged))


def test_pss_with_another_salt_or_mask_fails() -> None:
    key = pki.library_key("rsa2048")
    for salt in (0, 20, 64):
        signature = key.sign(OCTETS, padding.PSS(padding.MGF1(SHA256()), salt), SHA256())
        with pytest.raises(AuthFailed):
            sign.verify(pki.private_key("rsa2048").public, SCHEMES["rsa/pss-sha256"], signature, OCTETS)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (0, 0), (1, 1)])
def test_degenerate_ecdsa_signatures(r: int, s: int) -> None:
    key = pki.private_key("p256").public
    with pytest.raises(AuthFailed):
        sign.verify(key, SCHEMES["legacy-ecdsa-256"], r.to_bytes(32, "big") + s.to_bytes(32, "big"), OCTETS)
    with pytest.raises(AuthFailed):
        sign.verify(key, SCHEMES["ecdsa-sha256"], encode_dss_signature(r, s), OCTETS)


def test_a_library_that_refuses_an_algorithm_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system whose policy forbids a hash: signing is a local matter, verifying fails the peer."""
    key = pki.private_key("p256")
    signature = key.sign("ecdsa-sha256", OCTETS)
    monkeypatch.setitem(sign._ECDSA, (HashId.SHA2_256, False), None)
    with pytest.raises(LocalMisuse, match="cannot sign"):
        key.sign("ecdsa-sha256", OCTETS)
    with pytest.raises(AuthFailed, match="unusable"):
        sign.verify(key.public, SCHEMES["ecdsa-sha256"], signature, OCTETS)


def test_raw_ecdsa_signatures_have_one_length() -> None:
    key = pki.private_key("p521")
    signature = key.sign("legacy-ecdsa-521", OCTETS)
    assert len(signature) == 132
    for bad in (signature[1:], b"\0" + signature, signature[:66] + signature[67:]):
        with pytest.raises(AuthFailed, match="132 octets"):
            sign.verify(key.public, SCHEMES["legacy-ecdsa-521"], bad, OCTETS)


@pytest.mark.parametrize(
    ("kind", "hashes", "constraints", "expected"),
    [
        (
            "rsa2048",
            ALL,
            (),
            ["rsa/pss-sha256", "rsa/pss-sha384", "rsa/pss-sha512", "rsa-sha256", "rsa-sha384", "rsa-sha512"],
        ),
        ("p256", ALL, (), ["ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512"]),
        ("p384", ALL, (), ["ecdsa-sha384", "ecdsa-sha512", "ecdsa-sha256"]),
        ("p521", ALL, (), ["ecdsa-sha512", "ecdsa-sha384", "ecdsa-sha256"]),
        ("ed25519", ALL, (), ["ed25519"]),
        ("ed25519", (HashId.SHA2_256,), (), []),
        ("p256", (HashId.SHA2_512, HashId.SHA2_256), (), ["ecdsa-sha256", "ecdsa-sha512"]),
        ("p256", (HashId.SHA1,), (), []),
        ("p256", (), (), []),
        ("rsa2048", (HashId.SHA1,), ("rsa-sha1",), []),
        ("rsa2048", None, (), ["legacy-rsa-sha1", "legacy-rsa-sha256", "legacy-rsa-sha384", "legacy-rsa-sha512"]),
        ("rsa2048", None, ("rsa-sha256",), ["legacy-rsa-sha256"]),
        ("rsa2048", None, ("rsa/pss-sha256",), []),
        ("p256", None, (), ["legacy-ecdsa-256"]),
        ("p521", None, (), ["legacy-ecdsa-521"]),
        ("bp256", None, (), []),
        ("ed25519", None, (), []),
        ("rsa2048", ALL, ("rsa-sha512-sha256",), ["rsa-sha512", "rsa-sha256"]),
        ("rsa2048", ALL, ("rsa-sha384", "rsa/pss-sha256"), ["rsa-sha384", "rsa/pss-sha256"]),
        ("rsa2048", ALL, ("pubkey-sha384",), ["rsa/pss-sha384", "rsa-sha384"]),
        ("rsa2048", ALL, ("rsa-4096",), []),
        ("rsa2048", ALL, ("ecdsa-sha256-rsa-sha256",), ["rsa-sha256"]),
        ("p256", ALL, ("ecdsa-sha384", "ecdsa"), ["ecdsa-sha384", "ecdsa-sha256", "ecdsa-sha512"]),
        ("ed25519", ALL, ("ed25519",), ["ed25519"]),
    ],
)
def test_candidates(
    kind: str, hashes: tuple[HashId, ...] | None, constraints: tuple[str, ...], expected: list[str]
) -> None:
    assert names(sign.candidate_schemes(pki.private_key(kind).public, hashes, constraints)) == expected


@pytest.mark.parametrize(
    ("bits", "first"),
    [
        (2048, "rsa/pss-sha256"),
        (3072, "rsa/pss-sha256"),
        (3080, "rsa/pss-sha384"),
        (7680, "rsa/pss-sha384"),
        (7688, "rsa/pss-sha512"),
        (16384, "rsa/pss-sha512"),
    ],
)
def test_the_hash_is_as_strong_as_the_rsa_key(bits: int, first: str) -> None:
    modulus = (1 << (bits - 1)) | 1  # nobody could sign with it, but its size is right
    encoded = (
        RSAPublicNumbers(65537, modulus)
        .public_key()
        .public_bytes(Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert names(sign.candidate_schemes(PublicKey.from_der(encoded), ALL, ()))[0] == first


def test_candidates_with_a_bad_constraint() -> None:
    with pytest.raises(LocalMisuse):
        sign.candidate_schemes(pki.private_key("p256").public, ALL, ("rsa-md5",))


def test_what_a_peer_may_use() -> None:
    rsa, ecdsa = pki.private_key("rsa2048").public, pki.private_key("p256").public
    sign.check_allowed(ecdsa, SCHEMES["ecdsa-sha256"], ALL, ())
    sign.check_allowed(ecdsa, SCHEMES["ecdsa-sha256"], ALL, ("rsa-sha256", "ecdsa-sha256"))
    sign.check_allowed(rsa, SCHEMES["legacy-rsa-sha1"], None, ())
    sign.check_allowed(rsa, SCHEMES["legacy-rsa-sha256"], ALL, ())
    for scheme, hashes, constraints in (
        ("legacy-rsa-sha1", ALL, ()),
        ("legacy-rsa-sha1", ALL, ("rsa-sha1",)),
        ("legacy-rsa-sha1", None, ("rsa-sha256",)),
        ("rsa-sha256", ALL, ("rsa-sha384",)),
        ("rsa-sha256", ALL, ("rsa/pss-sha256",)),
        ("rsa-sha256", ALL, ("rsa-3072-sha256",)),
    ):
        with pytest.raises(AuthFailed) as caught:
            sign.check_allowed(rsa, SCHEMES[scheme], hashes, constraints)
        assert caught.value.check == "peer-auth-failed"


class TestPrivateKey:
    @pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384", "p521", "bp256", "ed25519", "ed448"])
    @pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
    def test_formats(self, kind: str, encoding: Encoding) -> None:
        key = pki.library_key(kind)
        formats = [PrivateFormat.PKCS8]
        if not kind.startswith("ed"):
            formats.append(PrivateFormat.TraditionalOpenSSL)  # PKCS#1 or SEC 1
        for file_format in formats:
            loaded = PrivateKey.load(key.private_bytes(encoding, file_format, NoEncryption()))
            assert loaded.key_id == pki.private_key(kind).key_id

    def test_encrypted_files(self) -> None:
        data = pki.pem(pki.library_key("p256"), b"secret word")
        assert PrivateKey.load(data, b"secret word").key_id == pki.private_key("p256").key_id
        with pytest.raises(LocalMisuse, match="encrypted"):
            PrivateKey.load(data)
        with pytest.raises(LocalMisuse) as caught:
            PrivateKey.load(data, b"wrong word")
        assert "wrong word" not in str(caught.value)

    def test_a_password_that_is_not_needed_does_not_hurt(self) -> None:
        assert PrivateKey.load(pki.pem(pki.library_key("p256")), b"unneeded").key_id == pki.private_key("p256").key_id

    def test_an_ec_key_after_its_parameters(self) -> None:
        traditional = pki.library_key("p256").private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        assert PrivateKey.load(parameters + traditional).key_id == pki.private_key("p256").key_id

    @pytest.mark.parametrize(
        "data", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
    )
    def test_garbage(self, data: bytes) -> None:
        with pytest.raises(LocalMisuse):
            PrivateKey.load(data)

    def test_kinds_and_sizes_that_are_refused(self) -> None:
        for key in (pki.library_key("k256"), pki.library_key("rsa1024"), dsa.generate_private_key(1024)):
            with pytest.raises(LocalMisuse, match="unusable"):
                PrivateKey.load(pki.pem(key))

    def test_a_public_key_or_a_certificate_is_no_private_key(self) -> None:
        public = pki.library_key("p256").public_key()
        data = public.public_bytes(Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(LocalMisuse):
            PrivateKey.load(data)

    def test_schemes_that_do_not_fit(self) -> None:
        key = pki.private_key("p256")
        for name in ("rsa-sha256", "legacy-ecdsa-384", "ed25519", "no such scheme"):
            with pytest.raises(LocalMisuse):
                key.sign(name, OCTETS)

    def test_it_shows_nothing_and_cannot_be_copied_or_written(self) -> None:
        key = pki.private_key("p256")
        secret = pki.library_key("p256").private_numbers().private_value
        assert str(secret) not in repr(key)
        assert f"{secret:x}" not in repr(key)
        for attempt in (pickle.dumps, copy.deepcopy):
            with pytest.raises(LocalMisuse):
                attempt(key)
