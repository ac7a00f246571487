from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ikeengine.config.problems import ConfigErrors

KEY = "correct horse battery staple"


def psk(local: str, remote: str, owners: str, addrs: str = "%any") -> str:
    return f"""
connections:
  a:
    local_addrs: "{addrs}"
    local: {{auth: psk{f', id: "{local}"' if local else ""}}}
    remote: {{auth: psk{f', id: "{remote}"' if remote else ""}}}
secrets:
  ike-1: {{secret: {KEY}, id: {owners}}}
"""


@pytest.mark.parametrize(
    ("local", "remote", "owners"),
    [
        ("gw1", "gw2", "[gw1, gw2]"),
        ("gw1", "gw2", "[GW2]"),
        ("gw1", "gw2", "[gw1]"),
        ("gw1", "gw2", "[]"),
        ("gw1", "gw2", "[gw1, '%any']"),
        ("gw1.example.com", "*.example.com", "[gw1.example.com, gw7.example.com]"),
        ("gw1", "", "[gw1, gw2]"),
        ("", "gw2", "[192.0.2.1, gw2]"),
        ("", "gw2", "[192.0.2.1]"),
        ("gw1", "*.example.com", "['*.example.com']"),
    ],
)
def test_a_key_that_may_be_meant_for_the_pair_is_enough(site: Any, local: str, remote: str, owners: str) -> None:
    assert site.load(psk(local, remote, owners)).connections


@pytest.mark.parametrize(
    ("local", "remote", "owners", "pair"),
    [
        ("gw1", "gw2", "[gw1, gw3]", "gw1 and gw2"),
        ("gw1", "gw2", "[gw3]", "gw1 and gw2"),
        ("gw1", "*.example.org", "[gw1, gw7.example.com]", r"gw1 and \*.example.org"),
        ("", "gw2", "[192.0.2.1, gw3]", "this host and gw2"),
    ],
)
def test_a_missing_key_is_an_error(site: Any, local: str, remote: str, owners: str, pair: str) -> None:
    (error,) = site.errors(psk(local, remote, owners))
    assert error.startswith("ike.yml:5:13: connections.a.local.auth: no pre-shared key for ")
    assert pair.replace("\\", "") in error


def test_our_address_is_our_identity_if_there_is_no_other(site: Any) -> None:
    assert site.load(psk("", "gw2", "[192.0.2.1]", "192.0.2.1")).connections
    (error,) = site.errors(psk("", "gw2", "[192.0.2.9]", "192.0.2.1"))
    assert "no pre-shared key for 192.0.2.1 and gw2" in error


def test_a_key_that_cannot_be_read_is_one_error_not_two(site: Any) -> None:
    text = psk("gw1", "gw2", "[gw1, gw2]").replace(f"secret: {KEY}", "file: nothing")
    (error,) = site.errors(text)
    assert "nothing does not exist" in error


CERT = """
connections:
  a:
    local: {certs: gw.pem, id: gw1.example.com}
    remote: {id: gw2.example.com}
secrets:
  private-gw: {file: gw.pem}
authorities:
  root: {cacert: root.pem}
"""


def test_a_certificate_needs_its_private_key(gateway: Callable[[], Any], pki: Any) -> None:
    site = gateway()
    site.write("private/gw.pem", pki.other.key_pem())
    assert site.errors(CERT) == [
        "ike.yml:4:13: connections.a.local.certs: no private key for the certificate of CN=gw1.example.com: "
        "add secrets.private-<name>.file"
    ]


def test_a_private_key_that_cannot_be_read_is_one_error_not_two(gateway: Callable[[], Any]) -> None:
    site = gateway()
    site.write("private/gw.pem", "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n")
    (error,) = site.errors(CERT)
    assert error.startswith("ike.yml:7:16: secrets.private-gw.file: ")
    assert "hunter2" not in error


def test_our_certificate_must_hold_our_identity(gateway: Callable[[], Any]) -> None:
    (error,) = gateway().errors(CERT.replace("id: gw1.example.com", "id: gw9.example.com"))
    assert error == (
        "ike.yml:4:28: connections.a.local.id: our certificate does not hold the identity gw9.example.com; "
        "it holds gw1.example.com, CN=gw1.example.com"
    )


def test_our_identity_may_come_from_the_certificate(gateway: Callable[[], Any]) -> None:
    assert gateway().load(CERT.replace(", id: gw1.example.com", "")).connections["a"].local[0].id is None


def test_pubkey_needs_a_certificate(gateway: Callable[[], Any]) -> None:
    (error,) = gateway().errors(CERT.replace("certs: gw.pem, ", ""))
    assert "connections.a.local.auth: `pubkey` needs our certificate: add `certs`, or write `auth: psk`" in error


def test_somebody_must_vouch_for_the_peer(gateway: Callable[[], Any]) -> None:
    site = gateway()
    without = CERT.partition("authorities:")[0]
    (error,) = site.errors(without)
    assert "connections.a.remote.auth: nobody can vouch for the peer's certificate" in error
    assert site.load(without.replace("{id: gw2", "{cacerts: root.pem, id: gw2")).connections["a"].remote[0].cacerts
    assert site.load(without.replace("{id: gw2", "{certs: [gw.pem], id: gw2")).connections["a"].remote[0].certs


def test_an_authority_that_cannot_be_read_is_one_error_not_two(gateway: Callable[[], Any]) -> None:
    (error,) = gateway().errors(CERT.replace("root.pem", "nothing.pem"))
    assert "x509ca/nothing.pem cannot be read" in error


def test_one_side_may_use_psk_and_the_other_a_certificate(gateway: Callable[[], Any]) -> None:
    text = CERT.replace("remote: {id", "remote: {auth: psk, id")
    (error,) = gateway().errors(text)
    assert "no pre-shared key for gw1.example.com and gw2.example.com" in error


def test_broken_identities_and_certificates_draw_no_conclusions(site: Any) -> None:
    (error,) = site.errors(psk("gw*1", "gw2", "[gw7]"))
    assert "connections.a.local.id: " in error
    text = (
        CERT.partition("secrets:")[0]
        .replace("gw.pem", "no.pem")
        .replace("{id: gw2", "{auth: psk, id: 'gw*2")
        .replace("2.example.com}", "2.example.com'}")
    )
    first, second = site.errors(text)
    assert "connections.a.local.certs: x509/no.pem cannot be read" in first
    assert "connections.a.remote.id: " in second


def test_a_large_mesh_is_checked_pair_by_pair(site: Any) -> None:
    numbers = range(300)
    connections = "".join(
        f"  c{n}: {{local: {{auth: psk, id: hub}}, remote: {{auth: psk, id: gw{n}}}}}\n" for n in numbers
    )
    keys = "".join(f"  ike-{n}: {{secret: {KEY}, id: [hub, gw{n}]}}\n" for n in numbers if n != 7)
    (error,) = site.errors(f"connections:\n{connections}secrets:\n{keys}")
    assert "connections.c7.local.auth: no pre-shared key for hub and gw7" in error


@pytest.mark.parametrize("mode", ["pass", "drop"])
def test_policies_alone_need_no_credentials(site: Any, mode: str) -> None:
    child = f"{{mode: {mode}, local_ts: 192.0.2.1/32, remote_ts: 10.2.0.5/32}}"
    assert site.load(
        f"connections: {{management: {{remote_addrs: 127.0.0.1, children: {{ssh: {child}}}}}}}\n"
    ).connections


def test_a_tunnel_beside_a_policy_needs_them(site: Any) -> None:
    children = "{ssh: {mode: pass, local_ts: 192.0.2.1/32, remote_ts: 10.2.0.5/32}, net: {remote_ts: 10.2.0.0/16}}"
    with pytest.raises(ConfigErrors, match="needs our certificate"):
        site.load(f"connections: {{a: {{remote_addrs: 127.0.0.1, children: {children}}}}}\n")
