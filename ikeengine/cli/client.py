"""A synchronous VICI client over the unix socket of the daemon (or of a strongSwan host)."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from ikeengine.cli.arguments import DEFAULT_SOCKET
from ikeengine.cli.errors import CommandFailed, DaemonUnreachable
from ikeengine.daemon.vici.codec import (
    Deframer,
    MalformedMessage,
    Message,
    Packet,
    PacketType,
    ReceivedPacket,
    decode_packet,
    encode_packet,
)

ANSWER_TIMEOUT = 10.0
"""Seconds without any packet while a command runs, before the daemon counts as unreachable."""
_READ_SIZE = 64 * 1024


class Client:
    """One connection to the daemon. Commands run one after the other. Use it as a context manager.

    Every method raises DaemonUnreachable if the daemon does not answer, and CommandFailed if it refuses.
    """

    def __init__(self, path: Path | None, timeout: float = ANSWER_TIMEOUT) -> None:
        self.path = path = path or DEFAULT_SOCKET
        self._timeout = timeout
        self._deframer = Deframer()
        self._segments: list[bytes] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise DaemonUnreachable(_connect_complaint(path, error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def request(
        self, command: str, message: Mapping[str, object] | None = None, timeout: float | None = None
    ) -> Message:
        """Run a command and return its answer. `timeout` is in seconds, instead of the client's own."""
        self._send(Packet(PacketType.CMD_REQUEST, command, message or {}))
        return self._answer(command, timeout)

    def stream(
        self, command: str, event: str, message: Mapping[str, object] | None = None, timeout: float | None = None
    ) -> Iterator[Message]:
        """Run a command that answers with events, and yield these until it ends."""
        self._register(event)
        self._send(Packet(PacketType.CMD_REQUEST, command, message or {}))
        while True:
            packet = self._receive(timeout)
            if packet.type is not PacketType.EVENT:
                break
            if packet.name == event:
                yield packet.message
        _check(command, packet)

    def events(self, names: tuple[str, ...]) -> Iterator[tuple[str, Message]]:
        """Subscribe, and yield events without end; ends when the daemon does."""
        for name in names:
            self._register(name)
        self._socket.settimeout(None)
        while segment := self._segment():
            packet = _decoded(segment)
            if packet.type is PacketType.EVENT:
                yield packet.name, packet.message

    def _register(self, event: str) -> None:
        self._send(Packet(PacketType.EVENT_REGISTER, event))
        while (packet := self._receive(None)).type is PacketType.EVENT:
            continue
        if packet.type is not PacketType.EVENT_CONFIRM:
            raise CommandFailed(f"the daemon does not know the event `{event}`")

    def _answer(self, command: str, timeout: float | None) -> Message:
        while (packet := self._receive(timeout)).type is PacketType.EVENT:
            continue
        return _check(command, packet)

    def _send(self, packet: Packet) -> None:
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(encode_packet(packet))
        except OSError as error:
            raise DaemonUnreachable(_closed_complaint(self.path)) from error

    def _receive(self, timeout: float | None) -> ReceivedPacket:
        seconds = self._timeout if timeout is None else timeout
        self._socket.settimeout(seconds)
        try:
            segment = self._segment()
        except TimeoutError as error:
            message = f"the daemon on {self.path} did not answer within {seconds:g} seconds"
            raise DaemonUnreachable(message) from error
        if segment is None:
            raise DaemonUnreachable(_closed_complaint(self.path))
        return _decoded(segment)

    def _segment(self) -> bytes | None:
        """The next segment of the stream, None at its end."""
        while not self._segments:
            try:
                data = self._socket.recv(_READ_SIZE)
            except ConnectionError:
                return None
            if not data:
                return None
            try:
                self._segments.extend(self._deframer.feed(data))
            except MalformedMessage as error:
                raise DaemonUnreachable(f"what answers is not an IKE daemon: {error}") from error
        return self._segments.pop(0)


def _decoded(segment: bytes) -> ReceivedPacket:
    try:
        return decode_packet(segment)
    except MalformedMessage as error:
        raise DaemonUnreachable(f"what answers is not an IKE daemon: {error}") from error


def _check(command: str, packet: ReceivedPacket) -> Message:
    if packet.type is PacketType.CMD_UNKNOWN:
        raise CommandFailed(f"the daemon does not know the command `{command}`")
    if packet.type is not PacketType.CMD_RESPONSE:
        raise DaemonUnreachable(f"the daemon answered `{command}` with {packet.type.name}")
    if packet.message.get("success") == b"no":
        reason = packet.message.get("errmsg", b"")
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else ""
        raise CommandFailed(text or f"`{command}` failed, and the daemon does not say why", packet.message)
    return packet.message


def _connect_complaint(path: Path, error: OSError) -> str:
    start = "is ikeengine running? `systemctl status ikeengine` tells; --socket names another socket"
    if isinstance(error, FileNotFoundError):
        return f"there is no control socket at {path}: {start}"
    if isinstance(error, ConnectionRefusedError):
        return f"nobody listens on {path}: {start}"
    if isinstance(error, PermissionError):
        return f"no permission for {path}: run this as root, or as a member of the socket's group"
    return f"cannot connect to {path}: {error.strerror or error}"


def _closed_complaint(path: Path) -> str:
    return (
        f"the daemon closed the connection on {path}: it stopped, "
        "or it does not let you in (root, its own user and the socket's group may)"
    )
