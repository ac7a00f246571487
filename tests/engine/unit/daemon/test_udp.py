"""The UDP sockets on loopback: addresses of datagrams, markers, keepalives, ESP, and what cannot be sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from ikeengine.daemon.udp import BATCH, NON_ESP_MARKER, UdpSockets
from ikeengine.errors import DatapathError, LocalMisuse
from ikeengine.model.path import Path

Seen = list[tuple[str, bytes, Path]]


def free_ports(host: str = "127.0.0.1") -> tuple[int, int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b:
        a.bind((host, 0))
        b.bind((host, 0))
        return a.getsockname()[1], b.getsockname()[1]


def plain_socket(address: str, port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    sock.settimeout(60)
    return sock


def with_sockets(listen: tuple[str, ...], body: Callable[[UdpSockets, Seen], Awaitable[None]]) -> Seen:
    seen: Seen = []
    prepared: list[bool] = []

    async def run() -> None:
        sockets = UdpSockets(listen, *free_ports())
        sockets.open(lambda sock, nat_t: prepared.append(nat_t), join_esp=True)
        assert set(prepared) == {False, True}
        sockets.start(
            asyncio.get_running_loop(),
            lambda data, path: seen.append(("ike", data, path)),
            lambda data, path, traffic_class: seen.append(("esp", data, path)),
        )
        try:
            await body(sockets, seen)
        finally:
            sockets.close()

    asyncio.run(run())
    return seen


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("listen", [(), ("%any",), ("127.0.0.3", "127.0.0.4")])
def test_both_addresses_of_a_datagram_are_known_and_the_reply_comes_from_there(listen: tuple[str, ...]) -> None:
    async def body(sockets: UdpSockets, seen: Seen) -> None:
        with plain_socket("127.0.0.9") as peer:
            peer.sendto(b"hello", ("127.0.0.4", sockets.port))
            await until(lambda: seen)
            assert seen[0] == ("ike", b"hello", Path("127.0.0.4", sockets.port, "127.0.0.9", peer.getsockname()[1]))
            sockets.send(b"answer", seen[0][2])
            assert peer.recvfrom(100) == (b"answer", ("127.0.0.4", sockets.port))

    with_sockets(listen, body)


def test_ipv6() -> None:
    async def body(sockets: UdpSockets, seen: Seen) -> None:
        with plain_socket("::1") as peer:
            peer.sendto(NON_ESP_MARKER + b"hello", ("::1", sockets.port_nat_t))
            await until(lambda: seen)
            assert seen[0] == ("ike", b"hello", Path("::1", sockets.port_nat_t, "::1", peer.getsockname()[1]))
            sockets.send(b"answer", seen[0][2])
            assert peer.recvfrom(100)[0] == NON_ESP_MARKER + b"answer"

    with_sockets((), body)


def test_nat_t_port_sorts_ike_esp_and_keepalives() -> None:
    async def body(sockets: UdpSockets, seen: Seen) -> None:
        with plain_socket("127.0.0.9") as peer:
            for datagram in (b"\xff", b"", NON_ESP_MARKER, NON_ESP_MARKER + b"ike", b"\0\0\1\0esp", b"\xff\xff"):
                peer.sendto(datagram, ("127.0.0.1", sockets.port_nat_t))
            await until(lambda: len(seen) == 4)

    seen = with_sockets((), body)
    assert [(kind, data) for kind, data, _ in seen] == [
        ("ike", b""),
        ("ike", b"ike"),
        ("esp", b"\0\0\1\0esp"),
        ("esp", b"\xff\xff"),
    ]


def test_marker_only_on_the_nat_t_port_and_never_on_keepalives_and_esp() -> None:
    async def body(sockets: UdpSockets, seen: Seen) -> None:
        with plain_socket("127.0.0.9") as peer:
            port = peer.getsockname()[1]
            plain = Path("127.0.0.1", sockets.port, "127.0.0.9", port)
            nat_t = Path("127.0.0.1", sockets.port_nat_t, "127.0.0.9", port)
            sockets.send(b"ike", plain)
            sockets.send(b"ike", nat_t)
            sockets.send(b"\xff", nat_t, keepalive=True)
            sockets.send_encapsulated([b"\0\0\1\0esp"], nat_t)
            assert [peer.recv(100) for _ in range(4)] == [b"ike", NON_ESP_MARKER + b"ike", b"\xff", b"\0\0\1\0esp"]

    with_sockets((), body)


def test_source_address_is_chosen_per_path() -> None:
    async def body(sockets: UdpSockets, seen: Seen) -> None:
        with plain_socket("127.0.0.9") as peer:
            for local in ("127.0.0.5", "127.0.0.6", "", "0.0.0.0"):
                sockets.send(b"x", Path(local, sockets.port, "127.0.0.9", peer.getsockname()[1]))
            sources = [peer.recvfrom(10)[1][0] for _ in range(4)]
            assert sources[:2] == ["127.0.0.5", "127.0.0.6"]
            assert sources[2] == sources[3]

    with_sockets((), body)


def test_more_than_a_batch_arrives_completely_and_in_order() -> None:
    async def body(sockets: UdpSockets, seen: Seen) -> None:
        with plain_socket("127.0.0.9") as peer:
            for number in range(3 * BATCH):
                peer.sendto(b"%d" % number, ("127.0.0.1", sockets.port))
            await until(lambda: len(seen) == 3 * BATCH)

    seen = with_sockets((), body)
    assert [int(data) for _, data, _ in seen] == list(range(3 * BATCH))


def test_largest_datagram_is_whole() -> None:
    async def body(sockets: UdpSockets, seen: Seen) -> None:
        with plain_socket("127.0.0.9") as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            peer.sendto(bytes(65507), ("127.0.0.1", sockets.port))
            await until(lambda: seen)

    assert len(with_sockets((), body)[0][1]) == 65507


def test_what_cannot_be_sent_is_reported_and_not_raised() -> None:
    errors: list[tuple[Path | None, OSError]] = []

    async def body(sockets: UdpSockets, seen: Seen) -> None:
        sockets.on_error = lambda path, error: errors.append((path, error))
        too_long = Path("127.0.0.1", sockets.port, "127.0.0.9", 9)
        sockets.send(bytes(70000), too_long)
        sockets.send(b"x", Path("127.0.0.1", 1, "127.0.0.9", 9))
        sockets.send(b"x", Path("192.0.2.77", sockets.port, "127.0.0.9", 9))

    with_sockets((), body)
    assert len(errors) == 3
    assert "no socket" in str(errors[1][1])


def test_batches_of_esp_packets_arrive_one_by_one_and_in_order() -> None:
    packets = [b"\0\0\1" + bytes([number]) + bytes(1000) for number in range(150)] + [b"\0\0\1\xffshort"]

    async def body(sockets: UdpSockets, seen: Seen) -> None:
        path = Path("127.0.0.5", sockets.port_nat_t, "127.0.0.6", sockets.port_nat_t)
        sockets.send_encapsulated(packets, path)
        sockets.send(b"ike", path)
        await until(lambda: len(seen) == len(packets) + 1)

    seen = with_sockets((), body)
    assert [data for _, data, _ in seen] == [*packets, b"ike"]
    assert {kind for kind, _, _ in seen[:-1]} == {"esp"}
    assert {path.remote for _, _, path in seen} == {"127.0.0.5"}


def test_a_socket_that_cannot_be_prepared_is_closed() -> None:
    kept: list[socket.socket] = []

    def prepare(sock: socket.socket, nat_t: bool) -> None:
        kept.append(sock)
        if nat_t:
            raise DatapathError("no")

    with pytest.raises(DatapathError):
        UdpSockets((), *free_ports()).open(prepare)
    assert {sock.fileno() for sock in kept} == {-1}


def test_port_in_use_is_said_clearly() -> None:
    port, port_nat_t = free_ports()
    with plain_socket("0.0.0.0", port):
        sockets = UdpSockets((), port, port_nat_t)
        with pytest.raises(LocalMisuse, match=rf"0\.0\.0\.0\[{port}\].*another IKE daemon"):
            sockets.open(lambda sock, nat_t: None)


def test_address_we_do_not_have() -> None:
    sockets = UdpSockets(("192.0.2.77",), *free_ports())
    with pytest.raises(LocalMisuse, match=r"192\.0\.2\.77"):
        sockets.open(lambda sock, nat_t: None)


def test_ports_are_free_after_close() -> None:
    ports = free_ports()
    for _ in range(2):
        sockets = UdpSockets((), *ports)
        sockets.open(lambda sock, nat_t: None)
        assert sockets.serves(ports[0])
        assert sockets.serves(ports[1])
        assert not sockets.serves(1)
        sockets.close()
