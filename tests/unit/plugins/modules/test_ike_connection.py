# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.module_utils import _connection
from ansible_collections.keymesh.ike.plugins.modules import ike_connection
from ansible_collections.keymesh.ike.tests.unit.plugins.conftest import run
from ansible_collections.keymesh.ike.tests.unit.plugins.fake_daemon import FakeDaemon

Result = t.Dict[str, t.Any]
CONFIG: Result = {
    "version": 2,
    "mobike": False,
    "remote_addrs": "198.51.100.7, partner.example",
    "proposals": ["aes256gcm16-prfsha384-x25519"],
    "dpd_delay": None,
    "local": {"auth": "psk", "id": "a.example"},
    "children": {"net": {"local_ts": "10.1.0.0/16", "esp_proposals": ["aes256gcm16"]}},
}
SECRET: Result = {"name": "ike-partner", "secret": "0xdeadbeefdeadbeef", "id": ["a.example", "partner.example"]}


class Host:
    """A daemon, and what the module remembers."""

    def __init__(self, daemon: FakeDaemon, records: pathlib.Path) -> None:
        self.daemon = daemon
        self.records = records

    def connection(self, *, check_mode: bool = False, diff: bool = False, **options: t.Any) -> Result:
        given = {"name": "partner", "socket": self.daemon.socket, "record_dir": str(self.records)}
        if options.get("state") != "absent":
            given["config"] = CONFIG
        return run(ike_connection, dict(given, **options), check_mode, diff)

    def commands(self) -> t.List[str]:
        names = [name for name, unused in self.daemon.requests]
        return [name for name in names if not name.startswith(("list-", "get-"))]


@pytest.fixture
def host(daemon: FakeDaemon, tmp_path: pathlib.Path) -> Host:
    return Host(daemon, tmp_path / "records")


def test_check_do_idempotent_and_idempotent_in_check_mode(host: Host) -> None:
    forecast = host.connection(secrets=[SECRET], check_mode=True)
    assert forecast["changed"] and forecast["connection"] is None
    assert forecast["actions"] == ["loaded the secret ike-partner", "loaded the connection partner"]
    assert host.commands() == [] and not host.records.exists()
    done = host.connection(secrets=[SECRET])
    assert done["changed"] and done["actions"] == forecast["actions"]
    assert done["connection"]["name"] == "partner" and done["connection"]["source"] == "vici"
    assert host.commands() == ["load-shared", "load-conn"]
    assert not host.connection(secrets=[SECRET])["changed"]
    assert not host.connection(secrets=[SECRET], check_mode=True)["changed"]
    assert host.commands().count("load-conn") == 1


def test_the_message(host: Host) -> None:
    host.connection(secrets=[SECRET])
    messages = dict(host.daemon.requests)
    assert messages["load-conn"] == {
        "partner": {
            "version": "2",
            "mobike": "no",
            "remote_addrs": ["198.51.100.7", "partner.example"],
            "proposals": ["aes256gcm16-prfsha384-x25519"],
            "local": {"auth": "psk", "id": "a.example"},
            "children": {"net": {"local_ts": ["10.1.0.0/16"], "esp_proposals": ["aes256gcm16"]}},
        }
    }
    assert messages["load-shared"]["owners"] == ["a.example", "partner.example"]
    assert messages["load-shared"]["type"] == "IKE"


def test_what_the_daemon_does_not_tell_is_compared_too(host: Host) -> None:
    host.connection()
    changed = dict(CONFIG, proposals=["aes128gcm16-prfsha256-x25519"])
    done = host.connection(config=changed, diff=True)
    assert done["changed"] and "aes256gcm16-prf" in done["diff"]["before"]
    assert "aes128gcm16-prf" in done["diff"]["after"]
    assert not host.connection(config=changed)["changed"]


def test_somebody_else_has_changed_it(host: Host) -> None:
    host.connection()
    host.daemon.connections["partner"]["remote_addrs"] = ["203.0.113.1"]
    done = host.connection(diff=True)
    assert done["changed"] and "203.0.113.1" in done["diff"]["before"]
    assert not host.connection()["changed"]


def test_the_daemon_was_restarted(host: Host) -> None:
    host.connection()
    os.chmod(host.daemon.socket, 0o600)
    assert not host.connection()["changed"]
    os.utime(host.daemon.socket, (1, 1))  # Another time, as a new socket has.
    assert host.connection()["changed"]


def test_a_changed_secret_is_loaded_but_cannot_be_reported(host: Host) -> None:
    host.connection(secrets=[SECRET])
    again = host.connection(secrets=[dict(SECRET, secret="0xfeed")])
    assert not again["changed"]
    assert host.commands() == ["load-shared", "load-conn", "load-shared"]


def test_absent(host: Host) -> None:
    host.connection(secrets=[SECRET])
    host.daemon.establish_ike(name="partner")
    gone = {"state": "absent", "secrets": [{"name": "ike-partner"}]}
    forecast = host.connection(check_mode=True, **gone)
    done = host.connection(diff=True, **gone)
    assert forecast["changed"] and done["changed"] and done["connection"] is None
    assert forecast["actions"] == done["actions"]
    assert done["actions"] == [
        "unloaded the connection partner",
        "closed 1 SA of partner",
        "unloaded the secret ike-partner",
    ]
    assert "aes256gcm16" in done["diff"]["before"] and done["diff"]["after"] == ""
    assert host.daemon.ike == {} and host.daemon.shared == {} and list(host.records.iterdir()) == []
    again = host.connection(diff=True, **gone)
    assert not again["changed"] and "diff" not in again
    assert not host.connection(check_mode=True, **gone)["changed"]


def test_sas_can_stay(host: Host) -> None:
    host.connection()
    host.daemon.establish_ike(name="partner")
    assert host.connection(state="absent", close_sas=False)["changed"]
    assert len(host.daemon.ike) == 1
    assert host.connection(state="absent")["actions"] == ["closed 1 SA of partner"]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_connections_of_the_file_are_refused(host: Host, state: str) -> None:
    failed = host.connection(name="a--b", state=state)
    assert failed["failed"] and "with ike_config" in failed["msg"]
    assert host.commands() == []


def test_the_daemon_refuses(host: Host) -> None:
    host.daemon.load_error = "invalid value for: proposals, config discarded"
    failed = host.connection()
    assert failed["failed"] and failed["msg"] == "partner: invalid value for: proposals, config discarded"
    host.daemon.load_error = ""
    assert host.connection()["changed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"config": None}, "state=present needs config"),
        ({"secrets": [{"name": "x"}]}, "x has no secret, which state=present needs"),
        ({"secrets": [{"name": "x", "secret": "0xyz"}]}, "is not hexadecimal"),
        ({"config": {"local": {"certs": ["host.pem"]}}}, "config.local.certs: 'host.pem' is not an absolute path"),
        ({"config": {"local": {"certs": "/nowhere/x.pem"}}}, "config.local.certs: /nowhere/x.pem: No such file"),
        ({"record_dir": "/proc/nowhere"}, "record_dir: "),
    ],
)
def test_bad_arguments(host: Host, options: Result, message: str) -> None:
    failed = host.connection(**options)
    assert failed["failed"] and message in failed["msg"]
    assert "0xyz" not in failed["msg"]


def test_files_are_sent_and_compared(host: Host, tmp_path: pathlib.Path) -> None:
    certificate = tmp_path / "host.pem"
    certificate.write_bytes(b"one")
    config = {"local": {"auth": "pubkey", "certs": [str(certificate)]}}
    assert host.connection(config=config)["changed"]
    assert dict(host.daemon.requests)["load-conn"]["partner"]["local"]["certs"] == ["one"]
    assert not host.connection(config=config)["changed"]
    certificate.write_bytes(b"two")
    assert host.connection(config=config)["changed"]


@pytest.mark.parametrize(("text", "key"), [("0x00ff", b"\x00\xff"), ("0sAP8=", b"\x00\xff"), ("plain", b"plain")])
def test_notations_of_keys(text: str, key: bytes) -> None:
    assert ike_connection.octets(text) == key


def test_lists_are_lists() -> None:
    assert _connection.as_message({"local_addrs": "a,b", "other": [1], "pools": "one"}) == {
        "local_addrs": ["a", "b"],
        "other": ["1"],
        "pools": ["one"],
    }


def test_the_same_keys_whatever_happens(host: Host) -> None:
    keys = {"changed", "failed", "warnings", "actions", "connection"}
    assert host.connection().keys() == host.connection().keys() == host.connection(state="absent").keys() == keys
