"""Every command through the PyPI client, compared with what strongSwan answers to the same."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from vici.exception import CommandException, SessionException

from ikeengine import __version__
from ikeengine.auth.status import Status, Verdict
from ikeengine.crypto.crl import Crl
from ikeengine.crypto.ocsp import OcspResponse
from ikeengine.daemon.vici.peer import Peer
from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.connection import Action, ChildConfig, Mode
from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.model.proposal import ChildSuite, Transform
from ikeengine.model.sa import PolicyAction, PolicySet, Usage
from ikeengine.model.secret import Secret
from ikeengine.model.status import AhPair
from ikeengine.negotiate.identities import parse_identity
from ikeengine.negotiate.leases import Claim
from ikeengine.observe.counters import NAMES
from ikeengine.outputs import CommandDone, Counted, InstallPolicies, LogLine, StateChanged
from ikeengine.registry import IntegId, Protocol, TransformType
from tests.engine import pki
from tests.engine.unit.daemon.data_strongswan import ALGORITHM_GROUPS, LIST_CONN, LIST_SA, LOAD_CONN
from tests.engine.unit.daemon.fakes import NET_1, NET_2, child_status, connection, esp_sa, ike_status
from tests.engine.unit.daemon.vici_rig import ViciRig, text

RECORD = FailureRecord(
    Alert.TS_MISMATCH, Side.PEER, "IKE_AUTH response", "the peer refused our selectors", 1.0, "gw-gw", "net-net",
    offered=("10.1.0.0/16 === 10.2.0.0/16",), advice="compare local_ts and remote_ts",
)  # fmt: skip


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[ViciRig]:
    with ViciRig(tmp_path) as rig:
        yield rig


SUCCESS = {"success": "yes"}


def ask(rig: ViciRig, command: str, message: dict[str, Any] | None = None) -> Any:
    return text(rig.session().request(command, message))


def refused(rig: ViciRig, command: str, message: dict[str, Any] | None = None) -> str:
    with pytest.raises(CommandException) as caught:
        rig.session().request(command, message)
    return str(caught.value).removeprefix("Command failed: ")


def make_certificate(name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 4711, today, today.replace(year=2036))
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256())


def pem(thing: Any) -> bytes:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM)
    return thing.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="module")
def ca_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def ca(ca_key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return make_certificate("CA", ca_key, ca=True)


# --- info


def test_version(rig: ViciRig) -> None:
    answer = ask(rig, "version")
    assert answer["daemon"] == "ikeengine"
    assert answer["version"] == __version__
    assert list(answer) == ["daemon", "version", "sysname", "release", "machine"]


def test_stats(rig: ViciRig) -> None:
    rig.core.sas = [ike_status(), ike_status(state="CONNECTING", unique_id=2)]
    answer = ask(rig, "stats")
    assert answer["ikesas"] == {"total": "2", "half-open": "1"}
    assert answer["uptime"]["running"] == "0 seconds"
    assert "memory" in answer["plugins"]


def test_unknown_command(rig: ViciRig) -> None:
    with pytest.raises(SessionException):
        ask(rig, "no-such-command")


# --- SAs


def test_list_sas_is_what_strongswan_says(rig: ViciRig) -> None:
    now = rig.do(rig.service.now)
    inbound = esp_sa(0x9568F927)
    child = child_status(installed_at=now - 1.5, rekey_at=now + 2262.9, expires_at=now + 2639.9, sa_in=inbound.id)
    sa = ike_status(established_at=now - 2.5, rekey_at=now + 13814.9, children=(child,))
    rig.core.sas = [sa]
    rig.datapath.counters[inbound.id] = Usage(168, 2, 1.2)
    (answer,) = rig.session().list_sas()
    assert text(answer) == LIST_SA
    assert list(text(answer)["gw-gw"]) == list(LIST_SA["gw-gw"])
    assert list(text(answer)["gw-gw"]["child-sas"]["net-net-3"]) == list(LIST_SA["gw-gw"]["child-sas"]["net-net-3"])


def test_ah_around_esp_has_fields_of_its_own(rig: ViciRig) -> None:
    sha256 = Transform(TransformType.INTEG, IntegId.HMAC_SHA2_256_128)
    ah = AhPair(ChildSuite(Protocol.AH, None, sha256, None, esn=True), 0xA0000001, 0xA0000002)
    rig.core.sas = [ike_status(children=(child_status(ah=ah),))]
    (answer,) = rig.session().list_sas()
    child = text(answer)["gw-gw"]["child-sas"]["net-net-3"]
    expected = {"ah-spi-in": "a0000001", "ah-spi-out": "a0000002", "ah-integ-alg": "HMAC_SHA2_256_128", "ah-esn": "1"}
    assert {key: value for key, value in child.items() if key.startswith("ah-")} == expected
    assert (child["protocol"], child["spi-in"]) == ("ESP", "9568f927")


def test_list_sas_of_a_connecting_sa(rig: ViciRig) -> None:
    sa = ike_status(
        state="CONNECTING", remote_id=None, local_id=None, suite=None, established_at=None, spi_r=bytes(8),
        tasks_queued=("CHILD_CREATE",), children=(child_status(state="CREATED", suite=None),), nat_remote=False,
    )  # fmt: skip
    rig.core.sas = [sa]
    (answer,) = rig.session().list_sas()
    section = text(answer)["gw-gw"]
    assert section["remote-id"] == "%any"
    assert section["responder-spi"] == "0" * 16
    assert section["tasks-queued"] == ["CHILD_CREATE"]
    assert not {"nat-any", "encr-alg", "established", "rekey-time", "tasks-active"} & section.keys()
    assert list(section["child-sas"]["net-net-3"]) == [
        "name", "uniqueid", "reqid", "state", "mode", "local-ts", "remote-ts",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["a: x-3 y-4", "b: x-5", "c:"]),
        ({"noblock": "yes"}, ["a: x-3 y-4", "b: x-5", "c:"]),
        ({"ike": "a"}, ["a: x-3 y-4"]),
        ({"ike-id": "2"}, ["b: x-5"]),
        ({"child": "x"}, ["a: x-3", "b: x-5"]),
        ({"child-id": "4"}, ["a: y-4"]),
        ({"ike": "c"}, ["c:"]),
        ({"ike": "nobody"}, []),
        ({"child": "nobody"}, []),
    ],
)
def test_list_sas_filters(rig: ViciRig, filters: dict[str, str], expected: list[str]) -> None:
    x, y, z = child_status(name="x"), child_status(name="y", unique_id=4), child_status(name="x", unique_id=5)
    rig.core.sas = [
        ike_status(name="a", children=(x, y)),
        ike_status(name="b", unique_id=2, children=(z,)),
        ike_status(name="c", unique_id=6, children=()),
    ]
    shown = [
        f"{name}: {' '.join(section['child-sas'])}".strip()
        for answer in rig.session().list_sas(filters)
        for name, section in answer.items()
    ]
    assert shown == expected


def test_a_number_that_is_none_is_refused(rig: ViciRig) -> None:
    with pytest.raises(CommandException, match="invalid value for: ike-id"):
        list(rig.session().list_sas({"ike-id": "one"}))


# --- connections


def test_list_conns_is_what_strongswan_says(rig: ViciRig) -> None:
    assert ask(rig, "load-conn", LOAD_CONN) == {"success": "yes"}
    (answer,) = rig.session().list_conns()
    assert text(answer) == LIST_CONN
    assert ask(rig, "get-conns") == {"conns": ["gw-gw"]}
    assert list(rig.session().list_conns({"ike": "other"})) == []


def test_unload_conn(rig: ViciRig) -> None:
    ask(rig, "load-conn", LOAD_CONN)
    assert ask(rig, "unload-conn", {"name": "gw-gw"}) == {"success": "yes"}
    assert rig.core.connections == {}
    assert ask(rig, "get-conns") == {"conns": []}
    assert refused(rig, "unload-conn", {"name": "gw-gw"}) == "unload: connection 'gw-gw' not found"
    assert refused(rig, "unload-conn") == "unload: missing connection name"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"foo": "1"}, "foo"),
        ({"children": {"c": {"esp_proposals": ["rot13"]}}}, "esp_proposals"),
        ({"rekey_time": "soon"}, "rekey_time"),
        ("text", "invalid value for: x"),
    ],
)
def test_a_broken_connection_is_refused_with_its_key(rig: ViciRig, section: Any, words: str) -> None:
    assert words in refused(rig, "load-conn", {"x": section})
    assert rig.core.connections == {}


def test_nothing_is_loaded_if_one_of_several_is_broken(rig: ViciRig) -> None:
    refused(rig, "load-conn", LOAD_CONN | {"x": {"foo": "1"}})
    assert rig.core.calls == []


# --- credentials


def test_shared_keys(rig: ViciRig) -> None:
    key = {"id": "psk-1", "type": "IKE", "data": b"\x00secret\xff", "owners": ["gw1.example.com", "192.0.2.2"]}
    assert ask(rig, "load-shared", key) == {"success": "yes"}
    assert ask(rig, "get-shared") == {"keys": ["psk-1"]}
    found = rig.store.find_psk(parse_identity("gw1.example.com"), parse_identity("192.0.2.2"))
    assert [key.secret.reveal() for key in found] == [b"\x00secret\xff"]
    assert ask(rig, "unload-shared", {"id": "psk-1"}) == {"success": "yes"}
    assert ask(rig, "unload-shared", {"id": "psk-1"}) == {"success": "yes"}
    assert rig.store.shared_names() == ()


@pytest.mark.parametrize("kind", ["xauth", "EAP"])
def test_passwords(rig: ViciRig, kind: str) -> None:
    assert ask(rig, "load-shared", {"id": "carol", "type": kind, "data": b"x", "owners": ["carol"]}) == SUCCESS
    assert ask(rig, "get-shared") == {"keys": ["carol"]}
    assert rig.store.passwords.accepts(b"carol", Secret(b"x"))
    assert rig.store.shared_names() == ()
    assert ask(rig, "load-shared", {"id": "carol", "type": "IKE", "data": b"x", "owners": ["carol"]}) == SUCCESS
    assert (rig.store.passwords.names(), len(rig.store.shared_names())) == ((), 1)
    assert ask(rig, "unload-shared", {"id": "carol"}) == SUCCESS
    assert rig.store.shared_names() == ()


def test_connections_of_ikev1(rig: ViciRig) -> None:
    section = {
        "version": "1",
        "aggressive": "yes",
        "pull": "no",
        "local": {"auth": "psk"},
        "remote-1": {"auth": "psk"},
        "remote-2": {"auth": "xauth-pam", "id": "*@example.com"},
        "children": {"net": {"esp_proposals": "3des-sha1"}},
    }
    assert ask(rig, "load-conn", {"old": section}) == SUCCESS
    (message,) = [text(event) for event in rig.session().list_conns({"ike": "old"})]
    assert message["old"]["version"] == "IKEv1"
    classes = {key: part["class"] for key, part in message["old"].items() if key.startswith(("local-", "remote-"))}
    assert classes == {"local-1": "pre-shared key", "remote-1": "pre-shared key", "remote-2": "XAuth"}
    assert message["old"]["remote-2"]["xauth"] == "pam"
    assert [warning.partition(": ")[0] for warning in message["old"]["warnings"]] == [
        "children.net.esp_proposals",
        "aggressive",
        "version",
    ]
    client = {"version": "1", "local-1": {"auth": "psk"}, "local-2": {"auth": "xauth", "xauth_id": "carol"}}
    ask(rig, "load-conn", {"client": client | {"remote": {"auth": "psk"}}})
    (message,) = [text(event) for event in rig.session().list_conns({"ike": "client"})]
    assert message["client"]["local-2"]["xauth_id"] == "carol"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"type": "FOO", "data": "x"}, "invalid shared key type: FOO"),
        ({"type": "NTLM", "data": "x"}, "not supported"),
        ({"type": "IKE"}, "shared key data missing"),
        ({"type": "IKE", "data": ["x"]}, "invalid value for: data"),
    ],
)
def test_refused_shared_keys(rig: ViciRig, message: dict[str, Any], words: str) -> None:
    assert words in refused(rig, "load-shared", message)


def test_private_keys(rig: ViciRig, ca_key: ec.EllipticCurvePrivateKey) -> None:
    key_id = ask(rig, "load-key", {"type": "any", "data": pem(ca_key)})["id"]
    assert len(key_id) == 40
    assert ask(rig, "get-keys") == {"keys": [key_id]}
    assert rig.store.has_private_key(bytes.fromhex(key_id))
    assert rig.credentials.keys.sign(bytes.fromhex(key_id), "ecdsa-sha256", b"octets")
    assert refused(rig, "unload-key", {"id": "abcd"}) == "key not found"
    assert refused(rig, "unload-key", {"id": "xyz"}) == "key id is not hexadecimal"
    assert refused(rig, "unload-key") == "key id missing"
    assert ask(rig, "unload-key", {"id": key_id}) == {"success": "yes"}
    assert not rig.store.has_private_key(bytes.fromhex(key_id))
    assert refused(rig, "load-key", {"type": "rsa", "data": "junk"}).startswith("parsing RSA private key failed")


def test_certificates(rig: ViciRig, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey) -> None:
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    leaf = make_certificate("gw1", leaf_key, ca=False)
    ask(rig, "load-cert", {"type": "X509", "flag": "NONE", "data": pem(leaf)})
    ask(rig, "load-cert", {"type": "X509", "flag": "CA", "data": ca.public_bytes(serialization.Encoding.DER)})
    ask(rig, "load-key", {"type": "any", "data": pem(leaf_key)})
    shown = list(rig.session().list_certs())
    assert [(entry["flag"], entry.get("has_privkey")) for entry in shown] == [(b"NONE", b"yes"), (b"CA", None)]
    assert shown[0]["data"] == leaf.public_bytes(serialization.Encoding.DER)
    assert shown[0]["type"] == b"X509"
    assert len(list(rig.session().list_certs({"type": "X509", "flag": "CA"}))) == 1
    assert len(list(rig.session().list_certs({"type": "ANY", "subject": "CN=gw1"}))) == 1
    assert list(rig.session().list_certs({"type": "X509_CRL"})) == []
    assert ask(rig, "get-authorities") == {"authorities": []}
    assert len(rig.store.anchors()) == 1
    assert ask(rig, "flush-certs") == {"success": "yes"}
    ask(rig, "clear-creds")
    assert list(rig.session().list_certs()) == []
    assert rig.store.anchors() == ()
    assert ask(rig, "get-keys") == {"keys": []}


def test_certificates_of_connections_are_listed_too(rig: ViciRig, ca: x509.Certificate) -> None:
    leaf = make_certificate("gw1", ec.generate_private_key(ec.SECP256R1()), ca=False)
    local = {"auth": "pubkey", "certs": [pem(leaf)], "id": "CN=gw1"}
    remote = {"auth": "pubkey", "cacerts": [pem(ca)]}
    ask(rig, "load-conn", {"x": {"local": local, "remote": remote, "remote_addrs": ["192.0.2.2"]}})
    shown = list(rig.session().list_certs())
    assert [entry["flag"] for entry in shown] == [b"NONE", b"CA"]
    assert shown[0]["data"] == leaf.public_bytes(serialization.Encoding.DER)


def test_refused_certificates(rig: ViciRig) -> None:
    leaf = make_certificate("gw1", ec.generate_private_key(ec.SECP256R1()), ca=False)
    assert "basic constraint" in refused(rig, "load-cert", {"type": "X509", "flag": "CA", "data": pem(leaf)})
    assert "parsing X509 certificate failed" in refused(rig, "load-cert", {"type": "X509", "data": "junk"})
    assert "parsing X509_CRL" in refused(rig, "load-cert", {"type": "X509_CRL", "data": "junk"})
    assert "parsing PUBKEY" in refused(rig, "load-cert", {"type": "PUBKEY", "data": "junk"})
    raw = leaf.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert ask(rig, "load-cert", {"type": "PUBKEY", "flag": "NONE", "data": raw}) == {"success": "yes"}
    assert "not supported" in refused(rig, "load-cert", {"type": "X509_AC", "data": "junk"})
    assert "flag" in refused(rig, "load-cert", {"type": "X509", "flag": "AA", "data": pem(leaf)})


def test_crls_and_ocsp_responses(rig: ViciRig) -> None:
    root = pki.authority("CN=Root")
    loaded, fetched = pki.make_crl(root), pki.make_crl(root, number=2)
    assert ask(rig, "load-cert", {"type": "X509_CRL", "flag": "NONE", "data": loaded}) == {"success": "yes"}
    moon = pki.issue("CN=moon", root)
    response = OcspResponse.from_der(pki.make_ocsp(moon, root))
    status = Status(Verdict.GOOD, "", pki.NOW + pki.DAY)
    rig.store.revocation.add_ocsp(moon.certificate, root.certificate, response, status)
    rig.store.revocation.add_crl(Crl.from_der(fetched), root.certificate)
    shown = list(rig.session().list_certs({"type": "X509_CRL"}))
    assert [entry["data"] for entry in shown] == [loaded, fetched]
    assert [entry["type"] for entry in rig.session().list_certs()] == [b"X509_CRL", b"X509_CRL", b"OCSP_RESPONSE"]
    assert len(list(rig.session().list_certs({"type": "ANY", "subject": "CN=Root"}))) == 2
    ask(rig, "flush-certs", {"type": "OCSP_RESPONSE"})
    assert list(rig.session().list_certs({"type": "OCSP_RESPONSE"})) == []
    ask(rig, "flush-certs")
    assert [entry["data"] for entry in rig.session().list_certs()] == [loaded]
    ask(rig, "clear-creds")
    assert list(rig.session().list_certs()) == []


def test_ocsp_responders(rig: ViciRig) -> None:
    responder = pki.issue("CN=ocsp")
    ask(rig, "load-cert", {"type": "X509", "flag": "OCSP", "data": responder.der})
    assert rig.store.responders() == (responder.certificate,)
    (shown,) = rig.session().list_certs({"type": "X509", "flag": "OCSP"})
    assert (shown["flag"], shown["data"]) == (b"OCSP", responder.der)
    ask(rig, "clear-creds")
    assert rig.store.responders() == ()


def test_authorities(rig: ViciRig, ca: x509.Certificate) -> None:
    uris = ["http://192.0.2.9/ca.crl"]
    assert ask(rig, "load-authority", {"ca1": {"cacert": pem(ca), "crl_uris": uris}}) == {"success": "yes"}
    assert ask(rig, "get-authorities") == {"authorities": ["ca1"]}
    (shown,) = rig.session().list_authorities()
    assert text(shown) == {"ca1": {"cacert": "CN=CA", "crl_uris": uris, "ocsp_uris": []}}
    assert list(rig.session().list_authorities({"name": "other"})) == []
    ask(rig, "clear-creds")
    assert ask(rig, "get-authorities") == {"authorities": ["ca1"]}
    assert ask(rig, "unload-authority", {"name": "ca1"}) == {"success": "yes"}
    assert rig.store.anchors() == ()
    assert refused(rig, "unload-authority", {"name": "ca1"}) == "unload: authority 'ca1' not found"
    assert refused(rig, "unload-authority") == "unload: missing authority name"
    assert refused(rig, "load-authority", {"x": {}}) == "CA certificate missing: x"
    assert refused(rig, "load-authority", {"x": {"foo": "1"}}) == "unknown option: foo, authority discarded"
    assert "cacert" in refused(rig, "load-authority", {"x": {"cacert": "junk"}})


def test_pools(rig: ViciRig) -> None:
    assert ask(rig, "get-pools") == {}
    assert refused(rig, "unload-pool", {"name": "p"}) == "failed to find a pool with name 'p'"
    ask(rig, "load-pool", {"p": {"addrs": "10.3.0.0/28", "dns": ["10.3.0.53"], "20": ["0x01"]}})
    assert ask(rig, "get-pools") == {"p": {"base": "10.3.0.0", "size": "14", "online": "0", "offline": "0"}}
    assert "overlaps with p" in refused(rig, "load-pool", {"q": {"addrs": "10.3.0.9-10.3.0.20"}})
    assert "neither" not in refused(rig, "load-pool", {"q": {"addrs": "10.3.0"}})
    assert "`addrs` is missing" in refused(rig, "load-pool", {"q": {"dns": ["10.3.0.53"]}})
    assert refused(rig, "load-pool", {"q": "10.4.0.0/28"}) == "invalid value for: q"
    ask(rig, "unload-pool", {"name": "p"})
    assert ask(rig, "get-pools") == {}


def test_leases(rig: ViciRig) -> None:
    ask(rig, "load-pool", {"p": {"addrs": "10.3.0.0/28"}, "six": {"addrs": "fd00::/120"}})
    carol = parse_identity("carol@example.com")
    rig.core.leases.acquire(["p"], Claim(carol, 1, "192.0.2.1"), bytes(4))
    rig.core.leases.acquire(["p"], Claim(carol, 2, "192.0.2.1"), bytes(4))
    rig.core.leases.release(1)
    answer = ask(rig, "get-pools", {"leases": "yes", "name": "p"})
    assert list(answer) == ["p"]
    assert (answer["p"]["online"], answer["p"]["offline"]) == ("1", "1")
    assert answer["p"]["leases"] == {
        "0": {"address": "10.3.0.2", "identity": "carol@example.com", "status": "online"},
        "1": {"address": "10.3.0.1", "identity": "carol@example.com", "status": "offline"},
    }
    assert refused(rig, "unload-pool", {"name": "p"}) == "vici pool p has 1 online leases, unable to unload"
    changed = refused(rig, "load-pool", {"p": {"addrs": "10.9.0.0/28"}})
    assert changed == "vici pool p has 1 online leases, unable to replace"
    ask(rig, "load-pool", {"p": {"addrs": "10.3.0.0/28", "dns": ["10.3.0.53"]}})
    rig.core.leases.release(2)
    ask(rig, "unload-pool", {"name": "p"})


def test_pools_of_the_file_come_and_go_with_reloads(rig: ViciRig) -> None:
    ask(rig, "load-pool", {"mine": {"addrs": "10.8.0.0/28"}})
    rig.config_path.write_text("pools: {p: {addrs: 10.3.0.0/28}}")
    assert "pool p: added" in ask(rig, "apply")["others"]
    assert set(ask(rig, "get-pools")) == {"mine", "p"}
    rig.config_path.write_text("pools: {p: {addrs: 10.3.0.0/27}}")
    assert "pool p: changed" in ask(rig, "apply")["others"]
    rig.config_path.write_text("")
    assert "pool p: removed" in ask(rig, "apply")["others"]
    assert set(ask(rig, "get-pools")) == {"mine"}


# --- policies, algorithms, counters


def test_list_policies(rig: ViciRig) -> None:
    def child(name: str, **changes: Any) -> ChildConfig:
        return ChildConfig(name, (), local_ts=(NET_1,), remote_ts=(NET_2,), **changes)

    trap, bypass = child("trap", start_action=Action.TRAP), child("byp", mode=Mode.PASS)
    plain, drop = child("plain"), child("drop", mode=Mode.DROP)
    rig.core.connections["gw-gw"] = connection("gw-gw", trap, bypass, plain, drop)
    rig.emit(
        InstallPolicies(1, PolicySet(1, PolicyAction.TRAP, (NET_1,), (NET_2,), name="gw-gw/trap")),
        InstallPolicies(2, PolicySet(2, PolicyAction.PASS, (NET_1,), (NET_2,), name="gw-gw/byp")),
        InstallPolicies(3, PolicySet(3, PolicyAction.PROTECT, (NET_1,), (NET_2,))),
    )
    everything = {"trap": "yes", "pass": "yes", "drop": "yes"}
    shown = [text(entry) for entry in rig.session().list_policies(everything)]
    assert [list(entry) for entry in shown] == [["gw-gw/trap"], ["gw-gw/byp"]]
    assert shown[0]["gw-gw/trap"] == {
        "child": "trap", "ike": "gw-gw", "mode": "TUNNEL", "local-ts": ["10.1.0.0/16"], "remote-ts": ["10.2.0.0/16"],
    }  # fmt: skip
    assert len(list(rig.session().list_policies({"pass": "yes"}))) == 1
    assert list(rig.session().list_policies({})) == []
    assert list(rig.session().list_policies(everything | {"child": "other"})) == []


def test_algorithms(rig: ViciRig) -> None:
    answer = ask(rig, "get-algorithms")
    assert tuple(answer) == ALGORITHM_GROUPS
    for group, name in (
        ("encryption", "AES_CBC"), ("aead", "AES_GCM_16"), ("integrity", "HMAC_SHA2_256_128"),
        ("prf", "PRF_HMAC_SHA2_256"), ("dh", "CURVE_25519"), ("hasher", "HASH_SHA2_256"),
    ):  # fmt: skip
        assert name in answer[group]
    assert "AES_GCM_16" not in answer["encryption"]


def test_counters(rig: ViciRig) -> None:
    rig.emit(Counted("child-rekey", "gw-gw"))
    assert ask(rig, "get-counters")["counters"][""]["child-rekey"] == "1"
    assert tuple(ask(rig, "get-counters")["counters"][""]) == NAMES
    assert ask(rig, "get-counters", {"all": "yes"})["counters"]["gw-gw"]["child-rekey"] == "1"
    assert list(ask(rig, "get-counters", {"name": "gw-gw"})["counters"]) == ["gw-gw"]
    assert refused(rig, "get-counters", {"name": "zz"}) == "no counters found for this connection"
    assert ask(rig, "reset-counters") == {"success": "yes"}
    assert ask(rig, "get-counters")["counters"][""]["child-rekey"] == "0"
    ask(rig, "reset-counters", {"all": "yes"})
    assert ask(rig, "get-counters", {"all": "yes"}) == {"counters": {}, "success": "yes"}


# --- initiate, terminate, rekey


def stream(rig: ViciRig, command: str, message: dict[str, Any]) -> list[str]:
    return [text(line)["msg"] for line in rig.session().streamed_request(command, "control-log", message)]


def test_initiate_streams_the_log_of_its_connection_only(rig: ViciRig) -> None:
    rig.core.connections["gw-gw"] = connection()

    def work(op: int, command: Any) -> None:
        rig.core.outbox += [
            LogLine(1, "IKE", "ours", "gw-gw", 1),
            LogLine(2, "IKE", "too detailed", "gw-gw", 1),
            LogLine(1, "IKE", "foreign", "other", 2),
            StateChanged("gw-gw", 1, 0, "CONNECTING", "ESTABLISHED", "authenticated"),
            CommandDone(op, ok=True, matched=1),
        ]

    rig.core.on_command = work
    assert stream(rig, "initiate", {"child": "net-net"}) == [
        "ours",
        "IKE_SA gw-gw[1] state change: CONNECTING => ESTABLISHED (authenticated)",
    ]
    assert "too detailed" in stream(rig, "initiate", {"child": "net-net", "loglevel": "2"})
    assert stream(rig, "initiate", {"ike": "gw-gw", "loglevel": "-1"}) == []
    assert rig.core.calls[0] == ("command", Initiate("net-net", ""))
    assert rig.bridge.taps == []


def test_initiate_needs_a_name(rig: ViciRig) -> None:
    assert refused(rig, "initiate") == "missing configuration name"


def test_failures_come_with_their_reason_and_record(rig: ViciRig) -> None:
    rig.core.on_command = lambda op, command: rig.core.outbox.append(
        CommandDone(op, ok=False, reason="the peer refused our selectors", record=RECORD)
    )
    assert refused(rig, "initiate", {"child": "net-net"}) == "the peer refused our selectors"


def test_timeouts(rig: ViciRig) -> None:
    rig.core.on_command = lambda op, command: None
    assert refused(rig, "initiate", {"child": "x", "timeout": "20"}) == "CHILD_SA 'x' not established after 20ms"
    assert ask(rig, "initiate", {"child": "x", "timeout": "-1"}) == {"success": "yes"}
    rig.core.sas = [ike_status()]
    assert refused(rig, "terminate", {"ike": "gw-gw", "timeout": "20"}) == "IKE_SA 'gw-gw' not terminated after 20ms"
    assert rig.bridge.taps == []


def test_no_wait_still_reports_what_fails_at_once(rig: ViciRig) -> None:
    rig.core.on_command = lambda op, command: rig.core.outbox.append(CommandDone(op, ok=False, reason="no such child"))
    assert refused(rig, "initiate", {"child": "x", "timeout": "-1"}) == "no such child"


@pytest.mark.parametrize(
    ("message", "command"),
    [
        ({"ike": "gw-gw"}, Terminate(ike="gw-gw")),
        ({"child": "net-net", "force": "yes"}, Terminate(child="net-net", force=True)),
        ({"ike-id": "1"}, Terminate(ike_id=1)),
        ({"child-id": "3"}, Terminate(child_id=3)),
    ],
)
def test_terminate(rig: ViciRig, message: dict[str, str], command: Terminate) -> None:
    rig.core.sas = [ike_status()]
    assert ask(rig, "terminate", message) == {"success": "yes", "matches": "1", "terminated": "1"}
    assert rig.core.calls == [("command", command)]


def test_rekey(rig: ViciRig) -> None:
    rig.core.sas = [ike_status()]
    assert ask(rig, "rekey", {"ike": "gw-gw", "reauth": "yes"}) == {"success": "yes", "matches": "1"}
    assert rig.core.calls == [("command", Rekey(ike="gw-gw", reauth=True))]


@pytest.mark.parametrize("command", ["terminate", "rekey"])
@pytest.mark.parametrize(
    "message", [{"ike": "zz"}, {"child": "zz"}, {"ike-id": "77"}, {"child-id": "77"}, {"ike": "zz", "child": "net-net"}]
)
def test_nothing_matches(rig: ViciRig, command: str, message: dict[str, str]) -> None:
    rig.core.sas = [ike_status()]
    assert refused(rig, command, message) == f"no matching SAs to {command} found"
    assert rig.core.calls == []


@pytest.mark.parametrize("command", ["terminate", "rekey"])
def test_a_selector_is_needed(rig: ViciRig, command: str) -> None:
    assert refused(rig, command) == f"missing {command} selector"


# --- configuration

GOOD = """
connections:
  one:
    remote_addrs: 192.0.2.2
    local: {auth: psk, id: gw1.example.com}
    remote: {auth: psk, id: gw2.example.com}
    children:
      net: {local_ts: 10.1.0.0/16, remote_ts: 10.2.0.0/16}
secrets:
  ike-1: {id: gw2.example.com, secret: 0x000102030405060708090a0b0c0d0e0f}
engine:
  log: {default: 0}
"""


def test_plan_and_apply(rig: ViciRig) -> None:
    rig.config_path.write_text(GOOD)
    planned = ask(rig, "plan")
    assert planned["success"] == "yes"
    assert planned["connections"]["one"]["action"] == "add"
    assert rig.core.connections == {}
    assert ask(rig, "apply") == planned
    assert list(rig.core.connections) == ["one"]
    assert rig.store.shared_names() == ("ike-1",)
    assert ask(rig, "get-conns") == {"conns": []}
    assert ask(rig, "get-shared") == {"keys": []}
    assert ask(rig, "plan")["connections"]["one"]["action"] == "unchanged"
    rig.config_path.write_text(GOOD.replace("10.2.0.0/16}", "10.3.0.0/16}"))
    changed = ask(rig, "apply")["connections"]["one"]
    assert changed["action"] == "child"
    assert any("remote_ts" in line for line in changed["details"])
    rig.config_path.write_text("connections: {}\n")
    assert ask(rig, "apply")["connections"] == {"one": {"action": "remove", "details": []}}
    assert rig.core.connections == {}
    assert rig.store.shared_names() == ()


def test_a_broken_configuration_changes_nothing_and_tells_every_error(rig: ViciRig) -> None:
    rig.config_path.write_text(GOOD)
    ask(rig, "apply")
    calls = list(rig.core.calls)
    rig.config_path.write_text(GOOD.replace("remote_addrs", "remote_adrs").replace("10.1.0.0/16", "10.1.0.0/99"))
    for command in ("plan", "apply"):
        with pytest.raises(CommandException, match="2 errors"):
            ask(rig, command)
    with pytest.raises(CommandException, match="remote_adrs"):
        ask(rig, "reload-settings")
    assert rig.core.calls == calls


def test_another_configuration_can_be_planned_and_applied(rig: ViciRig, tmp_path: Path) -> None:
    other = tmp_path / "other.yml"
    other.write_text(GOOD)
    other.chmod(0o600)
    assert ask(rig, "plan", {"path": str(other)})["connections"]["one"]["action"] == "add"
    assert ask(rig, "plan", {"path": str(rig.config_path)})["connections"] == {}
    assert "not absolute" in refused(rig, "plan", {"path": "other.yml"})
    ask(rig, "apply", {"path": str(other)})
    assert list(rig.core.connections) == ["one"]
    assert ask(rig, "plan")["connections"]["one"]["action"] == "unchanged"


def test_only_root_may_name_another_configuration(rig: ViciRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikeengine.daemon.vici.server.peer_of", lambda sock: Peer(1, 12345, frozenset({0})))
    assert "only root" in refused(rig, "plan", {"path": "/etc/shadow"})
    assert ask(rig, "plan", {"path": str(rig.config_path)})["success"] == "yes"


def test_errors_of_a_configuration_are_in_the_answer(rig: ViciRig) -> None:
    rig.config_path.write_text("connections:\n  a: {remote_adrs: x}\n")
    with rig.connect() as sock:
        from ikeengine.daemon.vici.codec import Deframer, Packet, PacketType, as_text, decode_packet, encode_packet

        sock.sendall(encode_packet(Packet(PacketType.CMD_REQUEST, "plan")))
        (segment,) = Deframer().feed(sock.recv(65536))
        answer = as_text(decode_packet(segment).message)
    assert answer["success"] == "no"
    assert "engine.yml:2" in str(answer["errors"])


def test_what_clients_have_loaded_survives_a_reload(rig: ViciRig) -> None:
    ask(rig, "load-conn", LOAD_CONN)
    ask(rig, "load-shared", {"id": "psk", "type": "IKE", "data": "secret", "owners": []})
    rig.config_path.write_text(GOOD)
    ask(rig, "apply")
    rig.config_path.write_text("connections: {}\n")
    assert list(ask(rig, "apply")["connections"]) == ["one"]
    assert list(rig.core.connections) == ["gw-gw"]
    assert ask(rig, "get-shared") == {"keys": ["psk"]}
    assert len(rig.store.shared_names()) == 1


def test_a_connection_of_the_file_that_a_client_changed_is_put_right_by_the_next_reload(rig: ViciRig) -> None:
    rig.config_path.write_text(GOOD)
    ask(rig, "apply")
    ask(rig, "load-conn", {"one": LOAD_CONN["gw-gw"]})
    assert ask(rig, "get-conns") == {"conns": []}
    assert ask(rig, "plan")["connections"]["one"]["action"] == "replace"
    ask(rig, "unload-conn", {"name": "one"})
    assert ask(rig, "plan")["connections"]["one"]["action"] == "add"


def test_a_connection_of_a_client_that_appears_in_the_file_belongs_to_the_file(rig: ViciRig) -> None:
    ask(rig, "load-conn", {"one": LOAD_CONN["gw-gw"]})
    rig.config_path.write_text(GOOD)
    assert ask(rig, "apply")["connections"]["one"]["action"] == "replace"
    assert ask(rig, "get-conns") == {"conns": []}


def test_reload_settings_changes_the_engine_section_only(rig: ViciRig) -> None:
    rig.config_path.write_text(GOOD)
    assert ask(rig, "reload-settings") == {"success": "yes"}
    assert rig.engines[-1].log["default"] == 0
    assert rig.core.connections == {}
    assert ask(rig, "plan")["connections"]["one"]["action"] == "add"


def test_failures(rig: ViciRig) -> None:
    rig.core.records = [RECORD, FailureRecord(Alert.PEER_AUTH_FAILED, Side.LOCAL, "IKE_AUTH request", "no", 5.0, "b")]
    answer = ask(rig, "failures")["failures"]
    assert [answer[number]["connection"] for number in ("1", "2")] == ["b", "gw-gw"]
    (entry,) = ask(rig, "failures", {"connection": "gw-gw"})["failures"].values()
    assert entry["alert"] == "ts-mismatch"
    assert entry["offered"] == ["10.1.0.0/16 === 10.2.0.0/16"]
    assert entry["advice"] == "compare local_ts and remote_ts"
    assert int(entry["age"]) >= 0
