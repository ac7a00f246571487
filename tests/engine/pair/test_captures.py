"""W13: every captured or generated datagram at a live endpoint: no exception escapes, no state is kept."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Iterator

import pytest

from ikeengine.crypto.rng import SeededRng
from ikeengine.model.commands import Initiate
from ikeengine.model.connection import Action
from ikeengine.model.path import Path
from ikeengine.outputs import Dropped, Transmit
from ikeengine.registry import ExchangeType
from ikeengine.wire.sk import Head, seal_content
from tests.engine.pair.test_init import open_right
from tests.engine.pair.test_soak import leftovers
from tests.engine.support.forge import deliver, init_request, sealed
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.pcap import read_datagrams
from tests.engine.support.site import LEFT, RIGHT, psk_pair
from tests.engine.support.vectors import external

STRANGER = Path(RIGHT, 500, "198.51.100.7", 500)


def feed(net: Net, host: Host, data: bytes, path: Path = STRANGER) -> None:
    host.endpoint.receive_datagram(data, path, net.now)
    outputs = host.endpoint.take_outputs()
    assert sum(isinstance(output, Transmit) for output in outputs) <= 1
    assert outputs or len(data) >= 28


def assert_empty_after_a_while(net: Net, host: Host) -> None:
    net.run(31)
    host.log.clear()
    assert not leftovers(host)


def corpus() -> Iterator[bytes]:
    with tarfile.open(external("fuzz", "openiked-parser-corpus.tar.xz")) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield file.read()


def as_message(data: bytes, exchange: int, flags: int) -> bytes:
    """The payloads of an input behind a sane header; its first octet names the first payload, as in its harness."""
    body = data[28:]
    first = data[:1] or b"\0"
    return b"initiatr" + bytes(8) + first + bytes([0x20, exchange, flags]) + bytes(4) + octets(28 + len(body)) + body


def octets(length: int) -> bytes:
    return length.to_bytes(4, "big")


def test_captures() -> None:
    net, host = open_right()
    count = 0
    for path in sorted(external("captures").rglob("*.pcap*")):
        for datagram in read_datagrams(path):
            data = datagram.data
            feed(net, host, data.removeprefix(b"\0\0\0\0"))
            count += 1
        net.run(31)
    assert count
    assert_empty_after_a_while(net, host)


def test_openiked_corpus() -> None:
    """As they are, as an IKE_SA_INIT request, and as a response to ours."""
    net, _, host = psk_pair(right={"child_start_action": Action.START})
    ours = next(iter(host.endpoint._ctx.table))
    count = 0
    for data in corpus():
        feed(net, host, data)
        feed(net, host, as_message(data, 34, 0x08))
        feed(net, host, ours.spi_i + as_message(data, 34, 0x20)[8:])
        count += 1
    assert count == 15762
    net.run(60)
    assert len(host.ikes()) == 1, "our own handshake was not disturbed"
    host.endpoint.unload_connection("right", net.now)
    net.pump(host)
    net.run(60)
    host.log.clear()
    assert not leftovers(host)


def test_openiked_corpus_protected() -> None:
    """The same payloads from an authenticated peer: an answer, an error, or the end of the IKE SA."""
    exchanges = [ExchangeType.IKE_AUTH, ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL]
    for number, data in enumerate(corpus()):
        if number % 80:
            continue
        exchange = exchanges[number // 80 % 3]
        net, left, right = psk_pair()
        if exchange is ExchangeType.IKE_AUTH:
            net.rewrite = lambda d: None if d.data[18] == 35 else d
            net.command(left, Initiate(child="net"))
            net.settle(1)
        else:
            net.initiate(left)
        (sa,) = right.endpoint._ctx.table
        assert sa.keys is not None
        cipher = sa.keys.cipher_in
        first, message_id = data[0] if data else 0, sa.window.expected_request
        iv = cipher.next_iv(1, SeededRng(1))
        sealed_data = seal_content(Head(sa.spi_i, sa.spi_r, exchange, 0x08, message_id), first, data[28:], cipher, iv)
        deliver(net, right, sealed_data)
        net.run(100)
        right.endpoint.unload_connection("right", net.now)
        net.pump(right)
        net.run(300)
        assert not leftovers(right)


@pytest.mark.parametrize("seed", range(3))
def test_mutated_requests(seed: int) -> None:
    """Bit flips, cuts and splices of a good request: at most a half-open IKE SA comes of it."""
    chance = random.Random(seed)
    net, host = open_right()
    good = init_request(seed)
    for _ in range(1500):
        data = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        if chance.random() < 0.3 and len(data) >= 28:
            data[24:28] = len(data).to_bytes(4, "big")
        feed(net, host, bytes(data), STRANGER._replace(remote_port=chance.randrange(1, 65536)))
    assert len(host.endpoint.status()) <= 30
    assert_empty_after_a_while(net, host)


@pytest.mark.parametrize("seed", range(3))
def test_mutated_protected_messages(seed: int) -> None:
    """Whatever is done to a protected message: nothing but a drop, and the IKE SA lives on."""
    chance = random.Random(seed)
    net, left, right = psk_pair()
    assert net.initiate(left).ok
    (sa,) = right.endpoint._ctx.table
    good = sealed(left, ExchangeType.INFORMATIONAL, sa.window.expected_request, [])
    path = Path(RIGHT, 500, LEFT, 500)
    for _ in range(1500):
        data = bytearray(good)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.3:
            del data[chance.randrange(16, len(data)) :]
            data[24:28] = len(data).to_bytes(4, "big") if len(data) >= 28 else b""
        right.endpoint.receive_datagram(bytes(data), path, net.now)
        outputs = right.endpoint.take_outputs()
        assert all(isinstance(output, Dropped | Transmit) for output in outputs)
        assert len(outputs) <= 2
    assert traffic_flows(left, right)
    assert len(right.ikes()) == 1
