"""Keys in every form: raw public keys (RFC 7670), encrypted PKCS#8, PKCS#1 and SEC 1 files, PKCS#12 containers."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.engine.interop.lab import LEFT_ID, RIGHT_ID, Lab, merged
from tests.engine.interop.test_certificates import equip, leafs
from tests.lab.certs import Issued, authority

PASSWORD = "nothing but a test"


def spki(issued: Issued) -> bytes:
    """The raw public key."""
    return issued.key.public_key().public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)


def key_id(issued: Issued) -> str:
    """The identity of a raw key in strongSwan: the SHA-1 of the SubjectPublicKeyInfo."""
    return f"keyid:#{hashlib.sha1(spki(issued), usedforsecurity=False).hexdigest()}"


def with_raw_keys(
    site: Lab, kinds: tuple[str, str], ids: tuple[str | None, str | None], *, anonymous: bool = False
) -> None:
    """Load a connection with raw keys on both sides; each knows the other's."""
    mine, theirs = leafs(kinds[0])[0], leafs(kinds[1])[1]
    sides = (("engine", mine, theirs, ids), ("charon", theirs, mine, ids[::-1]))
    changes = {}
    for name, own, peer, (own_id, peer_id) in sides:
        site.daemon(name).load_key(own.key_pem)
        changes[name] = {
            "local": {"auth": "pubkey", "pubkeys": [spki(own)], "id": own_id},
            "remote": {"auth": "pubkey", "pubkeys": [spki(peer)], "id": None if anonymous else peer_id},
        }
    site.connect(**changes)


@pytest.mark.scenario("ikev2/net2net-pubkey")
@pytest.mark.parametrize("kinds", [("rsa2048", "rsa2048"), ("ecdsa256", "ed25519")])
def test_raw_public_keys(site: Lab, initiator: str, kinds: tuple[str, str]) -> None:
    """Mirrors ikev2/net2net-pubkey: keys without certificates, known to the other side."""
    with_raw_keys(site, kinds, (LEFT_ID, RIGHT_ID))
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/rw-pubkey-keyid")
def test_raw_key_is_the_identity(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/rw-pubkey-keyid: the hash of the key names the peer."""
    mine, theirs = leafs("ecdsa256")
    with_raw_keys(site, ("ecdsa256", "ecdsa256"), (key_id(mine), key_id(theirs)))
    site.daemon(initiator).initiate("net")
    seen = site.engine.ike()
    assert (seen["local-id"], seen["remote-id"]) == (
        site.charon.ike()["remote-id"],
        site.charon.ike()["local-id"],
    )
    site.assert_traffic()


@pytest.mark.scenario("ikev2/rw-pubkey-anon")
@pytest.mark.parametrize("name", [RIGHT_ID, None])
def test_raw_key_of_anybody(site: Lab, initiator: str, name: str | None) -> None:
    """Mirrors ikev2/rw-pubkey-anon: whatever charon calls itself, by default its key, the key is known."""
    with_raw_keys(site, ("ecdsa256", "ecdsa256"), (None, name), anonymous=True)
    site.daemon(initiator).initiate("net")
    seen, mine = site.engine.ike(), leafs("ecdsa256")[0]
    assert seen["local-id"].replace(":", "") == key_id(mine).rpartition("#")[2]
    assert seen["remote-id"] == site.charon.ike()["local-id"]
    site.assert_traffic()


@contextlib.contextmanager
def configured(site: Lab, mine: Issued, theirs: Issued, secrets: dict[str, Any], **local: Any) -> Iterator[None]:
    """The engine has its connection and its key from its configuration file, charon as ever."""
    equip(site.charon, theirs, authority())
    own = merged(site.connection("engine"), {"local": {"auth": "pubkey", **local}, "remote": {"auth": "pubkey"}})
    site.charon.load(
        {
            site.name: merged(
                site.connection("charon"),
                {"local": {"auth": "pubkey", "certs": [theirs.pem]}, "remote": {"auth": "pubkey"}},
            )
        }
    )
    site.engine.configure({"connections": {site.name: own}, **secrets})
    site.engine.cli("apply", "--config", str(site.engine.configuration))
    try:
        yield
    finally:
        site.engine.configure({})
        site.engine.cli("apply", "--config", str(site.engine.configuration))


def private(path: Path, content: bytes) -> str:
    """A file that only its owner reads."""
    path.write_bytes(content)
    path.chmod(0o600)
    return str(path)


def encrypted(issued: Issued, encoding: form.Encoding = form.Encoding.PEM) -> bytes:
    """PKCS#8 with a password."""
    return issued.key.private_bytes(encoding, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(PASSWORD.encode()))


def traditional(issued: Issued) -> bytes:
    """PKCS#1 for RSA, SEC 1 for elliptic curves."""
    return issued.key.private_bytes(form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption())


@pytest.mark.parametrize(
    ("kind", "encode"),
    [
        pytest.param("rsa2048", encrypted, marks=pytest.mark.scenario("ikev2/rw-pkcs8")),
        pytest.param("ecdsa384", encrypted, marks=pytest.mark.scenario("ikev2/ecdsa-pkcs8")),
        ("rsa2048", traditional),
        ("ecdsa256", traditional),
    ],
)
def test_key_files(site: Lab, initiator: str, kind: str, encode: Any, tmp_path: Path) -> None:
    """Mirrors ikev2/rw-pkcs8 and ikev2/ecdsa-pkcs8: the private key in a file with a password."""
    mine, theirs = leafs(kind)
    files = {"cert": tmp_path / "own.pem", "ca": tmp_path / "ca.pem"}
    files["cert"].write_bytes(mine.pem)
    files["ca"].write_bytes(authority().pem)
    key = {"file": private(tmp_path / "own.key", encode(mine))}
    secrets = {
        "secrets": {"pkcs8-own" if encode is encrypted else "private-own": key | {"secret": PASSWORD}},
        "authorities": {"ours": {"file": str(files["ca"])}},
    }
    with configured(site, mine, theirs, secrets, certs=[str(files["cert"])]):
        site.daemon(initiator).initiate("net")
        site.assert_same_ike()
        site.assert_traffic()


@pytest.mark.scenario("ikev2/net2net-pkcs12")
def test_container(site: Lab, initiator: str, tmp_path: Path) -> None:
    """Mirrors ikev2/net2net-pkcs12: key, certificate and authority come in one file."""
    mine, theirs = leafs("rsa2048")
    data = pkcs12.serialize_key_and_certificates(
        b"left", mine.key, mine.certificate, [authority().certificate], form.BestAvailableEncryption(PASSWORD.encode())
    )
    secrets = {"secrets": {"pkcs12-own": {"file": private(tmp_path / "own.p12", data), "secret": PASSWORD}}}
    with configured(site, mine, theirs, secrets):
        site.daemon(initiator).initiate("net")
        site.assert_same_ike()
        site.assert_traffic()
