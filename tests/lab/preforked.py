"""`ikeengine` without the start of an interpreter: forked off a process that has imported all of it already.

In a guest kernel the imports take most of the time of a command. Outside, it is started as everybody does it.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import subprocess
import sys
import tempfile
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

from ikeengine.cli.main import main

_CONTEXT = multiprocessing.get_context("forkserver")
_IMPORTED = ("ikeengine.daemon.main", "ikeengine.datapath.xfrm", "ikeengine.datapath.userspace", __name__)

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET, _CLONE_NEWNS = 0x40000000, 0x00020000
_MS_REC, _MS_SLAVE, _MNT_DETACH = 1 << 14, 1 << 19, 2


def prepare() -> None:
    """Begin to import, in a process beside this one."""
    _CONTEXT.set_forkserver_preload(list(_IMPORTED))
    forkserver.ensure_running()


class Forked:
    """A running `ikeengine`, with as much of subprocess.Popen as the lab uses."""

    def __init__(self, namespace: str, arguments: list[str], log: Path) -> None:
        self._process: BaseProcess = _CONTEXT.Process(target=_run, args=(namespace, arguments, str(log)), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("ikeengine", timeout)
        return self._process.exitcode


def run(namespace: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. What it prints to the two streams is not kept apart."""
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory, "output")
        code = Forked(namespace, arguments, output).wait(180)
        return subprocess.CompletedProcess(arguments, code, output.read_text(), "")


def _run(namespace: str, arguments: list[str], log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    _enter(namespace)
    sys.exit(main(arguments))


def _enter(namespace: str) -> None:
    """As `ip netns exec` does it: the network, and a /sys that shows its devices."""
    with Path("/run/netns", namespace).open() as descriptor:
        _check(_LIBC.setns(descriptor.fileno(), _CLONE_NEWNET))
    _check(_LIBC.unshare(_CLONE_NEWNS))
    _check(_LIBC.mount(b"", b"/", b"none", _MS_SLAVE | _MS_REC, None))
    _check(_LIBC.umount2(b"/sys", _MNT_DETACH))
    _check(_LIBC.mount(namespace.encode(), b"/sys", b"sysfs", 0, None))


def _check(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
