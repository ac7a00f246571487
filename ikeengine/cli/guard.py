"""Who rolls a change back that nobody has confirmed: a process of root's, apart from daemon and session.

Where systemd runs, it is a transient timer: a session that ends takes no such thing along, and a rollback that fails is
tried again. Elsewhere it is a process that has left its session. Guards of earlier changes find that the deadline is
not theirs, and do nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from ikeengine.cli.client import Client
from ikeengine.cli.errors import CommandFailed, DaemonUnreachable
from ikeengine.cli.text import strings
from ikeengine.config.checkpoint import Checkpoint, Pending

SYSTEMD = Path("/run/systemd/system")
UNIT = "ikeengine-rollback"
RELOAD_TIMEOUT = 60.0
"""Seconds that the daemon may take for a large configuration."""
_RETRY = 10
_LOOK = 1.0
"""Seconds between two looks of a guard without systemd whether the change is confirmed."""


def set_up(point: Checkpoint, pending: Pending, socket: Path | None) -> str:
    """Start the guard of a change, and say what it is."""
    if os.geteuid() == 0 and SYSTEMD.is_dir() and _set_timer(point, pending, socket):
        return "systemd timer"
    _detach(point, pending.token, socket)
    return "process"


def dismiss(pending: Pending) -> None:
    """Take the timer back. It would do nothing, so it does not matter if this fails."""
    if os.geteuid() == 0 and SYSTEMD.is_dir():
        _run("systemctl", "stop", f"{UNIT}-{pending.token}.timer")


def roll_back(point: Checkpoint, socket: Path | None, *, at_once: bool = False) -> str:
    """Restore the files and the running state if the change was not confirmed in time. Returns what was done, or "".

    Raises OSError if the files cannot be restored, and CommandFailed if the daemon cannot go back; the change stays
    unconfirmed then, so that the daemon and its next start try again.
    """
    try:
        with point.locked():
            pending = point.pending()
            if pending is None or not (pending.is_due or at_once):
                return ""
            point.restore()
            running = _tell_daemon(point, pending, socket)
            point.note_rollback(pending)
            point.discard()
            return f"{point.config} is as it was before the change; {running}"
    except FileNotFoundError:
        if point.directory.is_dir():
            raise
        return ""


def _tell_daemon(point: Checkpoint, pending: Pending, socket: Path | None) -> str:
    try:
        client = Client(socket, RELOAD_TIMEOUT)
    except DaemonUnreachable:
        return "the daemon does not run, and will start with it"
    try:
        with client:
            answer = client.request("apply", {"path": str(point.config)}, RELOAD_TIMEOUT)
    except (CommandFailed, DaemonUnreachable) as error:
        return _restart(pending, str(error))
    if any("(after a restart)" in line for line in strings(answer, "others")):
        return _restart(pending, "its settings need a restart")
    return "the daemon uses it"


def _restart(pending: Pending, reason: str) -> str:
    if not pending.restart:
        raise CommandFailed(f"the files are restored, but the daemon must be restarted by hand: {reason}")
    if not _run(*pending.restart):
        raise CommandFailed(f"the files are restored, but `{' '.join(pending.restart)}` failed: {reason}")
    return f"the daemon was restarted: {reason}"


def _set_timer(point: Checkpoint, pending: Pending, socket: Path | None) -> bool:
    if shutil.which("systemd-run") is None:
        return False
    return _run(
        "systemd-run", "--quiet", "--collect", f"--unit={UNIT}-{pending.token}", f"--on-active={pending.seconds}",
        "--timer-property=AccuracySec=1s", "--service-type=oneshot", "--property=Restart=on-failure",
        f"--property=RestartSec={_RETRY}", *_program(), *(("--socket", str(socket)) if socket else ()),
        "rollback", "--config", str(point.config),
    )  # fmt: skip


def _program() -> tuple[str, ...]:
    """Ourselves, as we were called: through the link to the current release, which outlives this one."""
    program = Path(os.path.abspath(sys.argv[0]))
    return (str(program),) if program.name == "ikeengine" else (sys.executable, "-m", "ikeengine")


def _run(*command: str) -> bool:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603 - ours or root's
    return done.returncode == 0


def _detach(point: Checkpoint, token: str, socket: Path | None) -> None:
    """Leave a process behind that belongs to no session and holds nothing of its caller's."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            os.chdir("/")
            null = os.open(os.devnull, os.O_RDWR)
            for number in range(3):
                os.dup2(null, number)
            os.closerange(3, 256)
            _watch(point, token, socket)
    finally:
        os._exit(0)


def _watch(point: Checkpoint, token: str, socket: Path | None) -> None:
    while (pending := point.pending()) is not None and pending.token == token:
        if pending.is_due:
            with suppress(OSError, CommandFailed):
                roll_back(point, socket)
                return
            time.sleep(_RETRY)
        time.sleep(min(_LOOK, max(pending.left(), 0.0)))
