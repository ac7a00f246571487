# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks for packets of a tunnel that leave without encryption. Private to the collection."""

from __future__ import annotations

import ctypes
import ipaddress
import select
import socket
import struct
import threading
import typing as t

_ALL_PROTOCOLS = 0x0003
_OUTGOING = 4
_ATTACH_FILTER = 26
_SNAP = 64
"""Octets of each packet that are looked at: the addresses."""

# Interfaces of these kinds (ARPHRD_*) show packets before they are encrypted: loopback, TUN and XFRM, tunnels.
_INSIDE = frozenset((772, 0xFFFE, 768, 769, 776, 778, 823))

# Instructions of the classic packet filter (linux/filter.h).
_LOAD_WORD, _LOAD_OCTET, _AND, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x30, 0x54, 0x15, 0x06
_PACKET_TYPE = 0xFFFFF000 + 4

Instruction = t.Tuple[int, int, int, int]
Pair = t.Tuple[str, str]


def packet_filter(sources: t.Iterable[str]) -> t.List[Instruction]:
    """Lets only outgoing packets from these addresses pass: a busy gateway must not notice that we look."""
    program = [(_LOAD_WORD, 0, 0, _PACKET_TYPE), (_JUMP_IF_EQUAL, 1, 0, _OUTGOING), (_RETURN, 0, 0, 0)]
    for source in sorted(set(sources)):
        packed = ipaddress.ip_address(source).packed
        words = struct.unpack(f"!{len(packed) // 4}I", packed)
        start, version = (12, 0x40) if len(packed) == 4 else (8, 0x60)
        checks = [(0, version, True), *((start + 4 * index, word, False) for index, word in enumerate(words))]
        chunk: t.List[Instruction] = []
        for offset, value, first in checks:
            chunk += [(_LOAD_OCTET, 0, 0, 0), (_AND, 0, 0, 0xF0)] if first else [(_LOAD_WORD, 0, 0, offset)]
            chunk.append((_JUMP_IF_EQUAL, 0, 0, value))
        chunk.append((_RETURN, 0, 0, _SNAP))
        # A check that fails goes on behind this chunk.
        program += [
            (code, 0, len(chunk) - index - 1, value) if code == _JUMP_IF_EQUAL else (code, yes, no, value)
            for index, (code, yes, no, value) in enumerate(chunk)
        ]
    return [*program, (_RETURN, 0, 0, 0)]


class Watch:
    """Counts, while it is open, packets that leave on a real interface with the addresses inside of a tunnel."""

    def __init__(self, pairs: t.Iterable[Pair]) -> None:
        self.pairs = set(pairs)
        self.seen: t.Optional[t.Dict[Pair, int]] = None
        """None if this host does not let us look."""
        self._socket: t.Optional[socket.socket] = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        try:
            self._socket = _open(packet_filter(source for source, target in self.pairs))
        except OSError:
            return self
        self.seen = dict.fromkeys(self.pairs, 0)
        self._thread.start()
        return self

    def __exit__(self, *unused: t.Any) -> None:
        if self._socket is not None:
            self._stop.set()
            self._thread.join()
            self._socket.close()

    def count(self, pair: Pair) -> t.Optional[int]:
        """Packets of this pair that left in the clear; None if nobody looked."""
        return None if self.seen is None else self.seen.get(pair, 0)

    def _look(self) -> None:
        opened, seen = t.cast(socket.socket, self._socket), t.cast(t.Dict[Pair, int], self.seen)
        while not self._stop.is_set() or select.select([opened], [], [], 0)[0]:
            if not select.select([opened], [], [], 0.1)[0]:
                continue
            data, address = opened.recvfrom(_SNAP)
            pair = addresses_of(data)
            if address[3] not in _INSIDE and pair in seen:
                seen[pair] += 1


def addresses_of(packet: bytes) -> t.Optional[Pair]:
    """Source and destination of a packet."""
    length, start = (4, 12) if packet[:1] and packet[0] >> 4 == 4 else (16, 8)
    if len(packet) < start + 2 * length:
        return None
    source, target = packet[start : start + length], packet[start + length : start + 2 * length]
    return str(ipaddress.ip_address(source)), str(ipaddress.ip_address(target))


def _open(program: t.Sequence[Instruction]) -> socket.socket:
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code)
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
    try:
        opened.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(buffer)))
    except OSError:
        opened.close()
        raise
    return opened
