"""Network namespaces as test hosts. Needs root, iproute2 and nothing else."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

_NETNS_DIRECTORY = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace with its own addresses, routes and processes. Leaving the `with` block removes all of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.commands = 0
        """How often addresses, links or routes were changed here."""
        self._processes: list[subprocess.Popen[str]] = []
        _command("ip", "netns", "add", name)
        try:
            self.ip("link set lo up")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process in the namespace and remove it."""
        for process in self._processes:
            _end(process)
        self._processes.clear()
        self._kill_strays()
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)

    def run(
        self, *command: str, check: bool = True, timeout: float = 120, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. `options` go to subprocess.run; a failure quotes the command's output."""
        return _command(*self.prefix(command), check=check, timeout=timeout, **options)

    def popen(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command that is ended with the namespace at the latest."""
        process = subprocess.Popen(self.prefix(command), text=True, **options)
        self._processes.append(process)
        return process

    def prefix(self, command: Sequence[str] = ()) -> list[str]:
        """The command line that runs a command here."""
        return ["ip", "netns", "exec", self.name, *command]

    def ip(self, *commands: str) -> None:
        """Run `ip` commands here, such as `link set eth0 up`, all with one process."""
        self.commands += 1
        _command("ip", "-n", self.name, "-batch", "-", input="\n".join(commands) + "\n")

    def add_address(self, interface: str, *addresses: str) -> None:
        """Give an interface addresses such as `192.0.2.1/24`, usable at once, and set it up."""
        commands = [f"address add {a} dev {interface}{' nodad' if ':' in a else ''}" for a in addresses]
        self.ip(*commands, f"link set {interface} up")

    def add_route(self, destination: str, *how: str) -> None:
        """Add a route, for example `add_route("10.2.0.0/16", "via", "192.0.2.2")`."""
        self.ip(f"route add {destination} {' '.join(how)}")

    def ping(self, destination: str, *options: str, count: int = 1, wait: float = 10) -> bool:
        """Whether `count` pings all come back, one after the other: not one more is sent, however slow the answers."""
        command = ["ping", "-n", "-c", "1", "-W", str(wait), *options, destination]
        return all(self.run(*command, check=False, timeout=wait + 120).returncode == 0 for _ in range(count))

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Run a block of this thread in the namespace: sockets opened there stay in it."""
        with open("/proc/thread-self/ns/net") as outside, (_NETNS_DIRECTORY / self.name).open() as inside:
            _setns(inside.fileno())
            try:
                yield
            finally:
                _setns(outside.fileno())

    def _kill_strays(self) -> None:
        pids = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False)
        for pid in pids.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def veth(left: Namespace, right: Namespace, left_name: str = "eth0", right_name: str = "eth0") -> None:
    """Connect two namespaces with a cable."""
    peer = ["peer", "name", right_name, "netns", right.name]
    _command("ip", "link", "add", left_name, "netns", left.name, "type", "veth", *peer)
    left.ip(f"link set {left_name} up")
    right.ip(f"link set {right_name} up")


def wait_until(condition: Callable[[], object], timeout: float = 60, interval: float = 0.05) -> None:
    """Wait for something to become true. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not true after {timeout} s")
        time.sleep(interval)


def _command(
    *command: str, check: bool = True, timeout: float = 120, **options: Any
) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **options)
    if check and result.returncode:
        output = (result.stdout + result.stderr).strip()
        raise RuntimeError(f"{' '.join(command)} failed with {result.returncode}: {output}")
    return result


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _setns(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET):
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")
