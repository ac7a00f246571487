"""The VICI wire format, pure: messages, packets and the framing of the stream (strongSwan, vici/README.md).

A message is a dict: a section is a dict, a list is a list, a value is octets. `decode` gives values as `bytes`,
because certificates travel there too; `as_text` turns a whole message into strings.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache

from ikeengine.errors import LocalMisuse
from ikeengine.model.immutable import field, immutable

MAX_SEGMENT = 512 * 1024
"""Octets of one packet, without its length field; the limit of strongSwan."""
MAX_NESTING = 32
"""Sections within sections. strongSwan sets no limit; no command needs more than five."""
MAX_ELEMENTS = 64 * 1024
"""Elements of one message, so that a small packet cannot become a huge tree."""

Value = bytes | list[bytes] | dict[str, "Value"]
Message = dict[str, Value]
TextValue = str | list[str] | dict[str, "TextValue"]
TextMessage = dict[str, TextValue]

_SECTION_START, _SECTION_END, _KEY_VALUE, _LIST_START, _LIST_ITEM, _LIST_END = range(1, 7)
_SECTION_CLOSED, _ITEM, _LIST_CLOSED = bytes([_SECTION_END]), bytes([_LIST_ITEM]), bytes([_LIST_END])
_U16 = struct.Struct("!H")
_U32 = struct.Struct("!I")


class MalformedMessage(LocalMisuse):
    """Octets that are not VICI, or a message that VICI cannot carry. The only exception of this module."""


class PacketType(IntEnum):
    """First octet of every packet."""

    CMD_REQUEST = 0
    CMD_RESPONSE = 1
    CMD_UNKNOWN = 2
    EVENT_REGISTER = 3
    EVENT_UNREGISTER = 4
    EVENT_CONFIRM = 5
    EVENT_UNKNOWN = 6
    EVENT = 7


_NAMED = {PacketType.CMD_REQUEST, PacketType.EVENT_REGISTER, PacketType.EVENT_UNREGISTER, PacketType.EVENT}
_WITH_MESSAGE = {PacketType.CMD_REQUEST, PacketType.CMD_RESPONSE, PacketType.EVENT}


@immutable
class Packet:
    """One packet. `name` is the command or event, empty where the type has none."""

    type: PacketType
    name: str = ""
    message: Mapping[str, object] = field(default_factory=dict)


@immutable
class ReceivedPacket:
    """A decoded packet; its message holds octets."""

    type: PacketType
    name: str
    message: Message


def encode(message: Mapping[str, object]) -> bytes:
    """Encode a message. Values may be str (UTF-8), bytes, int (decimal) or bool (`yes`/`no`).

    Raises MalformedMessage for other types and for what exceeds the limits of the format.
    """
    out: list[bytes] = []
    _write_section(out, message, 0)
    return b"".join(out)


def decode(data: bytes) -> Message:
    """Decode a message. Raises MalformedMessage."""
    return _Decoder(data).message()


def encode_packet(packet: Packet) -> bytes:
    """One packet with its length field, ready for the stream. Raises MalformedMessage."""
    body = bytearray([packet.type])
    if packet.type in _NAMED:
        body += _name(packet.name)
    if packet.type in _WITH_MESSAGE:
        body += encode(packet.message)
    if len(body) > MAX_SEGMENT:
        raise MalformedMessage(f"a packet of {len(body)} octets exceeds {MAX_SEGMENT}")
    return _U32.pack(len(body)) + body


def decode_packet(segment: bytes) -> ReceivedPacket:
    """One packet from a segment of the stream (without length field). Raises MalformedMessage."""
    if not segment:
        raise MalformedMessage("empty packet")
    try:
        kind = PacketType(segment[0])
    except ValueError as error:
        raise MalformedMessage(f"packet type {segment[0]} does not exist") from error
    name, offset = "", 1
    if kind in _NAMED:
        name, offset = _read_name(segment, 1)
    body = segment[offset:]
    if kind not in _WITH_MESSAGE:
        if body:
            raise MalformedMessage(f"{len(body)} octets after a packet that carries no message")
        return ReceivedPacket(kind, name, {})
    return ReceivedPacket(kind, name, decode(body))


class Deframer:
    """Cuts a byte stream into segments. It never buffers more than one segment and one read."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield every segment that is complete now. Raises MalformedMessage for one that is too long."""
        self._buffer += data
        while len(self._buffer) >= _U32.size:
            (length,) = _U32.unpack_from(self._buffer)
            if length > MAX_SEGMENT:
                raise MalformedMessage(f"a packet of {length} octets exceeds {MAX_SEGMENT}")
            end = _U32.size + length
            if len(self._buffer) < end:
                return
            segment = bytes(self._buffer[_U32.size : end])
            del self._buffer[:end]
            yield segment


def as_text(message: Mapping[str, Value]) -> TextMessage:
    """The same message with strings for values. Octets that are not UTF-8 become escapes (`\\xff`)."""
    return {key: _text(value) for key, value in message.items()}


def _text(value: Value) -> TextValue:
    if isinstance(value, dict):
        return as_text(value)
    if isinstance(value, list):
        return [_string(item) for item in value]
    return _string(value)


def _string(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _write_section(out: list[bytes], section: Mapping[str, object], depth: int) -> None:
    if depth > MAX_NESTING:
        raise MalformedMessage(f"more than {MAX_NESTING} nested sections")
    for name, value in section.items():
        octets = _octets(value)
        if octets is not None:
            out += (_key(name), _length(name, octets), octets)
        # Concrete types first: to look up an abstract class takes longer than to encode a value.
        elif isinstance(value, (dict, Mapping)):
            out.append(_head(_SECTION_START, name))
            _write_section(out, value, depth + 1)
            out.append(_SECTION_CLOSED)
        elif isinstance(value, (list, Sequence)):
            out.append(_head(_LIST_START, name))
            _write_items(out, name, value)
            out.append(_LIST_CLOSED)
        else:
            raise _not_carried(name, value)


def _write_items(out: list[bytes], name: str, items: Sequence[object]) -> None:
    for item in items:
        octets = _octets(item)
        if octets is None:
            raise _not_carried(name, item)
        out += (_ITEM, _length(name, octets), octets)


@lru_cache(maxsize=4096)
def _key(name: str) -> bytes:
    return _head(_KEY_VALUE, name)


def _head(element: int, name: str) -> bytes:
    return bytes([element]) + _name(name)


def _name(name: str) -> bytes:
    octets = name.encode("utf-8", "backslashreplace")
    if len(octets) > 0xFF:
        raise MalformedMessage(f"the name `{name[:40]}...` is longer than 255 octets")
    return bytes([len(octets)]) + octets


def _length(name: str, octets: bytes) -> bytes:
    if len(octets) > 0xFFFF:
        raise MalformedMessage(f"the value of `{name}` is longer than 65535 octets")
    return _U16.pack(len(octets))


def _octets(value: object) -> bytes | None:
    """A value for the wire; None for what is none, such as a section."""
    if isinstance(value, str):
        # Only ASCII is encoded without a look at lone surrogates, which cost twice the time.
        return value.encode() if value.isascii() else value.encode("utf-8", "backslashreplace")
    if isinstance(value, bool):
        return b"yes" if value else b"no"
    if isinstance(value, int):
        return b"%d" % value
    return value if isinstance(value, bytes) else None


def _not_carried(name: str, value: object) -> MalformedMessage:
    return MalformedMessage(f"`{name}` holds a {type(value).__name__}, which VICI cannot carry")


def _read_name(data: bytes, offset: int) -> tuple[str, int]:
    if offset >= len(data):
        raise MalformedMessage("truncated where a name should begin")
    end = offset + 1 + data[offset]
    if end > len(data):
        raise MalformedMessage("truncated within a name")
    try:
        return data[offset + 1 : end].decode(), end
    except UnicodeDecodeError as error:
        raise MalformedMessage("a name is not text") from error


def _read_value(data: bytes, offset: int) -> tuple[bytes, int]:
    start = offset + _U16.size
    if start > len(data):
        raise MalformedMessage("truncated where a value should begin")
    end = start + _U16.unpack_from(data, offset)[0]
    if end > len(data):
        raise MalformedMessage("truncated within a value")
    return data[start:end], end


class _Decoder:
    """One pass over the elements. The open sections are a stack, so depth costs no recursion."""

    def __init__(self, data: bytes) -> None:
        if len(data) > MAX_SEGMENT:
            raise MalformedMessage(f"a message of {len(data)} octets exceeds {MAX_SEGMENT}")
        self._data = data
        self._open: list[Message] = [{}]
        self._list: list[bytes] | None = None

    def message(self) -> Message:
        offset = count = 0
        while offset < len(self._data):
            count += 1
            if count > MAX_ELEMENTS:
                raise MalformedMessage(f"more than {MAX_ELEMENTS} elements")
            element = self._data[offset]
            read = self._in_section if self._list is None else self._in_list
            offset = read(element, offset + 1)
        if self._list is not None or len(self._open) != 1:
            raise MalformedMessage("a section or list is not closed")
        return self._open[0]

    def _in_list(self, element: int, offset: int) -> int:
        if self._list is not None and element == _LIST_ITEM:
            value, offset = _read_value(self._data, offset)
            self._list.append(value)
        elif element == _LIST_END:
            self._list = None
        else:
            raise MalformedMessage(f"element {element} within a list")
        return offset

    def _in_section(self, element: int, offset: int) -> int:
        if element == _KEY_VALUE:
            name, offset = _read_name(self._data, offset)
            value, offset = _read_value(self._data, offset)
            self._put(name, value)
        elif element == _SECTION_START:
            name, offset = _read_name(self._data, offset)
            self._enter(name)
        elif element == _SECTION_END:
            self._leave()
        elif element == _LIST_START:
            name, offset = _read_name(self._data, offset)
            self._list = []
            self._put(name, self._list)
        else:
            raise MalformedMessage(f"element {element} within a section")
        return offset

    def _put(self, name: str, value: Value) -> None:
        # Two values for one key would let two readers understand one message differently.
        if name in self._open[-1]:
            raise MalformedMessage(f"`{name[:40]}` occurs twice in a section")
        self._open[-1][name] = value

    def _enter(self, name: str) -> None:
        if len(self._open) > MAX_NESTING:
            raise MalformedMessage(f"more than {MAX_NESTING} nested sections")
        section: Message = {}
        self._put(name, section)
        self._open.append(section)

    def _leave(self) -> None:
        if len(self._open) == 1:
            raise MalformedMessage("a section ends that was not opened")
        self._open.pop()
