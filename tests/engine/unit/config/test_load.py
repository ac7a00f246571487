from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ikeengine.config.load import load
from ikeengine.config.problems import ConfigErrors
from ikeengine.model.connection import (
    Action,
    AuthKind,
    ConnectionConfig,
    EngineSettings,
    Fragmentation,
    Mode,
    SendCert,
    Unique,
)
from ikeengine.model.selector import TrafficSelector
from ikeengine.negotiate.identities import parse_identity, parse_pattern
from ikeengine.negotiate.proposals import DEFAULT_ESP, DEFAULT_IKE, parse_esp, parse_ike
from ikeengine.registry import Protocol

PSK = """
connections:
  site-b:
    remote_addrs: [192.0.2.2]
    local: {auth: psk, id: gw1.example.com}
    remote: {auth: psk, id: gw2.example.com}
    children: {net: {}}
secrets:
  ike-b: {secret: correct horse battery staple, id: [gw1.example.com, gw2.example.com]}
"""
CERT = """
connections:
  site-b:
    remote_addrs: [192.0.2.2]
    local: {certs: gw.pem, id: gw1.example.com}
    remote: {id: gw2.example.com}
secrets:
  private-gw: {file: gw.pem}
authorities:
  root: {cacert: root.pem}
"""


def test_a_psk_connection_with_the_defaults_of_swanctl(site: Any) -> None:
    configuration = site.load(PSK)
    connection = configuration.connections["site-b"]
    default = ConnectionConfig("x", ())
    for field in (
        "version", "local_addrs", "local_port", "remote_port", "encap", "dpd_delay", "keyingtries", "unique",
        "reauth_time", "rekey_time", "over_time", "rand_time", "send_cert", "send_certreq",
    ):  # fmt: skip
        assert getattr(connection, field) == getattr(default, field), field
    assert connection.remote_addrs == ("192.0.2.2",)
    assert [p.transforms for p in connection.proposals] == [p.transforms for p in DEFAULT_IKE]
    assert (connection.local[0].auth, connection.local[0].id) == (AuthKind.PSK, parse_identity("gw1.example.com"))
    assert connection.remote[0].id == parse_pattern("gw2.example.com")
    child = connection.children["net"]
    assert [p.transforms for p in child.esp_proposals] == [p.transforms for p in DEFAULT_ESP]
    assert (child.rekey_time, child.life_time, child.rand_time) == (3600, 3960, 360)
    assert (child.mode, child.start_action, child.replay_window) == (Mode.TUNNEL, Action.NONE, 32)
    assert configuration.shared_keys[0].secret.reveal() == b"correct horse battery staple"
    assert configuration.engine.settings == EngineSettings()
    assert configuration.engine.listen == ()


def test_every_option_of_a_connection(site: Any) -> None:
    full = site.load(
        """
connections:
  a:
    version: 2
    local_addrs: 192.0.2.1, 2001:DB8::1
    remote_addrs: [GW.example.com, 10.0.0.0/8]
    local_port: 4500
    remote_port: 0x1F4
    proposals: [aes256gcm16-prfsha384-x25519, aes256-sha256-modp2048]
    encap: yes
    dpd_delay: 30
    keyingtries: 0
    unique: replace
    reauth_time: 8h
    rekey_time: 2h
    over_time: 10m
    rand_time: 5m
    send_cert: always
    send_certreq: off
    local: {auth: psk, id: 192.0.2.1}
    remote: {auth: psk, id: "*.example.com"}
    mobike: no
    fragmentation: force
    dscp: 000000
    children:
      one:
        esp_proposals: aes128gcm16-x25519-esn
        local_ts: [10.1.0.0/16]
        remote_ts: 10.2.0.0/16, 10.3.0.1
        mode: transport
        start_action: trap|start
        close_action: start
        dpd_action: restart
        rekey_time: 30m
        life_time: 40m
        rand_time: 2m
        rekey_bytes: 1g
        rekey_packets: 1000
        life_packets: 2000
        rand_packets: 10
        inactivity: 10m
        replay_window: 1024
        reqid: 7
        priority: 100
        policies: no
        copy_df: no
        copy_ecn: no
        copy_dscp: yes
        ipcomp: no
        hw_offload: no
      two:
        ah_proposals: sha256-x25519
        mode: pass
secrets:
  ike: {secret: 0x000102030405060708090a0b0c0d0e0f}
"""
    ).connections["a"]
    assert full.local_addrs == ("192.0.2.1", "2001:db8::1")
    assert full.remote_addrs == ("gw.example.com", "10.0.0.0/8")
    assert (full.local_port, full.remote_port, full.encap) == (4500, 500, True)
    assert full.proposals[0].transforms == parse_ike("aes256gcm16-prfsha384-x25519").transforms
    assert [proposal.number for proposal in full.proposals] == [1, 2]
    assert (full.dpd_delay, full.keyingtries, full.unique) == (30, 0, Unique.REPLACE)
    assert (full.reauth_time, full.rekey_time, full.over_time, full.rand_time) == (28800, 7200, 600, 300)
    assert full.fragmentation is Fragmentation.FORCE
    assert (full.send_cert, full.send_certreq) == (SendCert.ALWAYS, False)
    one, two = full.children["one"], full.children["two"]
    assert one.esp_proposals[0].transforms == parse_esp("aes128gcm16-x25519-esn").transforms
    assert one.local_ts == (TrafficSelector(b"\x0a\x01\0\0", b"\x0a\x01\xff\xff"),)
    assert len(one.remote_ts) == 2
    assert (one.mode, one.start_action, one.close_action, one.dpd_action) == (
        Mode.TRANSPORT, Action.TRAP_START, Action.START, Action.RESTART,
    )  # fmt: skip
    assert (one.rekey_time, one.life_time, one.rand_time) == (1800, 2400, 120)
    assert (one.rekey_bytes, one.life_bytes, one.rand_bytes) == (1 << 30, (1 << 30) * 11 // 10, (1 << 30) // 10)
    assert (one.rekey_packets, one.life_packets, one.rand_packets) == (1000, 2000, 10)
    assert (one.inactivity, one.replay_window, one.reqid, one.priority) == (600, 1024, 7, 100)
    assert (one.policies, one.copy_df, one.copy_ecn, one.copy_dscp) == (False, False, False, "yes")
    assert {proposal.protocol for proposal in two.esp_proposals} == {Protocol.AH}
    assert two.mode is Mode.PASS


def test_a_certificate_connection(gateway: Callable[[], Any], pki: Any) -> None:
    configuration = gateway().load(CERT)
    local = configuration.connections["site-b"].local[0]
    assert (local.auth, local.certs) == (AuthKind.PUBKEY, (pki.gw.der,))
    assert configuration.certificates == (pki.intermediate.der,)
    assert [(ca.name, ca.certificate) for ca in configuration.authorities] == [("root", pki.root.der)]
    (key,) = configuration.private_keys
    assert (key.name, key.data.reveal(), key.password) == ("private-gw", pki.gw.key_pem(), None)
    assert "PRIVATE" not in repr(configuration)


def test_a_directory_is_read_in_the_order_of_names_and_joined(site: Any) -> None:
    site.write("20-b.yaml", PSK.replace("site-b", "site-c").split("secrets:")[0], 0o644)
    site.write("10-a.yml", PSK)
    site.write("00-nothing.yml", "engine:\n")
    site.write("30-engine.yml", "engine: {port: 5000, log: {default: 0, ike: 2, json: yes}}\nconnections:\n", 0o644)
    site.write("ignored.conf", "no: yes")
    site.write(".hidden.yml", "no: yes")
    configuration = load(site.base)
    assert list(configuration.connections) == ["site-b", "site-c"]
    assert (configuration.engine.port, configuration.engine.port_nat_t) == (5000, 4500)
    assert configuration.engine.log == {"default": 0, "ike": 2}
    assert configuration.engine.log_json is True


def test_what_is_in_two_files_of_a_directory_is_an_error(site: Any) -> None:
    site.write("a.yml", PSK + "engine: {port: 500}\n")
    site.write("b.yml", PSK + "engine: {port: 600}\n")
    site.write("c.yml", "engine: nothing\n")
    with pytest.raises(ConfigErrors) as caught:
        load(site.base)
    assert [str(error).replace(f"{site.base}/", "") for error in caught.value.errors] == [
        "b.yml:3:3: connections.site-b: `site-b` is written twice; first in a.yml:3:3",
        "b.yml:9:3: secrets.ike-b: `ike-b` is written twice; first in a.yml:9:3",
        "b.yml:10:10: engine.port: `port` is written twice; first in a.yml:10:10",
        "c.yml:1:1: engine: `engine` is written twice; first in a.yml:10:1",
    ]


def test_a_directory_without_files_and_a_missing_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"holds no \*\.yml or \*\.yaml file"):
        load(tmp_path)
    with pytest.raises(ConfigErrors, match=r"nothing\.yml: cannot be read: No such file or directory"):
        load(tmp_path / "nothing.yml")


def test_a_file_that_is_not_text_says_where(site: Any) -> None:
    site.write("ike.yml", b"engine:\n  keylog: \xff\n")
    with pytest.raises(ConfigErrors, match=r"ike.yml:2: the file is not UTF-8 text"):
        load(site.base / "ike.yml")


def test_an_empty_file_is_a_configuration(site: Any) -> None:
    assert site.load("").connections == {}


def test_every_error_at_once_with_file_line_and_key(site: Any) -> None:
    site.write("psk.txt", "correct horse battery staple", 0o644)
    site.write("private/gw.pem", "no key")
    text = """\
connections:
  site-b:
    remote_addr: [192.0.2.2]
    version: 3
    proposals: aes256-sha256
    mediation: yes
    local: {auth: psk, id: gw1.example.com}
    remote: {auth: psk, id: gw2.example.com}
    children:
      net:
        esp_proposals: [aes128gcm16, aes256gcm99]
        rekey_time: soon
        mode: beet
secrets:
  ike-b:
    file: psk.txt
    id: [gw1.example.com, gw3.example.com]
  private-gw: {file: gw.pem}
  ntlm-x: {secret: hunter2}
pools: {p: {addrs: 10.0.0.0/33}}
engine:
  port: 70000
colour: blue
"""
    errors = site.errors(text)
    assert [error.split(": ")[0:2] for error in errors] == [
        ["ike.yml:3:5", "connections.site-b.remote_addr"],
        ["ike.yml:4:14", "connections.site-b.version"],
        ["ike.yml:5:16", "connections.site-b.proposals"],
        ["ike.yml:6:5", "connections.site-b.mediation"],
        ["ike.yml:7:13", "connections.site-b.local.auth"],
        ["ike.yml:11:38", "connections.site-b.children.net.esp_proposals"],
        ["ike.yml:12:21", "connections.site-b.children.net.rekey_time"],
        ["ike.yml:13:15", "connections.site-b.children.net.mode"],
        ["ike.yml:16:5", "secrets.ike-b.file"],
        ["ike.yml:18:16", "secrets.private-gw.file"],
        ["ike.yml:19:3", "secrets.ntlm-x"],
        ["ike.yml:20:20", "pools.p.addrs"],
        ["ike.yml:22:9", "engine.port"],
        ["ike.yml:23:1", "colour"],
    ]
    assert "did you mean `remote_addrs`?" in errors[0]
    assert "`3` is not an IKE version" in errors[1]
    assert "no pre-shared key for gw1.example.com and gw2.example.com" in errors[4]
    assert "chmod 0600 psk.txt" in errors[8]
    assert "not supported yet (EAP)" in errors[10]
    assert "hunter2" not in "".join(errors)


def test_inline_secrets_need_a_private_configuration_file(site: Any) -> None:
    assert site.errors(PSK, 0o644) == [
        "ike.yml:9:11: secrets.ike-b.secret: ike.yml holds a secret but others have access to it (mode 0644): "
        "chmod 0600 ike.yml"
    ]


def test_a_configuration_without_secrets_may_be_public(gateway: Callable[[], Any]) -> None:
    assert list(gateway().load(CERT, 0o644).connections) == ["site-b"]


def test_secrets_may_be_in_a_private_file_beside_a_public_one(site: Any) -> None:
    connections, secrets = PSK.split("secrets:")
    site.write("10-connections.yml", connections, 0o644)
    site.write("20-secrets.yml", f"secrets:{secrets}", 0o600)
    assert len(load(site.base).shared_keys) == 1


def test_a_merge_key_gives_connections_common_settings(site: Any) -> None:
    text = PSK.replace("  site-b:\n", "  site-b:\n    <<: {dpd_delay: 30s, remote_addrs: [192.0.2.9]}\n")
    connection = site.load(text).connections["site-b"]
    assert (connection.dpd_delay, connection.remote_addrs) == (30, ("192.0.2.2",))


@pytest.mark.parametrize("option", ["mediation", "ppk_required"])
def test_options_of_other_releases_accept_what_this_one_does(site: Any, option: str) -> None:
    assert site.load(PSK.replace("    local:", f"    {option}: no\n    local:")).connections
    (error,) = site.errors(PSK.replace("    local:", f"    {option}: yes\n    local:"))
    assert "is not supported yet" in error


def test_an_unreadable_key_file_is_an_error(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write("psk.txt", "correct horse battery staple")
    really_open = os.open

    def refuse(path: Any, *rest: Any, **more: Any) -> int:
        if Path(path).name == "psk.txt":
            raise PermissionError(errno.EACCES, "Permission denied")
        return really_open(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    assert site.errors(PSK.replace("secret: correct horse battery staple", "file: psk.txt")) == [
        "ike.yml:9:11: secrets.ike-b.file: psk.txt cannot be read: Permission denied"
    ]
