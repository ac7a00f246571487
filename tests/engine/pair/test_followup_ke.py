"""Additional key exchanges of Child SAs and rekeyed IKE SAs (RFC 9370 section 2.2.4), and peers that do it wrongly."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ikeengine.ikev2.exchanges.followup_ke import MAX_HALF_DONE, PATIENCE
from ikeengine.ikev2.exchanges.rekey_child import RekeyChild
from ikeengine.model.commands import Initiate, Rekey
from ikeengine.model.sa import Direction
from ikeengine.negotiate.proposals import offer, parse_esp, parse_ike
from ikeengine.negotiate.selectors import parse_selector
from ikeengine.outputs import Transmit
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.wire.header import FLAG_RESPONSE
from ikeengine.wire.payloads import Ke, Nonce, Notify, Payload, Sa, TsInitiator, TsResponder
from tests.engine.pair.test_soak import leftovers
from tests.engine.pair.test_states import kinds, protected_by_peer, send
from tests.engine.support.forge import TO_LEFT, deliver
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import psk_pair

FOLLOWUP, CREATE = ExchangeType.IKE_FOLLOWUP_KE, ExchangeType.CREATE_CHILD_SA
ESP = parse_esp("aes128gcm16-x25519-ke1_ecp256-ke2_x448")
IKE = parse_ike("aes128gcm16-prfsha256-x25519-ke1_ecp256-ke2_x448")
BOTH = {"child_esp_proposals": (ESP,), "proposals": (IKE,)}
X25519, ECP256, X448 = (Ke(31, bytes([9]) + bytes(31)), Ke(19, bytes(64)), Ke(32, bytes([5]) + bytes(55)))
REKEY = Rekey(child="net")


def up(**changes: object) -> tuple[Net, Host, Host]:
    net, left, right = psk_pair(**{**BOTH, **changes})
    assert net.initiate(left).ok
    net.settle()
    return net, left, right


def keys(host: Host, direction: Direction) -> dict[int, bytes]:
    return {sa.spi: sa.encr_key.reveal() for sa in host.sas.values() if sa.direction is direction}


def assert_same_keys(left: Host, right: Host) -> None:
    assert keys(left, Direction.OUT) == keys(right, Direction.IN)
    assert keys(left, Direction.IN) == keys(right, Direction.OUT)


def losing(kind: int, *, response: bool, count: int = 1) -> Callable[[Transmit], Transmit | None]:
    """Lose the first messages of a kind."""
    lost: list[bytes] = []

    def rewrite(d: Transmit) -> Transmit | None:
        if d.data[18] == kind and bool(d.data[19] & FLAG_RESPONSE) == response and len(lost) < count:
            lost.append(d.data)
            return None
        return d

    return rewrite


# --- as it should be ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [0, 1])
def test_rekeyed_child_sas_have_the_same_keys(who: int) -> None:
    net, *hosts = up()
    op = net.command(hosts[who], REKEY)
    net.run(20)
    assert net.done(hosts[who], op).ok
    assert_same_keys(*hosts)
    used = [(d.data[18], bool(d.data[19] & FLAG_RESPONSE)) for _, d in net.sent]
    assert [kind for kind, response in used if not response][-4:] == [CREATE, FOLLOWUP, FOLLOWUP, 37]


@pytest.mark.parametrize("who", [0, 1])
def test_rekeyed_ike_sas_have_the_same_keys(who: int) -> None:
    """What follows is protected with them, and Child SAs are derived from them."""
    net, *hosts = up()
    op = net.command(hosts[who], Rekey(ike="left" if who == 0 else "right"))
    net.run(20)
    assert net.done(hosts[who], op).ok
    op = net.command(hosts[1 - who], REKEY)
    net.run(20)
    assert net.done(hosts[1 - who], op).ok
    assert_same_keys(*hosts)


def test_new_child_sa() -> None:
    net, left, right = up(child_start_action=())
    net.command(left, Initiate(ike="left"))
    before = len(left.children())
    (sa,) = left.endpoint._ctx.table
    from ikeengine.ikev2.exchanges.create_child import CreateChild

    sa.queue.append(CreateChild(sa.connection.children["net"]))
    left.endpoint._ctx.touch(sa)
    left.endpoint._settle()
    net.pump(left)
    net.run(20)
    assert len(left.children()) == len(right.children()) == before + 1
    assert_same_keys(left, right)


@pytest.mark.parametrize("kind", [FOLLOWUP, CREATE])
@pytest.mark.parametrize("response", [False, True])
def test_lost_messages_are_sent_again(kind: ExchangeType, response: bool) -> None:
    net, left, right = up()
    net.rewrite = losing(kind, response=response, count=2)
    op = net.command(left, REKEY)
    net.run(60)
    assert net.done(left, op).ok
    assert_same_keys(left, right)
    assert traffic_flows(left, right)


# --- half done ------------------------------------------------------------------------------------------------


def test_what_is_not_gone_on_with_is_forgotten() -> None:
    """The initiator dies in between: the responder keeps the old Child SA and forgets the new one."""
    net, left, right = up()
    net.rewrite = lambda d: None if d.data[18] == FOLLOWUP else d
    net.command(left, REKEY)
    net.settle(1)
    (sa,) = right.endpoint._ctx.table
    assert len(sa.half_done) == 1
    assert len(right.children()) == 1
    net.run(PATIENCE)
    assert not sa.half_done
    assert len(right.sas) == 2


def test_state_not_found_is_survived() -> None:
    """The responder has forgotten it; the initiator keeps the old Child SA and tries again later."""
    net, left, right = up()
    net.rewrite = losing(FOLLOWUP, response=False)
    op = net.command(left, REKEY)
    net.settle(1)
    (sa,) = right.endpoint._ctx.table
    for half_done in list(sa.half_done.values()):
        half_done.forget(right.endpoint._ctx, sa)
    sa.half_done.clear()
    net.run(20)
    assert not net.done(left, op).ok
    assert "STATE_NOT_FOUND" in left.failures()[0].reason
    assert traffic_flows(left, right)
    net.run(200)
    assert len(left.children()[0].suite.additional) == 2, "it has been tried again"
    assert_same_keys(left, right)


def test_the_ike_sa_ends_with_something_half_done() -> None:
    net, left, right = up()
    net.rewrite = lambda d: None if d.data[18] == FOLLOWUP else d
    net.command(left, REKEY)
    net.settle(1)
    net.rewrite = lambda d: None
    right.endpoint.unload_connection("right", net.now)
    net.pump(right)
    net.run(400)
    assert not leftovers(right)
    assert not right.endpoint._ctx._reqid_users


def test_own_rekeying_joins_the_one_of_the_peer() -> None:
    net, left, right = up()
    net.rewrite = losing(FOLLOWUP, response=False)
    ours = net.command(left, REKEY)
    net.settle(1)
    theirs = net.command(right, REKEY)
    net.settle(1)
    assert net.done(right, theirs) is None
    net.run(20)
    assert net.done(left, ours).ok
    assert net.done(right, theirs).ok
    assert len(left.children()) == len(right.children()) == 1


def create_request(number: int = 0) -> list[Payload]:
    proposals = offer((ESP,), spi=(0x1000 + number).to_bytes(4, "big"))
    selectors = [parse_selector(text) for text in ("10.1.0.0/24", "10.2.0.0/24")]
    return [
        Sa(proposals),
        Nonce(bytes(31) + bytes([number])),
        X25519,
        TsInitiator((selectors[0],)),
        TsResponder((selectors[1],)),
    ]


def link_of(answer: list[Payload]) -> Notify:
    return next(p for p in answer if isinstance(p, Notify) and p.kind == NotifyType.ADDITIONAL_KEY_EXCHANGE)


def test_a_peer_that_never_goes_on_is_bounded() -> None:
    net, left, right = up()
    (sa,) = right.endpoint._ctx.table
    links = [link_of(send(net, left, right, CREATE, create_request(number))) for number in range(20)]
    assert len(sa.half_done) == MAX_HALF_DONE
    assert len({link.data for link in links}) == 20
    assert len(right.children()) == 1
    assert kinds(send(net, left, right, FOLLOWUP, [ECP256, links[0]])) == [NotifyType.STATE_NOT_FOUND]
    net.run(PATIENCE + 1)
    assert not sa.half_done
    assert len(right.endpoint._ctx._reqid_users) == 1


@pytest.mark.parametrize("link", [None, b"", b"12345678"])
def test_unknown_link(link: bytes | None) -> None:
    net, left, right = up()
    send(net, left, right, CREATE, create_request())
    notify = [] if link is None else [Notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, link)]
    assert kinds(send(net, left, right, FOLLOWUP, [ECP256, *notify])) == [NotifyType.STATE_NOT_FOUND]
    assert len(right.ikes()) == 1


@pytest.mark.parametrize("ke", [X448, X25519, ECP256, Ke(19, b"")])
def test_wrong_method_or_value(ke: Ke) -> None:
    """INVALID_SYNTAX, and what was begun is gone; the IKE SA and the Child SA that is there stay."""
    net, left, right = up()
    link = link_of(send(net, left, right, CREATE, create_request()))
    assert kinds(send(net, left, right, FOLLOWUP, [ke, link])) == [NotifyType.INVALID_SYNTAX]
    assert kinds(send(net, left, right, FOLLOWUP, [ke, link])) == [NotifyType.STATE_NOT_FOUND]
    assert len(right.children()) == 1


# --- responders that do it wrongly ----------------------------------------------------------------------------


def waiting_for(exchange: ExchangeType) -> tuple[Net, Host, Host, int]:
    """Left waits for the first response of this type."""
    net, left, right = up()
    net.rewrite = lambda d: None if d.data[18] == exchange and d.data[19] & FLAG_RESPONSE else d
    op = net.command(left, REKEY)
    net.settle(1)
    return net, left, right, op


@pytest.mark.parametrize(
    "payloads",
    [
        [ECP256, Notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, b"l")],
        [X448, Notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, b"l")],
        [Ke(19, b""), Notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, b"l")],
        [Notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, b"l")],
    ],
)
def test_wrong_answers_end_the_ike_sa(payloads: list[Payload]) -> None:
    net, left, right, op = waiting_for(FOLLOWUP)
    (sa,) = left.endpoint._ctx.table
    deliver(net, left, protected_by_peer(sa, FOLLOWUP, sa.window.next_request, payloads, response=True), TO_LEFT)
    net.rewrite = lambda d: d
    net.run(60)
    assert not net.done(left, op).ok
    assert not left.ikes()
    assert not right.ikes()


def test_an_answer_without_a_link() -> None:
    net, left, _right, op = waiting_for(CREATE)
    (sa,) = left.endpoint._ctx.table
    assert isinstance(sa.active, RekeyChild)
    payloads = [payload for payload in create_request(7) if not isinstance(payload, Ke)]
    deliver(
        net, left, protected_by_peer(sa, CREATE, sa.window.next_request, [*payloads, X25519], response=True), TO_LEFT
    )
    net.run(1)
    assert not net.done(left, op).ok
    assert "ADDITIONAL_KEY_EXCHANGE" in str(left.failures()[0])


@pytest.mark.parametrize("kind", [NotifyType.STATE_NOT_FOUND, NotifyType.TEMPORARY_FAILURE, NotifyType(99)])
@pytest.mark.parametrize("what", ["child", "ike"])
def test_errors_of_the_responder_leave_the_old_sa(kind: NotifyType, what: str) -> None:
    net, left, right = up()
    net.rewrite = lambda d: None if d.data[18] == FOLLOWUP and d.data[19] & FLAG_RESPONSE else d
    op = net.command(left, REKEY if what == "child" else Rekey(ike="left"))
    net.settle(1)
    (sa,) = left.endpoint._ctx.table
    deliver(net, left, protected_by_peer(sa, FOLLOWUP, sa.window.next_request, [Notify(kind)], response=True), TO_LEFT)
    assert not net.done(left, op).ok
    assert traffic_flows(left, right)
    assert len(left.ikes()) == 1


# --- everything at once ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [3, 16, 39, 66, 102, 124])
def test_rekeyings_on_a_bad_network(seed: int) -> None:
    """Both rekey what they like, while datagrams are lost, repeated and overtaken; in the end nothing is stuck."""
    chance = random.Random(seed)
    net, left, right = psk_pair(Net(seed, loss=0.08, duplicate=0.1, jitter=0.05), **BOTH)
    assert net.initiate(left).ok
    net.settle()
    for _ in range(12):
        for host, name in ((left, "left"), (right, "right")):
            if chance.random() < 0.7:
                net.command(host, REKEY if chance.random() < 0.6 else Rekey(ike=name))
            net.run(chance.random() * 0.06)
        net.run(chance.choice([0.02, 0.1, 5, 40]))
    net.loss = 0
    net.run(2500)
    (ours,), (theirs,) = left.ikes(), right.ikes()
    assert (ours.spi_i, ours.spi_r) == (theirs.spi_i, theirs.spi_r)
    assert len(left.children()) == len(right.children()) == 1
    assert len(left.sas) == len(right.sas) == 2
    assert_same_keys(left, right)
    for host in (left, right):
        assert not any(sa.half_done for sa in host.endpoint._ctx.table)
        assert [users for _key, users in host.endpoint._ctx._reqid_users.values()] == [1]
