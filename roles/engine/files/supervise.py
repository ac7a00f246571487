# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a daemon where there is no systemd: start, stop, restart, reload, status.

The supervisor is a process of its own. It starts the daemon, waits for READY=1 of sd_notify(3), and starts it again
when it crashes, after a growing pause. A lock on the pid file makes sure that there is one supervisor for each run
directory.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import time
import typing as t

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before each next start of a daemon that keeps crashing."""
STABLE = 60.0
"""Seconds after which a daemon counts as stable, and the pauses begin anew."""
LOCK_WAIT = 1.0
"""Seconds to wait for the lock: whoever looks for a supervisor holds it for a moment."""


class Failure(Exception):
    """The command failed; the text is for the operator."""


class RunDirectory:
    """What the supervisor keeps in the run directory of the daemon."""

    def __init__(self, path: str) -> None:
        root = pathlib.Path(path).absolute()
        self.pid_file = root / "supervisor.pid"
        self.state_file = root / "supervisor.json"
        self.notify_socket = root / "supervisor.notify"

    def supervisor(self) -> int | None:
        """Process of the running supervisor. Its lock decides, not the number in a file that may be stale."""
        try:
            with self.pid_file.open("r+") as file:
                # Shared: two who only look must not take each other for a supervisor.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            return int(self.pid_file.read_text() or 0) or None
        return None

    def state(self) -> dict[str, t.Any]:
        """What the supervisor last said of itself and the daemon."""
        try:
            return json.loads(self.state_file.read_text())
        except (FileNotFoundError, ValueError):
            return {}

    def tell(self, **state: t.Any) -> None:
        """Replace the state."""
        temporary = self.state_file.with_suffix(".new")
        temporary.write_text(json.dumps(state))
        temporary.replace(self.state_file)


class Supervisor:
    """The process that stays."""

    def __init__(self, run: RunDirectory, command: list[str], log: str, timeout: float) -> None:
        self.run = run
        self.command = command
        self.log = log
        self.timeout = timeout
        self.program = os.path.realpath(command[0])
        self.stopping = False
        self.child: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        """Keep the daemon running until we are told to stop."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGHUP, self._reload)
        crashes = 0
        while not self.stopping:
            started = time.monotonic()
            status = self._run_once()
            if self.stopping or status == 0:
                break
            crashes = 0 if time.monotonic() - started > STABLE else crashes + 1
            self._tell("crashed", status=status, crashes=crashes)
            self._pause(PAUSES[min(crashes, len(PAUSES)) - 1])
        self._tell("stopped")
        self.run.notify_socket.unlink(missing_ok=True)

    def _run_once(self) -> int:
        """Start the daemon, watch it, and return its exit status."""
        with self._listen() as notify:
            self._tell("starting")
            environment = dict(os.environ, NOTIFY_SOCKET=str(self.run.notify_socket))
            with open(self.log, "ab") as log:
                self.child = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
                )
            while self.child.poll() is None:
                if select.select([notify], [], [], 0.2)[0] and b"READY=1" in notify.recv(4096).split(b"\n"):
                    self._tell("ready", daemon=self.child.pid)
            return self.child.returncode

    def _listen(self) -> socket.socket:
        self.run.notify_socket.unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(str(self.run.notify_socket))
        return sock

    def _tell(self, phase: str, **more: t.Any) -> None:
        self.run.tell(phase=phase, command=self.command, program=self.program, log=self.log, **more)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < end:
            time.sleep(0.1)

    def _stop(self, *unused: object) -> None:
        self.stopping = True
        self._signal(signal.SIGTERM)
        signal.signal(signal.SIGALRM, lambda *unused: self._signal(signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, self.timeout)

    def _reload(self, *unused: object) -> None:
        self._signal(signal.SIGHUP)

    def _signal(self, number: int) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(number)


def start(run: RunDirectory, command: list[str], log: str, timeout: float) -> str:
    """Start the supervisor and wait until the daemon is ready. Restarts a daemon of another release or command."""
    if run.supervisor() is not None:
        state = run.state()
        same = state.get("command") == command and state.get("program") == os.path.realpath(command[0])
        if same and state.get("phase") == "ready":
            return "already running"
        stop(run, timeout)
    if not command:
        raise Failure("there is no command to start; it was never started here")
    run.state_file.unlink(missing_ok=True)
    _detach(run, command, log, timeout)
    _await_ready(run, log, timeout)
    return "started"


def stop(run: RunDirectory, timeout: float) -> str:
    """Stop the daemon and its supervisor."""
    process = run.supervisor()
    if process is None:
        return "not running"
    os.kill(process, signal.SIGTERM)
    # The supervisor kills a daemon that does not end within the timeout, so wait a little longer.
    if not _until(lambda: run.supervisor() is None, timeout + 5):
        raise Failure(f"the supervisor (process {process}) does not stop")
    return "stopped"


def restart(run: RunDirectory, command: list[str], log: str, timeout: float) -> str:
    """Stop and start, with the command and log of the last start if none is given."""
    state = run.state()
    stop(run, timeout)
    return start(run, command or state.get("command", []), log or state.get("log", os.devnull), timeout)


def reload(run: RunDirectory) -> str:
    """Let the daemon read its configuration again."""
    process = run.supervisor()
    if process is None:
        raise Failure("not running")
    os.kill(process, signal.SIGHUP)
    return "reloaded"


def status(run: RunDirectory) -> str:
    """What the daemon does. Fails unless it is ready."""
    phase = run.state().get("phase", "stopped") if run.supervisor() is not None else "not running"
    if phase != "ready":
        raise Failure(phase)
    return "ready"


def _detach(run: RunDirectory, command: list[str], log: str, timeout: float) -> None:
    """Become a daemon by forking twice; the caller goes on as soon as there is a supervisor, or none will come."""
    run.pid_file.parent.mkdir(parents=True, exist_ok=True)
    waits, decided = os.pipe()
    first = os.fork()
    if first:
        os.close(decided)
        os.waitpid(first, 0)
        os.read(waits, 1)
        os.close(waits)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o077)
    _redirect(log, decided)
    with open(run.pid_file, "a+", encoding="ascii") as lock:
        if not _until(lambda: _locked(lock), LOCK_WAIT):
            os._exit(1)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        os.close(decided)
        Supervisor(run, command, log, timeout).serve()
    os._exit(0)


def _locked(lock: t.TextIO) -> bool:
    """Whether we have the lock now."""
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _redirect(log: str, kept: int) -> None:
    # Whoever started us must not wait for our end of a pipe.
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.closerange(3, kept)
    os.closerange(kept + 1, 256)


def _await_ready(run: RunDirectory, log: str, timeout: float) -> None:
    _until(lambda: run.supervisor() is None or run.state().get("phase") in ("ready", "crashed"), timeout)
    if run.supervisor() is not None and run.state().get("phase") == "ready":
        return
    phase = run.state().get("phase", "not started")
    stop(run, timeout)
    raise Failure(f"the daemon is not ready ({phase}); the end of {log}:\n{_tail(log)}")


def _tail(path: str, lines: int = 15) -> str:
    try:
        return "\n".join(pathlib.Path(path).read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return str(error)


def _until(reached: t.Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() >= end:
            return False
        time.sleep(0.05)
    return True


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our own arguments, and after `--` the command of the daemon."""
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="run a daemon where there is no systemd",
        usage="%(prog)s ACTION --run-dir DIR [--log FILE] [--timeout S] [-- COMMAND ...]",
    )
    parser.add_argument("action", choices=["start", "stop", "restart", "reload", "status"])
    parser.add_argument("--run-dir", required=True)
    parser.add_argument("--log", default="")
    parser.add_argument("--timeout", type=float, default=30.0)
    own, command = _split(sys.argv[1:])
    arguments = parser.parse_args(own)
    run = RunDirectory(arguments.run_dir)
    log = os.path.abspath(arguments.log) if arguments.log else ""
    actions: dict[str, t.Callable[[], str]] = {
        "start": lambda: start(run, command, log or os.devnull, arguments.timeout),
        "restart": lambda: restart(run, command, log, arguments.timeout),
        "stop": lambda: stop(run, arguments.timeout),
        "reload": lambda: reload(run),
        "status": lambda: status(run),
    }
    try:
        print(actions[arguments.action]())
    except Failure as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
