"""The daemon as a process of its own: start, signals, reload, end, and what it leaves behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import vici

from ikeengine.daemon.host import make_run_dir
from ikeengine.errors import LocalMisuse
from tests.engine.unit.daemon.test_udp import free_ports
from tests.engine.unit.daemon.vici_rig import text

SECRET = "correct horse battery staple"
CONNECTION = """
  {name}:
    local_addrs: {local}
    remote_addrs: {remote}
    remote_port: {port}
    local: {{auth: psk, id: {local}}}
    remote: {{auth: psk, id: {remote}}}
    children:
      net: {{local_ts: 10.{mine}.0.0/16, remote_ts: 10.{theirs}.0.0/16}}
"""


class Daemon:
    """One `ikeengine run` on a loopback address, without datapath."""

    def __init__(self, directory: Path, address: str, peer: str, *, ports: tuple[int, int], peer_port: int) -> None:
        directory.mkdir()
        self.address, self.ports = address, ports
        self.config, self.run_dir = directory / "engine.yml", directory / "run"
        self.socket_path = self.run_dir / "ikeengine.vici"
        self._log = directory / "log"
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(directory / "notify"))
        self.notify.settimeout(120)
        mine, theirs = address[-1], peer[-1]
        self.connection = CONNECTION.format(
            name="gw", local=address, remote=peer, port=peer_port, mine=mine, theirs=theirs
        )
        self.configure(self.connection)
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, connections: str, engine: str = "") -> None:
        self.config.write_text(
            f"engine: {{datapath: none, listen: {self.address}, port: {self.ports[0]}, "
            f"port_nat_t: {self.ports[1]}, retransmit_timeout: 1s, log: {{default: 4}}{engine}}}\n"
            f"connections:{connections or ' {}'}\n"
            f"secrets: {{ike-1: {{secret: {SECRET}}}}}\n"
        )
        self.config.chmod(0o600)

    def launch(self, **environment: str) -> None:
        arguments = ["run", "--config", str(self.config), "--run-dir", str(self.run_dir)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ikeengine", *arguments],
                stdout=log, stderr=log, env={**os.environ, "NOTIFY_SOCKET": self.notify.getsockname(), **environment},
            )  # fmt: skip

    def start(self, **environment: str) -> None:
        self.launch(**environment)
        assert self.heard()["READY"] == "1"

    def heard(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.notify.recv(4096).decode().splitlines())

    def signal(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    def wait(self) -> int:
        assert self.process
        return self.process.wait(120)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def session(self) -> vici.Session:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(120)
        sock.connect(str(self.socket_path))
        return vici.Session(sock)

    def ask(self, command: str, message: dict[str, Any] | None = None) -> Any:
        return text(self.session().request(command, message))

    def sas(self) -> list[Any]:
        return [text(entry) for entry in self.session().list_sas()]

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.notify.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Daemon, Daemon]]:
    a, b = "127.0.0.11", "127.0.0.12"
    ports = free_ports(a), free_ports(b)
    left = Daemon(tmp_path / "a", a, b, ports=ports[0], peer_port=ports[1][0])
    right = Daemon(tmp_path / "b", b, a, ports=ports[1], peer_port=ports[0][0])
    with contextlib.closing(left), contextlib.closing(right):
        yield left, right


@pytest.fixture
def left(pair: tuple[Daemon, Daemon]) -> Daemon:
    return pair[0]


def until(condition: Any) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_daemons_bring_up_rekey_and_take_down_a_tunnel(pair: tuple[Daemon, Daemon]) -> None:
    left, right = pair
    left.start()
    right.start()
    assert left.ask("initiate", {"child": "net", "timeout": "60000"}) == {"success": "yes"}
    for daemon in pair:
        (entry,) = daemon.sas()
        assert entry["gw"]["state"] == "ESTABLISHED"
        assert [child["state"] for child in entry["gw"]["child-sas"].values()] == ["INSTALLED"]
    assert left.ask("rekey", {"child": "net"})["matches"] == "1"
    assert left.ask("rekey", {"ike": "gw"})["matches"] == "1"
    assert left.ask("get-counters", {"name": "gw"})["counters"]["gw"]["ike-rekey-init"] == "1"
    left.signal(signal.SIGTERM)
    assert left.wait() == 0
    until(lambda: right.sas() == [])
    assert SECRET not in left.log + right.log
    assert SECRET.encode().hex() not in left.log + right.log


def test_ready_stopping_and_what_is_left_behind(left: Daemon) -> None:
    left.start()
    assert stat.S_IMODE(left.run_dir.stat().st_mode) == 0o750
    assert stat.S_IMODE(left.socket_path.stat().st_mode) == 0o660
    left.signal(signal.SIGTERM)
    assert left.heard()["STOPPING"] == "1"
    assert left.wait() == 0
    assert not left.socket_path.exists()
    assert "Traceback" not in left.log


def test_there_are_no_core_dumps(left: Daemon) -> None:
    left.start()
    assert left.process
    limits = Path(f"/proc/{left.process.pid}/limits").read_text()
    assert "Max core file size        0                    0" in limits


def test_a_second_sigterm_ends_the_waiting_for_a_peer_that_does_not_answer(pair: tuple[Daemon, Daemon]) -> None:
    left, right = pair
    left.start()
    right.start()
    left.ask("initiate", {"child": "net", "timeout": "60000"})
    right.signal(signal.SIGKILL)
    right.wait()
    left.signal(signal.SIGTERM)
    assert left.heard()["STOPPING"] == "1"
    left.signal(signal.SIGTERM)
    assert left.wait() == 0
    assert "not every peer has answered" not in left.log


def test_invalid_configuration_is_exit_2_with_every_error(left: Daemon) -> None:
    left.configure("\n  gw: {remote_adrs: x, rekey_time: soon}")
    left.launch()
    assert left.wait() == 2
    assert "engine.yml:3" in left.log
    assert "remote_adrs" in left.log
    assert "rekey_time" in left.log


def test_missing_configuration_is_exit_2(left: Daemon) -> None:
    left.config.unlink()
    left.launch()
    assert left.wait() == 2


def test_a_port_in_use_is_exit_1_with_the_reason(left: Daemon) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((left.address, left.ports[0]))
        left.launch()
        assert left.wait() == 1
    assert f"cannot listen on {left.address}[{left.ports[0]}]" in left.log
    assert not left.socket_path.exists()
    assert "Traceback" not in left.log


def test_a_second_daemon_does_not_take_the_socket_of_the_first(left: Daemon) -> None:
    left.start()
    first = left.process
    left.launch()
    assert left.wait() == 1
    assert "another daemon listens" in left.log
    left.process = first
    assert left.ask("version")["daemon"] == "ikeengine"


def test_a_killed_daemon_can_be_started_again(left: Daemon) -> None:
    left.start()
    left.signal(signal.SIGKILL)
    left.wait()
    assert left.socket_path.exists()
    left.start()
    assert left.ask("version")["daemon"] == "ikeengine"


def test_sighup_reloads_and_keeps_unchanged_sas(pair: tuple[Daemon, Daemon]) -> None:
    left, right = pair
    left.start()
    right.start()
    left.ask("initiate", {"child": "net", "timeout": "60000"})
    (before,) = left.sas()
    second = CONNECTION.format(name="two", local=left.address, remote="127.0.0.13", port=500, mine=5, theirs=6)
    left.configure(left.connection + second)
    left.signal(signal.SIGHUP)
    assert left.heard()["RELOADING"] == "1"
    assert "2 connections" in left.heard()["STATUS"]
    assert {name for entry in left.session().list_conns() for name in entry} == {"gw", "two"}
    (after,) = left.sas()
    assert after["gw"]["uniqueid"] == before["gw"]["uniqueid"]
    assert "two: add" in left.log


def test_sighup_with_a_broken_file_reports_every_error_and_changes_nothing(left: Daemon) -> None:
    left.start()
    left.configure(left.connection.replace("remote_addrs", "remote_adrs").replace("10.2.0.0/16", "10.2.0.0/99"))
    left.signal(signal.SIGHUP)
    assert left.heard()["RELOADING"] == "1"
    assert left.heard()["READY"] == "1"
    assert "configuration not reloaded" in left.log
    assert "remote_adrs" in left.log
    assert "10.2.0.0/99" in left.log
    assert [name for entry in left.session().list_conns() for name in entry] == ["gw"]
    left.configure(left.connection)
    left.signal(signal.SIGHUP)
    left.heard()
    left.heard()
    assert "configuration reloaded" in left.log


def test_log_levels_change_at_a_reload(left: Daemon) -> None:
    left.start()
    left.ask("get-conns")
    until(lambda: "vici get-conns" in left.log)
    text_before = left.config.read_text()
    left.config.write_text(text_before.replace("default: 4", "default: 0"))
    assert left.ask("reload-settings") == {"success": "yes"}
    count = left.log.count("vici get-conns")
    left.ask("get-conns")
    left.ask("get-conns")
    assert left.log.count("vici get-conns") == count


def test_watchdog_is_fed(left: Daemon) -> None:
    left.launch(WATCHDOG_USEC="200000")
    heard = [left.heard() for _ in range(4)]
    assert {"WATCHDOG": "1"} in heard
    assert any("READY" in message for message in heard)


def test_keys_are_logged_only_if_wanted(pair: tuple[Daemon, Daemon], tmp_path: Path) -> None:
    left, right = pair
    left.configure(left.connection, f", keylog: {tmp_path / 'keys'}")
    left.start()
    right.start()
    left.ask("initiate", {"child": "net", "timeout": "60000"})
    table = tmp_path / "keys" / "ikev2_decryption_table"
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    (entry,) = left.sas()
    assert table.read_text().startswith(entry["gw"]["initiator-spi"])
    assert (tmp_path / "keys" / "esp_sa").read_text().count("\n") == 2
    for table_of_keys in (table, tmp_path / "keys" / "esp_sa"):
        keys = re.findall(r"[0-9a-f]{32,}", table_of_keys.read_text())
        assert keys
        assert not [key for key in keys if key in left.log + right.log]
    assert not list(tmp_path.glob("b/**/esp_sa"))


def test_the_key_log_begins_and_ends_at_a_reload(pair: tuple[Daemon, Daemon], tmp_path: Path) -> None:
    left, right = pair
    left.start()
    right.start()
    left.ask("initiate", {"child": "net", "timeout": "60000"})
    for name in ("first", "second", ""):
        left.configure(left.connection, f", keylog: {tmp_path / name}" if name else "")
        assert left.ask("reload-settings") == {"success": "yes"}
        left.ask("rekey", {"child": "net"})
        left.ask("rekey", {"ike": "gw"})
    for name in ("first", "second"):
        assert (tmp_path / name / "ikev2_decryption_table").read_text().count("\n") == 1
        assert (tmp_path / name / "esp_sa").read_text().count("\n") == 2


def test_a_key_log_that_cannot_be_written_is_refused(left: Daemon, tmp_path: Path) -> None:
    left.start()
    (tmp_path / "file").touch()
    left.configure("", f", keylog: {tmp_path / 'file'}")
    left.signal(signal.SIGHUP)
    assert left.heard()["RELOADING"] == "1"
    assert left.heard()["READY"] == "1"
    assert "configuration not reloaded: cannot write the key log" in left.log
    assert [name for entry in left.session().list_conns() for name in entry] == ["gw"]


def test_metrics(left: Daemon) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{sock.getsockname()[1]}"
    left.configure(left.connection, f", metrics: '{endpoint}'")
    left.start()
    with urllib.request.urlopen(f"http://{endpoint}/metrics", timeout=120) as answer:
        page = answer.read().decode()
    assert 'ikeengine_connection_up{connection="gw"} 0' in page


def test_run_directory(tmp_path: Path) -> None:
    make_run_dir(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o750
    make_run_dir(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    with pytest.raises(LocalMisuse, match="not a directory"):
        make_run_dir(tmp_path / "file")
    with pytest.raises(LocalMisuse, match="cannot create"):
        make_run_dir(tmp_path / "file" / "below")
