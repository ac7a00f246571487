from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ikeengine.cli.commands import check
from ikeengine.config.configuration import Configuration
from ikeengine.config.json_schema import json_schema

BROKEN = """\
connections:
  a:
    remote_addr: [192.0.2.2]
    local: {auth: psk, id: gw1.example.com}
    remote: {auth: psk, id: gw2.example.com}
    proposals: aes256
secrets:
  ike-1: {file: psk.txt, id: gw9.example.com}
"""


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_sound_configuration(run: Any, tmp_path: Path) -> None:
    config = write(tmp_path / "ike.yml", "engine: {port: 500}\n")
    outcome = run("check", "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{config}: sound; 0 connections with 0 children\n"
    assert json.loads(run("check", "--config", tmp_path, "--json").out) == {
        "valid": True,
        "errors": [],
        "warnings": [],
        "connections": [],
    }


def test_every_error_at_once_with_file_line_and_key(run: Any, tmp_path: Path) -> None:
    config = write(tmp_path / "ike.yml", BROKEN)
    write(tmp_path / "psk.txt", "correct horse battery staple", 0o644)
    outcome = run("check", "--config", config)
    assert (outcome.code, outcome.out) == (2, "")
    lines = outcome.err.splitlines()
    assert [line.split(": ")[:2] for line in lines[:4]] == [
        [f"{config}:3:5", "connections.a.remote_addr"],
        [f"{config}:4:13", "connections.a.local.auth"],
        [f"{config}:6:16", "connections.a.proposals"],
        [f"{config}:8:11", "secrets.ike-1.file"],
    ]
    assert "did you mean `remote_addrs`?" in lines[0]
    assert "no pre-shared key for gw1.example.com and gw2.example.com" in lines[1]
    assert "chmod 0600" in lines[3]
    assert lines[4] == "ikeengine: the configuration has 4 errors; nothing of it is used"


def test_errors_as_json(run: Any, tmp_path: Path) -> None:
    config = write(tmp_path / "ike.yml", "colour: blue\n")
    outcome = run("check", "--config", config, "--json")
    assert outcome.code == 2
    assert json.loads(outcome.out) == {
        "valid": False,
        "errors": [{"file": str(config), "line": 1, "column": 1, "key": "colour", "message": "unknown key `colour`"}],
    }


def test_the_schema_is_printed(run: Any) -> None:
    outcome = run("check", "--schema")
    assert outcome.code == 0
    assert json.loads(outcome.out) == json_schema()


def test_check_needs_something_to_check(run: Any) -> None:
    outcome = run("check")
    assert outcome.code == 2
    assert "one of the arguments --config --schema is required" in outcome.err


@pytest.mark.parametrize(("uid", "lenient"), [(0, True), (4711, False)])
def test_root_checks_on_behalf_of_the_daemons_user(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, lenient: bool
) -> None:
    asked = []

    def load(path: Path, *, any_owner: bool) -> Configuration:
        asked.append(any_owner)
        return Configuration()

    monkeypatch.setattr(check, "load", load)
    monkeypatch.setattr("os.geteuid", lambda: uid)
    assert run("check", "--config", tmp_path).code == 0
    assert asked == [lenient]
