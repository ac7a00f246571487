"""Raw sockets on the loopback of a namespace: native ESP, and packets that pass unprotected."""

from __future__ import annotations

import errno
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from ikeengine.datapath.userspace import raw as module
from ikeengine.datapath.userspace.raw import ESP, RawCarrier, RawSockets, is_own_address, open_raw_sockets
from ikeengine.errors import DatapathError
from ikeengine.model.sa import IpsecSa
from tests.engine.datapath.userspace.samples import (
    LEFT6_HOST,
    LEFT_HOST,
    make_sa,
    packed,
    udp_packet,
)
from tests.lab.netns import wait_until

MARK = 0x77
FAMILIES = {4: LEFT_HOST, 16: LEFT6_HOST}


class Raw:
    """The raw sockets of a host that talks to itself. `wire` sees whole IPv4 packets of protocol 50."""

    def __init__(self, sockets: dict[int, RawSockets], drops: Counter[str], wire: socket.socket) -> None:
        self.sockets, self.drops, self.wire = sockets, drops, wire
        self.received: list[tuple[bytes, int]] = []

    def sa(self, length: int, **changes) -> IpsecSa:
        address = FAMILIES[length]
        return make_sa(source=address, destination=address, encap=None, **changes)

    def carry(self, sealed: bytes, inner: bytes, length: int = 4, **changes) -> None:
        RawCarrier(self.sa(length, **changes), self.sockets[length], self.drops)(sealed, inner)

    def receive(self, length: int = 4, count: int = 1) -> list[tuple[bytes, int]]:
        def arrived() -> bool:
            self.sockets[length].receive(lambda packet, tos: self.received.append((packet, tos)))
            return len(self.received) >= count

        wait_until(arrived)
        return self.received


@pytest.fixture
def raw(host) -> Iterator[Raw]:
    drops: Counter[str] = Counter()
    with host.entered():
        sockets = open_raw_sockets(MARK, drops)
        wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, ESP)
    with wire:
        wire.settimeout(60)
        yield Raw(sockets, drops, wire)
    for each in sockets.values():
        each.close()


@pytest.mark.parametrize("length", FAMILIES)
def test_esp_arrives_with_its_traffic_class(raw, length):
    raw.carry(b"\0\0\1\0 sealed", udp_packet(tos=0xBA), length)
    assert raw.receive(length) == [(b"\0\0\1\0 sealed", 0xBA)]


@pytest.mark.parametrize("length", FAMILIES)
def test_what_does_not_fit_is_fragmented(raw, host, length):
    host.ip("link set lo mtu 1300")
    raw.carry(bytes(2000), udp_packet(tos=0xB8, df=True), length)
    assert raw.receive(length) == [(bytes(2000), 0xB8)]
    assert not raw.drops


@pytest.mark.parametrize("df", [False, True])
@pytest.mark.parametrize("copy_df", [False, True])
def test_df(raw, df, copy_df):
    raw.carry(b"sealed", udp_packet(df=df), copy_df=copy_df)
    assert bool(raw.wire.recv(2000)[6] & 0x40) == (df and copy_df)


def test_batches_are_bounded(raw, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 3)
    for n in range(5):
        raw.carry(bytes([n]), udp_packet())
    wait_until(lambda: raw.sockets[4].plain.recv(1, socket.MSG_PEEK))
    raw.sockets[4].receive(lambda packet, tos: raw.received.append((packet, tos)))
    assert len(raw.received) == 3


@pytest.mark.parametrize("length", FAMILIES)
def test_packets_that_pass_keep_every_octet(raw, host, length):
    address = FAMILIES[length]
    packet = udp_packet(address, address, ports=(1000, 2000), data=b"in the clear")
    with host.entered(), socket.socket(socket.AF_INET6 if length == 16 else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 2000))
        sock.settimeout(60)
        raw.sockets[length].send_unprotected(packet)
        assert not raw.drops
        assert sock.recvfrom(100)[0] == b"in the clear"


def test_the_sockets_are_marked(raw):
    for each in raw.sockets.values():
        for sock in (each.plain, each.sender):
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_MARK) == MARK


@pytest.mark.parametrize("length", FAMILIES)
def test_unreachable_destinations_are_counted(raw, length):
    nowhere = "198.51.100.1" if length == 4 else "2001:db8:99::1"
    packet = udp_packet(FAMILIES[length], nowhere)
    raw.sockets[length].send_unprotected(packet)
    sa = make_sa(source=FAMILIES[length], destination=nowhere, encap=None)
    RawCarrier(sa, raw.sockets[length], raw.drops)(b"sealed", udp_packet())
    raw.sockets[length].send_esp(b"sealed", sa.source, sa.destination, 0)
    assert raw.drops == {"send-error": 3}


def test_own_addresses(host):
    with host.entered():
        own = [
            is_own_address(packed(address))
            for address in (LEFT_HOST, LEFT6_HOST, "127.0.0.1", "10.2.0.1", "2001:db8::9")
        ]
    assert own == [True, True, True, False, False]


def test_a_packet_without_an_outer_header_is_ignored():
    module._receive_v4(Cut(b"\x45"), pytest.fail, pytest.fail)


class Cut:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def recv(self, size: int) -> bytes:
        return self.data


def failing(family: int, code: int):
    real = socket.socket

    def make(wanted: int, *arguments):
        if wanted == family:
            raise OSError(code, "refused")
        return real(wanted, *arguments)

    return make


def test_a_host_without_ipv6(host, monkeypatch):
    monkeypatch.setattr(module.socket, "socket", failing(socket.AF_INET6, errno.EAFNOSUPPORT))
    sockets = open_raw_sockets(MARK, Counter())
    assert set(sockets) == {4}
    sockets[4].close()


@pytest.mark.parametrize(
    ("family", "code"),
    [(socket.AF_INET, errno.EPERM), (socket.AF_INET, errno.EAFNOSUPPORT), (socket.AF_INET6, errno.EPERM)],
)
def test_refused_sockets(host, monkeypatch, family, code):
    monkeypatch.setattr(module.socket, "socket", failing(family, code))
    with pytest.raises(DatapathError, match="raw sockets"):
        open_raw_sockets(MARK, Counter())
