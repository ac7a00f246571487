"""Fragments of IKEv1 messages between two endpoints: both directions, all faults, and the limits of memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine import limits
from ikeengine.ikev1.messages.first_fragments import MAX_FIRST_MESSAGES
from ikeengine.ikev1.messages.fragments import cut
from ikeengine.ikev1.messages.reassembly import TIMEOUT
from ikeengine.ikev1.wire.message import write_message
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import Fragment, VendorId
from ikeengine.model.commands import Initiate, Rekey
from ikeengine.model.connection import Fragmentation
from ikeengine.model.path import Path
from ikeengine.outputs import Dropped, DropReason, Transmit
from ikeengine.registry import ExchangeType
from tests.engine.support.forge import deliver
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import LEFT, RIGHT

MAIN = ExchangeType.IDENTITY_PROTECTION
OVERHEAD = 28


def small_pair(size: int = 150, net: Net | None = None, **options: object) -> tuple[Net, Host, Host]:
    """A pair whose messages need several fragments."""
    net, left, right = ikev1_pair(net, **options)
    for host in (left, right):
        host.endpoint.set_settings(replace(host.endpoint._ctx.settings, fragment_size=size))
    return net, left, right


def is_fragment(datagram: Transmit) -> bool:
    return datagram.data[16] == PayloadType.FRAGMENT


def cutting(net: Net) -> set[str]:
    """Who has sent fragments."""
    return {datagram.path.local for _when, datagram in net.sent if is_fragment(datagram)}


def dropped(outputs: list) -> list[DropReason]:
    return [output.reason for output in outputs if isinstance(output, Dropped)]


def answers(outputs: list) -> list[bytes]:
    return [output.data for output in outputs if isinstance(output, Transmit)]


def memory(host: Host) -> int:
    return host.endpoint._ctx.table.fragments.total


def raw(cookie: bytes, number: int, data: bytes, *, last: bool = False, cookie_r: bytes = bytes(8)) -> bytes:
    """A message with one fragment."""
    return write_message(cookie, cookie_r, MAIN, 0, 0, [Fragment(1, number, last, data)])


# --- it works -------------------------------------------------------------------------------------------------


def test_life_of_a_tunnel_in_fragments() -> None:
    """Everything that is long is cut, in both directions, also in Quick Mode and after rekeying."""
    net, left, right = small_pair()
    assert net.initiate(left).ok
    net.settle()
    for command in (Rekey(child="net"), Rekey(ike="left"), Rekey(child="net")):
        before = len(net.sent)
        op = net.command(left, command)
        net.settle()
        assert net.done(left, op).ok
        assert {d.path.local for _when, d in net.sent[before:] if is_fragment(d)} == {LEFT, RIGHT}
    assert traffic_flows(left, right)
    assert {d.data[18] for _when, d in net.sent if is_fragment(d)} == {MAIN}, (
        "strongSwan and others expect nothing else"
    )
    assert not left.failures()
    assert memory(left) == memory(right) == 0


def test_small_messages_stay_whole() -> None:
    net, left, _right = ikev1_pair()
    assert net.initiate(left).ok
    assert not cutting(net)


@pytest.mark.parametrize(
    ("left_mode", "right_mode", "expected"),
    [
        ("yes", "yes", {LEFT, RIGHT}),
        ("yes", "accept", {LEFT}),
        ("yes", "no", set()),
        ("accept", "yes", {RIGHT}),
        ("no", "yes", set()),
        ("no", "force", {RIGHT}),
        ("force", "no", {LEFT}),
        ("force", "force", {LEFT, RIGHT}),
    ],
)
def test_modes(left_mode: str, right_mode: str, expected: set[str]) -> None:
    """Who announces, who cuts; and that fragments are taken from anybody, as strongSwan does."""
    net, left, right = small_pair()
    for host, mode in ((left, left_mode), (right, right_mode)):
        (config,) = host.endpoint.connections.values()
        host.endpoint.load_connection(replace(config, fragmentation=Fragmentation(mode)), net.now)
        net.pump(host)
    assert net.initiate(left).ok
    net.settle()
    assert cutting(net) == expected


def test_only_force_cuts_the_first_message() -> None:
    """Before its vendor ID nobody knows whether the peer takes fragments."""
    for mode in (Fragmentation.YES, Fragmentation.FORCE):
        net, left, right = small_pair(fragmentation=mode)
        assert net.initiate(left).ok
        assert is_fragment(net.sent[0][1]) is (mode is Fragmentation.FORCE)
        assert memory(left) == memory(right) == 0


@pytest.mark.parametrize("seed", range(20))
def test_lost_duplicated_and_reordered_fragments(seed: int) -> None:
    net = Net(seed, loss=0.1, duplicate=0.2, jitter=0.5)
    net, left, right = small_pair(net=net, size=250, keyingtries=0, fragmentation=Fragmentation.FORCE)
    op = net.command(left, Initiate(child="net"))
    net.run(300)
    assert net.done(left, op).ok
    assert traffic_flows(left, right)


def test_the_first_fragment_of_a_message_repeats_the_answer() -> None:
    """The other fragments trigger nothing, and do not spoil the next message."""
    net, left, right = small_pair(fragmentation=Fragmentation.FORCE)
    net.rewrite = lambda d: None if d.path.local == RIGHT else d
    net.command(left, Initiate(child="net"))
    net.run(1)
    request = [d.data for _when, d in net.sent if d.path.local == LEFT]
    response = [d.data for _when, d in net.sent if d.path.local == RIGHT]
    assert len(request) > 1
    (sa,) = right.endpoint._ctx.table
    assert answers(deliver(net, right, request[0])) == []
    for later in request[1:-1]:
        assert answers(deliver(net, right, later)) == []
    assert answers(deliver(net, right, request[-1])) == response, "the whole message has come once more"
    for _again in range(3):
        assert answers(deliver(net, right, request[0])) == response
        assert answers(deliver(net, right, request[1])) == []
    assert memory(right) == 0
    assert list(right.endpoint._ctx.table) == [sa]


# --- it is bounded --------------------------------------------------------------------------------------------


def test_d05_fragments_on_an_sa_expire() -> None:
    net, left, right = ikev1_pair()
    assert net.initiate(left).ok
    net.settle()
    (sa,) = right.endpoint._ctx.table
    deliver(net, right, raw(sa.spi_i, 1, bytes(100), cookie_r=sa.spi_r))
    assert memory(right) == 100
    net.run(TIMEOUT - 1)
    assert memory(right) == 100
    net.run(2)
    assert memory(right) == 0
    assert traffic_flows(left, right)


def test_d05_an_sa_that_ends_gives_its_memory_back() -> None:
    net, left, right = ikev1_pair()
    assert net.initiate(left).ok
    net.settle()
    (sa,) = right.endpoint._ctx.table
    deliver(net, right, raw(sa.spi_i, 1, bytes(100), cookie_r=sa.spi_r))
    right.endpoint.unload_connection("right", net.now)
    net.pump(right)
    net.run(2)
    assert memory(right) == 0
    assert not list(right.endpoint._ctx.table)


def test_d05_fragments_of_strangers_are_few_and_short_lived() -> None:
    net, _left, right = ikev1_pair()
    for number in range(1, 200):
        path = Path(RIGHT, 500, f"198.51.100.{number}", 500)
        deliver(net, right, raw(number.to_bytes(8, "big"), 1, bytes(1000)), path)
        assert memory(right) <= MAX_FIRST_MESSAGES * 1000
    assert memory(right) == MAX_FIRST_MESSAGES * 1000
    net.run(TIMEOUT)
    deliver(net, right, raw(bytes(7) + b"x", 1, bytes(10)))
    assert memory(right) == 10
    assert not list(right.endpoint._ctx.table)


def test_d05_the_octets_of_one_source_are_limited() -> None:
    net, _left, right = ikev1_pair()
    reasons = []
    for number in range(1, 20):
        for part in range(1, 60):
            reasons += dropped(deliver(net, right, raw(number.to_bytes(8, "big"), part, bytes(1000))))
            assert memory(right) <= limits.FRAGMENTS_OF_SOURCE
    assert DropReason.LIMIT in reasons


@pytest.mark.parametrize("length", range(9))
def test_fragments_shorter_than_their_header(length: int) -> None:
    """The class of CVE-2016-1287: a length field below that of its own payload."""
    net, left, right = ikev1_pair()
    assert net.initiate(left).ok
    net.settle()
    (sa,) = right.endpoint._ctx.table
    whole = bytearray(raw(sa.spi_i, 1, b"x", cookie_r=sa.spi_r))
    whole[30:32] = length.to_bytes(2, "big")
    for data in (bytes(whole), bytes(whole[: 28 + length])):
        octets = data[:24] + len(data).to_bytes(4, "big") + data[28:]
        outputs = deliver(net, right, octets)
        assert dropped(outputs) == [DropReason.FRAGMENT]
        assert not answers(outputs)
        assert memory(right) == 0
    stranger = bytes(range(8)) + bytes(8) + bytes(whole[16:])
    assert dropped(deliver(net, right, stranger)) == [DropReason.FRAGMENT]
    assert memory(right) == 0


def test_a_fragment_in_fragments() -> None:
    net, _left, right = ikev1_pair()
    inner = raw(bytes(7) + b"x", 1, bytes(100), last=True)
    for datagram in cut(inner, 100, MAIN)[:-1]:
        deliver(net, right, datagram)
    outputs = deliver(net, right, cut(inner, 100, MAIN)[-1])
    assert dropped(outputs) == [DropReason.FRAGMENT]
    assert memory(right) == 0


def test_fragments_of_a_message_of_another_sa() -> None:
    net, left, right = ikev1_pair()
    assert net.initiate(left).ok
    net.settle()
    (sa,) = right.endpoint._ctx.table
    inner = write_message(b"12345678", sa.spi_r, MAIN, 0, 0, [VendorId(bytes(200))])
    datagrams = cut(inner, 120, MAIN)
    outputs = [o for d in datagrams for o in deliver(net, right, sa.spi_i + sa.spi_r + d[16:])]
    assert dropped(outputs) == [DropReason.FRAGMENT]
    assert memory(right) == 0


def test_a_forged_fragment_delays_a_message_until_it_is_repeated() -> None:
    """Nothing protects a fragment; the message that cannot be read is nothing but lost."""
    net, left, right = small_pair()
    assert net.initiate(left).ok
    net.settle()

    def spoil(datagram: Transmit) -> Transmit:
        nonlocal forged
        if is_fragment(datagram) and datagram.data[34] == 2 and forged < 4:
            forged += 1
            return replace(datagram, data=datagram.data[:-1] + bytes([datagram.data[-1] ^ 1]))
        return datagram

    forged = 0
    net.rewrite = spoil
    op = net.command(left, Rekey(child="net"))
    net.run(60)
    assert forged == 4
    assert net.done(left, op).ok
    assert traffic_flows(left, right)
