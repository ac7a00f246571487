# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import pathlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ansible_collections.keymesh.ike.plugins.modules import ike_crl
from ansible_collections.keymesh.ike.tests.unit.plugins.conftest import run

NOW = datetime.datetime.now(datetime.timezone.utc)


def make_ca(directory: pathlib.Path, key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CA")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + datetime.timedelta(days=9))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, ike_crl._hash_for(key))
    )
    (directory / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "ca.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )


@pytest.fixture(params=["ecdsa", "ed25519"])
def arguments(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> dict:
    key = ec.generate_private_key(ec.SECP384R1()) if request.param == "ecdsa" else ed25519.Ed25519PrivateKey.generate()
    make_ca(tmp_path, key)
    return {
        "path": str(tmp_path / "ca.crl"),
        "authority": str(tmp_path / "ca.pem"),
        "privatekey": str(tmp_path / "ca.key"),
        "passphrase": "open sesame",
    }


def test_an_empty_list_stays_as_it_is(arguments: dict) -> None:
    first = run(ike_crl, arguments)
    assert first["changed"]
    assert (first["number"], first["serial_numbers"]) == (1, [])
    crl = x509.load_pem_x509_crl(first["crl"].encode())
    authority = x509.load_pem_x509_certificate(pathlib.Path(arguments["authority"]).read_bytes())
    assert crl.is_signature_valid(authority.public_key())
    assert crl.issuer == authority.subject
    assert crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    again = run(ike_crl, arguments)
    assert not again["changed"]
    assert again["crl"] == first["crl"]


def test_what_was_revoked_stays_revoked(arguments: dict) -> None:
    run(ike_crl, arguments)
    revoked = run(ike_crl, dict(arguments, serial_numbers=[0x2B, 0x2C]))
    assert revoked["changed"]
    assert revoked["reason"] == "it lacks 2b, 2c"
    assert (revoked["number"], revoked["serial_numbers"]) == (2, [0x2B, 0x2C])
    assert not run(ike_crl, dict(arguments, serial_numbers=[0x2B]))["changed"]
    assert run(ike_crl, dict(arguments, serial_numbers=[0x2D]))["serial_numbers"] == [0x2B, 0x2C, 0x2D]


def test_a_list_is_renewed_before_it_ends(arguments: dict) -> None:
    first = run(ike_crl, dict(arguments, days=5, renew_days=1, serial_numbers=[3]))
    assert not run(ike_crl, dict(arguments, renew_days=4))["changed"]
    renewed = run(ike_crl, dict(arguments, renew_days=6))
    assert "it ends at" in renewed["reason"]
    assert renewed["next_update"] > first["next_update"]
    assert renewed["serial_numbers"] == [3]


def test_another_ca_begins_anew(arguments: dict, tmp_path: pathlib.Path) -> None:
    run(ike_crl, dict(arguments, serial_numbers=[3]))
    make_ca(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    changed = run(ike_crl, arguments)
    assert changed["reason"] == "another CA has made it"
    assert (changed["number"], changed["serial_numbers"]) == (2, [])


def test_check_mode_writes_nothing(arguments: dict) -> None:
    result = run(ike_crl, arguments, check_mode=True)
    assert result["changed"]
    assert result["crl"] is None
    assert not pathlib.Path(arguments["path"]).exists()


def test_what_cannot_be_used_is_named(arguments: dict, tmp_path: pathlib.Path) -> None:
    wrong = run(ike_crl, dict(arguments, passphrase="open barley"))
    assert wrong["failed"]
    assert "look at passphrase" in wrong["msg"]
    assert "authority: /nowhere cannot be read" in run(ike_crl, dict(arguments, authority="/nowhere"))["msg"]
    kept = (tmp_path / "ca.pem").read_bytes()
    make_ca(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    (tmp_path / "ca.pem").write_bytes(kept)
    assert "not the key of the certificate" in run(ike_crl, arguments)["msg"]


def test_the_same_list_in_der(arguments: dict, tmp_path: pathlib.Path) -> None:
    der = tmp_path / "published.crl"
    wanted = dict(arguments, der_path=str(der), mode="0644")
    assert run(ike_crl, wanted, check_mode=True)["changed"] and not der.exists()
    first = run(ike_crl, wanted)
    assert x509.load_der_x509_crl(der.read_bytes()) == x509.load_pem_x509_crl(first["crl"].encode())
    assert not run(ike_crl, wanted)["changed"]
    der.write_bytes(b"something else")
    assert run(ike_crl, wanted, check_mode=True)["changed"]
    assert run(ike_crl, wanted)["changed"]
    assert x509.load_der_x509_crl(der.read_bytes()).issuer
    assert not run(ike_crl, wanted, check_mode=True)["changed"]
