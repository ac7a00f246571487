"""A kernel that has ESP: Debian's user-mode-linux on the host's own file system (hostfs).

Inside, the files of the host are there and writable, so write only below a directory of your own; /run and /dev are
private. Unix sockets work only below /run. There is one CPU, and nothing outside is reachable by network.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KERNEL = "linux.uml"
PACKAGES = "user-mode-linux kmod iproute2 iputils-ping"
MODULES = Path("/usr/lib/uml/modules")

_INIT = Path(__file__).with_name("uml-init.sh")
_MOUNT_POINT = Path("/lib/modules")


@dataclass(frozen=True)
class UmlResult:
    """What came of a command. `exit_code` is None if the kernel died or the time was up."""

    exit_code: int | None
    output: str
    console: str

    def explain(self) -> str:
        """The end of everything that was printed."""
        return f"exit code {self.exit_code}\n{self.output[-8000:]}\n--- console\n{self.console[-2000:]}"


def missing() -> str:
    """Why no kernel can be booted here; empty if one can."""
    if os.geteuid() != 0:
        return "booting user-mode-linux with namespaces needs root"
    absent = [program for program in (KERNEL, "modprobe", "ip", "ping") if shutil.which(program) is None]
    if absent or not MODULES.is_dir():
        return f"missing {', '.join(absent) or MODULES}: apt-get install {PACKAGES}"
    return ""


def run(
    command: Sequence[str],
    directory: Path,
    *,
    environment: Mapping[str, str] | None = None,
    working_directory: Path | None = None,
    memory: str = "1024M",
    timeout: float = 600,
) -> UmlResult:
    """Boot a kernel, run one command as root, and halt. `directory` takes the files of this run."""
    directory.mkdir(parents=True, exist_ok=True)
    init = directory / "init"
    shutil.copyfile(_INIT, init)
    init.chmod(0o755)
    (directory / "command").write_text(_script(command, environment or {}, working_directory or Path.cwd()))
    for name in ("output", "exit-code"):
        (directory / name).unlink(missing_ok=True)
    _MOUNT_POINT.mkdir(parents=True, exist_ok=True)
    _boot(init, directory, memory, timeout)
    exit_code = _read(directory / "exit-code").strip()
    return UmlResult(int(exit_code) if exit_code else None, _read(directory / "output"), _read(directory / "console"))


def _script(command: Sequence[str], environment: Mapping[str, str], working_directory: Path) -> str:
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    return "\n".join([*exports, f"cd {shlex.quote(str(working_directory))}", f"exec {shlex.join(command)}", ""])


def _boot(init: Path, directory: Path, memory: str, timeout: float) -> None:
    arguments = [KERNEL, f"mem={memory}", "root=/dev/root", "rootfstype=hostfs", "rw", f"init={init}"]
    arguments += ["con=null", "con0=fd:0,fd:1", "quiet", "panic=1", f"UML_DIRECTORY={directory}"]
    with (directory / "console").open("w") as console:
        kernel = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            kernel.wait(timeout)
        except subprocess.TimeoutExpired:
            console.write(f"\nkilled after {timeout} s\n")
        finally:
            _kill_session(kernel)


def _kill_session(kernel: subprocess.Popen[bytes]) -> None:
    """A kernel that does not halt by itself has processes of its own, all in its session."""
    if kernel.poll() is None:
        os.killpg(kernel.pid, signal.SIGKILL)
        kernel.wait()


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
