# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A synchronous VICI client. Private to the collection.

VICI is the control protocol of strongSwan (src/libcharon/plugins/vici/README.md) and of ikeengine: packets with a
length field on a unix stream socket. Only the standard library is used, because nothing else exists on every target.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
import typing as t

CMD_REQUEST = 0
CMD_RESPONSE = 1
CMD_UNKNOWN = 2
EVENT_REGISTER = 3
EVENT_UNREGISTER = 4
EVENT_CONFIRM = 5
EVENT_UNKNOWN = 6
EVENT = 7

SECTION_START = 1
SECTION_END = 2
KEY_VALUE = 3
LIST_START = 4
LIST_ITEM = 5
LIST_END = 6

MAX_PACKET = 512 * 1024

ANY_DAEMON = "ikeengine, or strongSwan 5.9 or newer"
NEEDED = {
    "get-counters": "ikeengine, or strongSwan 5.9 or newer with its plugin counters",
    "failures": "ikeengine, because strongSwan keeps no records of failures but logs them",
    "plan": "ikeengine, because strongSwan cannot plan",
    "apply": "ikeengine, because strongSwan cannot plan",
}
"""Who knows a command that not every daemon knows."""

Message = t.Dict[str, t.Any]
"""A section is a dict, a list is a list, a value is a string."""


class ViciError(Exception):
    """Talking to the daemon failed."""


class ViciUnreachable(ViciError):
    """Nobody answers at the socket."""


class ViciTimeout(ViciError):
    """The daemon did not answer in time."""


class ViciUnknownCommand(ViciError):
    """The daemon does not know the command. The text says which daemon it is, and which ones know it."""


class ViciCommandFailed(ViciError):
    """The daemon answered C(success=no). The text is its C(errmsg), and C(response) is the whole answer."""

    def __init__(self, command: str, response: Message) -> None:
        super().__init__(response.get("errmsg") or f"the command {command} failed")
        self.response = response


def encode(message: t.Mapping[str, t.Any]) -> bytes:
    """Encode a message. Values may be strings, octets, integers or booleans (C(yes)/C(no)); C(None) is left out."""
    out = bytearray()
    for name, value in message.items():
        if value is None:
            continue
        if isinstance(value, dict):
            out += bytes([SECTION_START]) + _name(name) + encode(value) + bytes([SECTION_END])
        elif isinstance(value, (list, tuple)):
            items = b"".join(bytes([LIST_ITEM]) + _octets(item) for item in value)
            out += bytes([LIST_START]) + _name(name) + items + bytes([LIST_END])
        else:
            out += bytes([KEY_VALUE]) + _name(name) + _octets(value)
    return bytes(out)


def decode(data: bytes, binary: t.Container[str] = ()) -> Message:
    """Decode a message. The values of keys in C(binary) stay octets. Raises ViciError for octets that are no message."""
    try:
        return _decode(data, binary)
    except (IndexError, struct.error) as error:
        raise ViciError("the daemon sent a truncated message") from error


def _decode(data: bytes, binary: t.Container[str]) -> Message:
    root: Message = {}
    sections = [root]
    items: t.Optional[t.List[str]] = None
    offset = 0
    while offset < len(data):
        element = data[offset]
        offset += 1
        if element == SECTION_START and items is None:
            name, offset = _read_name(data, offset)
            inner: Message = {}
            sections[-1][name] = inner
            sections.append(inner)
        elif element == SECTION_END and items is None and len(sections) > 1:
            sections.pop()
        elif element == KEY_VALUE and items is None:
            name, offset = _read_name(data, offset)
            value, offset = _read_value(data, offset)
            sections[-1][name] = value if name in binary else _text(value)
        elif element == LIST_START and items is None:
            name, offset = _read_name(data, offset)
            items = sections[-1][name] = []
        elif element == LIST_ITEM and items is not None:
            value, offset = _read_value(data, offset)
            items.append(_text(value))
        elif element == LIST_END and items is not None:
            items = None
        else:
            raise ViciError(f"the daemon sent the element {element} out of place")
    if len(sections) != 1 or items is not None:
        raise ViciError("the daemon sent a section or list that does not end")
    return root


def _name(name: str) -> bytes:
    octets = name.encode()
    return bytes([len(octets)]) + octets


def _octets(value: t.Any) -> bytes:
    if isinstance(value, bool):
        value = "yes" if value else "no"
    octets = value if isinstance(value, bytes) else str(value).encode()
    return struct.pack("!H", len(octets)) + octets


def _read_name(data: bytes, offset: int) -> t.Tuple[str, int]:
    end = offset + 1 + data[offset]
    if end > len(data):
        raise IndexError(end)
    return _text(data[offset + 1 : end]), end


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")


def _read_value(data: bytes, offset: int) -> t.Tuple[bytes, int]:
    end = offset + 2 + struct.unpack_from("!H", data, offset)[0]
    if end > len(data):
        raise IndexError(end)
    return data[offset + 2 : end], end


def service_of(path: str) -> str:
    """The name of the service whose daemon usually listens there."""
    return "strongswan" if "charon" in os.path.basename(path) else "ikeengine"


def _why_unreachable(path: str, error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno == errno.EACCES:
        return f"may not use the socket {path}: {reason}; set become, or join the group of the socket"
    if error.errno == errno.ECONNREFUSED:
        reason += " (the socket is a leftover, or no VICI socket)"
    return f"no daemon answers at {path}: {reason}; check that the service {service_of(path)} runs, and the option socket"


class ViciSession:
    """A connection to the daemon, used as a context manager.

    C(patience) is the number of seconds that one answer may take. Values of keys in C(binary) are octets, not text.
    """

    def __init__(self, path: str, patience: float = 30.0, binary: t.Container[str] = ()) -> None:
        self.path = path
        self.binary = binary
        self.patience = patience
        self._socket: t.Optional[socket.socket] = None
        self._daemon: t.Optional[str] = None

    def __enter__(self) -> ViciSession:
        self._socket = sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self.patience)
        try:
            sock.connect(self.path)
        except OSError as error:
            sock.close()
            raise ViciUnreachable(_why_unreachable(self.path, error)) from error
        return self

    def __exit__(self, *unused: object) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def request(
        self, command: str, message: t.Optional[t.Mapping[str, t.Any]] = None, patience: t.Optional[float] = None
    ) -> Message:
        """Send a command and return its answer. Raises ViciError, in particular ViciCommandFailed."""
        return self._exchange(command, message or {}, None, patience)

    def stream(
        self,
        command: str,
        event: str,
        message: t.Optional[t.Mapping[str, t.Any]] = None,
        patience: t.Optional[float] = None,
        events: t.Optional[t.List[Message]] = None,
    ) -> t.List[Message]:
        """Send a command and return the events that it caused.

        They are appended to C(events) as they come, so that the caller has them even if the command fails.
        """
        collected: t.List[Message] = [] if events is None else events
        self._subscribe(event, EVENT_REGISTER)
        try:
            self._exchange(command, message or {}, collected, patience)
        except ViciCommandFailed:
            self._subscribe(event, EVENT_UNREGISTER)
            raise
        self._subscribe(event, EVENT_UNREGISTER)
        return collected

    def _exchange(
        self,
        command: str,
        message: t.Mapping[str, t.Any],
        events: t.Optional[t.List[Message]],
        patience: t.Optional[float],
    ) -> Message:
        deadline = time.monotonic() + (self.patience if patience is None else patience)
        self._send(bytes([CMD_REQUEST]) + _name(command) + encode(message))
        while True:
            kind, body = self._receive(deadline, command)
            if kind == EVENT:
                if events is not None:
                    events.append(decode(body, self.binary))
            elif kind == CMD_UNKNOWN:
                raise self._unknown("command", command)
            elif kind == CMD_RESPONSE:
                response = decode(body, self.binary)
                if response.get("success", "yes") != "yes":
                    raise ViciCommandFailed(command, response)
                return response
            else:
                raise self._not_vici(f"it answers {command} with a packet of type {kind}")

    def daemon(self) -> str:
        """Which daemon this is, such as C(strongSwan 5.9.8) or C(ikeengine 0.1.0)."""
        if self._daemon is None:
            try:
                answer = self.request("version")
            except ViciUnknownCommand:
                answer = {}
            name = answer.get("daemon", "a daemon without a name")
            self._daemon = " ".join(["strongSwan" if name.startswith("charon") else name, answer.get("version", "")])
        return self._daemon.strip()

    def _unknown(self, kind: str, name: str) -> ViciUnknownCommand:
        daemon = "the daemon" if name == "version" else self.daemon()
        needed = NEEDED.get(name, ANY_DAEMON)
        return ViciUnknownCommand(f"{daemon} at {self.path} does not know the {kind} {name}; it needs {needed}")

    def _not_vici(self, found: str) -> ViciError:
        return ViciError(f"what listens at {self.path} does not speak VICI: {found}; check the option socket")

    def _subscribe(self, event: str, kind: int) -> None:
        deadline = time.monotonic() + self.patience
        self._send(bytes([kind]) + _name(event))
        while True:
            answer, unused = self._receive(deadline, event)
            if answer == EVENT_CONFIRM:
                return
            # Events that were on their way when we unsubscribed are of no use any more.
            if answer == EVENT_UNKNOWN:
                raise self._unknown("event", event)
            if answer != EVENT:
                raise self._not_vici(f"it confirms an event with a packet of type {answer}")

    def _send(self, packet: bytes) -> None:
        try:
            self._connected().sendall(struct.pack("!I", len(packet)) + packet)
        except OSError as error:
            raise ViciUnreachable(f"the daemon at {self.path} closed the connection") from error

    def _receive(self, deadline: float, purpose: str) -> t.Tuple[int, bytes]:
        (length,) = struct.unpack("!I", self._read(4, deadline, purpose))
        if not 0 < length <= MAX_PACKET:
            raise self._not_vici(f"it sends a packet of {length} octets")
        packet = self._read(length, deadline, purpose)
        if packet[0] == EVENT:
            return EVENT, packet[2 + packet[1] :] if length > 1 else b""
        return packet[0], packet[1:]

    def _read(self, length: int, deadline: float, purpose: str) -> bytes:
        sock = self._connected()
        data = bytearray()
        while len(data) < length:
            left = deadline - time.monotonic()
            if left <= 0:
                raise ViciTimeout(f"the daemon at {self.path} did not answer {purpose} in time")
            sock.settimeout(left)
            try:
                chunk = sock.recv(length - len(data))
            except socket.timeout:
                continue
            except OSError as error:
                raise ViciUnreachable(f"the connection to {self.path} broke: {error}") from error
            if not chunk:
                raise ViciUnreachable(f"the daemon at {self.path} closed the connection")
            data += chunk
        return bytes(data)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise ViciError("the session is not open")
        return self._socket
