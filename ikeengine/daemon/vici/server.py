"""The control socket: a unix socket of mode 0660 whose clients are also checked by SO_PEERCRED."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from ikeengine.daemon.vici.codec import MalformedMessage
from ikeengine.daemon.vici.hub import EventHub
from ikeengine.daemon.vici.peer import Peer, may_control, peer_of
from ikeengine.daemon.vici.session import Runner, Session
from ikeengine.errors import LocalMisuse

MAX_CLIENTS = 128
_BACKLOG = 64
_MODE = 0o660

Say = Callable[[str, int, str], None]


class ViciServer:
    """Accepts clients and gives each a Session. `say(group, level, text)` is the daemon's log."""

    def __init__(self, path: Path, hub: EventHub, find_command: Callable[[str], Runner | None], say: Say) -> None:
        self.path = path
        self._hub = hub
        self._find_command = find_command
        self._say = say
        self._server: asyncio.Server | None = None
        self._sessions: set[Session] = set()
        self._group = -1

    async def start(self) -> None:
        """Listen. A stale socket is replaced, a living one is not. Clients wait for `serve`. Raises LocalMisuse."""
        sock = listening_socket(self.path)
        self._group = self.path.stat().st_gid
        self._server = await asyncio.start_unix_server(self._accept, sock=sock, start_serving=False)

    async def serve(self) -> None:
        """Answer clients from now on."""
        if self._server is not None:
            await self._server.start_serving()

    async def stop(self) -> None:
        """Stop listening, cut all clients off and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for session in tuple(self._sessions):
            session.close()
        self.path.unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = self._admit(writer)
        if peer is None:
            writer.transport.abort()
            return
        session = Session(reader, writer, peer=peer, hub=self._hub, find_command=self._find_command)
        self._sessions.add(session)
        try:
            await session.serve()
        except MalformedMessage as error:
            self._say("DMN", 1, f"control client {peer} cut off: {error}")
        finally:
            self._sessions.discard(session)
            writer.close()

    def _admit(self, writer: asyncio.StreamWriter) -> Peer | None:
        try:
            peer = peer_of(writer.get_extra_info("socket"))
        except OSError:
            return None
        if not may_control(peer, self._group):
            self._say("DMN", 0, f"control client {peer} refused: neither root, nor us, nor in group {self._group}")
            return None
        if len(self._sessions) >= MAX_CLIENTS:
            self._say("DMN", 0, f"control client {peer} refused: {MAX_CLIENTS} clients are connected")
            return None
        return peer


def listening_socket(path: Path) -> socket.socket:
    """A listening unix socket of mode 0660. Raises LocalMisuse if somebody listens there or the path is unusable."""
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old_mask = os.umask(0o777 & ~_MODE)
    try:
        sock.bind(str(path))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise LocalMisuse(f"cannot listen on {path}: {error.strerror or error}") from error
    finally:
        os.umask(old_mask)
    sock.setblocking(False)
    return sock


def _remove_stale(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise LocalMisuse(f"{path} exists and is not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                path.unlink(missing_ok=True)
                return
            raise LocalMisuse(f"cannot tell who listens on {path}: {error.strerror or error}") from error
    raise LocalMisuse(f"another daemon listens on {path}")
