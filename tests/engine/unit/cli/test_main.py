from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ikeengine import __version__
from ikeengine.cli import main as module
from ikeengine.cli.arguments import DEFAULT_SOCKET
from ikeengine.cli.main import main
from ikeengine.cli.parser import build_parser

COMMANDS = (
    "run check plan apply status sas conns certs algs counters stats initiate terminate rekey explain events version"
)


def test_the_contract_of_names() -> None:
    assert Path("/run/ikeengine/ikeengine.vici") == DEFAULT_SOCKET


@pytest.mark.parametrize("command", COMMANDS.split())
def test_every_command_has_a_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"usage: ikeengine {command}" in out
    assert f"examples:\n  ikeengine {command}" in out
    assert "--socket" in out


@pytest.mark.parametrize("command", sorted(set(COMMANDS.split()) - {"run"}))
def test_every_query_can_print_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([command, "--help"])
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["status", "--colour"], ["run"], ["counters", "--name", "a", "--all"]]
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: ikeengine" in capsys.readouterr().err


def test_the_version_of_the_tool(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ikeengine {__version__}\n"


def test_the_socket_may_be_named_before_and_after_the_command() -> None:
    parser = build_parser()
    assert parser.parse_args(["--socket", "/a", "status"]).socket == Path("/a")
    assert parser.parse_args(["status", "--socket", "/a"]).socket == Path("/a")
    assert parser.parse_args(["status"]).socket is None


@pytest.mark.parametrize(
    "command", ["status", "sas", "conns", "certs", "algs", "counters", "stats", "explain", "events"]
)
def test_an_unreachable_daemon_is_3(command: str, run: Any, tmp_path: Path) -> None:
    outcome = run(command, socket=tmp_path / "nothing")
    assert outcome.code == 3
    assert outcome.err.startswith("ikeengine: there is no control socket at ")


def test_run_hands_over_to_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []

    def fake(config: str, run_dir: str, socket: str | None) -> int:
        calls.append((config, run_dir, socket))
        return 0

    daemon = ModuleType("ikeengine.daemon.main")
    daemon.run = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ikeengine.daemon.main", daemon)
    monkeypatch.delitem(sys.modules, "ikeengine.cli.commands.run", raising=False)
    assert main(["run", "--config", "/etc/ike"]) == 0
    assert main(["run", "--config", "x.yml", "--run-dir", "/tmp/r", "--socket", "/tmp/s"]) == 0
    assert calls == [("/etc/ike", "/run/ikeengine", None), ("x.yml", "/tmp/r", "/tmp/s")]
    monkeypatch.delitem(sys.modules, "ikeengine.cli.commands.run", raising=False)


def test_ctrl_c_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: str) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_handler", interrupt)
    assert main(["version"]) == 1


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    code = (
        "import os, sys\n"
        "from ikeengine.cli.main import main\n"
        "read, write = os.pipe()\n"
        "os.close(read)\n"
        "os.dup2(write, 1)\n"
        "sys.exit(main(['check', '--schema']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[4])
    assert (done.returncode, done.stderr) == (0, "")


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ikeengine", "--version"], capture_output=True, text=True, cwd=Path(__file__).parents[4]
    )
    assert (done.returncode, done.stdout) == (0, f"ikeengine {__version__}\n")
