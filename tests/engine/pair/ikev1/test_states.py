"""Every IKEv1 message in every state; each payload of each message missing, twice, elsewhere (S01, S02, S03)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest

from ikeengine.ikev1 import machine
from ikeengine.ikev1.states import IkeState, Trigger
from ikeengine.ikev1.transitions import TABLE
from ikeengine.ikev1.wire.message import read_chain, write_message
from ikeengine.ikev1.wire.numbers import NotifyType, PayloadType, ProtocolId
from ikeengine.ikev1.wire.payloads import Delete, Hash, Notify, Payload
from ikeengine.model.commands import Initiate, Rekey
from ikeengine.outputs import Dropped, InstallSa, Transmit
from ikeengine.registry import ExchangeType
from tests.engine.support.forge import TO_LEFT, TO_RIGHT, deliver
from tests.engine.support.forge_v1 import authentic, changed, encrypted, open_for
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import LEFT

EXCHANGES = [*range(7), 32, 33, 34, 35, 36, 37, 240, 255]
"""All that are known of both versions, and some others."""

MESSAGES = {
    "main 1": 0,
    "main 2": 1,
    "main 3": 2,
    "main 4": 3,
    "main 5": 4,
    "main 6": 5,
    "quick 1": 6,
    "quick 2": 7,
    "quick 3": 8,
}
"""The messages that bring up a Child SA, by their place."""

MANDATORY = {PayloadType.SA, PayloadType.KE, PayloadType.NONCE, PayloadType.ID, PayloadType.HASH}


def before(number: int) -> tuple[Net, Host, Transmit]:
    """A pair just before a message arrives: who would get it, and the message. It is not repeated."""
    net, left, right = ikev1_pair()
    held: list[Transmit] = []

    def hold(datagram: Transmit) -> Transmit | None:
        nonlocal count
        count += 1
        if count == number:
            held.append(datagram)
        return datagram if count < number else None

    count = -1
    net.rewrite = hold
    net.command(left, Initiate(child="net"))
    net.settle(1)
    net.rewrite = lambda datagram: datagram
    (datagram,) = held
    return net, (right if datagram.path.local == LEFT else left), datagram


def up() -> tuple[Net, Host, Host]:
    net, left, right = ikev1_pair()
    assert net.initiate(left).ok
    net.settle()
    return net, left, right


def established() -> tuple[Net, Host]:
    net, left, _right = up()
    return net, left


def replaced() -> tuple[Net, Host]:
    """Right has made another ISAKMP SA; left waits for the Delete of the old one, which is lost."""
    net, left, right = up()
    net.command(right, Rekey(ike="right"))
    net.rewrite = lambda d: None if d.data[18] == ExchangeType.INFORMATIONAL_V1 else d
    net.settle(2)
    return net, left


def waiting(number: int) -> Callable[[], tuple[Net, Host]]:
    """Just before a message of Main Mode."""
    return lambda: before(number)[:2]


SITUATIONS: dict[IkeState, Callable[[], tuple[Net, Host]]] = {
    IkeState.SA_SENT: waiting(1),
    IkeState.SA_ANSWERED: waiting(2),
    IkeState.KE_SENT: waiting(3),
    IkeState.KE_ANSWERED: waiting(4),
    IkeState.AUTH_SENT: waiting(5),
    IkeState.ESTABLISHED: established,
    IkeState.REKEYED: replaced,
}
WITH_KEYS = [IkeState.KE_ANSWERED, IkeState.AUTH_SENT, IkeState.ESTABLISHED, IkeState.REKEYED]


def situation(state: IkeState) -> tuple[Net, Host, object]:
    """A host with an ISAKMP SA in this state, and the SA."""
    net, host = SITUATIONS[state]()
    return net, host, next(sa for sa in host.endpoint._ctx.table if sa.state is state)


def snapshot(host: Host) -> object:
    """What no message may change that is not acceptable."""
    return [
        (
            sa.unique_id,
            sa.state,
            sorted(sa.children),
            len(sa.keyrings),
            sa.path,
            sa.spi_i,
            sa.spi_r,
            sa.queue,
            sa.active,
        )
        for sa in host.endpoint._ctx.table
    ], sorted(map(str, host.sas))


def path_to(host: Host) -> object:
    return TO_LEFT if host.address == LEFT else TO_RIGHT


def assert_only_dropped(net: Net, host: Host, data: bytes) -> None:
    """A message has no effect but a drop: no answer, no other state."""
    kept = snapshot(host)
    outputs = deliver(net, host, data)
    assert not [output for output in outputs if isinstance(output, (Transmit, InstallSa))]
    assert [output for output in outputs if isinstance(output, Dropped)]
    assert snapshot(host) == kept


@pytest.mark.parametrize("state", SITUATIONS)
def test_s01_s03_unprotected_messages_change_nothing(state: IkeState) -> None:
    """Every exchange type in the clear, with the right cookies; an error is no more than a hint."""
    net, host, sa = situation(state)
    payloads: list[list[Payload]] = [
        [],
        [Hash(bytes(32))],
        [Notify(NotifyType.AUTHENTICATION_FAILED)],
        [Notify(NotifyType.INITIAL_CONTACT)],
        [Notify(NotifyType.R_U_THERE, bytes(4), spi=sa.spi_i + sa.spi_r)],
        [Delete(ProtocolId.ISAKMP, (sa.spi_i + sa.spi_r,))],
    ]
    cookies = [(sa.spi_i, sa.spi_r), (sa.spi_r, sa.spi_i)]
    for exchange, message_id, (spi_i, spi_r) in itertools.product(EXCHANGES, (0, 1, 0xFFFFFFFF), cookies):
        for chain in payloads:
            assert_only_dropped(net, host, write_message(spi_i, spi_r, exchange, 0, message_id, chain))


ALLOWED = {
    (IkeState.AUTH_SENT, ExchangeType.INFORMATIONAL_V1),
    (IkeState.KE_ANSWERED, ExchangeType.INFORMATIONAL_V1),
    (IkeState.ESTABLISHED, ExchangeType.INFORMATIONAL_V1),
    (IkeState.REKEYED, ExchangeType.INFORMATIONAL_V1),
}
"""Which state takes an authentic message that says nothing but INITIAL-CONTACT."""


@pytest.mark.parametrize("message_id", [0, 77])
@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("state", WITH_KEYS)
def test_s01_s03_protected_messages(state: IkeState, exchange: int, message_id: int) -> None:
    """With the right keys and HASH: only what the table allows is even looked at."""
    net, host, sa = situation(state)
    data = authentic(sa, exchange, message_id, [Notify(NotifyType.INITIAL_CONTACT, spi=sa.spi_i + sa.spi_r)])
    if (state, exchange) in ALLOWED and message_id:
        assert not [output for output in deliver(net, host, data) if isinstance(output, Transmit)]
    else:
        assert_only_dropped(net, host, data)


@pytest.mark.parametrize("number", [2, 4])
def test_s03_quick_mode_before_phase_1_ends(number: int) -> None:
    """A genuine Quick Mode message of the same peer, delivered too early."""
    net, host, _datagram = before(number)
    _net, _left, right = up()
    (sa,) = host.endpoint._ctx.table
    quick = next(d for _when, d in _net.sent if d.data[18] == ExchangeType.QUICK_MODE)
    for data in (quick.data, sa.spi_i + sa.spi_r + quick.data[16:]):
        assert_only_dropped(net, host, data)
    assert right.children()


def test_s01_every_pair_is_in_the_table_or_does_nothing() -> None:
    _net, left, _right = up()
    ctx = left.endpoint._ctx
    (sa,) = ctx.table
    for state, what in itertools.product(IkeState, Trigger):
        if (state, what) in TABLE:
            row = TABLE[state, what]
            assert row.story
            assert all(isinstance(after, IkeState) for after in row.to)
            continue
        sa.state = state
        count = len(ctx.outputs)
        assert not machine.trigger(ctx, sa, what, None)
        assert len(ctx.outputs) == count
        assert sa.state is state


# --- S02 ------------------------------------------------------------------------------------------------------


def finish(net: Net, datagram: Transmit) -> None:
    """Let the genuine message arrive: the exchange goes on as if nothing had happened."""
    net.transmit(datagram)
    net.run(30)
    left, right = net.hosts.values()
    assert traffic_flows(left, right)
    assert len(left.endpoint.status()) == len(right.endpoint.status()) == 1
    assert len(left.children()) == len(right.children()) == 1


def the_receiver(host: Host) -> object:
    """Its ISAKMP SA, if it has one already."""
    return next(iter(host.endpoint._ctx.table), None)


def payloads_of(host: Host, datagram: Transmit) -> Sequence[Payload]:
    """What is in a message."""
    found: list[Payload] = []
    changed(the_receiver(host), datagram.data, lambda payloads: found.extend(payloads) or payloads)
    return found


@pytest.mark.parametrize("number", MESSAGES.values(), ids=MESSAGES)
def test_s02_payload_missing(number: int) -> None:
    """Without KE a Quick Mode asks for no PFS; everything else that is missing is a drop."""
    net, host, datagram = before(number)
    for position, payload in enumerate(payloads_of(host, datagram)):
        if payload.type not in MANDATORY or (number >= 6 and payload.type == PayloadType.KE):
            continue
        data = changed(the_receiver(host), datagram.data, lambda chain, at=position: chain[:at] + chain[at + 1 :])
        assert_only_dropped(net, host, data)
    finish(net, datagram)


@pytest.mark.parametrize("number", MESSAGES.values(), ids=MESSAGES)
def test_s02_payload_twice(number: int) -> None:
    """A second SA payload in Quick Mode would be a second SA to negotiate, which nobody does."""
    net, host, datagram = before(number)
    for payload in payloads_of(host, datagram):
        if payload.type not in MANDATORY or (number >= 6 and payload.type == PayloadType.SA):
            continue
        data = changed(the_receiver(host), datagram.data, lambda chain, extra=payload: [*chain, extra])
        assert_only_dropped(net, host, data)
    finish(net, datagram)


@pytest.mark.parametrize("number", MESSAGES.values(), ids=MESSAGES)
def test_s02_payload_in_front(number: int) -> None:
    """The SA payload comes first in clear messages, the HASH payload and then the SA payload in Quick Mode."""
    net, host, datagram = before(number)
    leading = (PayloadType.SA,) if number in (0, 1) else (PayloadType.HASH, PayloadType.SA) if number >= 6 else ()
    for position, payload in enumerate(payloads_of(host, datagram)):
        if position < len(leading) or not leading:
            continue
        data = changed(
            the_receiver(host),
            datagram.data,
            lambda chain, at=position, moved=payload: [moved, *chain[:at], *chain[at + 1 :]],
        )
        assert_only_dropped(net, host, data)
    finish(net, datagram)


@pytest.mark.parametrize("number", MESSAGES.values(), ids=MESSAGES)
def test_s02_payload_that_does_not_belong_there(number: int) -> None:
    net, host, datagram = before(number)
    sa = the_receiver(host)
    for alien in (Delete(ProtocolId.ISAKMP, (bytes(16),)), Hash(bytes(32))):
        data = changed(sa, datagram.data, lambda chain, extra=alien: [*chain, extra])
        assert_only_dropped(net, host, data)
    finish(net, datagram)


def proven(host: Host, datagram: Transmit) -> int:
    """How many octets of what is encrypted a HASH payload protects. In Main Mode what is behind it is malleable."""
    chain = read_chain(*open_for(the_receiver(host), datagram.data), protected=True)
    if datagram.data[18] == ExchangeType.QUICK_MODE:
        return chain.offsets[-1]
    return chain.offsets[1 + next(at for at, payload in enumerate(chain.payloads) if isinstance(payload, Hash))]


@pytest.mark.parametrize("number", [4, 5, 6, 7, 8])
def test_every_octet_of_a_protected_message_counts(number: int) -> None:
    """CVE-2019-10155: a HASH that is not verified. And a bad packet inside a good exchange must not end it."""
    net, host, datagram = before(number)
    octets = bytearray(datagram.data)
    # The cookies name the SA, and next comes what the header says of itself.
    for position in (*range(20, 24), *range(28, 28 + proven(host, datagram))):
        octets[position] ^= 0x40
        assert_only_dropped(net, host, bytes(octets))
        octets[position] ^= 0x40
    finish(net, datagram)


@pytest.mark.parametrize("number", MESSAGES.values(), ids=MESSAGES)
def test_w11_every_length_of_a_message(number: int) -> None:
    """The datagram cut anywhere, with the length in its header corrected."""
    net, host, datagram = before(number)
    for length in range(28, len(datagram.data)):
        data = datagram.data[:24] + length.to_bytes(4, "big") + datagram.data[28:length]
        assert_only_dropped(net, host, data)
    finish(net, datagram)


@pytest.mark.parametrize("number", [4, 5, 6, 7, 8])
def test_w11_every_length_of_what_is_encrypted(number: int) -> None:
    """The payloads cut anywhere: of a peer that has the keys, with a HASH that is right."""
    net, host, datagram = before(number)
    sa = the_receiver(host)
    first, octets = open_for(sa, datagram.data)
    exchange, message_id = datagram.data[18], int.from_bytes(datagram.data[20:24], "big")
    # Padding puts zeros back that are cut off.
    for length in range(len(octets[: proven(host, datagram)].rstrip(b"\0"))):
        assert_only_dropped(net, host, encrypted(sa, exchange, message_id, first, octets[:length]))
    finish(net, datagram)
