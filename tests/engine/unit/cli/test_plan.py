from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

CONFIG = """
connections:
  a: {local: {auth: psk, id: gw1}, remote: {auth: psk, id: gw2}}
secrets:
  ike-1: {secret: correct horse battery staple}
"""
ANSWER = {
    "success": "yes",
    "connections": {
        "b": {"action": "replace", "details": ["rekey_time: 4h -> 2h", "children.net: added"]},
        "a": {"action": "unchanged", "details": []},
        "c": {"action": "remove", "details": []},
    },
    "others": ["shared key ike-1: changed"],
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "ike.yml"
    path.write_text(CONFIG)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_the_plan_is_shown(daemon: Any, run: Any, config: Path, command: str) -> None:
    daemon.answers[command] = ((), ANSWER)
    outcome = run(command, "--config", config)
    assert outcome.code == 0
    assert outcome.out == (
        "connection  action     effect                           details\n"
        "a           unchanged  keeps its SAs\n"
        "b           replace    is closed and established again  rekey_time: 4h -> 2h; children.net: added\n"
        "c           remove     is closed\n"
        "shared key ike-1: changed\n"
    )
    assert daemon.requests == [(command, {"path": str(config).encode()})]


def test_json(daemon: Any, run: Any, config: Path) -> None:
    daemon.answers["plan"] = ((), ANSWER)
    assert json.loads(run("plan", "--config", config, "--json").out)["connections"]["a"]["action"] == "unchanged"


def test_a_broken_configuration_never_reaches_the_daemon(daemon: Any, run: Any, config: Path) -> None:
    config.write_text(CONFIG + "engine: {port: many}\ncolour: blue\n")
    outcome = run("apply", "--config", config)
    assert outcome.code == 2
    assert outcome.err.splitlines() == [
        f"{config}:6:16: engine.port: `many` is not a whole number",
        f"{config}:7:1: colour: unknown key `colour`",
        "ikeengine: the configuration has 2 errors; nothing of it is used",
    ]
    assert daemon.requests == []


def test_what_only_the_daemon_finds_wrong_is_told_too(daemon: Any, run: Any, config: Path) -> None:
    daemon.answers["apply"] = ((), {"success": "no", "errmsg": "1 error", "errors": ["ike.yml:1:1: a: wrong"]})
    outcome = run("apply", "--config", config)
    assert outcome.code == 2
    assert outcome.err == (
        "ike.yml:1:1: a: wrong\nikeengine: the daemon refuses the configuration; nothing of it is used\n"
    )


def test_another_failure_has_its_reason(daemon: Any, run: Any, config: Path) -> None:
    daemon.answers["apply"] = ((), {"success": "no", "errmsg": "no memory"})
    outcome = run("apply", "--config", config)
    assert (outcome.code, outcome.err) == (1, "ikeengine: no memory\n")


def test_no_connections_at_all(daemon: Any, run: Any, config: Path) -> None:
    daemon.answers["plan"] = ((), {"success": "yes"})
    assert run("plan", "--config", config).out == "no connections, before and after\n"


def test_a_dry_run_only_asks_for_the_plan(daemon: Any, run: Any, config: Path) -> None:
    daemon.answers["plan"] = ((), ANSWER)
    assert json.loads(run("apply", "--config", config, "--dry-run", "--json").out)["others"] == ANSWER["others"]
    assert [name for name, _ in daemon.requests] == ["plan"]


def test_what_the_datapath_refuses_is_a_failure(daemon: Any, run: Any, config: Path) -> None:
    daemon.answers["apply"] = ((), {"success": "no", "errmsg": "b: the policies of net cannot be installed"})
    outcome = run("apply", "--config", config)
    assert (outcome.code, outcome.err) == (1, "ikeengine: b: the policies of net cannot be installed\n")


def test_the_sas_that_drop_are_named(daemon: Any, run: Any, config: Path) -> None:
    drops = {
        "1": {
            "connection": "b", "child": "", "uniqueid": "3", "remote-host": "192.0.2.2", "remote-id": "gw2",
            "established": "7384", "children": ["net", "voice"], "again": "yes",
        },
        "2": {
            "connection": "d", "child": "old", "uniqueid": "9", "remote-host": "192.0.2.4", "remote-id": "gw4",
            "established": "", "children": ["old"], "again": "no",
        },
    }  # fmt: skip
    daemon.answers["plan"] = ((), ANSWER | {"drops": drops, "drop-count": "3"})
    assert run("plan", "--config", config).out.splitlines()[5:] == [
        "",
        "SA that drops   peer       identity  up for  afterwards",
        "b (net, voice)  192.0.2.2  gw2       2h 3m   is established again",
        "d/old           192.0.2.4  gw4       -       is gone",
        "and 1 more",
    ]
