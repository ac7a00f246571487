from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ikeengine import __version__
from tests.engine.unit.cli.conftest import SA

SAS = """
sa state from to spis algorithms rekey in
site-b[3] established gw1.example.com 192.0.2.1 gw2.example.com 192.0.2.2 0102030405060708_i 1112131415161718_r
    AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519 1h 30m
net{7} installed 10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 c0000001_i c0000002_o ESP in UDP tunnel AES_GCM_16-256 50m 0s
"""


def test_sas_with_their_algorithms(busy: Any, run: Any) -> None:
    out = run("sas").out
    assert out.split() == SAS.split()
    assert [line.split()[0] for line in out.splitlines()] == ["sa", "site-b[3]", "net{7}"]


def test_esp_within_ah(busy: Any, run: Any) -> None:
    child = SA["site-b"]["child-sas"]["net-7"]
    around = {"ah-spi-in": "a0000001", "ah-spi-out": "a0000002", "ah-integ-alg": "HMAC_SHA2_256_128"}
    bundle = {key: value for key, value in (child | around).items() if key != "encap"}
    sa = {"site-b": SA["site-b"] | {"child-sas": {"net-7": bundle}}}
    busy.answers["list-sas"] = ([("list-sa", sa)], {})
    line = " ".join(run("sas").out.splitlines()[2].split())
    assert "c0000001_i c0000002_o, AH a0000001_i a0000002_o" in line
    assert "ESP tunnel AES_GCM_16-256 within AH HMAC_SHA2_256_128" in line


def test_sas_as_json_are_the_messages_of_vici(busy: Any, run: Any) -> None:
    (message,) = json.loads(run("sas", "--json", "site-b").out)
    assert message["site-b"]["child-sas"]["net-7"]["local-ts"] == ["10.1.0.0/16"]
    assert message["site-b"]["state"] == "ESTABLISHED"
    assert busy.requests == [("list-sas", {"ike": b"site-b"})]


CONNECTIONS = """
connection version local remote auth children
site-b IKEv2 192.0.2.1 (gw1.example.com) 192.0.2.2 (gw2.example.com) local public key, remote public key
    net: 10.1.0.0/16 === 10.2.0.0/16 10.3.0.0/16, voice: 10.1.5.0/24 === 10.2.5.0/24
site-c IKEv2 %any gw3.example.com local pre-shared key, remote pre-shared key net: dynamic === 10.4.0.0/16
"""


def test_connections(busy: Any, run: Any) -> None:
    assert run("conns").out.split() == CONNECTIONS.split()
    assert [next(iter(message)) for message in json.loads(run("conns", "--json").out)] == ["site-b", "site-c"]


@pytest.fixture
def certificate() -> x509.Certificate:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw1.example.com")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 2, 3, 4, tzinfo=UTC))
        .sign(key, None)
    )


def test_certificates(daemon: Any, run: Any, certificate: x509.Certificate) -> None:
    der = certificate.public_bytes(Encoding.DER)
    daemon.answers["list-certs"] = (
        [
            ("list-cert", {"type": "X509", "flag": "NONE", "has_privkey": "yes", "data": der}),
            ("list-cert", {"type": "X509", "flag": "CA", "data": b"garbage"}),
        ],
        {},
    )
    lines = [line.split("  ") for line in run("certs").out.splitlines()]
    assert [cell.strip() for cell in lines[1] if cell] == [
        "CN=gw1.example.com", "X509", "private key is loaded", "2026-01-02 03:04 UTC", "2027-01-02 03:04 UTC",
    ]  # fmt: skip
    assert [cell.strip() for cell in lines[2] if cell] == ["(cannot be read)", "X509 CA"]
    (first, _) = json.loads(run("certs", "--json").out)
    assert first["data"].encode() == certificate.public_bytes(Encoding.PEM)


def test_algorithms(daemon: Any, run: Any) -> None:
    daemon.answers["get-algorithms"] = ((), {"aead": {"AES_GCM_16": "x"}, "dh": {"CURVE_25519": "x", "ECP_256": "x"}})
    assert run("algs").out == "type  algorithms\naead  AES_GCM_16\ndh    CURVE_25519, ECP_256\n"
    assert json.loads(run("algs", "--json").out)["dh"] == {"CURVE_25519": "x", "ECP_256": "x"}


def test_counters(daemon: Any, run: Any) -> None:
    daemon.answers["get-counters"] = ((), {"counters": {"": {"ike-init-in-req": 3}}, "success": "yes"})
    daemon.answers["reset-counters"] = ((), {"success": "yes"})
    assert run("counters").out == "connection  counter          value\n(all)       ike-init-in-req      3\n"
    assert json.loads(run("counters", "--all", "--json").out)["counters"] == {"": {"ike-init-in-req": "3"}}
    assert run("counters", "--name", "site-b", "--reset").out == ""
    assert daemon.requests == [
        ("get-counters", {}),
        ("get-counters", {"all": b"yes"}),
        ("reset-counters", {"name": b"site-b"}),
    ]


def test_statistics(daemon: Any, run: Any) -> None:
    daemon.answers["stats"] = ((), {"uptime": {"running": "3 hours"}, "plugins": ["xfrm", "vici"]})
    assert run("stats").out == "what            value\nuptime.running  3 hours\nplugins         xfrm, vici\n"
    assert json.loads(run("stats", "--json").out)["plugins"] == ["xfrm", "vici"]


def test_versions(daemon: Any, run: Any, tmp_path: Any) -> None:
    daemon.answers["version"] = ((), {"daemon": "ikeengine", "version": "9", "sysname": "Linux"})
    assert run("version").out == f"ikeengine {__version__}\ndaemon: ikeengine 9 Linux\n"
    assert json.loads(run("version", "--json").out) == {
        "version": __version__,
        "daemon": {"daemon": "ikeengine", "version": "9", "sysname": "Linux"},
    }


def test_the_version_needs_no_daemon(run: Any, tmp_path: Any) -> None:
    outcome = run("version", socket=tmp_path / "nothing")
    assert (outcome.code, outcome.out) == (0, f"ikeengine {__version__}\ndaemon: not running, or not reachable\n")
    assert json.loads(run("version", "--json", socket=tmp_path / "nothing").out)["daemon"] is None


def test_what_a_peer_says_cannot_play_with_the_terminal(busy: Any, run: Any) -> None:
    evil = {"site-b": {"uniqueid": 1, "state": "ESTABLISHED", "remote-id": "\x1b[2J\x07evil", "child-sas": {}}}
    busy.answers["list-sas"] = ([("list-sa", evil)], {})
    assert "\x1b" not in run("sas").out
    assert "\x1b" not in run("status").out
    assert "?[2J?evil" in run("sas").out
