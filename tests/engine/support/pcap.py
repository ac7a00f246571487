"""A reader for classic pcap files that finds the UDP datagrams in them, tolerant of truncated and broken packets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import unpack_from
from typing import NamedTuple

_BYTE_ORDERS = {
    b"\xa1\xb2\xc3\xd4": ">",
    b"\xd4\xc3\xb2\xa1": "<",
    b"\xa1\xb2\x3c\x4d": ">",
    b"\x4d\x3c\xb2\xa1": "<",
}
_NULL, _ETHERNET, _LOOP, _LINUX_SLL, _LINUX_SLL2 = 0, 1, 108, 113, 276
_RAW = {12, 14, 101, 228, 229}
_VLAN_TAGS = {0x8100, 0x88A8}
_UDP = 17
NAT_T_PORT = 4500
IKE_PORTS = {500, NAT_T_PORT}
NON_ESP_MARKER = bytes(4)


class Datagram(NamedTuple):
    """What a UDP socket would have received."""

    source_port: int
    destination_port: int
    data: bytes


def read_frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """Link type and octets of each captured frame."""
    octets = path.read_bytes()
    order = _BYTE_ORDERS[octets[:4]]
    (link_type,) = unpack_from(order + "I", octets, 20)
    offset = 24
    while offset + 16 <= len(octets):
        (captured,) = unpack_from(order + "I", octets, offset + 8)
        offset += 16
        yield link_type & 0xFFFF, octets[offset : offset + captured]
        offset += captured


def read_datagrams(path: Path) -> Iterator[Datagram]:
    """The UDP datagrams of a capture, in order."""
    for link_type, frame in read_frames(path):
        datagram = _udp(_ip(_network(link_type, frame)))
        if datagram is not None:
            yield datagram


def read_ike(path: Path) -> Iterator[bytes]:
    """The IKE messages of a capture: on port 4500 those behind a non-ESP marker."""
    for datagram in read_datagrams(path):
        ports = {datagram.source_port, datagram.destination_port}
        if NAT_T_PORT in ports:
            if datagram.data.startswith(NON_ESP_MARKER):
                yield datagram.data[len(NON_ESP_MARKER) :]
        elif ports & IKE_PORTS:
            yield datagram.data


def _network(link_type: int, frame: bytes) -> bytes:
    """The IP packet of a frame; empty if there is none."""
    if link_type in _RAW:
        return frame
    if link_type in {_NULL, _LOOP}:
        return frame[4:]
    if link_type == _LINUX_SLL:
        return frame[16:]
    if link_type == _LINUX_SLL2:
        return frame[20:]
    if link_type != _ETHERNET:
        return b""
    header = 14
    while len(frame) >= header and unpack_from("!H", frame, header - 2)[0] in _VLAN_TAGS:
        header += 4
    return frame[header:]


def _ip(packet: bytes) -> bytes:
    """The UDP part of an IP packet; empty if there is none, or only a later fragment."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        (fragment,) = unpack_from("!H", packet, 6)
        return packet[(packet[0] & 15) * 4 :] if packet[9] == _UDP and not fragment & 0x1FFF else b""
    if len(packet) >= 40 and packet[0] >> 4 == 6:
        return packet[40:] if packet[6] == _UDP else b""
    return b""


def _udp(segment: bytes) -> Datagram | None:
    if len(segment) < 8:
        return None
    source, destination, length = unpack_from("!HHH", segment)
    return Datagram(source, destination, segment[8 : max(length, 8)])
