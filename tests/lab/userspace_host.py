"""A process with one UserspaceDatapath, remote-controlled: the two ends of a tunnel in two network namespaces.

`RemoteDatapath` starts `python userspace_host.py DESCRIPTOR` in a namespace and calls the methods of the datapath
there. The process is also the DatapathHost: it carries UDP-encapsulated packets as the daemon does.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path as FilePath
from typing import Any

ROOT = FilePath(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ikeengine.datapath.userspace.datapath import UserspaceDatapath  # noqa: E402
from ikeengine.datapath.userspace.segments import (  # noqa: E402
    CONTROL_SPACE,
    join_datagrams,
    send_datagrams,
    split,
)
from ikeengine.datapath.userspace.settings import UserspaceSettings  # noqa: E402
from ikeengine.model.path import Path  # noqa: E402

BATCH = 64
LOST = (errno.EAGAIN, errno.ENOBUFS, errno.ECONNREFUSED)
"""A full buffer or an absent peer: UDP may lose packets."""


class UdpForwarder:
    """The smallest DatapathHost: one UDP socket for ESP in both directions; events are kept for the test."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str, port: int) -> None:
        self.loop = loop
        self.events: list[Any] = []
        self.sent = 0
        self.port = port
        self._open(address)

    def _open(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.address = address
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((address, self.port))

    def rebind(self, address: str) -> None:
        """Use another local address."""
        self.loop.remove_reader(self.sock)
        self.sock.close()
        self._open(address)
        self.attach(self.datapath)

    def attach(self, datapath: UserspaceDatapath) -> None:
        self.datapath = datapath
        datapath.prepare_socket(self.sock, nat_t=True)
        join_datagrams(self.sock)
        self.loop.add_reader(self.sock, self._read)

    def send_encapsulated(self, packet: bytes, path: Path, outer: object = None) -> None:
        self.sent += 1
        try:
            self.sock.sendto(packet, (path.remote, path.remote_port))
        except OSError as error:
            if error.errno not in LOST:
                raise

    def send_encapsulated_batch(self, packets: Sequence[bytes], path: Path, outer: object = None) -> None:
        self.sent += len(packets)
        try:
            send_datagrams(self.sock, packets, (), (path.remote, path.remote_port))
        except OSError as error:
            if error.errno not in LOST:
                raise

    def event(self, event: Any) -> None:
        self.events.append(event)

    def _read(self) -> None:
        receive, deliver = self.sock.recvmsg, self.datapath.receive_esp
        for _ in range(BATCH):
            try:
                data, control, _, sender = receive(65535, CONTROL_SPACE)
            except (BlockingIOError, ConnectionRefusedError):
                return
            path = Path(self.address, self.port, sender[0], sender[1])
            for packet in split(data, control):
                deliver(packet, path)


class Worker:
    """Executes (method, arguments) from the control connection and answers (result, error)."""

    def __init__(self, control: Connection) -> None:
        self.control = control
        self.loop = asyncio.new_event_loop()
        self.datapath: UserspaceDatapath | None = None
        self.host: UdpForwarder | None = None

    def run(self) -> None:
        self.loop.add_reader(self.control.fileno(), self._command)
        self.loop.run_forever()

    def start(self, address: str, port: int, settings: UserspaceSettings) -> None:
        self.host = UdpForwarder(self.loop, address, port)
        self.datapath = UserspaceDatapath(settings)
        self.datapath.start(self.host)
        self.host.attach(self.datapath)

    def rebind(self, address: str) -> None:
        assert self.host is not None
        self.host.rebind(address)

    def take_events(self) -> list[Any]:
        assert self.host is not None
        events, self.host.events = self.host.events, []
        return events

    def counters(self) -> dict[str, int]:
        assert self.datapath is not None
        assert self.host is not None
        return dict(self.datapath.drops) | {"sent": self.host.sent}

    def cpu_seconds(self) -> float:
        times = os.times()
        return times.user + times.system

    def _command(self) -> None:
        try:
            method, arguments = self.control.recv()
        except EOFError:
            self.loop.stop()
            return
        try:
            answer = (getattr(self, method, None) or getattr(self.datapath, method))(*arguments), None
        except Exception as error:  # noqa: BLE001 - it is raised again in the test
            answer = None, error
        self.control.send(answer)


class RemoteDatapath:
    """A UserspaceDatapath in a process of its own, in a network namespace."""

    def __init__(
        self, namespace: str, address: str, *, port: int = 4500, settings: UserspaceSettings | None = None
    ) -> None:
        """Start the process. It is ready with the answer to the first call."""
        ours, theirs = socket.socketpair()
        with theirs:
            command = ["ip", "netns", "exec", namespace, sys.executable, __file__, str(theirs.fileno())]
            self.process = subprocess.Popen(command, pass_fds=(theirs.fileno(),))
        self._control = Connection(ours.detach())
        self._control.send(("start", (address, port, settings or UserspaceSettings())))
        self._starting = True

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the datapath or of the worker."""
        if self._starting:
            self._starting = False
            self._answer()
        self._control.send((method, arguments))
        return self._answer()

    def _answer(self) -> Any:
        result, error = self._control.recv()
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """Stop the datapath in order, then the process."""
        self.call("stop")
        self._control.close()
        self.process.wait(10)

    def kill(self) -> None:
        """End the process as a crash would."""
        self.process.kill()
        self.process.wait(10)
        self._control.close()


if __name__ == "__main__":
    Worker(Connection(int(sys.argv[1]))).run()
