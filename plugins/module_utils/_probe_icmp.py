# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pings with sizes that fill the tunnel, without the command ping. Private to the collection."""

from __future__ import annotations

import errno
import ipaddress
import os
import select
import socket
import struct
import time
import typing as t

Data = t.Dict[str, t.Any]

INTERVAL = 0.1
"""Seconds between two pings."""
PAYLOAD = 56
"""Octets in an ordinary ping, as the command ping sends them."""
_ICMP_HEADER = 8
_IP_HEADER = {4: 20, 6: 40}
_SMALLEST = {4: 576, 6: 1280}
"""What every path must carry (RFC 791, RFC 8200)."""
_ECHO_REQUEST = {4: 8, 6: 128}
_ECHO_REPLY = {4: 0, 6: 129}
# Of linux/in.h and linux/in6.h; the module socket does not have them all.
_MTU_DISCOVER = {4: (socket.IPPROTO_IP, 10), 6: (socket.IPPROTO_IPV6, 23)}
_MTU = {4: (socket.IPPROTO_IP, 14), 6: (socket.IPPROTO_IPV6, 24)}
_ALWAYS_DISCOVER = 2


class Pinger:
    """Sends pings that must not be fragmented from one address to another."""

    def __init__(self, source: str, target: str) -> None:
        self.source = source
        self.target = target
        self.version = ipaddress.ip_address(target).version
        self._identifier = struct.unpack("!H", os.urandom(2))[0]
        self._sequence = 0
        self._socket = self._open()

    def __enter__(self) -> "Pinger":
        return self

    def __exit__(self, *unused: t.Any) -> None:
        self._socket.close()

    def _open(self) -> socket.socket:
        family = socket.AF_INET if self.version == 4 else socket.AF_INET6
        protocol = socket.IPPROTO_ICMP if self.version == 4 else socket.IPPROTO_ICMPV6
        opened = socket.socket(family, socket.SOCK_RAW, protocol)
        try:
            opened.setsockopt(*_MTU_DISCOVER[self.version], _ALWAYS_DISCOVER)
            opened.bind((self.source, 0))
            opened.connect((self.target, 0))
        except OSError:
            opened.close()
            raise
        return opened

    def mtu(self) -> int:
        """What the route to the target carries, as far as the kernel knows."""
        return self._socket.getsockopt(*_MTU[self.version])

    def pings(self, count: int, patience: float) -> Data:
        """Ordinary pings: how many were sent and answered, and the milliseconds they took."""
        sent = 0
        waiting: t.Dict[int, float] = {}
        times: t.List[float] = []
        next_one = time.monotonic()
        deadline = next_one + INTERVAL * count + patience
        while time.monotonic() < deadline and len(times) < count:
            if sent < count and time.monotonic() >= next_one:
                began = time.monotonic()
                waiting[self._send(PAYLOAD)] = began
                sent += 1
                next_one += INTERVAL
            number = self._receive((next_one if sent < count else deadline) - time.monotonic())
            if number in waiting:
                times.append((time.monotonic() - waiting.pop(number)) * 1000)
        return {
            "sent": sent,
            "received": len(times),
            "milliseconds": round(sum(times) / len(times), 3) if times else None,
            "fastest": round(min(times), 3) if times else None,
            "slowest": round(max(times), 3) if times else None,
        }

    def largest(self, patience: float) -> Data:
        """Whether a packet as large as the route carries gets through; if not, the largest that does."""
        size = self.mtu()
        for attempt in range(3):
            passed = self._passes(size, patience)
            if passed:
                return {"size": size, "passed": True, "largest": size}
            if self.mtu() >= size:
                break
            # A router on the way said what it carries, so the path is narrow but no black hole.
            size = self.mtu()
        return {"size": size, "passed": False, "largest": self._search(size, patience / 4)}

    def _search(self, size: int, patience: float) -> t.Optional[int]:
        low, high = _SMALLEST[self.version], size
        if low >= high or not self._passes(low, patience):
            return None
        while high - low > 8:
            middle = (low + high) // 2
            low, high = (middle, high) if self._passes(middle, patience) else (low, middle)
        return low

    def _passes(self, size: int, patience: float) -> bool:
        """Whether one of three packets of this size is answered."""
        payload = max(0, size - _IP_HEADER[self.version] - _ICMP_HEADER)
        for attempt in range(3):
            try:
                number = self._send(payload)
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    return False
                raise
            deadline = time.monotonic() + patience / 3
            while time.monotonic() < deadline:
                if self._receive(deadline - time.monotonic()) == number:
                    return True
        return False

    def _send(self, payload: int) -> int:
        self._sequence = (self._sequence + 1) % 0x10000
        kind = _ECHO_REQUEST[self.version]
        body = bytes(index % 256 for index in range(payload))
        header = struct.pack("!BBHHH", kind, 0, 0, self._identifier, self._sequence)
        if self.version == 4:
            header = struct.pack("!BBHHH", kind, 0, checksum(header + body), self._identifier, self._sequence)
        try:
            self._socket.send(header + body)
        except OSError as error:
            # An earlier packet was refused or the buffer is full for a moment: no answer will come, as if it was lost.
            if error.errno not in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOBUFS):
                raise
        return self._sequence

    def _receive(self, patience: float) -> t.Optional[int]:
        """The number of the next ping that is answered, None if none comes in time."""
        if not select.select([self._socket], [], [], max(0.0, patience))[0]:
            return None
        try:
            data = self._socket.recv(0x10000)
        except OSError:
            return None
        offset = (data[0] & 0x0F) * 4 if self.version == 4 else 0
        if len(data) < offset + _ICMP_HEADER:
            return None
        kind, unused, unused_too, identifier, number = struct.unpack_from("!BBHHH", data, offset)
        return number if (kind, identifier) == (_ECHO_REPLY[self.version], self._identifier) else None


def checksum(data: bytes) -> int:
    """The checksum of RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total ^ 0xFFFF
