"""Quick crash detection (RFC 6290), and hints that come without protection (RFC 7296 section 1.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ikeengine.crypto.rng import SeededRng
from ikeengine.ikev2.exchanges.liveness import Liveness
from ikeengine.ikev2.upkeep import crash_tokens
from ikeengine.ikev2.upkeep.crash_detection import ANSWERS_PER_SECOND, HEARD_PER_SECOND, HINT_INTERVAL
from ikeengine.model.commands import Rekey, UnknownSpi
from ikeengine.model.connection import Action
from ikeengine.model.failure import Alert, Side
from ikeengine.model.path import Path
from ikeengine.model.secret import Secret
from ikeengine.outputs import Dropped, DropReason, Transmit
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.wire.header import FLAG_INITIATOR, FLAG_RESPONSE, read_header
from ikeengine.wire.message import parse, write_message
from ikeengine.wire.payloads import Notify
from tests.engine.pair.test_soak import leftovers
from tests.engine.support.forge import TO_LEFT, deliver, sealed
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import LEFT, RIGHT, psk_pair

SECRETS = {LEFT: Secret(b"the secret of the left gateway.."), RIGHT: Secret(b"the secret of the right gateway.")}
TOKEN = NotifyType.QUICK_CRASH_DETECTION


def pair(**changes: object) -> tuple[Net, Host, Host]:
    """Two hosts that can both make tokens."""
    net, left, right = psk_pair(**changes)
    for host in (left, right):
        host.endpoint.set_qcd_secret(SECRETS[host.address])
    return net, left, right


def up(**changes: object) -> tuple[Net, Host, Host]:
    net, left, right = pair(**changes)
    assert net.initiate(left).ok
    net.settle()
    return net, left, right


def crash(net: Net, host: Host, **changes: object) -> Host:
    """The host dies, and starts again with nothing but its configuration and its secret."""
    _, left, right = pair(**changes)
    fresh = left if host.address == LEFT else right
    fresh.endpoint._ctx.rng = SeededRng(f"{host.address} reborn")
    net.hosts[host.address] = fresh
    return fresh


def the_sa(host: Host) -> object:
    (sa,) = host.endpoint._ctx.table
    return sa


def ask(net: Net, host: Host) -> None:
    """Let a host ask its peer for a sign of life."""
    sa = the_sa(host)
    sa.queue.append(Liveness())
    host.endpoint._ctx.touch(sa)
    host.endpoint.handle_timer(net.now)
    host.endpoint._settle()
    net.pump(host)


def hint(host: Host, *said: Notify, message_id: int = 0) -> bytes:
    """What somebody tells a host, without protection, as the answer of its peer."""
    sa = the_sa(host)
    flags = FLAG_RESPONSE | (0 if sa.is_initiator else FLAG_INITIATOR)
    return write_message(sa.spi_i, sa.spi_r, ExchangeType.INFORMATIONAL, flags, message_id, said)


def said(outputs: Sequence[object]) -> list[list[NotifyType]]:
    """The notifies of the unprotected messages among outputs."""
    messages = [o.data for o in outputs if isinstance(o, Transmit) and o.data[16] == 41]
    return [[p.kind for p in parse(data, read_header(data)).payloads] for data in messages]


def token(host: Host, peer: Host) -> bytes:
    """The token that `peer` has given `host`."""
    sa = the_sa(host)
    return crash_tokens.make(SECRETS[peer.address], sa.spi_i, sa.spi_r)


# --- it works -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("victim", [LEFT, RIGHT])
@pytest.mark.parametrize("rekeyed_by", ["", LEFT, RIGHT])
def test_crash_is_noticed_within_a_round_trip(victim: str, rekeyed_by: str) -> None:
    """The answer to the first message after the restart proves it, also after a rekeying from either side."""
    restart = {"child_dpd_action": Action.RESTART}
    net, _left, _right = up(**restart)
    if rekeyed_by:
        host = net.hosts[rekeyed_by]
        net.command(host, Rekey(ike="left" if rekeyed_by == LEFT else "right"))
        net.settle()
    survivor = net.hosts[RIGHT if victim == LEFT else LEFT]
    assert len(survivor.ikes()) == 1
    reborn = crash(net, net.hosts[victim], **restart)
    begin = net.now
    ask(net, survivor)
    while not (reborn.ikes() and survivor.ikes() and traffic_flows(reborn, survivor)):
        assert net.step()
        assert net.now - begin < 0.1, "one round trip for the proof, two for the new IKE SA, 20 ms each"
    record = survivor.failures()[-1]
    assert (record.alert, record.side) == (Alert.INVALID_IKE_SPI, Side.PEER)
    assert "restarted" in record.reason
    assert len(survivor.ikes()) == 1


@pytest.mark.parametrize("action", [Action.CLEAR, Action.TRAP, Action.RESTART])
def test_dpd_action_says_what_comes_then(action: Action) -> None:
    net, left, right = up(child_dpd_action=action)
    crash(net, right, child_dpd_action=action)
    ask(net, left)
    net.settle()
    assert bool(left.ikes()) == (action is Action.RESTART)
    assert bool(left.policies) == (action is not Action.CLEAR)


def test_both_give_tokens_and_again_for_new_spis() -> None:
    net, left, right = up()
    for rekey in (None, Rekey(ike="left"), Rekey(ike="left")):
        if rekey is not None:
            net.command(left, rekey)
            net.settle()
        assert the_sa(left).peer_token.reveal() == token(left, right)
        assert the_sa(right).peer_token.reveal() == token(right, left)
    assert token(left, right) != token(right, left)
    assert not left.failures()
    assert not right.failures()


@pytest.mark.parametrize("where", ["left", "right", "both"])
def test_qcd_can_be_switched_off(where: str) -> None:
    off = {"qcd": False}
    changes = {"left": off, "right": off} if where == "both" else {where: off}
    net, left, right = up(**changes)
    assert not the_sa(left).peer_token.reveal()
    assert not the_sa(right).peer_token.reveal()
    reborn = crash(net, right, **changes)
    ask(net, left)
    net.settle()
    assert len(left.ikes()) == 1
    assert bool(said(reborn.log)) == (where == "left")


# --- the maker ------------------------------------------------------------------------------------------------


def test_an_answer_looks_as_the_rfc_draws_it() -> None:
    net, left, right = up()
    reborn = crash(net, right)
    request = sealed(left, ExchangeType.INFORMATIONAL, 7, [])
    outputs = deliver(net, reborn, request)
    (answer,) = [o for o in outputs if isinstance(o, Transmit)]
    header = read_header(answer.data)
    assert answer.data[:16] == request[:16]
    assert (header.message_id, header.is_response, header.is_initiator) == (7, True, False)
    assert said(outputs) == [[NotifyType.INVALID_IKE_SPI, TOKEN]]
    assert len(answer.data) <= 60, "hardly more than the shortest request"


def test_d06_never_a_token_for_an_ike_sa_that_lives() -> None:
    """RFC 6290 section 9.2: or anybody could end it."""
    net, left, right = up()
    genuine = sealed(left, ExchangeType.INFORMATIONAL, 99, [])
    for data in (genuine, genuine[:16] + bytes(4) + genuine[20:], genuine[:-1] + b"\0"):
        for path in (None, Path(RIGHT, 500, "198.51.100.9", 500)):
            assert said(deliver(net, right, data, path)) == []
    assert len(right.ikes()) == 1


def test_d06_who_gets_no_answer() -> None:
    """Responses, unprotected messages, zero SPIs, senders that no connection is for, and connections without QCD."""
    net, left, right = up()
    reborn = crash(net, right)
    request = sealed(left, ExchangeType.INFORMATIONAL, 0, [])
    response = sealed(left, ExchangeType.INFORMATIONAL, 0, [], response=True)
    clear = hint(left, Notify(NotifyType.INVALID_SYNTAX))
    for data in (response, clear, bytes(8) + request[8:], request[:8] + bytes(8) + request[16:]):
        assert said(deliver(net, reborn, data)) == []
    assert said(deliver(net, reborn, request, Path(RIGHT, 500, "198.51.100.9", 500))) == []
    config = replace(reborn.endpoint.connections["right"], qcd=False)
    reborn.endpoint.load_connection(config, net.now)
    assert said(deliver(net, reborn, request)) == []


def test_d06_answers_are_limited() -> None:
    net, left, right = up()
    reborn = crash(net, right)
    for number in range(200):
        data = sealed(left, ExchangeType.INFORMATIONAL, number, [])
        assert len(said(deliver(net, reborn, data[:8] + number.to_bytes(8, "big") + data[16:]))) <= 1
    assert len(said(reborn.log)) <= ANSWERS_PER_SECOND
    assert not reborn.endpoint.status()


# --- the taker ------------------------------------------------------------------------------------------------


def test_a_token_from_any_address_and_among_others() -> None:
    """Section 3: any address; section 4.5: at least four tokens in a message."""
    net, left, right = up()
    wrong = [Notify(TOKEN, bytes([number]) * 16) for number in range(3)]
    proof = Notify(TOKEN, token(left, right))
    data = hint(left, Notify(NotifyType.INVALID_IKE_SPI), *wrong, proof)
    deliver(net, left, data, Path(LEFT, 4500, "198.51.100.9", 4500))
    assert not left.endpoint.status()
    assert not left.sas
    assert not leftovers(left)


@pytest.mark.parametrize("kind", ["none", "wrong", "empty", "short", "long", "our own", "cut"])
def test_s08_anything_but_the_token_is_a_hint_at_most(kind: str) -> None:
    """The peer is asked for a sign of life, which it gives; nothing is deleted."""
    net, left, right = up()
    genuine = token(left, right)
    data = {
        "none": None,
        "wrong": bytes(16),
        "empty": b"",
        "short": genuine[:8],
        "long": genuine + b"\0",
        "our own": token(right, left),
        "cut": genuine[:-1],
    }[kind]
    tokens = [] if data is None else [Notify(TOKEN, data)]
    before = len(net.sent)
    outputs = deliver(net, left, hint(left, Notify(NotifyType.INVALID_IKE_SPI), *tokens))
    assert DropReason.UNEXPECTED in [o.reason for o in outputs if isinstance(o, Dropped)]
    net.settle()
    fresh = [d for _, d in net.sent[before:]]
    assert [d.path.local for d in fresh] == [LEFT, RIGHT], "a sign of life was asked for and given"
    assert len(left.ikes()) == 1
    assert traffic_flows(left, right)


def test_s08_a_token_without_invalid_ike_spi_is_nothing() -> None:
    net, left, right = up()
    outputs = deliver(net, left, hint(left, Notify(TOKEN, token(left, right))))
    assert not any(isinstance(o, Transmit) for o in outputs)
    assert len(left.ikes()) == 1


@pytest.mark.parametrize("kind", [NotifyType.INVALID_IKE_SPI, NotifyType.INVALID_SPI])
def test_d10_hints_are_limited(kind: NotifyType) -> None:
    """However many come: one question in a while."""
    net, left, right = up()
    before = len(net.sent)
    for number in range(1000):
        deliver(net, left, hint(left, Notify(kind), message_id=number))
        if number % 100 == 0:
            net.settle(0.01)
    net.settle(1)
    assert len(net.sent) - before == 2
    assert DropReason.LIMIT in [o.reason for o in left.log if isinstance(o, Dropped)]
    net.run(HINT_INTERVAL)
    deliver(net, left, hint(left, Notify(kind)))
    net.settle(1)
    assert len(net.sent) - before == 4
    assert len(left.ikes()) == len(right.ikes()) == 1


def test_d08_guesses_are_limited() -> None:
    """The proof itself is not heard among too many wrong ones; it comes again with the next question."""
    net, left, right = up()
    for number in range(int(HEARD_PER_SECOND) + 5):
        guess = Notify(TOKEN, number.to_bytes(16, "big"))
        deliver(net, left, hint(left, Notify(NotifyType.INVALID_IKE_SPI), guess))
    deliver(net, left, hint(left, Notify(NotifyType.INVALID_IKE_SPI), Notify(TOKEN, token(left, right))))
    assert len(left.ikes()) == 1
    net.run(2)
    deliver(net, left, hint(left, Notify(NotifyType.INVALID_IKE_SPI), Notify(TOKEN, token(left, right))))
    assert not left.ikes()


@pytest.mark.parametrize("size", [0, 15, 129])
def test_tokens_of_impossible_length_are_not_kept(size: int) -> None:
    net, left, right = up()
    sa = the_sa(right)
    before = the_sa(right).peer_token.reveal()
    data = sealed(left, ExchangeType.INFORMATIONAL, sa.window.expected_request, [Notify(TOKEN, bytes(size))])
    assert any(isinstance(o, Transmit) for o in deliver(net, right, data))
    assert the_sa(right).peer_token.reveal() == before


def test_a_peer_may_replace_its_token() -> None:
    """Section 4.4."""
    net, left, right = up()
    sa = the_sa(right)
    data = sealed(left, ExchangeType.INFORMATIONAL, sa.window.expected_request, [Notify(TOKEN, b"n" * 128)])
    deliver(net, right, data)
    proof = hint(right, Notify(NotifyType.INVALID_IKE_SPI), Notify(TOKEN, b"n" * 128))
    deliver(net, right, proof)
    assert not right.endpoint.status()


# --- ESP without an SA ----------------------------------------------------------------------------------------


def test_esp_for_a_lost_sa_leads_to_a_new_tunnel() -> None:
    """RFC 7296 section 1.5 and RFC 6290 section 8.2: packet, INVALID_SPI, question, proof, new tunnel."""
    restart = {"child_dpd_action": Action.RESTART}
    net, left, right = up(**restart)
    spi = left.sending_sa().spi
    reborn = crash(net, right, **restart)
    reborn.endpoint.command(UnknownSpi(spi, Path(RIGHT, 500, LEFT, 500)), net.now)
    net.pump(reborn)
    assert said(reborn.log) == [[NotifyType.INVALID_SPI]]
    net.settle()
    assert traffic_flows(left, reborn)
    assert len(left.ikes()) == 1


def test_d06_invalid_spi_of_strangers() -> None:
    """About an SPI that is not the peer's, from an address that is not the peer's, or much too often."""
    net, left, right = up()
    spi = left.sending_sa().spi
    stray = [
        (Notify(NotifyType.INVALID_SPI, (spi ^ 1).to_bytes(4, "big")), TO_LEFT),
        (Notify(NotifyType.INVALID_SPI, spi.to_bytes(4, "big")), Path(LEFT, 500, "198.51.100.9", 500)),
        (Notify(NotifyType.INVALID_SPI, b""), TO_LEFT),
        (Notify(NotifyType.INVALID_SPI, bytes(5)), TO_LEFT),
    ]
    for notify, path in stray:
        data = write_message(bytes(8), bytes(8), ExchangeType.INFORMATIONAL, FLAG_INITIATOR, 0, [notify])
        assert not any(isinstance(o, Transmit) for o in deliver(net, left, data, path))
    for _ in range(100):
        right.endpoint.command(UnknownSpi(77, Path(RIGHT, 500, LEFT, 500)), net.now)
        right.endpoint.command(UnknownSpi(77, Path(RIGHT, 500, "198.51.100.9", 500)), net.now)
    net.pump(right)
    assert len(said(right.log)) <= ANSWERS_PER_SECOND
    assert all(o.path.remote == LEFT for o in right.log if isinstance(o, Transmit))
