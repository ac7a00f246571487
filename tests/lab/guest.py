"""A command in a kernel of its own on the host's file system: what user-mode-linux and qemu have in common.

Inside, the files of the host are there and writable, so write only below a directory of your own; /run and /dev are
private. Unix sockets work only below /run. Nothing outside is reachable by network.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_INIT = Path(__file__).with_name("guest-init.sh")
_MOUNT_POINT = Path("/lib/modules")
_BOOTS = itertools.count(os.getpid())


def inside() -> bool:
    """Whether this process runs in such a kernel."""
    return "GUEST_DIRECTORY" in os.environ


@dataclass(frozen=True)
class GuestResult:
    """What came of a command. `exit_code` is None if the kernel died or the time was up."""

    exit_code: int | None
    output: str
    console: str

    def explain(self) -> str:
        """The end of everything that was printed."""
        return f"exit code {self.exit_code}\n{self.output[-8000:]}\n--- console\n{self.console[-2000:]}"


@dataclass(frozen=True)
class Guest:
    """One run. `directory` takes its files, `modules` are those of the kernel."""

    directory: Path
    modules: Path
    timeout: float

    @property
    def init(self) -> Path:
        """Process 1."""
        return self.directory / "init"

    def kernel_arguments(self) -> list[str]:
        """What process 1 finds in its environment."""
        return [f"GUEST_DIRECTORY={self.directory}", f"GUEST_MODULES={self.modules}"]

    def prepare(self, command: Sequence[str], environment: Mapping[str, str], working_directory: Path) -> None:
        """Leave the command for process 1."""
        self.directory.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_INIT, self.init)
        self.init.chmod(0o755)
        exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
        lines = [*exports, f"cd {shlex.quote(str(working_directory))}", f"exec {shlex.join(command)}", ""]
        (self.directory / "command").write_text("\n".join(lines))
        for name in ("output", "exit-code"):
            (self.directory / name).unlink(missing_ok=True)
        _MOUNT_POINT.mkdir(parents=True, exist_ok=True)

    def boot(self, arguments: Sequence[str], *, nice: int = 0) -> GuestResult:
        """Run a kernel until it halts or the time is up. It has processes of its own, all in its session."""
        with (self.directory / "console").open("w") as console:
            kernel = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True
            )
            _be_nice(kernel.pid, nice)
            try:
                kernel.wait(self.timeout)
            except subprocess.TimeoutExpired:
                console.write(f"\nkilled after {self.timeout} s\n")
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(kernel.pid, signal.SIGKILL)
                kernel.wait()
        exit_code = self._read("exit-code").strip()
        return GuestResult(int(exit_code) if exit_code else None, self._read("output"), self._read("console"))

    def _read(self, name: str) -> str:
        path = self.directory / name
        return path.read_text(errors="replace") if path.exists() else ""


def next_cpu() -> int:
    """Another CPU for each kernel of this program, beginning anywhere: there are other programs."""
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[next(_BOOTS) % len(cpus)]


@contextlib.contextmanager
def urgent(cpu: int) -> Iterator[None]:
    """Let what this thread starts in the block have one CPU, and first.

    A kernel in user mode changes from one of its processes to another for each system call. On a busy machine each
    change would wait for a CPU, which makes everything several times slower. Where it is not allowed, so it is.
    """
    cpus, policy, priority = os.sched_getaffinity(0), os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setaffinity(0, {cpu})
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)
        os.sched_setaffinity(0, cpus)


def _be_nice(session: int, nice: int) -> None:
    """What sessions are to each other is no property of their processes, where the kernel groups them by session."""
    os.setpriority(os.PRIO_PGRP, session, nice)
    with contextlib.suppress(OSError):
        Path(f"/proc/{session}/autogroup").write_text(str(nice))
