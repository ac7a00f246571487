"""Every message in every state, and what an authenticated peer may try (S01, S03, R01, R02, D05, D07)."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from ikeengine.ikev2 import machine
from ikeengine.ikev2.exchanges import create_child
from ikeengine.ikev2.states import IkeState, Trigger
from ikeengine.ikev2.transitions import TABLE
from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.failure import Alert
from ikeengine.negotiate.proposals import offer, parse_esp
from ikeengine.negotiate.selectors import parse_selector
from ikeengine.outputs import ChildUpdown, Dropped, DropReason, Transmit
from ikeengine.registry import ExchangeType, NotifyType, Protocol
from ikeengine.wire.header import FLAG_RESPONSE, read_header
from ikeengine.wire.message import parse
from ikeengine.wire.payloads import (
    Auth,
    Delete,
    IdInitiator,
    Ke,
    Nonce,
    Notify,
    Payload,
    Sa,
    TsInitiator,
    TsResponder,
    UnknownPayload,
)
from ikeengine.wire.sk import open_message
from tests.engine.pair.test_soak import leftovers
from tests.engine.support.forge import TO_LEFT, TO_RIGHT, deliver, sealed
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import ESP, IKE, LEFT, RIGHT, psk_pair

EXCHANGES = [
    ExchangeType.IKE_SA_INIT,
    ExchangeType.IKE_AUTH,
    ExchangeType.CREATE_CHILD_SA,
    ExchangeType.INFORMATIONAL,
    ExchangeType.IKE_SESSION_RESUME,
    ExchangeType.IKE_INTERMEDIATE,
    ExchangeType.IKE_FOLLOWUP_KE,
    ExchangeType(2),
    ExchangeType(240),
]


def up() -> tuple[Net, Host, Host]:
    net, left, right = psk_pair()
    assert net.initiate(left).ok
    net.settle()
    return net, left, right


def half_way(exchange: int, *, response: bool) -> tuple[Net, Host, Host]:
    """The pair just before a message of this exchange arrives for the first time."""
    net, left, right = psk_pair()
    net.rewrite = lambda d: None if d.data[18] == exchange and bool(d.data[19] & FLAG_RESPONSE) == response else d
    net.command(left, Initiate(child="net"))
    net.settle(1)
    return net, left, right


def deleting() -> tuple[Net, Host, Host]:
    net, left, right = up()
    net.rewrite = lambda datagram: None
    net.command(left, Terminate(ike="left"))
    return net, left, right


def replaced() -> tuple[Net, Host, Host]:
    """Right has just rekeyed; left waits for the Delete of the old IKE SA, which is lost."""
    net, left, right = up()
    net.rewrite = lambda d: None if d.path.local == RIGHT and d.data[18] == 37 else d
    net.command(right, Rekey(ike="right"))
    net.settle(1)
    return net, left, right


SITUATIONS: dict[IkeState, tuple[Callable[[], tuple[Net, Host, Host]], int]] = {
    IkeState.INIT_SENT: (lambda: half_way(34, response=False), 0),
    IkeState.INIT_ANSWERED: (lambda: half_way(35, response=False), 1),
    IkeState.AUTH_SENT: (lambda: half_way(35, response=True), 0),
    IkeState.ESTABLISHED: (up, 0),
    IkeState.DELETING: (deleting, 0),
    IkeState.REKEYED: (replaced, 0),
}


def the_sa(host: Host, state: IkeState) -> object:
    return next(sa for sa in host.endpoint._ctx.table if sa.state is state)


@pytest.mark.parametrize("state", SITUATIONS)
def test_s01_unprotected_messages_change_nothing(state: IkeState) -> None:
    """Every exchange type, request and response, as either role, in clear, with the right SPIs and message IDs."""
    make, who = SITUATIONS[state]
    net, *hosts = make()
    host = hosts[who]
    sa = the_sa(host, state)
    path = TO_LEFT if host.address == LEFT else TO_RIGHT
    payloads: list[list[Payload]] = [
        [],
        [Notify(NotifyType.AUTHENTICATION_FAILED)],
        [Delete(Protocol.IKE, ())],
        [Notify(NotifyType.INITIAL_CONTACT)],
    ]
    from ikeengine.wire.message import write_message

    for exchange, flags, message_id in itertools.product(EXCHANGES, (0, 8, 0x20, 0x28), range(6)):
        if state is IkeState.INIT_SENT and exchange == ExchangeType.IKE_SA_INIT:
            continue
        for chain in payloads:
            data = write_message(sa.spi_i, sa.spi_r, exchange, flags, message_id, chain)
            outputs = deliver(net, host, data, path)
            assert not [output for output in outputs if isinstance(output, Transmit)]
            assert all(isinstance(output, Dropped) for output in outputs)
            assert sa.state is state


ALLOWED = {
    (IkeState.INIT_ANSWERED, ExchangeType.IKE_AUTH, False),
    (IkeState.ESTABLISHED, ExchangeType.CREATE_CHILD_SA, False),
    (IkeState.ESTABLISHED, ExchangeType.IKE_FOLLOWUP_KE, False),
    (IkeState.ESTABLISHED, ExchangeType.INFORMATIONAL, False),
    (IkeState.AUTH_SENT, ExchangeType.IKE_AUTH, True),
    (IkeState.DELETING, ExchangeType.CREATE_CHILD_SA, False),
    (IkeState.DELETING, ExchangeType.IKE_FOLLOWUP_KE, False),
    (IkeState.DELETING, ExchangeType.INFORMATIONAL, False),
    (IkeState.DELETING, ExchangeType.INFORMATIONAL, True),
    (IkeState.REKEYED, ExchangeType.CREATE_CHILD_SA, False),
    (IkeState.REKEYED, ExchangeType.IKE_FOLLOWUP_KE, False),
    (IkeState.REKEYED, ExchangeType.INFORMATIONAL, False),
}


@pytest.mark.parametrize("state", [state for state in SITUATIONS if state is not IkeState.INIT_SENT])
@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("response", [False, True])
def test_s01_s03_protected_messages(state: IkeState, exchange: ExchangeType, response: bool) -> None:
    """Protected with the right keys and the right message ID: only what the table allows is even looked at."""
    make, who = SITUATIONS[state]
    net, *hosts = make()
    host, peer = hosts[who], hosts[1 - who]
    sa = the_sa(host, state)
    message_id = sa.window.next_request if response else sa.window.expected_request
    data = protected_by_peer(sa, exchange, message_id, [Notify(NotifyType.INITIAL_CONTACT)], response=response)
    outputs = deliver(net, host, data, TO_LEFT if host.address == LEFT else TO_RIGHT)
    if (state, exchange, response) in ALLOWED:
        assert not [output for output in outputs if isinstance(output, Dropped)]
    else:
        assert [type(output) for output in outputs] == [Dropped]
        assert sa.state is state
    assert peer is not host


def protected_by_peer(
    sa: object, exchange: ExchangeType, message_id: int, payloads: list[Payload], *, response: bool
) -> bytes:
    """A message as the peer of this IKE SA would protect it: with the cipher that the SA receives with."""
    from ikeengine.crypto.rng import SeededRng
    from ikeengine.wire.sk import seal_message

    flags = (0 if sa.is_initiator else 8) | (FLAG_RESPONSE if response else 0)
    cipher = sa.keys.cipher_in
    return seal_message(
        sa.spi_i, sa.spi_r, exchange, flags, message_id, payloads, cipher, cipher.next_iv(99, SeededRng(1))
    )


def test_s01_every_pair_is_in_the_table_or_does_nothing() -> None:
    net, left, _ = up()
    ctx = left.endpoint._ctx
    (sa,) = ctx.table
    for state, what in itertools.product(IkeState, Trigger):
        if (state, what) in TABLE:
            row = TABLE[state, what]
            assert row.story
            assert all(isinstance(after, IkeState) for after in row.to)
            continue
        sa.state = state
        before = len(ctx.outputs)
        assert not machine.trigger(ctx, sa, what, None)
        assert len(ctx.outputs) == before
        assert sa.state is state
    assert net.now


def test_rows_say_which_states_may_follow() -> None:
    """The table is what a reader believes: a state that no row leads to would be a lie."""
    reached = {after for row in TABLE.values() for after in row.to}
    begin = {IkeState.CREATED, IkeState.INIT_ANSWERED, IkeState.INTERMEDIATE_AWAITED}
    by_own_decision = {IkeState.DELETING}
    assert reached | begin | by_own_decision == set(IkeState)


# --- message IDs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-3, -2, 1, 2, 100, 2**31, 2**32 - 3])
@pytest.mark.parametrize("response", [False, True])
def test_r02_message_ids_outside_the_window(offset: int, response: bool) -> None:
    net, left, right = up()
    (sa,) = right.endpoint._ctx.table
    base = sa.window.next_request if response else sa.window.expected_request
    message_id = (base + offset) % 2**32
    payloads: list[Payload] = [Delete(Protocol.IKE, ())]
    data = sealed(left, ExchangeType.INFORMATIONAL, message_id, payloads, response=response)
    outputs = deliver(net, right, data)
    assert [output.reason for output in outputs] == [DropReason.WRONG_MESSAGE_ID]
    assert len(right.ikes()) == 1


def test_r01_repeated_request_gets_the_cached_response() -> None:
    net, left, right = up()
    net.command(left, Rekey(child="net"))
    net.settle(1)
    request = [d.data for _, d in net.sent if d.path.local == LEFT][-1]
    response = [d.data for _, d in net.sent if d.path.local == RIGHT][-1]
    children = right.children()
    for _ in range(3):
        outputs = deliver(net, right, request)
        assert [output.data for output in outputs] == [response]
    assert right.children() == children


def test_r01_another_request_with_the_same_message_id() -> None:
    net, left, right = up()
    (sa,) = right.endpoint._ctx.table
    last = sa.window.expected_request - 1
    data = sealed(left, ExchangeType.INFORMATIONAL, last, [Delete(Protocol.IKE, ())])
    assert [output.reason for output in deliver(net, right, data)] == [DropReason.WRONG_MESSAGE_ID]
    assert len(right.ikes()) == 1


def test_r01_repeated_response_is_ignored() -> None:
    net, left, right = up()
    net.command(left, Rekey(child="net"))
    net.settle(1)
    responses = [d.data for _, d in net.sent if d.path.local == RIGHT]
    for response in responses:
        outputs = deliver(net, left, response)
        assert all(isinstance(output, Dropped) for output in outputs)
    assert traffic_flows(left, right)


# --- nonsense from an authenticated peer ----------------------------------------------------------------------


def send(net: Net, sender: Host, receiver: Host, exchange: ExchangeType, payloads: list[Payload]) -> list[Payload]:
    """Send a request by hand, and return the payloads of the response."""
    (sa,) = sender.endpoint._ctx.table
    (theirs,) = receiver.endpoint._ctx.table
    data = sealed(sender, exchange, theirs.window.expected_request, payloads)
    outputs = deliver(net, receiver, data)
    assert sa.keys is not None
    answer: list[Payload] = []
    for output in outputs:
        if isinstance(output, Transmit) and output.data[19] & FLAG_RESPONSE:
            answer += open_message(output.data, parse(output.data, read_header(output.data)), sa.keys.cipher_in)
    return answer


def kinds(payloads: list[Payload]) -> list[NotifyType]:
    return [payload.kind for payload in payloads if isinstance(payload, Notify)]


def test_malformed_request_ends_the_ike_sa() -> None:
    """Section 2.21.3: INVALID_SYNTAX to an authenticated peer, and the IKE SA is gone."""
    net, left, right = up()
    answer = send(net, left, right, ExchangeType.CREATE_CHILD_SA, [Nonce(bytes(32))])
    assert kinds(answer) == [NotifyType.INVALID_SYNTAX]
    assert not right.endpoint.status()
    assert right.failures()[0].alert is Alert.PARSE_ERROR_BODY
    assert not leftovers(right)


def test_unsupported_critical_payload_is_named_and_survived() -> None:
    net, left, right = up()
    answer = send(net, left, right, ExchangeType.INFORMATIONAL, [UnknownPayload(200, True, b"")])
    assert kinds(answer) == [NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD]
    assert answer[0].data == b"\xc8"  # type: ignore[union-attr]
    assert send(net, left, right, ExchangeType.INFORMATIONAL, [UnknownPayload(200, False, b"")]) == []
    assert len(right.ikes()) == 1


@pytest.mark.parametrize(
    "payloads",
    [
        [],
        [UnknownPayload(200, True, b"")],
        [IdInitiator(psk_pair()[1].endpoint.connections["left"].local[0].id)],  # type: ignore[arg-type]
        [Auth(2, b"")],  # type: ignore[arg-type]
        [Sa(offer((ESP,), spi=b"abcd", with_ke=False))],
    ],
)
def test_s02_ike_auth_that_lacks_something(payloads: list[Payload]) -> None:
    """Refused, repeatable, and nothing is left when the half-open time is over."""
    net, left, right = half_way(35, response=False)
    (sa,) = right.endpoint._ctx.table
    answer = send(net, left, right, ExchangeType.IKE_AUTH, payloads)
    assert len(kinds(answer)) == 1
    assert kinds(answer)[0] < NotifyType.INITIAL_CONTACT
    assert sa.state is IkeState.REFUSED
    assert sa.is_half_open
    request = right.endpoint._ctx.table.find(sa.local_spi).window.answered
    assert [type(o) for o in deliver(net, right, request)] == [Transmit], "the refusal can be repeated"
    data = sealed(left, ExchangeType.IKE_AUTH, 2, payloads)
    assert [o.reason for o in deliver(net, right, data)] == [DropReason.UNEXPECTED], "there is no second chance"
    net.run(31)
    assert not leftovers(right)


def malformed_response(exchange: ExchangeType) -> tuple[Net, Host, Host, int, bytes]:
    net, left, right = up()
    net.rewrite = lambda d: None if d.path.local == RIGHT and d.data[19] & FLAG_RESPONSE else d
    op = net.command(left, Rekey(child="net"))
    net.settle(0.1)
    (sa,) = left.endpoint._ctx.table
    data = sealed(right, exchange, sa.window.next_request, [UnknownPayload(9, True, b"")], response=True)
    return net, left, right, op, data


@pytest.mark.parametrize("exchange", [ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL])
@pytest.mark.parametrize("critical", [True, False])
def test_malformed_response_ends_the_ike_sa_on_both_sides(exchange: ExchangeType, critical: bool) -> None:
    net, left, right, op, data = malformed_response(exchange)
    if not critical:
        (sa,) = left.endpoint._ctx.table
        cookie = Notify(NotifyType.COOKIE, b"conclusive, but no answer to this request")
        data = sealed(right, exchange, sa.window.next_request, [cookie], response=True)
    deliver(net, left, data)
    net.rewrite = lambda datagram: datagram
    net.run(20)
    assert not net.done(left, op).ok
    assert not left.endpoint.status()
    assert not right.endpoint.status()
    assert left.failures()[0].alert is Alert.PARSE_ERROR_BODY


def test_malformed_ike_auth_response() -> None:
    net, left, right = half_way(35, response=True)
    (sa,) = left.endpoint._ctx.table
    net.rewrite = lambda datagram: datagram
    data = protected_by_peer(sa, ExchangeType.IKE_AUTH, 1, [UnknownPayload(200, True, b"")], response=True)
    deliver(net, left, data, TO_LEFT)
    net.run(20)
    assert not left.endpoint.status()
    assert not right.endpoint.status()
    net, left, right = half_way(35, response=True)
    (sa,) = left.endpoint._ctx.table
    net.rewrite = lambda datagram: datagram
    data = protected_by_peer(sa, ExchangeType.IKE_AUTH, 1, [Notify(NotifyType.INITIAL_CONTACT)], response=True)
    deliver(net, left, data, TO_LEFT)
    net.run(20)
    assert not left.endpoint.status()
    assert "IdResponder" in left.failures()[0].reason


@pytest.mark.parametrize("kind", [NotifyType.AUTHENTICATION_FAILED, NotifyType.TEMPORARY_FAILURE, NotifyType(77)])
def test_errors_in_ike_auth_response(kind: NotifyType) -> None:
    net, left, _right = half_way(35, response=True)
    (sa,) = left.endpoint._ctx.table
    deliver(net, left, protected_by_peer(sa, ExchangeType.IKE_AUTH, 1, [Notify(kind)], response=True), TO_LEFT)
    assert not left.endpoint.status()
    assert left.failures()[0].phase == "IKE_AUTH response"


def test_d05_fragments_that_nobody_asked_for() -> None:
    """SKF without IKE_FRAGMENTATION: dropped, whatever is in it."""
    net, left, right = up()
    (sa,) = right.endpoint._ctx.table
    data = bytearray(sealed(left, ExchangeType.INFORMATIONAL, sa.window.expected_request, [Delete(Protocol.IKE, ())]))
    data[16] = 53
    for extra in (b"\0\1\0\1", b"\0\1\0\2", b"\0\0\0\0", b"\xff\xff\0\1"):
        body = bytes(data[:32]) + extra + bytes(data[32:])
        length = len(body).to_bytes(4, "big")
        body = body[:24] + length + body[28:30] + (len(body) - 28).to_bytes(2, "big") + body[32:]
        outputs = deliver(net, right, body)
        assert all(isinstance(output, Dropped) for output in outputs)
    assert len(right.ikes()) == 1


def test_authentication_failed_in_informational() -> None:
    net, left, right = up()
    answer = send(net, left, right, ExchangeType.INFORMATIONAL, [Notify(NotifyType.AUTHENTICATION_FAILED)])
    assert answer == []
    assert not leftovers(right)
    assert "AUTHENTICATION_FAILED" in right.failures()[0].reason


# --- abuse by an authenticated peer ---------------------------------------------------------------------------


def child_request(number: int, source: str = "10.1.0.0/24") -> list[Payload]:
    """A CREATE_CHILD_SA request for a Child SA without PFS."""
    proposal = parse_esp("aes128gcm16")
    return [
        Sa(offer((proposal,), spi=(0x1000 + number).to_bytes(4, "big"), with_ke=False)),
        Nonce(number.to_bytes(4, "big") * 8),
        TsInitiator((parse_selector(source),)),  # type: ignore[arg-type]
        TsResponder((parse_selector("10.2.0.0/24"),)),  # type: ignore[arg-type]
    ]


def no_pfs() -> tuple[Net, Host, Host]:
    net, left, right = psk_pair(child_esp_proposals=(parse_esp("aes128gcm16"),))
    assert net.initiate(left).ok
    return net, left, right


def test_d07_the_same_selectors_again_and_again() -> None:
    net, left, right = no_pfs()
    answers = [
        kinds(send(net, left, right, ExchangeType.CREATE_CHILD_SA, child_request(number))) for number in range(20)
    ]
    assert len(right.children()) == create_child.MAX_TWINS
    assert answers[-1] == [NotifyType.NO_ADDITIONAL_SAS]
    (reqid,) = {child.reqid for child in right.children()}
    assert right.endpoint._ctx._reqid_users[reqid][1] == create_child.MAX_TWINS


def test_d07_too_many_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create_child, "MAX_CHILDREN", 5)
    net, left, right = no_pfs()
    for number in range(20):
        send(net, left, right, ExchangeType.CREATE_CHILD_SA, child_request(number, f"10.1.0.{number}/32"))
    assert len(right.children()) == 5


def test_d07_rekeying_without_ever_deleting(monkeypatch: pytest.MonkeyPatch) -> None:
    from ikeengine.ikev2.exchanges import rekey_child

    monkeypatch.setattr(rekey_child, "MAX_CHILDREN", 4)
    net, left, right = no_pfs()
    spi = right.children()[0].spi_out
    for number in range(30):
        rekey = Notify(NotifyType.REKEY_SA, protocol=Protocol.ESP, spi=spi.to_bytes(4, "big"))
        answer = send(net, left, right, ExchangeType.CREATE_CHILD_SA, [rekey, *child_request(number)])
        if kinds(answer):
            break
        spi = 0x1000 + number
    assert kinds(answer) == [NotifyType.NO_ADDITIONAL_SAS]
    (sa,) = right.endpoint._ctx.table
    assert len(sa.children) == 8


def ike_rekey_request(number: int) -> list[Payload]:
    from ikeengine.crypto.kex import KEX
    from ikeengine.crypto.rng import SeededRng

    public = KEX[31].generate(SeededRng(number)).public
    return [Sa(offer((IKE,), spi=bytes([number + 1]) * 8)), Nonce(bytes([number]) * 32), Ke(31, public)]


def test_d07_ike_rekeying_without_ever_deleting() -> None:
    """The new IKE SA cannot be rekeyed while the one before it still waits for its Delete."""
    net, left, right = up()
    answer = send(net, left, right, ExchangeType.CREATE_CHILD_SA, ike_rekey_request(0))
    assert any(isinstance(payload, Sa) for payload in answer)
    newest = next(sa for sa in right.endpoint._ctx.table if sa.state is IkeState.ESTABLISHED)
    data = protected_by_peer(newest, ExchangeType.CREATE_CHILD_SA, 0, ike_rekey_request(1), response=False)
    deliver(net, right, data)
    assert len(right.endpoint.status()) == 2


def test_d07_flood_of_deletes_and_notifies() -> None:
    net, left, right = up()
    spis = tuple(number.to_bytes(4, "big") for number in range(1, 16000))
    assert send(net, left, right, ExchangeType.INFORMATIONAL, [Delete(Protocol.ESP, spis)]) == []
    many: list[Payload] = [Notify(NotifyType(40000 + number)) for number in range(20)]
    assert send(net, left, right, ExchangeType.INFORMATIONAL, many) == []
    for _ in range(100):
        assert send(net, left, right, ExchangeType.INFORMATIONAL, []) == []
    assert len(right.children()) == 1
    assert len(right.endpoint._deadlines._heap) < 500


def test_child_named_twice_in_a_delete() -> None:
    net, left, right = up()
    (child,) = right.children()
    spi = child.spi_out.to_bytes(4, "big")
    answer = send(net, left, right, ExchangeType.INFORMATIONAL, [Delete(Protocol.ESP, (spi, spi))])
    assert answer == [Delete(Protocol.ESP, (child.spi_in.to_bytes(4, "big"),))]
    assert not right.sas
    assert [event.up for event in right.events(ChildUpdown)] == [True, False]


@pytest.mark.parametrize("protocol", [Protocol.AH, Protocol.IKE, Protocol.NONE, Protocol(77)])
@pytest.mark.parametrize("spi", [b"", b"\0\0\0\1", bytes(8), b"\xff" * 4])
def test_rekey_of_something_unknown(protocol: Protocol, spi: bytes) -> None:
    net, left, right = no_pfs()
    rekey = Notify(NotifyType.REKEY_SA, protocol=protocol, spi=spi)
    answer = send(net, left, right, ExchangeType.CREATE_CHILD_SA, [rekey, *child_request(1)])
    assert kinds(answer) == [NotifyType.CHILD_SA_NOT_FOUND]
    assert answer[0].spi == spi  # type: ignore[union-attr]
    assert len(right.children()) == 1


def test_second_rekeying_of_what_both_rekey() -> None:
    """While our own rekeying and the peer's cross, a further one by the peer has to wait."""
    net, left, right = no_pfs()
    net.rewrite = lambda d: None if d.path.local == RIGHT else d
    net.command(right, Rekey(child="net"))
    spi = right.children("REKEYING")[0].spi_out.to_bytes(4, "big")
    rekey = Notify(NotifyType.REKEY_SA, protocol=Protocol.ESP, spi=spi)
    first = send(net, left, right, ExchangeType.CREATE_CHILD_SA, [rekey, *child_request(1)])
    assert any(isinstance(payload, Sa) for payload in first)
    again = send(net, left, right, ExchangeType.CREATE_CHILD_SA, [rekey, *child_request(2)])
    assert kinds(again) == [NotifyType.TEMPORARY_FAILURE]


def test_zero_spi_of_a_child() -> None:
    net, left, right = no_pfs()
    payloads = child_request(1)
    payloads[0] = Sa(offer((parse_esp("aes128gcm16"),), spi=bytes(4), with_ke=False))
    assert kinds(send(net, left, right, ExchangeType.CREATE_CHILD_SA, payloads)) == [NotifyType.NO_PROPOSAL_CHOSEN]
    ike = ike_rekey_request(0)
    ike[0] = Sa(offer((IKE,), spi=bytes(8)))
    assert kinds(send(net, left, right, ExchangeType.CREATE_CHILD_SA, ike)) == [NotifyType.NO_PROPOSAL_CHOSEN]
    assert len(right.endpoint.status()) == 1


def test_replaced_and_closing_ike_sas_refuse_new_children() -> None:
    for make, state in ((replaced, IkeState.REKEYED), (deleting, IkeState.DELETING)):
        net, left, _right = make()
        sa = the_sa(left, state)
        message_id = sa.window.expected_request
        data = protected_by_peer(sa, ExchangeType.CREATE_CHILD_SA, message_id, child_request(1), response=False)
        (answer,) = [o for o in deliver(net, left, data, TO_LEFT) if isinstance(o, Transmit)]
        payloads = open_message(answer.data, parse(answer.data, read_header(answer.data)), sa.keys.cipher_out)
        assert kinds(list(payloads)) == [NotifyType.TEMPORARY_FAILURE]


def test_peer_that_never_deletes_the_replaced_ike_sa() -> None:
    """LINGER: then we delete it ourselves."""
    net, left, right = replaced()
    net.hosts.pop(RIGHT)
    net.run(59)
    assert len(left.endpoint.status()) == 2
    net.run(240)
    assert len(left.ikes()) == 1
    assert len(left.endpoint.status()) == 1
    assert not left.failures(), "that the replaced one could not be deleted properly is nobody's loss"
    assert left.children()
    assert right


def test_s03_requests_on_an_ike_sa_that_the_peer_made_while_we_rekey_too() -> None:
    """The peer uses its new IKE SA before our own rekeying is answered: so it has won, and we settle on it."""
    net, left, right = up()
    slow: list[Transmit] = []

    def delay(datagram: Transmit) -> float:
        if datagram.path.local == RIGHT and datagram.data[18] in (36, 37) and datagram.data[19] & FLAG_RESPONSE:
            slow.append(datagram)
            return 2.0
        return 3.0 if datagram.path.local == RIGHT and datagram.data[18] == 37 and len(slow) < 9 else 0.0

    net.delay = delay
    net.command(left, Rekey(ike="left"))
    net.command(right, Rekey(ike="right"))
    net.settle(0.5)
    net.command(right, Rekey(child="net"))
    net.run(150)
    assert len(left.endpoint.status()) == len(right.endpoint.status()) == 1
    assert len(list(installed_pairs(left, right))) == 1
    assert traffic_flows(left, right)
