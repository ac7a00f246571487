"""What attackers have done to other IKEv1 daemons, one test for each class of CVE, and floods (D01, D06, D07, R01)."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ikeengine.ikev1 import strangers
from ikeengine.ikev1.messages import conversation
from ikeengine.ikev1.messages.conversation import MAX_REMEMBERED
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.wire.message import parse, write_chain, write_message
from ikeengine.ikev1.wire.numbers import IdType, NotifyType, PayloadType, ProtocolId
from ikeengine.ikev1.wire.payloads import Delete, Hash, Id, Ke, Notify, Payload, Sa
from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.path import Path
from ikeengine.outputs import Dropped, DropReason, InstallSa, Transmit
from ikeengine.registry import ExchangeType
from ikeengine.wire.header import HEADER_LAYOUT, read_header
from tests.engine.pair.ikev1.test_states import assert_only_dropped, before, finish, the_receiver, up
from tests.engine.support.forge import TO_RIGHT, deliver
from tests.engine.support.forge_v1 import authentic, changed, encrypted, expected_hash, informational, the_sa
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import LEFT, RIGHT

INFORMATIONAL, QUICK, MAIN = ExchangeType.INFORMATIONAL_V1, ExchangeType.QUICK_MODE, ExchangeType.IDENTITY_PROTECTION


def sent(outputs: list) -> list[bytes]:
    return [output.data for output in outputs if isinstance(output, Transmit)]


def reasons(outputs: list) -> list[DropReason]:
    return [output.reason for output in outputs if isinstance(output, Dropped)]


def first_message(net: Net, left: Host) -> bytes:
    """What an initiator begins with; it goes nowhere."""
    net.rewrite = lambda datagram: None
    net.command(left, Initiate(child="net"))
    return net.sent[-1][1].data


def without_choice(data: bytes) -> bytes:
    """A first message of which nothing can be chosen: all transforms ask for revised RSA encryption."""
    refused = data.replace(b"\x80\x03\x00\x01", b"\x80\x03\x00\x05")
    assert refused != data
    return refused


def delete_everything(sa: object) -> list[Payload]:
    spis = tuple(child.spi_out.to_bytes(4, "big") for child in sa.children.values())
    return [Delete(ProtocolId.ESP, spis), Delete(ProtocolId.ISAKMP, (sa.spi_i + sa.spi_r,))]


# --- deletes and Informational exchanges ----------------------------------------------------------------------


def test_forged_deletes() -> None:
    """In the clear, with a wrong HASH, without one, with one of another message: nobody loses an SA."""
    net, _left, right = up()
    sa = the_sa(right)
    deletes = delete_everything(sa)
    good = informational(sa, 7, *deletes)
    forged = [
        write_message(sa.spi_i, sa.spi_r, INFORMATIONAL, 0, 9, deletes),
        write_message(sa.spi_i, sa.spi_r, INFORMATIONAL, 0, 0, deletes),
        encrypted(sa, INFORMATIONAL, 9, *write_chain(deletes)),
        encrypted(sa, INFORMATIONAL, 9, *write_chain([Hash(bytes(32)), *deletes])),
        encrypted(sa, INFORMATIONAL, 9, *write_chain([Hash(b""), *deletes])),
        encrypted(sa, INFORMATIONAL, 9, *write_chain([*deletes, Hash(bytes(32))])),
        good[:20] + (8).to_bytes(4, "big") + good[24:],
    ]
    for data in forged:
        assert_only_dropped(net, right, data)
    assert sa.state is IkeState.ESTABLISHED


def test_deletes_twice_in_one_message_and_what_follows_them() -> None:
    """CVE-2023-38712: payloads behind a Delete that act on what it has deleted."""
    net, _left, right = up()
    sa = the_sa(right)
    deletes = delete_everything(sa)
    asks = Notify(NotifyType.R_U_THERE, bytes(4), spi=sa.spi_i + sa.spi_r)
    outputs = deliver(net, right, informational(sa, 7, *deletes, *deletes, asks, *deletes))
    assert not right.endpoint.status()
    assert not right.sas
    assert len(sent(outputs)) <= 1
    assert right.endpoint.next_timeout() is None
    again = deliver(net, right, informational(sa, 8, *deletes))
    assert reasons(again) == [DropReason.UNKNOWN_SPI]


def test_a_delete_comes_again_later() -> None:
    """The SPIs of a Delete that was recorded are those of nobody."""
    net, left, right = up()
    op = net.command(left, Terminate(child="net"))
    recorded = net.sent[-1][1].data
    net.settle()
    assert net.done(left, op).ok
    op = net.command(left, Initiate(child="net"))
    net.settle()
    assert net.done(left, op).ok
    for _again in range(3):
        deliver(net, right, recorded)
    assert traffic_flows(left, right)


@pytest.mark.parametrize("protocol", [*range(6), 127, 255])
def test_deletes_of_any_protocol_and_size(protocol: int) -> None:
    """CVE-2023-38710: numbers that mean nothing, counts that lie, and SPIs that are ours instead of the peer's."""
    net, left, right = up()
    sa = the_sa(right)
    own = b"".join(child.spi_in.to_bytes(4, "big") for child in sa.children.values())
    number = 7
    for size, count, spis in itertools.product((0, 1, 4, 16, 255), (0, 1, 2, 65535), (b"", own, own * 4, bytes(64))):
        body = (1).to_bytes(4, "big") + bytes([protocol, size]) + count.to_bytes(2, "big") + spis
        rest = bytes(2) + (4 + len(body)).to_bytes(2, "big") + body
        chain = bytes([PayloadType.DELETE, 0, 0, 36]) + expected_hash(sa, number, rest) + rest
        assert not sent(deliver(net, right, encrypted(sa, INFORMATIONAL, number, PayloadType.HASH, chain)))
        assert traffic_flows(left, right)
        number += 1
    assert sa.state is IkeState.ESTABLISHED


def test_r_u_there_of_nobody() -> None:
    """CVE-2009-0790: dead peer detection for an SA that is not there, and in the clear."""
    net, _left, right = ikev1_pair()
    ask = Notify(NotifyType.R_U_THERE, bytes(4), spi=bytes(16))
    for exchange, flags, cookie in ((5, 0, b"8 octets"), (5, 1, b"8 octets"), (5, 0, bytes(8)), (5, 1, bytes(8))):
        data = write_message(b"initiato", cookie, exchange, flags, 1, [ask])
        assert reasons(deliver(net, right, data))
    assert not list(right.endpoint._ctx.table)
    net, _left, right = up()
    sa = the_sa(right)
    for wrong in (
        Notify(NotifyType.R_U_THERE, bytes(3), spi=sa.spi_i + sa.spi_r),
        Notify(NotifyType.R_U_THERE, bytes(4), spi=bytes(16)),
        Notify(NotifyType.R_U_THERE, b"", spi=b""),
    ):
        assert not sent(deliver(net, right, informational(sa, id(wrong) & 0xFFFF | 1, wrong)))


@pytest.mark.parametrize("kind", [*range(1, 31), 8192, 16383, 16384, 24576, 24577, 24578, 36136, 36137, 40960, 65535])
def test_notifies_of_an_established_sa(kind: int) -> None:
    """Whatever an authentic peer says in a Notify, a tunnel that is up stays up."""
    net, left, right = up()
    sa = the_sa(right)
    for number, notify in enumerate(
        (
            Notify(NotifyType(kind), b"", spi=b""),
            Notify(NotifyType(kind), bytes(4), spi=sa.spi_i + sa.spi_r),
            Notify(NotifyType(kind), bytes(2000), spi=bytes(4), protocol=ProtocolId.ESP),
        ),
        7,
    ):
        deliver(net, right, informational(sa, number, notify))
    assert traffic_flows(left, right)
    assert len(right.children()) == 1


# --- identities, key exchange, proposals ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", range(14))
def test_identities_of_every_type_and_length(kind: int) -> None:
    """CVE-2013-6075, CVE-2025-9242: short and long ones, before the peer has proven anything. All are but wrong."""
    net, right, datagram = before(4)
    sa = the_receiver(right)
    for length in (0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 32, 255, 4000):

        def other(payloads: list[Payload], length: int = length) -> list[Payload]:
            return [Id(IdType(kind), b"\xff" * length) if isinstance(p, Id) else p for p in payloads]

        assert_only_dropped(net, right, changed(sa, datagram.data, other))
    finish(net, datagram)


@pytest.mark.parametrize("kind", range(14))
def test_identities_of_quick_mode(kind: int) -> None:
    """CVE-2023-38711: any type of identity where traffic selectors are meant."""
    for length in (0, 1, 3, 4, 8, 16, 32, 100):
        net, right, datagram = before(6)
        sa = the_receiver(right)

        def other(payloads: list[Payload], length: int = length) -> list[Payload]:
            return [Id(IdType(kind), b"\x0a" * length) if isinstance(p, Id) else p for p in payloads]

        outputs = deliver(net, right, changed(sa, datagram.data, other))
        assert not [output for output in outputs if isinstance(output, InstallSa)]
        assert not right.children()
        assert sa.state is IkeState.ESTABLISHED


@pytest.mark.parametrize("number", [2, 3])
def test_public_values(number: int) -> None:
    """CVE-2015-3240, CVE-2023-41913: 0, 1, p-1, all ones, and every wrong length."""
    net, host, datagram = before(number)
    sa = the_receiver(host)
    size = next(len(p.data) for p in parse(datagram.data).chain.payloads if isinstance(p, Ke))
    values = [bytes(size), bytes(size - 1) + b"\1", b"\xff" * size, b"", b"\5", b"\5" * (size - 1), b"\5" * (size + 1)]
    for value in (*values, b"\5" * 9000):
        data = changed(sa, datagram.data, lambda ps, v=value: [Ke(v) if isinstance(p, Ke) else p for p in ps])
        assert_only_dropped(net, host, data)
    finish(net, datagram)


def test_our_own_values_are_reflected() -> None:
    """The peer sends back our public value and our nonce."""
    net, left, datagram = before(3)
    ours = next(d.data for _when, d in net.sent if d.path.local == LEFT and d.data[16] == datagram.data[16])
    assert_only_dropped(net, left, ours)
    finish(net, datagram)


def test_a_responder_that_chooses_what_was_not_offered() -> None:
    """CVE-2014-9221, CVE-2016-5391: any value in any attribute of the choice."""
    net, left, datagram = before(1)
    payload = parse(datagram.data).chain.first(Sa)
    assert payload is not None
    octets = bytearray(payload.write())
    at = datagram.data.index(bytes(octets))
    for position in range(len(octets)):
        for value in (0, octets[position] ^ 1, 0xFF):
            if value == octets[position]:
                continue
            data = bytearray(datagram.data)
            data[at + position] = value
            outputs = deliver(net, left, bytes(data))
            if sent(outputs):
                # The lifetime, and how transforms and SPIs are numbered, are the responder's to choose.
                net, left, datagram = before(1)
                at = datagram.data.index(bytes(parse(datagram.data).chain.first(Sa).write()))  # type: ignore[union-attr]
    finish(net, datagram)


def test_every_octet_of_a_first_message() -> None:
    """CVE-2022-23094, CVE-2015-3204: a first message with any octet changed costs one half-open SA at most."""
    net, left, right = ikev1_pair()
    right.endpoint.set_settings(replace(right.endpoint._ctx.settings, block_threshold=0))
    data = bytearray(first_message(net, left))
    for position in range(16, len(data)):
        for value in (0, data[position] ^ 0x80, 0xFF):
            other = bytes(data[:position]) + bytes([value]) + bytes(data[position + 1 :])
            table = len(list(right.endpoint._ctx.table))
            outputs = deliver(net, right, other, Path(RIGHT, 500, LEFT, 1000 + position))
            assert len(sent(outputs)) <= 1
            assert len(list(right.endpoint._ctx.table)) <= table + 1
    net.run(60)
    assert not list(right.endpoint._ctx.table)


# --- who is not known -----------------------------------------------------------------------------------------


def test_a_message_after_a_rejection() -> None:
    """CVE-2023-30570: the cookie of a rejection names nothing, and what comes with it is dropped."""
    net, left, right = ikev1_pair()
    data = first_message(net, left)
    refused = without_choice(data)
    (answer,) = sent(deliver(net, right, refused))
    header = read_header(answer)
    assert header.exchange == INFORMATIONAL
    assert header.spi_r != bytes(8)
    assert not list(right.endpoint._ctx.table)
    for exchange in (2, 4, 5, 6, 32):
        follow_up = data[:8] + header.spi_r + data[16:18] + bytes([exchange]) + data[19:]
        assert reasons(deliver(net, right, follow_up)) == [DropReason.UNKNOWN_SPI]
    assert not list(right.endpoint._ctx.table)


@pytest.mark.parametrize("exchange", [0, 1, 3, 4, 5, 6, 32, 33, 34, 35, 240])
def test_other_exchanges_of_strangers(exchange: int) -> None:
    """CVE-2020-1763: nothing but a first message of Main Mode can begin, and nothing else is answered."""
    net, left, right = ikev1_pair()
    data = first_message(net, left)
    for cookie, message_id, flags in ((bytes(8), 0, 0), (b"x" * 8, 0, 0), (bytes(8), 5, 0), (b"x" * 8, 5, 1)):
        octets = HEADER_LAYOUT.pack(data[:8], cookie, data[16], 0x10, exchange, flags, message_id, len(data))
        assert not sent(deliver(net, right, octets + data[28:]))
    assert not list(right.endpoint._ctx.table)


def test_d01_d06_a_flood_of_first_messages() -> None:
    """From one source and from many: the SAs are counted, an answer is one datagram, and none is sent unasked."""
    net, left, right = ikev1_pair()
    data = first_message(net, left)
    (config,) = right.endpoint.connections.values()
    right.endpoint.load_connection(replace(config, remote_addrs=("%any",)), net.now)
    settings = right.endpoint._ctx.settings
    answers = 0
    for number in range(100):
        outputs = deliver(net, right, number.to_bytes(8, "little")[:7] + b"x" + data[8:], TO_RIGHT)
        assert len(sent(outputs)) <= 1
        answers += len(sent(outputs))
    assert answers == settings.block_threshold
    for number in range(strangers.MAX_HALF_OPEN + 50):
        path = Path(RIGHT, 500, f"10.{number >> 8}.{number & 255}.1", 500)
        answers += len(sent(deliver(net, right, data, path)))
    assert answers == len(list(right.endpoint._ctx.table)) <= strangers.MAX_HALF_OPEN
    count = len(net.sent)
    net.run(settings.half_open_timeout + 1)
    assert len([d for _when, d in net.sent[count:] if d.path.local == RIGHT]) == 0
    assert not list(right.endpoint._ctx.table)
    assert right.endpoint._ctx.table.limits.total == 0


def test_d06_refusals_are_limited() -> None:
    """Whoever is refused gets an answer; a thousand of them per second do not."""
    net, left, right = ikev1_pair()
    refused = without_choice(first_message(net, left))
    answers = sum(len(sent(deliver(net, right, refused))) for _again in range(1000))
    assert 0 < answers <= strangers.ERROR_REPLY_RATE
    assert not list(right.endpoint._ctx.table)


def test_a_peer_that_floods_is_let_in_afterwards() -> None:
    net, left, right = ikev1_pair()
    data = first_message(net, left)
    for number in range(100):
        deliver(net, right, number.to_bytes(8, "little")[:7] + b"x" + data[8:])
    net.rewrite = lambda datagram: datagram
    net.run(120)
    assert traffic_flows(left, right)


# --- what comes again -----------------------------------------------------------------------------------------


def test_r01_the_same_message_has_the_same_answer() -> None:
    """Octet for octet, at any later time, and without any other effect."""
    for number in (0, 2, 4, 6):
        net, host, datagram = before(number)
        first = sent(deliver(net, host, datagram.data))
        assert len(first) == 1
        for _again in range(3):
            outputs = deliver(net, host, datagram.data)
            assert sent(outputs) == first
            assert len(outputs) == 1


def test_two_sides_do_not_repeat_themselves_for_ever() -> None:
    """A datagram that the network doubles is answered once more, and that answer is not answered again."""
    for number in range(9):
        net, host, datagram = before(number)
        deliver(net, host, datagram.data)
        net.settle(1)
        count = len(net.sent)
        for _again in range(10):
            net.transmit(datagram)
        net.settle(1)
        assert len(net.sent) - count < 60


def test_old_messages_of_an_sa_that_is_gone() -> None:
    """All that was ever sent, once more: after a rekeying, and after the end."""
    net, left, right = up()
    for command in (Rekey(child="net"), Rekey(ike="left")):
        net.command(left, command)
        net.run(15)
    recorded = [d.data for _when, d in net.sent if d.path.local == LEFT]
    children = {child.spi_in for child in right.children()}
    for data in recorded:
        outputs = deliver(net, right, data)
        assert not [output for output in outputs if isinstance(output, InstallSa)]
    assert {child.spi_in for child in right.children()} == children
    assert traffic_flows(left, right)
    net.command(left, Terminate(ike="left"))
    net.settle()
    for data in recorded:
        deliver(net, right, data)
    net.run(60)
    assert not list(right.endpoint._ctx.table)
    assert not right.sas


def test_message_ids_are_used_once() -> None:
    """RFC 2408 section 3.1: also of exchanges that were forgotten long ago, and whatever the exchange is now."""
    net, left, right = up()
    sa = the_sa(right)
    ask = Notify(NotifyType.R_U_THERE, bytes(4), spi=sa.spi_i + sa.spi_r)
    first = informational(sa, 1000, ask)
    assert len(sent(deliver(net, right, first))) == 1
    for number in range(1001, 1001 + 3 * MAX_REMEMBERED):
        assert len(sent(deliver(net, right, informational(sa, number, ask)))) == 1
    for exchange in (INFORMATIONAL, QUICK, ExchangeType.TRANSACTION):
        for message_id in (1000, 1001, 1000 + 3 * MAX_REMEMBERED):
            outputs = deliver(net, right, authentic(sa, exchange, message_id, [ask, ask]))
            assert reasons(outputs) == [DropReason.WRONG_MESSAGE_ID]
            assert not sent(outputs)
    assert not sent(deliver(net, right, first))
    assert traffic_flows(left, right)


def test_an_sa_with_very_many_exchanges_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message IDs of one ISAKMP SA are not remembered without end."""
    monkeypatch.setattr(conversation, "MAX_USED", 200)
    net, left, right = up()
    sa = the_sa(right)
    ask = Notify(NotifyType.R_U_THERE, bytes(4), spi=sa.spi_i + sa.spi_r)
    for number in range(1, 400):
        deliver(net, right, informational(sa, number, ask))
    net.run(15)
    assert [ike.spi_i for ike in right.endpoint.status()] != [sa.spi_i]
    assert len(right.endpoint.status()) == len(left.endpoint.status()) == 1
    assert traffic_flows(left, right)


def test_d07_quick_modes_that_never_end() -> None:
    """A peer that begins one Quick Mode after the other and never confirms any."""
    net, right, datagram = before(6)
    sa = the_receiver(right)
    payloads: list[Payload] = []
    changed(sa, datagram.data, lambda chain: payloads.extend(chain) or chain)
    kinds = []
    for number in range(1, 100):
        kinds += reasons(deliver(net, right, authentic(sa, QUICK, number, payloads[1:])))
    assert set(kinds) == {DropReason.LIMIT}
    assert len(right.sas) <= 2 * (MAX_REMEMBERED + 1)
    net.rewrite = lambda datagram: None
    net.run(400)
    assert not right.sas, "what nobody confirms goes away"
