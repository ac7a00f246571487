from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ikeengine.negotiate.identities import parse_pattern


def secrets(body: str) -> str:
    return f"secrets:\n  ike-1: {body}\n"


def test_owners_may_be_a_list_one_text_or_suffixed_keys(site: Any) -> None:
    (key,) = site.load(
        secrets("{secret: correct horse battery staple, id: [gw1, '*.example.com'], id-2: 'C=CH, O=Example'}")
    ).shared_keys
    assert key.name == "ike-1"
    assert key.owners == tuple(map(parse_pattern, ("gw1", "*.example.com", "C=CH, O=Example")))


@pytest.mark.parametrize("text", ["0sAAECAwQFBgcICQoLDA0ODw==", "0x000102030405060708090a0b0c0d0e0f"])
def test_secrets_have_the_text_forms_of_swanctl(site: Any, text: str) -> None:
    (key,) = site.load(secrets(f"{{secret: {text}}}")).shared_keys
    assert key.secret.reveal() == bytes(range(16))


def test_a_secret_may_be_in_a_file_relative_to_the_configuration(site: Any) -> None:
    site.write("secrets/psk.txt", "correct horse battery staple\n")
    (key,) = site.load(secrets("{file: secrets/psk.txt}")).shared_keys
    assert key.secret.reveal() == b"correct horse battery staple"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("{id: gw1}", "ike.yml:2:3: secrets.ike-1: `file` or `secret` is missing"),
        ("{secret: a, file: b}", "ike.yml:2:11: secrets.ike-1.secret: write either `secret` or `file`"),
        ("{secret: 0xzz}", "ike.yml:2:19: secrets.ike-1.secret: the secret begins with 0x but is not hexadecimal"),
        ("{secret: [a, b]}", "ike.yml:2:19: secrets.ike-1.secret: one value is expected here (secret), not a list"),
        ("{secret: ''}", "ike.yml:2:19: secrets.ike-1.secret: a value is missing (secret)"),
        ("hunter2", "ike.yml:2:10: secrets.ike-1: a section is expected here: indented lines of `key: value`"),
    ],
)
def test_what_is_no_secret_is_refused_without_showing_it(site: Any, body: str, error: str) -> None:
    assert "hunter2" not in error
    assert site.errors(secrets(body))[0] == error


def test_a_weak_key_is_refused_unless_the_operator_insists(site: Any) -> None:
    assert site.errors(secrets("{secret: 0x000102}")) == [
        "ike.yml:2:11: secrets.ike-1.secret: the key has 3 octets; less than 16 (128 bits) can be guessed offline. "
        "Take a longer one, as from `openssl rand -base64 32`, or accept the risk with `allow_weak: true`"
    ]
    assert len(site.load(secrets("{secret: 0x000102, allow_weak: true}")).shared_keys[0].secret) == 3
    site.write("weak", "short")
    (error,) = site.errors(secrets("{file: weak}"))
    assert "secrets.ike-1.file: the key has 5 octets" in error


def test_an_encrypted_key_needs_its_password(site: Any, pki: Any) -> None:
    site.write("private/gw.pem", pki.gw.key_pem(b"sesame open"))
    text = "secrets:\n  private-gw: {file: gw.pem, PASSWORD}\n"
    (loaded,) = site.load(text.replace("PASSWORD", "password: sesame open")).private_keys
    assert loaded.password is not None
    assert loaded.password.reveal() == b"sesame open"
    assert site.load(text.replace("PASSWORD", "secret: sesame open")).private_keys[0].password == loaded.password
    for key, wrong in (("file", ""), ("password", "password: hunter2")):
        (error,) = site.errors(text.replace("PASSWORD", wrong))
        assert f"secrets.private-gw.{key}: private/gw.pem: " in error
        assert "hunter2" not in error


def test_a_password_needs_a_private_configuration_file(site: Any, pki: Any) -> None:
    site.write("private/gw.pem", pki.gw.key_pem(b"sesame open"))
    (error,) = site.errors("secrets:\n  private-gw: {file: gw.pem, password: sesame open}\n", 0o640)
    assert "secrets.private-gw.password: ike.yml holds a secret but others have access to it (mode 0640)" in error


@pytest.mark.parametrize("prefix", ["private", "rsa", "ecdsa", "pkcs8"])
def test_keys_are_in_the_directory_of_their_prefix(site: Any, pki: Any, prefix: str) -> None:
    path = site.write(f"{prefix}/gw.pem", pki.gw.key_pem())
    (key,) = site.load(f"secrets:\n  {prefix}-gw: {{file: gw.pem}}\n").private_keys
    assert (key.name, key.path) == (f"{prefix}-gw", str(path))


def test_a_key_section_needs_a_file_and_the_file_must_be_private(site: Any, pki: Any) -> None:
    site.write("private/gw.pem", pki.gw.key_pem(), 0o640)
    errors = site.errors("secrets:\n  private-a: {}\n  private-b: {file: gw.pem}\n")
    assert errors == [
        "ike.yml:2:3: secrets.private-a: `file` is missing",
        "ike.yml:3:15: secrets.private-b.file: private/gw.pem holds a secret but others have access to it "
        "(mode 0640): chmod 0600 private/gw.pem",
    ]


def test_authorities_are_certificates_of_authorities(gateway: Callable[[], Any], pki: Any) -> None:
    site = gateway()
    site.write("bundle.pem", pki.root.pem + pki.gw.pem, 0o644)
    site.write("leaf.pem", pki.gw.pem, 0o644)
    text = "authorities:\n  a: {file: bundle.pem}\n  b: {file: leaf.pem}\n  c: {}\n  d: {file: x509ca/root.pem}\n"
    assert site.errors(text) == [
        "ike.yml:2:7: authorities.a.file: bundle.pem is not the certificate of an authority",
        "ike.yml:3:7: authorities.b.file: leaf.pem is not the certificate of an authority",
        "ike.yml:4:3: authorities.c: `cacert` is missing",
    ]


def test_all_authorities_of_a_file_are_trusted(gateway: Callable[[], Any], pki: Any) -> None:
    """While one authority takes the place of another, peers show certificates of both."""
    site = gateway()
    site.write("bundle.pem", pki.root.pem + pki.intermediate.pem, 0o644)
    loaded = site.load("authorities:\n  a: {file: bundle.pem, crl_uris: 'http://192.0.2.1/x.crl'}\n")
    assert [(authority.name, authority.certificate) for authority in loaded.authorities] == [
        ("a", pki.root.der),
        ("a-2", pki.intermediate.der),
    ]
    assert {authority.crl_uris for authority in loaded.authorities} == {("http://192.0.2.1/x.crl",)}


def test_uris_of_an_authority(gateway: Callable[[], Any]) -> None:
    (error,) = gateway().errors("authorities:\n  a: {cacert: root.pem, crl_uris: 'ldap://192.0.2.1/x.crl'}\n")
    assert "`ldap://192.0.2.1/x.crl` is not a URI that begins with http://, https://, file://" in error
