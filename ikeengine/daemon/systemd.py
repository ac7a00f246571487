"""The notification protocol of systemd (sd_notify(3)), without its library."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Tells the service manager how we are. Does nothing when there is none."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.watchdog_interval = _watchdog_interval(environment)
        """Seconds within which the manager wants to hear `watchdog()`, 0 for never."""

    def ready(self, status: str) -> None:
        """Start-up or reload is over."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """A reload begins (Type=notify-reload needs the time stamp)."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Shutdown begins."""
        self._send("STOPPING=1", "STATUS=deleting security associations")

    def watchdog(self) -> None:
        """We are alive."""
        self._send("WATCHDOG=1")

    def _send(self, *assignments: str) -> None:
        if self._address is None:
            return
        message = "\n".join(line.replace("\n", " ") for line in assignments).encode()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto(message, socket.MSG_DONTWAIT, self._address)
            except OSError:
                # A manager that went away or does not read must not stop the daemon.
                return


def _address(value: str) -> str | None:
    if value.startswith("@"):
        return "\0" + value[1:]
    return value if value.startswith("/") else None


def _watchdog_interval(environment: Mapping[str, str]) -> float:
    wanted_pid = environment.get("WATCHDOG_PID", "")
    microseconds = environment.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or (wanted_pid and wanted_pid != str(os.getpid())):
        return 0.0
    return int(microseconds) / 1e6
