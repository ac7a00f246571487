# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TCP through a tunnel, in segments as large as they get, in both directions. Private to the collection.

A listener at the other end greets, takes a bulk of octets, and sends as many back. So whoever connects learns whether
small packets pass, whether large ones do, and in which direction they are lost.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
import typing as t

Data = t.Dict[str, t.Any]

GREETING = b"keymesh.ike probe\n"
RECEIVED = b"all of it\n"
BULK = 48 * 1024
"""Octets in each direction: more than fits into the first segments, so that full-size ones are certain."""
_AT_ONCE = 64


def exchange(source: str, target: str, port: int, patience: float) -> Data:
    """Talk to a listener. C(result) names what was lost."""
    started = time.monotonic()
    result: Data = {"port": port, "result": "no_answer", "milliseconds": None, "octets": 0, "error": ""}
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as client:
        try:
            client.settimeout(patience)
            client.bind((source, 0))
            client.connect((target, port))
            result["milliseconds"] = round((time.monotonic() - started) * 1000, 3)
            _talk(client, result)
        except ConnectionRefusedError:
            # The answer of the peer came back, so small packets pass in both directions.
            result["result"] = "refused"
        except socket.timeout:
            pass
        except OSError as error:
            result["error"] = error.strerror or str(error)
    return result


def _talk(client: socket.socket, result: Data) -> None:
    """Leaves in C(result) what is lost if the next step fails."""
    client.sendall(GREETING)
    if _read(client, len(GREETING)) != GREETING:
        result["error"] = "something else listens at this port"
        return
    result["result"] = "lost_to_peer"
    client.sendall(bytes(BULK))
    if _read(client, len(RECEIVED)) != RECEIVED:
        return
    result["result"] = "lost_from_peer"
    result["octets"] = len(_read(client, BULK))
    if result["octets"] == BULK:
        result["result"] = "ok"


def _read(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        chunk = connection.recv(min(65536, count - len(data)))
        if not chunk:
            break
        data += chunk
    return bytes(data)


class Listener:
    """The other end: a process that lives no longer than told and answers nobody but the peers.

    A socket with an abstract name is how a later task finds it; no file is left behind.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._name = f"\0keymesh.ike/probe/{port}"

    def start(self, addresses: t.Sequence[str], peers: t.Sequence[str], seconds: float) -> None:
        """Listen in the background, instead of what an earlier task may have left. Raises OSError."""
        self.stop()
        control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sockets = [control]
        try:
            control.bind(self._name)
            control.listen(1)
            sockets += [_listen(address, self.port) for address in addresses]
            if os.fork() == 0:
                self._serve(sockets, frozenset(peers), time.monotonic() + seconds)
        finally:
            for one in sockets:
                one.close()

    def is_running(self) -> bool:
        """Whether there is a background process."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            try:
                control.bind(self._name)
            except OSError:
                return True
        return False

    def stop(self) -> bool:
        """End the background process. Whether there was one."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.settimeout(5)
            try:
                control.connect(self._name)
                # It closes all of its sockets before it answers.
                control.recv(1)
            except OSError:
                return False
        return True

    def _serve(self, sockets: t.List[socket.socket], peers: t.FrozenSet[str], deadline: float) -> t.NoReturn:
        """In the child: never returns."""
        try:
            os.setsid()
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            nothing = os.open(os.devnull, os.O_RDWR)
            for number in range(3):
                os.dup2(nothing, number)
            os.chdir("/")
            stopped_by = _answer_all(sockets, peers, deadline)
            for one in sockets:
                one.close()
            if stopped_by is not None:
                stopped_by.close()
        finally:
            os._exit(0)


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"{address} port {port}: {error.strerror}") from error
    return listener


def _answer_all(
    sockets: t.Sequence[socket.socket], peers: t.FrozenSet[str], deadline: float
) -> t.Optional[socket.socket]:
    """Answer until the time is over (None) or a later task asks for the end (its connection)."""
    control = sockets[0]
    places = threading.BoundedSemaphore(_AT_ONCE)
    while time.monotonic() < deadline:
        for ready in select.select(sockets, [], [], deadline - time.monotonic())[0]:
            connection, address = ready.accept()
            if ready is control:
                return connection
            if address[0] not in peers or not places.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=_answer, args=(connection, places), daemon=True).start()
    return None


def _answer(connection: socket.socket, places: threading.BoundedSemaphore) -> None:
    with connection:
        try:
            connection.settimeout(10)
            if _read(connection, len(GREETING)) == GREETING:
                connection.sendall(GREETING)
                if len(_read(connection, BULK)) == BULK:
                    connection.sendall(RECEIVED + bytes(BULK))
        except OSError:
            pass
        finally:
            places.release()
