"""Weak but allowed: what `check` and `conns` warn of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ikeengine.cli.main import main
from ikeengine.config.vici import connection_from_vici
from ikeengine.config.weakness import weaknesses

PSK = {"local": {"auth": "psk"}, "remote": {"auth": "psk"}}


def found(section: dict[str, Any]) -> dict[str, str]:
    return dict(weaknesses(connection_from_vici("a", PSK | section)))


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_defaults_are_not_weak(version: str) -> None:
    assert found({"version": version, "children": {"net": {}}}) == {}


def test_algorithms() -> None:
    children = {"net": {"esp_proposals": "3des-sha1-modp1024"}, "host.a": {"ah_proposals": "sha1"}}
    assert found({"proposals": "3des-sha1-modp1536, aes256-sha256-modp2048", "children": children}) == {
        "proposals": "weak: 3des (blocks of 64 bits), sha1 (a hash with known collisions), "
        "modp1536 (a group that can be broken)",
        "children.net.esp_proposals": "weak: 3des (blocks of 64 bits), sha1 (a hash with known collisions), "
        "modp1024 (a group that can be broken)",
        "children.host.a.ah_proposals": "weak: sha1 (a hash with known collisions)",
    }


def test_aggressive_mode_with_a_pre_shared_key() -> None:
    assert "guessed offline" in found({"version": "1", "aggressive": "yes"})["aggressive"]
    pubkey = {"local": {"auth": "pubkey"}, "remote": {"auth": "pubkey"}}
    assert found({"version": "1", "aggressive": "yes"} | pubkey) == {}


def test_xauth_after_a_pre_shared_key() -> None:
    rounds = {"remote": {"auth": "psk"}, "remote-2": {"auth": "xauth"}}
    assert "pretend to be the gateway" in found({"version": "1"} | rounds)["version"]


TEXT = """\
connections:
  old:
    proposals: 3des-sha1-modp1024
    remote_addrs: 192.0.2.1
    local: {auth: psk}
    remote: {auth: psk}
    children:
      a.b:
        esp_proposals: aes256gcm16-modp1024
secrets:
  ike-1: {secret: 0x000102030405060708090a0b0c0d0e0f}
"""


def test_check_warns_with_place_and_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ike.yml"
    path.write_text(TEXT)
    path.chmod(0o600)
    assert main(["check", "--config", str(path)]) == 0
    output = capsys.readouterr()
    assert "1 connection" in output.out
    assert output.err.splitlines() == [
        f"warning: {path}:3:5: connections.old.proposals: weak: 3des (blocks of 64 bits), sha1 (a hash with known "
        "collisions), modp1024 (a group that can be broken)",
        f"warning: {path}:9:9: connections.old.children.a.b.esp_proposals: weak: modp1024 (a group that can be broken)",
    ]
    assert main(["check", "--config", str(path), "--json"]) == 0
    assert '"warnings"' in capsys.readouterr().out
