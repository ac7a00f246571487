"""Configurations that go away again unless somebody confirms them: real daemons, real command lines, real guards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ikeengine.config import checkpoint as checkpoints
from ikeengine.config.checkpoint import Checkpoint
from ikeengine.config.problems import ConfigErrors
from ikeengine.daemon.trial import starting_configuration
from tests.engine.unit.daemon.test_main import CONNECTION, Daemon, until
from tests.engine.unit.daemon.test_udp import free_ports


class Gateway(Daemon):
    """A daemon with a directory of two files, of which operators change one."""

    def __init__(self, directory: Path) -> None:
        address = "127.0.0.13"
        super().__init__(directory, address, "127.0.0.14", ports=free_ports(address), peer_port=500)
        self.file = self.config
        self.config = directory / "etc"
        self.config.mkdir()
        (self.config / "engine.yml").write_bytes(self.file.read_bytes())
        (self.config / "engine.yml").chmod(0o600)
        self.more = self.config / "more.yml"

    def add(self, name: str) -> None:
        connection = CONNECTION.format(name=name, local=self.address, remote="127.0.0.15", port=500, mine=8, theirs=9)
        self.more.write_text(f"connections:{connection}")

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ikeengine", "--socket", str(self.socket_path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    def ok(self, *arguments: str) -> str:
        done = self.cli(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def names(self) -> list[str]:
        return list(self.ask("plan", {"path": str(self.config)})["connections"])

    @property
    def running(self) -> list[str]:
        return sorted(next(iter(entry)) for entry in self.session().list_conns())


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    daemon = Gateway(tmp_path / "gw")
    daemon.start()
    yield daemon
    daemon.close()


def begin(gateway: Gateway, seconds: int) -> Checkpoint:
    gateway.ok("checkpoint", "--config", str(gateway.config))
    gateway.add("fresh")
    out = gateway.ok("apply", "--config", str(gateway.config), "--confirm", str(seconds))
    assert f"without `ikeengine confirm` this is undone in {seconds} s" in out
    assert "fresh       add        is new" in out
    return Checkpoint(gateway.config)


def test_what_nobody_confirms_is_undone_files_and_running_state(gateway: Gateway) -> None:
    point = begin(gateway, 1)
    until(lambda: not point.directory.exists())
    assert gateway.running == ["gw"]
    assert not gateway.more.exists()
    late = gateway.cli("confirm", "--config", str(gateway.config))
    assert late.returncode == 1
    assert "too late" in late.stderr
    assert "because nobody confirmed it within 1 seconds" in late.stderr


def test_what_is_confirmed_stays(gateway: Gateway) -> None:
    point = begin(gateway, 600)
    assert int(gateway.ask("plan")["unconfirmed"]) > 500
    assert gateway.ok("confirm", "--config", str(gateway.config)) == "the configuration is confirmed\n"
    assert "unconfirmed" not in gateway.ask("plan")
    assert not point.directory.exists()
    assert gateway.ok("rollback", "--config", str(gateway.config)) == "there is nothing to roll back\n"
    assert gateway.ok("confirm", "--config", str(gateway.config)) == "nothing waits for a confirmation\n"
    assert gateway.running == ["fresh", "gw"]


def test_a_rollback_can_be_had_at_once(gateway: Gateway) -> None:
    begin(gateway, 600)
    assert gateway.ok("rollback", "--config", str(gateway.config)) == "there is nothing to roll back\n"
    assert "the daemon uses it" in gateway.ok("rollback", "--config", str(gateway.config), "--now")
    assert gateway.running == ["gw"]
    assert not gateway.more.exists()


def test_the_daemon_may_be_restarted_meanwhile(gateway: Gateway) -> None:
    point = begin(gateway, 3)
    gateway.signal(signal.SIGKILL)
    gateway.wait()
    gateway.start()
    until(lambda: not point.directory.exists())
    assert gateway.running == ["gw"]
    assert not gateway.more.exists()


def test_a_daemon_that_starts_too_late_starts_with_the_old_configuration(gateway: Gateway) -> None:
    point = Checkpoint(gateway.config)
    gateway.signal(signal.SIGKILL)
    gateway.wait()
    point.take()
    gateway.add("fresh")
    # Nobody has set up a guard.
    point.arm(0)
    gateway.start()
    assert gateway.running == ["gw"]
    assert not gateway.more.exists()
    assert not point.directory.exists()


def test_the_daemon_goes_back_alone_when_the_guard_is_dead(gateway: Gateway) -> None:
    point = Checkpoint(gateway.config)
    point.take()
    gateway.add("fresh")
    point.arm(1)
    answer = gateway.ask("apply", {"path": str(gateway.config), "confirm-within": "1"})
    assert answer["connections"]["fresh"]["action"] == "add"
    until(lambda: gateway.running == ["gw"])
    # The files wait for somebody with the rights, and until then the marker tells every start what to use.
    assert gateway.more.exists()
    assert point.exists
    assert "the daemon uses it" in gateway.ok("rollback", "--config", str(gateway.config))
    assert not gateway.more.exists()


def test_a_configuration_elsewhere_is_tried_without_a_copy(gateway: Gateway, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["cp", "-a", str(gateway.config), str(other)], check=True)
    gateway.more = other / "more.yml"
    gateway.add("fresh")
    assert "fresh       add" in gateway.ok("apply", "--config", str(other), "--confirm", "1")
    until(lambda: gateway.running == ["gw"])
    gateway.ok("apply", "--config", str(other), "--confirm", "600")
    gateway.ok("confirm", "--config", str(other))
    assert gateway.running == ["fresh", "gw"]


def test_without_a_copy_of_the_old_files_a_change_of_them_is_refused(gateway: Gateway) -> None:
    gateway.add("fresh")
    done = gateway.cli("apply", "--config", str(gateway.config), "--confirm", "60")
    assert done.returncode == 1
    assert "take it with `ikeengine checkpoint` first" in done.stderr
    assert gateway.running == ["gw"]


def test_a_rollback_that_needs_a_restart_restarts(gateway: Gateway, tmp_path: Path) -> None:
    trace = tmp_path / "restarted"
    gateway.ok("checkpoint", "--config", str(gateway.config), "--restart", f"touch {trace}")
    engine = gateway.config / "engine.yml"
    before = engine.read_text()
    engine.write_text(before.replace("retransmit_timeout: 1s", f"lease_file: {tmp_path}/leases"))
    gateway.signal(signal.SIGKILL)
    gateway.wait()
    gateway.start()
    assert "the daemon was restarted" in gateway.ok("rollback", "--config", str(gateway.config), "--now")
    assert trace.exists()
    assert engine.read_text() == before


def test_files_are_not_directories(gateway: Gateway) -> None:
    done = gateway.cli("checkpoint", "--config", str(gateway.file))
    assert done.returncode == 2
    assert "is a file" in done.stderr
    done = gateway.cli("apply", "--config", str(gateway.config), "--confirm", "0")
    assert done.returncode == 2
    assert "1 to 86400 seconds" in done.stderr


class TestStart:
    """What a daemon starts with while a change is not confirmed."""

    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        directory = tmp_path / "etc"
        directory.mkdir()
        (directory / "engine.yml").write_text("engine: {port: 1500}\n")
        return directory

    def port(self, config: Path) -> int:
        return starting_configuration(config).engine.port

    def change(self, config: Path, text: str, seconds: int) -> Checkpoint:
        point = Checkpoint(config)
        point.take()
        point.arm(seconds)
        (config / "engine.yml").write_text(text)
        return point

    def test_the_new_one_before_the_deadline(self, config: Path) -> None:
        point = self.change(config, "engine: {port: 1600}\n", 600)
        assert self.port(config) == 1600
        assert point.exists

    def test_the_old_one_after_a_boot(self, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.change(config, "engine: {port: 1600}\n", 600)
        monkeypatch.setattr(checkpoints, "boot", lambda: "another")
        assert self.port(config) == 1500
        assert (config / "engine.yml").read_text() == "engine: {port: 1500}\n"

    def test_the_old_one_if_the_new_one_is_broken(self, config: Path, capsys: Any) -> None:
        self.change(config, "engine: {port: many}\n", 600)
        assert self.port(config) == 1500
        assert "is not a whole number" in capsys.readouterr().err

    def test_the_copy_if_the_files_cannot_be_restored(self, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        point = self.change(config, "engine: {port: 1600}\n", 0)

        def refuse(target: Path, source: Path) -> None:
            raise PermissionError(13, "Permission denied", os.fspath(target))

        monkeypatch.setattr(checkpoints, "make_equal", refuse)
        assert self.port(config) == 1500
        assert point.exists
        assert self.port(config) == 1500

    def test_a_broken_one_without_a_change_is_an_error(self, config: Path) -> None:
        (config / "engine.yml").write_text("engine: {port: many}\n")
        with pytest.raises(ConfigErrors):
            self.port(config)
