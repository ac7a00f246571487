"""Private keys from files and containers, raw public keys, and what a wrong password looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)

from ikeengine.crypto.sign import PrivateKey

PASSWORD = "open sesame, but only for tests"
WRONG = "a password that somebody mistyped"


def container(pki: Any, *, key: bool = True) -> bytes:
    """What `openssl pkcs12 -export` makes: key, certificate, and the authorities above."""
    above = [pki.intermediate.certificate, pki.root.certificate]
    protection = BestAvailableEncryption(PASSWORD.encode())
    issued = pki.gw
    return pkcs12.serialize_key_and_certificates(
        b"gw", issued.key if key else None, issued.certificate if key else None, above, protection
    )


def public(issued: Any, encoding: Encoding = Encoding.PEM) -> bytes:
    return issued.key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("word", ["secret", "password"])
def test_container(site: Any, pki: Any, word: str) -> None:
    """Key, certificate and authorities of a connection that names none of them."""
    site.write("pkcs12/gw.p12", container(pki))
    loaded = site.load(
        "connections: {a: {local: {id: gw1.example.com}}}\n"
        f"secrets: {{pkcs12-gw: {{file: gw.p12, {word}: '{PASSWORD}'}}}}\n"
    )
    assert set(loaded.certificates) == {pki.gw.der, pki.intermediate.der}
    assert [(authority.name, authority.certificate) for authority in loaded.authorities] == [
        ("pkcs12-gw", pki.root.der)
    ]
    (key,) = loaded.private_keys
    assert PrivateKey.load(key.data.reveal()).key_id == PrivateKey.load(pki.gw.key_pem()).key_id
    assert PASSWORD not in repr(loaded)


def test_container_without_a_key_is_only_trust(site: Any, pki: Any) -> None:
    site.write("pkcs12/ca.p12", container(pki, key=False))
    loaded = site.load(f"secrets: {{pkcs12-ca: {{file: ca.p12, secret: '{PASSWORD}'}}}}\n")
    assert not loaded.private_keys
    assert [authority.certificate for authority in loaded.authorities] == [pki.root.der]


@pytest.mark.parametrize(
    ("prefix", "content"),
    [
        ("pkcs12", container),
        ("pkcs8", lambda pki: pki.gw.key_pem(PASSWORD.encode())),
        ("private", lambda pki: pki.gw.key_pem(PASSWORD.encode())),
    ],
)
@pytest.mark.parametrize("written", [f", secret: '{WRONG}'", ""], ids=["wrong", "none"])
def test_wrong_password(site: Any, pki: Any, prefix: str, content: Callable[[Any], bytes], written: str) -> None:
    """File, line and key, but neither the password nor anything of the key."""
    site.write(f"{prefix}/own", content(pki))
    (error,) = site.errors(f"secrets:\n  {prefix}-own:\n    {{file: own{written}}}\n")
    key = "secret" if written else "file"
    assert error.startswith("ike.yml:3:")
    assert f"secrets.{prefix}-own.{key}: " in error
    assert "password" in error
    assert WRONG not in error
    assert PASSWORD not in error


@pytest.mark.parametrize("text", [b"", b"\x30\x00", b"nothing of the kind"])
def test_broken_container(site: Any, text: bytes) -> None:
    site.write("pkcs12/broken", text)
    (error,) = site.errors(f"secrets: {{pkcs12-broken: {{file: broken, secret: '{WRONG}'}}}}\n")
    assert "not a PKCS#12 container" in error
    assert WRONG not in error


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_raw_keys(site: Any, pki: Any, encoding: Encoding, form: PrivateFormat) -> None:
    """`pubkeys` name files below `pubkey`; the private key may be PKCS#8 or SEC 1."""
    site.write("pubkey/own", public(pki.gw, encoding), 0o644)
    site.write("pubkey/peer", public(pki.other, encoding), 0o644)
    site.write("private/own", pki.gw.key.private_bytes(encoding, form, NoEncryption()))
    loaded = site.load(
        "connections: {a: {local: {pubkeys: own}, remote: {pubkeys: [peer]}}}\nsecrets: {private: {file: own}}\n"
    )
    (config,) = loaded.connections.values()
    assert config.local[0].pubkeys == (public(pki.gw, Encoding.DER),)
    assert config.remote[0].pubkeys == (public(pki.other, Encoding.DER),)


def test_raw_key_without_its_private_key(site: Any, pki: Any) -> None:
    site.write("pubkey/own", public(pki.gw), 0o644)
    site.write("pubkey/peer", public(pki.other), 0o644)
    errors = site.errors("connections:\n  a:\n    local: {pubkeys: own}\n    remote: {pubkeys: peer}\n")
    key_id = PrivateKey.load(pki.gw.key_pem()).key_id.hex()
    assert errors == [
        f"ike.yml:3:13: connections.a.local.pubkeys: no private key for the public key {key_id}: "
        "add secrets.private-<name>.file"
    ]


def test_broken_raw_key(site: Any, pki: Any) -> None:
    site.write("pubkey/peer", pki.gw.pem, 0o644)
    (error,) = site.errors(
        "connections:\n  a:\n    local: {auth: psk}\n    remote: {pubkeys: [peer]}\n"
        "secrets: {ike-1: {secret: correct horse battery staple}}\n"
    )
    assert error.startswith("ike.yml:4:14: connections.a.remote.pubkeys: ")
    assert "not a public key that can be read" in error


def test_second_round_is_checked_like_the_first(site: Any) -> None:
    errors = site.errors(
        "connections:\n  a:\n    local-1: {auth: psk, id: gw1}\n    local-2: {auth: pubkey, id: user}\n"
        "    remote: {auth: psk, id: gw2}\n"
        "secrets: {ike-1: {secret: correct horse battery staple, id: [gw1, gw2]}}\n"
    )
    assert errors == [
        "ike.yml:4:15: connections.a.local-2.auth: `pubkey` needs our certificate: add `certs`, or write `auth: psk`"
    ]
