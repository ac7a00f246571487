"""The capture reader finds the same datagram behind every link type, and survives captures that are broken."""

from __future__ import annotations

from pathlib import Path
from struct import pack

import pytest

from tests.engine.support.pcap import Datagram, read_datagrams, read_ike

UDP = pack("!HHHH", 4500, 500, 8 + 5, 0) + b"hello" + b"padding"
IPV4 = pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(UDP), 1, 0, 64, 17, 0, bytes(4), bytes(4)) + UDP
IPV4_OPTIONS = b"\x46" + IPV4[1:20] + bytes(4) + UDP
IPV6 = pack("!IHBB16s16s", 6 << 28, len(UDP), 17, 64, bytes(16), bytes(16)) + UDP
FOUND = [Datagram(4500, 500, b"hello")]


def capture(folder: Path, link_type: int, *frames: bytes, order: str = "<", magic: int = 0xA1B2C3D4) -> Path:
    path = folder / "capture.pcap"
    records = b"".join(pack(order + "IIII", 0, 0, len(frame), len(frame)) + frame for frame in frames)
    path.write_bytes(pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link_type) + records)
    return path


@pytest.mark.parametrize("packet", [IPV4, IPV4_OPTIONS, IPV6], ids=["ipv4", "options", "ipv6"])
@pytest.mark.parametrize(
    ("link_type", "before"),
    [
        (0, b"\2\0\0\0"),
        (1, bytes(12) + b"\x08\0"),
        (1, bytes(12) + b"\x81\0\0\7\x08\0"),
        (101, b""),
        (12, b""),
        (108, b"\0\0\0\2"),
        (113, bytes(16)),
        (276, bytes(20)),
    ],
    ids=["null", "ethernet", "vlan", "raw", "raw-bsd", "loop", "sll", "sll2"],
)
def test_link_types(tmp_path: Path, link_type: int, before: bytes, packet: bytes):
    assert list(read_datagrams(capture(tmp_path, link_type, before + packet))) == FOUND


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
def test_byte_orders_and_clocks(tmp_path: Path, order: str, magic: int):
    assert list(read_datagrams(capture(tmp_path, 101, IPV4, order=order, magic=magic))) == FOUND


def test_what_is_no_udp_datagram(tmp_path: Path):
    tcp = IPV4[:9] + b"\x06" + IPV4[10:]
    later_fragment = IPV4[:6] + b"\0\1" + IPV4[8:]
    frames = [tcp, later_fragment, b"", b"\x45", IPV4[:24], IPV6[:30], b"\x00" * 60]
    assert list(read_datagrams(capture(tmp_path, 101, *frames))) == []
    assert list(read_datagrams(capture(tmp_path, 147, IPV4))) == []


def test_a_capture_that_ends_in_a_packet(tmp_path: Path):
    path = capture(tmp_path, 101, IPV4, IPV4)
    path.write_bytes(path.read_bytes()[:-30])
    assert list(read_datagrams(path)) == FOUND


def test_ike_on_both_ports(tmp_path: Path):
    def datagram(port: int, data: bytes) -> bytes:
        return IPV4[:20] + pack("!HHHH", port, port, 8 + len(data), 0) + data

    frames = [datagram(500, b"ike"), datagram(4500, bytes(4) + b"IKE"), datagram(4500, b"esp!"), datagram(53, b"dns")]
    assert list(read_ike(capture(tmp_path, 101, *frames))) == [b"ike", b"IKE"]
