"""A kernel that has ESP: Debian's user-mode-linux on the host's own file system (hostfs). There is one CPU."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.guest import Guest, GuestResult, next_cpu, urgent

KERNEL = "linux.uml"
PACKAGES = "user-mode-linux kmod iproute2 iputils-ping"
MODULES = Path("/usr/lib/uml/modules")


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
) -> GuestResult:
    """Boot a kernel on one CPU, run one command as root, and halt. `directory` takes the files of this run."""
    guest = Guest(directory, MODULES, timeout)
    guest.prepare(command, environment or {}, working_directory or Path.cwd())
    arguments = [KERNEL, f"mem={memory}", "root=/dev/root", "rootfstype=hostfs", "rw", f"init={guest.init}"]
    arguments += ["con=null", "con0=fd:0,fd:1", "quiet", "panic=1"]
    with urgent(next_cpu()):
        return guest.boot([*arguments, *guest.kernel_arguments()])
