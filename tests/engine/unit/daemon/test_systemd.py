"""sd_notify messages as a service manager receives them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ikeengine.daemon.systemd import Notifier


@pytest.fixture
def manager(tmp_path: Path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(60)
        yield sock


def receive(sock: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in sock.recv(4096).decode().splitlines())


def test_messages(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready("listening\nhere")
    assert receive(manager) == {"READY": "1", "STATUS": "listening here"}
    notifier.reloading()
    message = receive(manager)
    assert message["RELOADING"] == "1"
    assert int(message["MONOTONIC_USEC"]) > 0
    notifier.watchdog()
    assert receive(manager) == {"WATCHDOG": "1"}
    notifier.stopping()
    assert receive(manager)["STOPPING"] == "1"


def test_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0ikeengine-test-{os.getpid()}")
        sock.settimeout(60)
        Notifier({"NOTIFY_SOCKET": f"@ikeengine-test-{os.getpid()}"}).watchdog()
        assert receive(sock) == {"WATCHDOG": "1"}


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"}])
def test_without_a_manager_nothing_happens(environment: dict[str, str]) -> None:
    Notifier(environment).ready("x")


def test_a_manager_that_is_gone_or_does_not_read_is_no_problem(manager: socket.socket, tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("x")
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    for _ in range(5000):
        notifier.watchdog()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_watchdog_interval(environment: dict[str, str], seconds: float) -> None:
    assert Notifier(environment).watchdog_interval == seconds
