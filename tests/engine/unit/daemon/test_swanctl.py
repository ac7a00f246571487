"""The real swanctl of strongSwan against our control socket: what it prints must make sense to its users."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ikeengine.auth.status import Status, Verdict
from ikeengine.config.vici import pool_from_vici
from ikeengine.crypto.crl import Crl
from ikeengine.crypto.ocsp import OcspResponse
from ikeengine.model.connection import Action, ChildConfig
from ikeengine.model.sa import PolicyAction, PolicySet, Usage
from ikeengine.negotiate.identities import parse_identity
from ikeengine.negotiate.leases import Claim
from ikeengine.outputs import ChildUpdown, CommandDone, Counted, IkeUpdown, InstallPolicies, LogLine, StateChanged
from tests.engine import pki
from tests.engine.unit.daemon.fakes import NET_1, NET_2, child_status, connection, esp_sa, ike_status
from tests.engine.unit.daemon.vici_rig import ViciRig
from tests.lab.needs import need_programs
from tests.lab.netns import wait_until

SWANCTL_CONF = """
connections {
  gw-gw {
    version = 2
    local_addrs = 192.0.2.1
    remote_addrs = 192.0.2.2
    proposals = aes128-sha256-x25519,aes256gcm16-prfsha384-ecp384
    dpd_delay = 30s
    local { auth = psk
      id = gw1.example.com }
    remote { auth = psk
      id = gw2.example.com }
    children {
      net-net { local_ts = 10.1.0.0/16
        remote_ts = 10.2.0.0/16
        esp_proposals = aes128gcm16-x25519,aes128-sha256-x25519
        rekey_time = 40m }
      http { remote_ts = 10.9.0.0/16[tcp/80]
        start_action = trap }
    }
  }
  cert-conn {
    version = 2
    remote_addrs = 192.0.2.3
    local { auth = pubkey
      certs = gw.pem
      id = "CN=gw1, O=Example" }
    remote { auth = pubkey }
    children { x { mode = transport } }
  }
}
secrets { ike-1 { id-1 = gw2.example.com
  secret = 0sAAECAwQFBgcICQoLDA0ODxAREhM= } }
authorities { ca1 { cacert = ca.pem
  crl_uris = http://192.0.2.9/ca.crl } }
"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[ViciRig]:
    with ViciRig(tmp_path) as rig:
        yield rig


@pytest.fixture
def established(rig: ViciRig) -> ViciRig:
    now = rig.do(rig.service.now)
    inbound = esp_sa(0x9568F927)
    rig.datapath.counters[inbound.id] = Usage(168, 2, 1.2)
    child = child_status(installed_at=now - 31.5, rekey_at=now + 2232.9, expires_at=now + 2609.9, sa_in=inbound.id)
    rig.core.sas = [ike_status(established_at=now - 32.5, rekey_at=now + 13784.9, children=(child,))]
    rig.core.connections["gw-gw"] = connection()
    return rig


def shown(rig: ViciRig, command: str, *arguments: str) -> str:
    code, printed = rig.swanctl(command, *arguments)
    assert code == 0, printed
    return printed


def test_list_sas(established: ViciRig) -> None:
    printed = shown(established, "--list-sas")
    assert re.sub(r"\d+s", "Ns", printed) == (
        "gw-gw: #1, ESTABLISHED, IKEv2, d46ccc431767779e_i* 228b26281e3963eb_r\n"
        "  local  'gw1.example.com' @ 192.0.2.1[4500]\n"
        "  remote 'gw2.example.com' @ 192.0.2.2[4500]\n"
        "  AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE_25519\n"
        "  established Ns ago, rekeying in Ns\n"
        "  net-net: #3, reqid 2, INSTALLED, TUNNEL-in-UDP, ESP:AES_GCM_16-128/CURVE_25519\n"
        "    installed Ns ago, rekeying in Ns, expires in Ns\n"
        "    in  9568f927,    168 bytes,     2 packets,     Ns ago\n"
        "    out 77f6b86f,      0 bytes,     0 packets\n"
        "    local  10.1.0.0/16\n"
        "    remote 10.2.0.0/16\n"
    )


def test_list_sas_filters(established: ViciRig) -> None:
    assert "gw-gw: #1" in shown(established, "--list-sas", "--ike", "gw-gw", "--noblock")
    assert shown(established, "--list-sas", "--ike", "other") == ""
    assert shown(established, "--list-sas", "--ike-id", "99") == ""
    assert "uniqueid=1" in shown(established, "--list-sas", "--raw")


def test_connecting_sa(rig: ViciRig) -> None:
    rig.core.sas = [ike_status(state="CONNECTING", remote_id=None, suite=None, established_at=None, children=())]
    assert "gw-gw: #1, CONNECTING, IKEv2" in shown(rig, "--list-sas")


def test_version_stats_algorithms(established: ViciRig) -> None:
    printed = established.swanctl("--version", "--daemon")[1]
    assert "ikeengine" in printed
    stats = shown(established, "--stats")
    assert "IKE_SAs: 1 total, 0 half-open" in stats
    assert "since" in stats
    algorithms = shown(established, "--list-algs")
    assert "CURVE_25519[cryptography]" in algorithms
    assert "aead:" in algorithms


def test_counters(rig: ViciRig) -> None:
    rig.emit(Counted("child-rekey", "gw-gw"))
    assert "child-rekey           : 1" in shown(rig, "--counters")
    assert "gw-gw:" in shown(rig, "--counters", "--all")
    assert "child-rekey           : 1" in shown(rig, "--counters", "--name", "gw-gw")
    assert "successfully" in shown(rig, "--counters", "--reset")
    assert "child-rekey           : 0" in shown(rig, "--counters")
    code, printed = rig.swanctl("--counters", "--name", "zz")
    assert code != 0
    assert "no counters found" in printed


def test_list_policies(rig: ViciRig) -> None:
    trap = ChildConfig("trap", (), local_ts=(NET_1,), remote_ts=(NET_2,), start_action=Action.TRAP)
    rig.core.connections["gw-gw"] = connection("gw-gw", trap)
    rig.emit(InstallPolicies(1, PolicySet(1, PolicyAction.TRAP, (NET_1,), (NET_2,), name="gw-gw/trap")))
    assert shown(rig, "--list-pols") == "gw-gw/trap, TUNNEL\n  local:  10.1.0.0/16\n  remote: 10.2.0.0/16\n"


def test_crls_and_ocsp_responses(rig: ViciRig) -> None:
    root = pki.authority("O=Example, CN=Root")
    moon = pki.issue("O=Example, CN=moon", root)
    rig.store.revocation.add_crl(Crl.from_der(pki.make_crl(root, moon, number=7)), root.certificate)
    response = OcspResponse.from_der(pki.make_ocsp(moon, root))
    rig.store.revocation.add_ocsp(
        moon.certificate, root.certificate, response, Status(Verdict.GOOD, "", pki.NOW + pki.DAY)
    )
    printed = shown(rig, "--list-certs")
    assert "List of X.509 CRLs" in printed
    assert 'issuer:   "O=Example, CN=Root"' in printed
    assert "1 revoked certificate" in printed
    assert "List of OCSP Responses" in printed
    shown(rig, "--flush-certs", "--type", "x509_crl")
    assert "CRLs" not in shown(rig, "--list-certs")


def test_small_commands(rig: ViciRig) -> None:
    assert shown(rig, "--list-pools") == ""
    rig.core.leases.set_pool(pool_from_vici("rw", {"addrs": "10.3.0.0/28"}))
    rig.core.leases.acquire(["rw"], Claim(parse_identity("carol@example.com"), 1, "192.0.2.1"), bytes(4))
    assert shown(rig, "--list-pools", "--leases").split() == (
        ["rw", "10.3.0.0", "1", "/", "0", "/", "14", "10.3.0.1", "online", "'carol@example.com'"]
    )
    assert shown(rig, "--flush-certs") == ""
    assert shown(rig, "--reload-settings") == ""
    assert shown(rig, "--list-authorities") == ""
    assert shown(rig, "--list-certs") == ""
    assert shown(rig, "--list-conns") == ""


def test_initiate(rig: ViciRig) -> None:
    rig.core.connections["gw-gw"] = connection()
    rig.core.on_command = lambda op, command: rig.core.outbox.extend(
        [
            StateChanged("gw-gw", 1, 0, "CREATED", "CONNECTING", "send IKE_SA_INIT"),
            LogLine(1, "IKE", "hello", "gw-gw", 1),
            CommandDone(op, ok=True, matched=1),
        ]
    )
    assert shown(rig, "--initiate", "--child", "net-net").splitlines() == [
        "[IKE] IKE_SA gw-gw[1] state change: CREATED => CONNECTING (send IKE_SA_INIT)",
        "[IKE] hello",
        "initiate completed successfully",
    ]


def test_initiate_that_fails_or_takes_too_long(rig: ViciRig) -> None:
    rig.core.on_command = lambda op, command: rig.core.outbox.append(CommandDone(op, ok=False, reason="wrong key"))
    assert rig.swanctl("--initiate", "--child", "x") == (1, "initiate failed: wrong key")
    rig.core.on_command = lambda op, command: None
    code, printed = rig.swanctl("--initiate", "--child", "x", "--timeout", "1")
    assert code != 0
    assert printed == "initiate failed: CHILD_SA 'x' not established after 1000ms"
    code, printed = rig.swanctl("--initiate", "--child", "x", "--timeout", "-1")
    assert (code, printed) == (0, "initiate completed successfully\n")


def test_terminate_and_rekey(established: ViciRig) -> None:
    assert shown(established, "--rekey", "--child", "net-net") == "rekey completed successfully\n"
    assert shown(established, "--rekey", "--ike", "gw-gw", "--reauth") == "rekey completed successfully\n"
    assert shown(established, "--terminate", "--ike", "gw-gw") == "terminate completed successfully\n"
    assert shown(established, "--terminate", "--child-id", "3", "--force") == "terminate completed successfully\n"
    code, printed = established.swanctl("--terminate", "--ike", "zz")
    assert (code != 0, printed) == (True, "terminate failed: no matching SAs to terminate found")


@contextlib.contextmanager
def background(rig: ViciRig, *arguments: str) -> Iterator[Callable[[str], str]]:
    """Run swanctl on a terminal; yields a function that reads until a pattern has shown up."""
    program = shutil.which("swanctl", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program
    ours, theirs = os.openpty()
    command = [program, arguments[0], "--uri", f"unix://{rig.socket_path}", *arguments[1:]]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL) as process:
        os.close(theirs)
        seen = b""

        def read_until(pattern: str) -> str:
            nonlocal seen
            deadline = time.monotonic() + 120
            while not re.search(pattern, seen.decode()) and time.monotonic() < deadline:
                if select.select([ours], [], [], 0.1)[0]:
                    seen += os.read(ours, 65536)
            return seen.decode()

        try:
            yield read_until
        finally:
            process.kill()
            os.close(ours)


@pytest.mark.parametrize(
    ("arguments", "event", "output", "expected"),
    [
        (["--log"], "log", LogLine(1, "IKE", "hello", "gw-gw", 1), r"\[IKE\] hello"),
        (["--monitor-sa", "--raw"], "ike-updown", IkeUpdown(True, ike_status()), r"up=yes gw-gw \{uniqueid=1"),
        (["--monitor-sa", "--raw"], "child-updown", ChildUpdown(True, ike_status(), child_status()), r"net-net-3"),
    ],
)
def test_watching(rig: ViciRig, arguments: list[str], event: str, output: Any, expected: str) -> None:
    rig.swanctl("--version")
    with background(rig, *arguments) as read_until:
        wait_until(lambda: rig.do(lambda: rig.hub.wants(event)))
        rig.emit(output)
        assert re.search(expected, read_until(expected))


@pytest.fixture
def swanctl_dir(tmp_path: Path) -> Path:
    need_programs("pki")
    directory = tmp_path / "swanctl"
    names = ("x509", "x509ca", "private", "x509ocsp", "x509aa", "x509ac", "x509crl", "pubkey", "rsa", "ecdsa", "pkcs8")
    for name in names:
        (directory / name).mkdir(parents=True)
    (directory / "swanctl.conf").write_text(SWANCTL_CONF)

    def pki(target: Path, *arguments: str, given: bytes = b"") -> bytes:
        done = subprocess.run(["pki", *arguments], input=given, capture_output=True, check=True)
        target.write_bytes(done.stdout)
        return done.stdout

    ca_key = pki(tmp_path / "ca.key", "--gen", "--type", "ecdsa", "--size", "256", "--outform", "pem")
    ca_dn = ("--dn", "CN=CA, O=Example")
    pki(directory / "x509ca/ca.pem", "--self", "--ca", "--type", "ecdsa", *ca_dn, "--outform", "pem", given=ca_key)
    key = pki(directory / "private/gw.pem", "--gen", "--type", "ecdsa", "--size", "256", "--outform", "pem")
    public = pki(tmp_path / "pub.pem", "--pub", "--type", "ecdsa", given=key)
    issuer = ("--cacert", str(directory / "x509ca/ca.pem"), "--cakey", str(tmp_path / "ca.key"))
    dn = ("--dn", "CN=gw1, O=Example", "--san", "gw1.example.com")
    pki(directory / "x509/gw.pem", "--issue", *issuer, *dn, "--outform", "pem", given=public)
    return directory


def test_load_all(rig: ViciRig, swanctl_dir: Path) -> None:
    environment = {"SWANCTL_DIR": str(swanctl_dir)}
    code, printed = rig.swanctl("--load-all", environment=environment)
    assert code == 0, printed
    for words in (
        "loaded certificate from", "loaded ECDSA key from", "loaded ike secret 'ike-1'", "loaded authority 'ca1'",
        "successfully loaded 1 authorities", "no pools found", "successfully loaded 2 connections, 0 unloaded",
    ):  # fmt: skip
        assert words in printed
    assert rig.store.find_psk(parse_identity("gw1.example.com"), parse_identity("gw2.example.com"))
    listed = shown(rig, "--list-conns")
    for words in (
        "gw-gw: IKEv2, no reauthentication, rekeying every 14400s, dpd delay 30s",
        "    id: gw1.example.com",
        "  net-net: TUNNEL, rekeying every 2400s",
        "    remote: 10.9.0.0/16[tcp/80]",
        "    id: CN=gw1, O=Example",
        "    certs: CN=gw1, O=Example",
        "    remote: dynamic",
    ):
        assert words in listed
    certificates = shown(rig, "--list-certs")
    assert 'subject:  "CN=gw1, O=Example"' in certificates
    assert "has private key" in certificates
    assert "List of X.509 CA Certificates" in certificates
    assert "crl_uris:  http://192.0.2.9/ca.crl" in shown(rig, "--list-authorities")


def test_load_all_again_unloads_what_is_gone(rig: ViciRig, swanctl_dir: Path) -> None:
    environment = {"SWANCTL_DIR": str(swanctl_dir)}
    rig.swanctl("--load-all", environment=environment)
    (swanctl_dir / "swanctl.conf").write_text("connections { }\n")
    for file in (swanctl_dir / "private/gw.pem", swanctl_dir / "x509/gw.pem", swanctl_dir / "x509ca/ca.pem"):
        file.unlink()
    code, printed = rig.swanctl("--load-all", environment=environment)
    assert code == 0, printed
    assert rig.core.connections == {}
    assert rig.credentials.key_ids() == []
    assert rig.credentials.shared_ids() == []
    assert rig.credentials.authority_names() == []


def test_load_all_says_what_is_wrong_with_a_connection(rig: ViciRig, swanctl_dir: Path) -> None:
    conf = swanctl_dir / "swanctl.conf"
    conf.write_text(SWANCTL_CONF.replace("dpd_delay = 30s", "dpd_delay = soon"))
    code, printed = rig.swanctl("--load-conns", environment={"SWANCTL_DIR": str(swanctl_dir)})
    assert code != 0
    assert "loading connection 'gw-gw' failed: connections.gw-gw.dpd_delay" in printed
    assert list(rig.core.connections) == ["cert-conn"]
