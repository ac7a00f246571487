"""Signatures of NIST (CAVS, from the package cryptography-vectors), of RFC 4754 and of RFC 8032."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ikeengine.crypto import sign
from ikeengine.crypto.sign import SCHEMES, PublicKey
from ikeengine.errors import AuthFailed
from ikeengine.registry import AuthMethod
from tests.engine.vectors.records import Record, each

FOLDER = Path(cryptography_vectors.__file__).parent / "asymmetric"
HASHES = {"SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512"}


def engine_key(library_key: object) -> PublicKey:
    encoded = library_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return PublicKey.from_der(encoded)


def cavs(path: str) -> Iterator[dict[str, str]]:
    """The cases of a CAVS file: what was said before (modulus, curve) and the fields up to the result."""
    context: dict[str, str] = {}
    for line in (FOLDER / path).read_text().splitlines():
        if line.startswith("["):
            context = {"section": line.strip("[] ")}
        elif " = " in line:
            name, value = (part.strip() for part in line.split(" = ", 1))
            context[name] = value
            if name == "Result":
                yield dict(context)


def is_valid(key: PublicKey, scheme: str, signature: bytes, message: bytes) -> bool:
    try:
        sign.verify(key, SCHEMES[scheme], signature, message)
    except AuthFailed:
        return False
    return True


@pytest.mark.parametrize(
    ("path", "valid"),
    [
        ("RSA/FIPS_186-2/SigVer15_186-3.rsp", 54),
        ("RSA/SigVer15EMTest.txt", 0),
    ],
)
def test_rsa_pkcs1(path: str, valid: int) -> None:
    results = []
    for case in cavs(path):
        size = int(case["section"].removeprefix("mod = "))
        if case["SHAAlg"] not in HASHES or size < 2048:
            continue
        key = engine_key(rsa.RSAPublicNumbers(int(case["e"], 16), int(case["n"], 16)).public_key())
        for scheme in ("rsa-{}", "legacy-rsa-{}"):
            good = is_valid(
                key,
                scheme.format(HASHES[case["SHAAlg"]]),
                bytes.fromhex(case["S"]).rjust(size // 8, b"\0"),
                bytes.fromhex(case["Msg"]),
            )
            assert good == case["Result"].startswith("P"), case["Result"]
            results.append(good)
    assert results.count(True) == valid
    assert results.count(False) >= 30


def test_rsa_pss_needs_a_salt_as_long_as_the_hash() -> None:
    """CAVS verifies with a salt of 10 octets, which IKE does not use: not one signature is accepted."""
    tried = 0
    for case in cavs("RSA/FIPS_186-2/SigVerPSS_186-3.rsp"):
        if case["SHAAlg"] in HASHES and int(case["section"].removeprefix("mod = ")) >= 2048:
            key = engine_key(rsa.RSAPublicNumbers(int(case["e"], 16), int(case["n"], 16)).public_key())
            message, signature = bytes.fromhex(case["Msg"]), bytes.fromhex(case["S"])
            assert not is_valid(key, f"rsa/pss-{HASHES[case['SHAAlg']]}", signature, message)
            tried += 1
    assert tried > 30


def test_ecdsa() -> None:
    """Methods 9 to 11 have r and s as they stand here."""
    raw = {"P-256,SHA-256": (256, 32), "P-384,SHA-384": (384, 48), "P-521,SHA-512": (521, 66)}
    curves = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
    results = []
    for case in cavs("ECDSA/FIPS_186-3/SigVer.rsp"):
        if case["section"] not in raw:
            continue
        size, octets = raw[case["section"]]
        try:
            point = ec.EllipticCurvePublicNumbers(int(case["Qx"], 16), int(case["Qy"], 16), curves[size]).public_key()
        except ValueError:
            assert case["Result"].startswith("F")  # the library does not even take the key
            results.append(False)
            continue
        signature = b"".join(int(case[half], 16).to_bytes(octets, "big") for half in "RS")
        good = is_valid(engine_key(point), f"legacy-ecdsa-{size}", signature, bytes.fromhex(case["Msg"]))
        assert good == case["Result"].startswith("P"), case["Result"]
        results.append(good)
    assert results.count(True) >= 9
    assert results.count(False) >= 30


CURVES = {"legacy-ecdsa-256": ec.SECP256R1(), "legacy-ecdsa-384": ec.SECP384R1(), "legacy-ecdsa-521": ec.SECP521R1()}


@each("rfc4754.txt")
def test_auth_payloads_of_rfc_4754(record: Record) -> None:
    name = record.fields["scheme"]
    x, y = (int.from_bytes(record[part], "big") for part in ("gwx", "gwy"))
    key = engine_key(ec.EllipticCurvePublicNumbers(x, y, CURVES[name]).public_key())
    payload = record["payload"]
    method = AuthMethod(payload[5])  # the RFC draws it one octet too late, see its figure and RFC 7296 section 3.8
    scheme, signature = sign.decode_auth(key, method, payload[8:])
    assert scheme.name == name
    assert signature == record["r"] + record["s"]
    sign.verify(key, scheme, signature, b"abc")
    with pytest.raises(AuthFailed):
        sign.verify(key, scheme, signature, b"abd")


def test_ed25519() -> None:
    """The first hundred lines of the file by the inventors: secret and public key, public key, message, signature."""
    for line in (FOLDER / "Ed25519" / "sign.input").read_text().splitlines()[:100]:
        public, message, signed = (bytes.fromhex(field) for field in line.split(":")[1:4])
        key = engine_key(ed25519.Ed25519PublicKey.from_public_bytes(public))
        assert is_valid(key, "ed25519", signed[:64], message)
        assert not is_valid(key, "ed25519", signed[:64], message + b"\0")
        assert not is_valid(key, "ed25519", signed[:32] + bytes(32), message)


def test_ed448() -> None:
    fields: dict[str, str] = {}
    tried = 0
    for line in (FOLDER / "Ed448" / "rfc8032.txt").read_text().splitlines():
        name, _, value = line.partition("=")
        fields[name.strip()] = value.strip()
        if name.strip() == "SIGNATURE":
            tried += "CONTEXT" not in fields and ed448_case(fields)
            fields = {}
    assert tried >= 5


def ed448_case(fields: dict[str, str]) -> bool:
    public, message, signature = (bytes.fromhex(fields[name]) for name in ("PUBLIC", "MESSAGE", "SIGNATURE"))
    key = engine_key(ed448.Ed448PublicKey.from_public_bytes(public))
    assert is_valid(key, "ed448", signature, message)
    assert not is_valid(key, "ed448", signature, message + b"\0")
    return True
