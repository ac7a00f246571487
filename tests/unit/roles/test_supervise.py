# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The supervisor of the role engine, with real processes."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import typing as t

import pytest

SCRIPT = pathlib.Path(__file__).parents[3] / "roles" / "engine" / "files" / "supervise.py"
DAEMON = """
import os, signal, socket, sys, time
behaviour, trace = sys.argv[1:]
def say(text):
    with open(trace, "a") as file:
        file.write(text + "\\n")
say("start")
if behaviour == "refuse":
    print("cannot bind to port 500", file=sys.stderr)
    sys.exit(3)
signal.signal(signal.SIGTERM, lambda *unused: (say("term"), sys.exit(0)))
signal.signal(signal.SIGHUP, lambda *unused: say("hup"))
if behaviour == "stubborn":
    signal.signal(signal.SIGTERM, lambda *unused: say("ignored"))
if behaviour != "mute":
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1\\nSTATUS=listening", os.environ["NOTIFY_SOCKET"])
while True:
    time.sleep(0.05)
"""


class Host:
    """A run directory and a daemon for it."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.trace = root / "trace"
        self.program = root / "daemon.py"
        self.program.write_text(DAEMON)

    def do(self, action: str, behaviour: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SCRIPT), action, "--run-dir", str(self.root / "run"), "--timeout", str(timeout)]
        if behaviour:
            command += ["--log", str(self.root / "log"), "--", sys.executable, str(self.program), behaviour, str(self.trace)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)

    def traces(self) -> t.List[str]:
        return self.trace.read_text().split() if self.trace.exists() else []

    def state(self) -> t.Dict[str, t.Any]:
        return json.loads((self.root / "run" / "supervisor.json").read_text())

    def until(self, reached: t.Callable[[], bool]) -> bool:
        end = time.monotonic() + 120
        while not reached() and time.monotonic() < end:
            time.sleep(0.05)
        return reached()


@pytest.fixture
def host() -> t.Iterator[Host]:
    # Paths of unix sockets are short.
    root = pathlib.Path(tempfile.mkdtemp(prefix="ike-"))
    found = Host(root)
    yield found
    found.do("stop", timeout=0.5)
    shutil.rmtree(root)


def test_start_is_idempotent_and_stop_too(host: Host) -> None:
    assert host.do("start", "run").stdout == "started\n"
    assert host.do("status").stdout == "ready\n"
    assert host.do("start", "run").stdout == "already running\n"
    assert host.do("stop").stdout == "stopped\n"
    assert host.do("stop").stdout == "not running\n"
    assert host.traces() == ["start", "term"]
    status = host.do("status")
    assert (status.returncode, status.stderr) == (1, "not running\n")


def test_another_command_replaces_the_daemon(host: Host) -> None:
    host.do("start", "run")
    assert host.do("start", "other").stdout == "started\n"
    assert host.traces() == ["start", "term", "start"]


def test_another_release_behind_the_same_link_replaces_the_daemon(host: Host) -> None:
    for name in ("one", "other"):
        (host.root / name).symlink_to(sys.executable)
        shutil.copy(os.path.realpath(sys.executable), host.root / (name + "-python"))
    link = host.root / "current"
    link.symlink_to(host.root / "one-python")
    command = [sys.executable, str(SCRIPT), "start", "--run-dir", str(host.root / "run"), "--log", str(host.root / "log")]
    command += ["--", str(link), str(host.program), "run", str(host.trace)]
    environment = dict(os.environ, PYTHONHOME=sys.base_prefix)
    answers = []
    for target in ("one-python", "one-python", "other-python"):
        link.unlink()
        link.symlink_to(host.root / target)
        answers.append(subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout)
    assert answers == ["started\n", "already running\n", "started\n"]


def test_restart_remembers_the_command(host: Host) -> None:
    host.do("start", "run")
    assert host.do("restart").stdout == "started\n"
    assert host.traces() == ["start", "term", "start"]
    host.do("stop")
    assert host.do("restart").stdout == "started\n"


def test_restart_of_what_never_ran(host: Host) -> None:
    done = host.do("restart")
    assert done.returncode == 1 and "never started here" in done.stderr


def test_reload_sends_hup(host: Host) -> None:
    host.do("start", "run")
    assert host.do("reload").stdout == "reloaded\n"
    assert host.until(lambda: "hup" in host.traces())
    host.do("stop")
    assert host.do("reload").returncode == 1


def test_a_crashed_daemon_is_started_again(host: Host) -> None:
    host.do("start", "run")
    os.kill(host.state()["daemon"], signal.SIGKILL)
    assert host.until(lambda: host.traces() == ["start", "start"])
    assert host.until(lambda: host.state()["phase"] == "ready")
    assert host.do("start", "run").stdout == "already running\n"


def test_a_daemon_that_cannot_start_is_reported_with_its_log(host: Host) -> None:
    done = host.do("start", "refuse")
    assert done.returncode == 1
    assert "not ready (crashed)" in done.stderr and "cannot bind to port 500" in done.stderr
    assert host.do("status").returncode == 1
    count = len(host.traces())
    time.sleep(1.5)
    assert len(host.traces()) == count


def test_a_supervisor_that_cannot_begin(host: Host) -> None:
    host.root.joinpath("log").mkdir()
    done = host.do("start", "good")
    assert done.returncode == 1 and "not ready (not started)" in done.stderr
    assert host.do("status").stderr == "not running\n"


def test_a_daemon_that_never_gets_ready(host: Host) -> None:
    done = host.do("start", "mute", timeout=5)
    assert done.returncode == 1 and "not ready (starting)" in done.stderr
    assert host.do("status").stderr == "not running\n"


def test_a_daemon_that_does_not_stop_is_killed(host: Host) -> None:
    assert host.do("start", "stubborn", timeout=10).stdout == "started\n"
    assert host.do("stop").stdout == "stopped\n"
    assert "ignored" in host.traces()


def test_a_stale_pid_file_is_no_supervisor(host: Host) -> None:
    (host.root / "run").mkdir()
    (host.root / "run" / "supervisor.pid").write_text(str(os.getpid()))
    assert host.do("status").stderr == "not running\n"
    assert host.do("start", "run").stdout == "started\n"


def test_starts_although_somebody_looks_at_the_lock(host: Host) -> None:
    (host.root / "run").mkdir()
    with (host.root / "run" / "supervisor.pid").open("w") as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        starting = threading.Thread(target=host.do, args=("start", "good"))
        starting.start()
        time.sleep(0.5)
    starting.join()
    assert host.do("status").stdout == "ready\n"


def test_who_only_looks_is_no_supervisor(host: Host) -> None:
    (host.root / "run").mkdir()
    with (host.root / "run" / "supervisor.pid").open("w") as looked_at:
        looked_at.write(str(os.getpid()))
        looked_at.flush()
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        assert host.do("status").stderr == "not running\n"
