"""The table of signature schemes and the constraints on them."""

from __future__ import annotations

import pytest

from ikeengine.crypto.signature_schemes import (
    BY_IDENTIFIER,
    HASHES,
    SCHEMES,
    Constraint,
    parse_constraint,
)
from ikeengine.errors import LocalMisuse
from ikeengine.registry import AuthMethod, HashId

# RFC 7427 appendix A and RFC 8420 appendix A.
RFC_IDENTIFIERS = {
    "rsa-sha256": "300d06092a864886f70d01010b0500",
    "rsa-sha384": "300d06092a864886f70d01010c0500",
    "rsa-sha512": "300d06092a864886f70d01010d0500",
    "ecdsa-sha256": "300a06082a8648ce3d040302",
    "ecdsa-sha384": "300a06082a8648ce3d040303",
    "ecdsa-sha512": "300a06082a8648ce3d040304",
    "ed25519": "300506032b6570",
    "ed448": "300506032b6571",
}
# RFC 7427 appendix A.4.3, with the trailer field that DER leaves out.
PSS_SHA256_OF_THE_RFC = (
    "304606092a864886f70d01010a3039a00f300d06096086480165030402010500"
    "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120a303020101"
)


@pytest.mark.parametrize("name", RFC_IDENTIFIERS)
def test_identifiers_of_the_rfcs(name: str) -> None:
    identifier = bytes.fromhex(RFC_IDENTIFIERS[name])
    assert SCHEMES[name].algorithm_identifier == identifier
    assert BY_IDENTIFIER[identifier] is not None
    assert BY_IDENTIFIER[identifier].name == name


def test_pss_is_understood_with_and_without_its_defaults() -> None:
    with_trailer = bytes.fromhex(PSS_SHA256_OF_THE_RFC)
    assert BY_IDENTIFIER[with_trailer].name == "rsa/pss-sha256"
    ours = SCHEMES["rsa/pss-sha256"].algorithm_identifier
    assert ours.hex() == (
        "304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
        "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120"
    )
    assert BY_IDENTIFIER[ours].name == "rsa/pss-sha256"


@pytest.mark.parametrize(("digit", "salt"), [("1", "20"), ("2", "30"), ("3", "40")])
def test_pss_is_encoded_as_strongswan_encodes_it(digit: str, salt: str) -> None:
    """Recorded from strongSwan 5.9.8 (signature_params_build); only the hash and the salt length differ."""
    recorded = (
        f"304106092a864886f70d01010a3034a00f300d06096086480165030402{digit.zfill(2)}0500"
        f"a11c301a06092a864886f70d010108300d06096086480165030402{digit.zfill(2)}0500a2030201{salt}"
    )
    name = {"1": "rsa/pss-sha256", "2": "rsa/pss-sha384", "3": "rsa/pss-sha512"}[digit]
    assert SCHEMES[name].algorithm_identifier.hex() == recorded


def test_hash_parameters_may_be_absent() -> None:
    assert BY_IDENTIFIER[bytes.fromhex("300b06092a864886f70d01010b")].name == "rsa-sha256"
    assert sum(scheme.name == "rsa/pss-sha384" for scheme in BY_IDENTIFIER.values()) == 8


@pytest.mark.parametrize(
    ("identifier", "why"),
    [
        ("300d06092a864886f70d0101050500", "sha1WithRSAEncryption"),
        ("300d06092a864886f70d0101040500", "md5WithRSAEncryption"),
        ("300d06092a864886f70d01010a3000", "PSS with its defaults, which are SHA-1"),
        ("300906072a8648ce3d0401", "ecdsa-with-SHA1"),
        ("300c06082a8648ce3d0403020500", "ECDSA with NULL parameters"),
        (PSS_SHA256_OF_THE_RFC.replace("a203020120", "a203020114"), "another salt length"),
        (PSS_SHA256_OF_THE_RFC.replace("30402010500a203", "30402020500a203"), "another hash for the mask"),
        (PSS_SHA256_OF_THE_RFC.replace("a303020101", "a303020102"), "another trailer"),
        ("", "nothing"),
    ],
)
def test_other_algorithms_are_unknown(identifier: str, why: str) -> None:
    assert bytes.fromhex(identifier) not in BY_IDENTIFIER


def test_no_sha1_in_method_14_and_no_md5_at_all() -> None:
    for scheme in SCHEMES.values():
        assert scheme.method != AuthMethod.DIGITAL_SIGNATURE or scheme.hash != HashId.SHA1
        assert "md5" not in scheme.name
    assert HashId.SHA1 not in HASHES


def test_constraints_parse() -> None:
    sha256, sha384 = HashId.SHA2_256, HashId.SHA2_384
    assert parse_constraint("rsa/pss-sha256") == (Constraint("rsa/pss", 0, (sha256,)),)
    assert parse_constraint("ike:pubkey-sha384-sha256") == (Constraint("pubkey", 0, (sha384, sha256)),)
    assert parse_constraint("ed25519") == (Constraint("ed25519"),)
    assert parse_constraint("rsa-3072-sha256-ecdsa-384-sha384") == (
        Constraint("rsa", 3072, (sha256,)),
        Constraint("ecdsa", 384, (sha384,)),
    )


@pytest.mark.parametrize("text", ["", "sha256", "2048", "rsa-md5", "dsa-sha256", "rsa--sha256", "rsa-999999", "rsa "])
def test_what_is_no_constraint(text: str) -> None:
    with pytest.raises(LocalMisuse):
        parse_constraint(text)


@pytest.mark.parametrize(
    ("constraint", "scheme", "bits", "allowed"),
    [
        ("pubkey", "rsa/pss-sha256", 2048, True),
        ("pubkey", "ecdsa-sha384", 256, True),
        ("pubkey-sha384", "ecdsa-sha384", 256, True),
        ("pubkey-sha384", "ecdsa-sha256", 256, False),
        ("pubkey-sha256", "ed25519", 256, False),
        ("pubkey-identity", "ed25519", 256, True),
        ("rsa-sha256", "rsa-sha256", 2048, True),
        ("rsa-sha256", "rsa/pss-sha256", 2048, False),
        ("rsa/pss-sha256", "rsa-sha256", 2048, False),
        ("rsa/pss", "rsa/pss-sha512", 2048, True),
        ("rsa-3072", "rsa-sha256", 2048, False),
        ("rsa-3072", "rsa-sha256", 3072, True),
        ("ecdsa-384", "ecdsa-sha256", 256, False),
        ("rsa", "legacy-rsa-sha256", 2048, True),
        ("rsa", "legacy-rsa-sha1", 2048, False),
        ("rsa-sha1", "legacy-rsa-sha1", 2048, True),
        ("ecdsa", "legacy-ecdsa-256", 256, True),
        ("ed25519", "ed448", 456, False),
    ],
)
def test_what_a_constraint_allows(constraint: str, scheme: str, bits: int, allowed: bool) -> None:
    (parsed,) = parse_constraint(constraint)
    assert parsed.allows(SCHEMES[scheme], bits) is allowed
