"""Additional key exchanges of the IKE SA before IKE_AUTH (RFC 9242, RFC 9370), and what an attacker may try (S09)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from ikeengine.ikev2.peer.int_auth import IntAuth
from ikeengine.ikev2.states import IkeState
from ikeengine.model.commands import Initiate
from ikeengine.model.connection import Fragmentation
from ikeengine.negotiate.proposals import format_suite, parse_ike
from ikeengine.outputs import Dropped, DropReason, Transmit
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.wire.header import FLAG_RESPONSE
from ikeengine.wire.payloads import Auth, Ke, Notify, Payload
from tests.engine.pair.test_soak import leftovers
from tests.engine.pair.test_states import protected_by_peer
from tests.engine.support.forge import TO_LEFT, TO_RIGHT, deliver
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import LEFT, RIGHT, pattern, psk_pair

ONE = (parse_ike("aes128gcm16-prfsha256-x25519-ke1_ecp256"),)
THREE = (parse_ike("aes128-sha256-x25519-ke1_ecp256-ke3_x448-ke7_ecp384"),)
INTERMEDIATE, AUTH = int(ExchangeType.IKE_INTERMEDIATE), int(ExchangeType.IKE_AUTH)


def exchanges(net: Net) -> list[tuple[int, int, bool]]:
    """(exchange type, message ID, is it a response) of everything sent."""
    return [(d.data[18], int.from_bytes(d.data[20:24], "big"), bool(d.data[19] & 0x20)) for _, d in net.sent]


def half_way(exchange: int, message_id: int, *, response: bool, proposals: tuple = ONE) -> tuple[Net, Host, Host]:
    """The pair just before this message arrives for the first time."""
    net, left, right = psk_pair(proposals=proposals)

    def rewrite(d: Transmit) -> Transmit | None:
        at = d.data[18], int.from_bytes(d.data[20:24], "big"), bool(d.data[19] & FLAG_RESPONSE)
        return None if at == (exchange, message_id, response) else d

    net.rewrite = rewrite
    net.command(left, Initiate(child="net"))
    net.settle(1)
    return net, left, right


def sa_of(host: Host) -> object:
    (sa,) = host.endpoint._ctx.table
    return sa


# --- as it should be ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("proposals", "count"), [(ONE, 1), (THREE, 3)])
def test_one_exchange_for_each_method(proposals: tuple, count: int) -> None:
    net, left, right = psk_pair(proposals=proposals)
    assert net.initiate(left).ok
    expected = [(34, 0), *((43, number) for number in range(1, count + 1)), (35, count + 1)]
    assert exchanges(net) == [(*each, response) for each in expected for response in (False, True)]
    assert traffic_flows(left, right)
    assert format_suite(left.ikes()[0].suite) == format_suite(right.ikes()[0].suite)
    assert len(left.ikes()[0].suite.additional) == count


@pytest.mark.parametrize("mode", [Fragmentation.YES, Fragmentation.FORCE])
def test_with_fragments(mode: Fragmentation) -> None:
    """IntAuth covers the whole messages, not their fragments."""
    both = {"proposals": (parse_ike("aes128-sha256-x25519-ke1_modp4096"),), "fragmentation": mode}
    net, left, right = psk_pair(**both)
    for host in (left, right):
        host.endpoint.set_settings(replace(host.endpoint._ctx.settings, fragment_size=400))
    assert net.initiate(left).ok
    assert sum(d.data[18] == INTERMEDIATE for _, d in net.sent) > 2
    assert traffic_flows(left, right)


def test_smaller_fragments_of_a_request_that_was_answered() -> None:
    """The answer is lost until the initiator has cut its request anew, which the responder knows by its old keys."""
    net, left, right = psk_pair(proposals=(parse_ike("aes128-sha256-x25519-ke1_modp4096"),))
    for host in (left, right):
        host.endpoint.set_settings(replace(host.endpoint._ctx.settings, fragment_size=600))
    lengths: set[int] = set()

    def rewrite(d: Transmit) -> Transmit | None:
        if d.data[18] == INTERMEDIATE and d.path.local == LEFT:
            lengths.add(len(d.data))
        return None if d.data[18] == INTERMEDIATE and d.path.local == RIGHT and max(lengths) == first else d

    first = 600 - 28
    net.rewrite = rewrite
    assert net.initiate(left).ok
    assert traffic_flows(left, right)


def test_lost_messages_are_sent_again() -> None:
    net, left, right = psk_pair(Net(3, loss=0.3, duplicate=0.3), proposals=THREE)
    assert net.initiate(left).ok
    assert traffic_flows(left, right)


def test_nobody_announces_what_nobody_wants() -> None:
    net, left, _right = psk_pair()
    assert net.initiate(left).ok
    notify = NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED.to_bytes(2, "big")
    assert not any(notify in d.data for _, d in net.sent if d.data[18] == 34)


@pytest.mark.parametrize("optional", ["left", "right"])
def test_none_allows_a_peer_without(optional: str) -> None:
    both = (parse_ike("aes128gcm16-prfsha256-x25519-ke1_ecp256-ke1_none"),)
    net, left, _right = psk_pair(**{optional: {"proposals": both}})
    assert net.initiate(left).ok
    assert left.ikes()[0].suite.additional == ()
    assert not any(d.data[18] == INTERMEDIATE for _, d in net.sent)


@pytest.mark.parametrize("demanding", ["left", "right"])
def test_who_demands_it_has_no_ike_sa_without(demanding: str) -> None:
    net, left, right = psk_pair(**{demanding: {"proposals": ONE}})
    done = net.initiate(left)
    assert not done.ok
    assert "additional key exchange 1" in str(right.failures()[0])
    assert not leftovers(left)


def test_a_connection_that_demands_it_is_no_candidate_for_a_suite_without() -> None:
    """The suite is chosen for another connection; the one for this peer would not have accepted it."""
    net, left, right = psk_pair()
    config = right.endpoint.connections["right"]
    stranger = replace(config.remote[0], id=pattern("stranger.example.com"))
    right.endpoint.load_connection(replace(config, remote=(stranger,)), net.now)
    right.endpoint.load_connection(replace(config, name="strict", proposals=ONE), net.now)
    assert not net.initiate(left).ok
    assert not right.ikes()


# --- S09 ------------------------------------------------------------------------------------------------------


def test_s09_skipped() -> None:
    """IKE_AUTH instead of IKE_INTERMEDIATE is not even looked at."""
    net, left, right = half_way(INTERMEDIATE, 1, response=False)
    sa = sa_of(right)
    assert sa.state is IkeState.INTERMEDIATE_AWAITED
    data = protected_by_peer(sa, ExchangeType.IKE_AUTH, 1, [], response=False)
    assert [o.reason for o in deliver(net, right, data, TO_RIGHT)] == [DropReason.UNEXPECTED]
    assert sa.state is IkeState.INTERMEDIATE_AWAITED
    net.run(200)
    assert not leftovers(right)
    assert not left.children()


def test_s09_skipped_by_the_responder() -> None:
    net, left, _right = half_way(INTERMEDIATE, 1, response=True)
    sa = sa_of(left)
    data = protected_by_peer(sa, ExchangeType.IKE_AUTH, 1, [], response=True)
    assert [o.reason for o in deliver(net, left, data, TO_LEFT)] == [DropReason.UNEXPECTED]
    assert sa.state is IkeState.INTERMEDIATE_SENT


@pytest.mark.parametrize("response", [False, True])
def test_s09_reordered(response: bool) -> None:
    """Another method than the one whose turn it is."""
    net, left, right = half_way(INTERMEDIATE, 1, response=response, proposals=THREE)
    host = left if response else right
    sa = sa_of(host)
    x448 = Ke(32, bytes([9]) + bytes(55))
    data = protected_by_peer(sa, ExchangeType.IKE_INTERMEDIATE, 1, [x448], response=response)
    outputs = deliver(net, host, data, TO_LEFT if response else TO_RIGHT)
    if response:
        assert not left.endpoint.status()
    else:
        assert sa.state is IkeState.REFUSED
        assert [o for o in outputs if isinstance(o, Transmit)]
    assert "method 32" in host.failures()[0].reason
    net.run(200)
    assert not leftovers(right)
    assert not left.children()


@pytest.mark.parametrize("forgetful", ["left", "right"])
def test_s09_int_auth_omitted(forgetful: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One side leaves the IKE_INTERMEDIATE exchanges out of its AUTH payload, as if somebody had replaced them."""
    covered = IntAuth.octets

    def octets(self: IntAuth, *, is_initiator: bool) -> bytes:
        return b"" if is_initiator == (forgetful == "left") else covered(self, is_initiator=is_initiator)

    monkeypatch.setattr(IntAuth, "octets", octets)
    net, left, right = psk_pair(proposals=ONE)
    assert not net.initiate(left).ok
    net.run(200)
    assert not left.ikes()
    assert not right.ikes()
    assert not leftovers(right)


CHANGES: dict[str, Callable[[list[Payload], Ke], list[Payload]]] = {
    "dropped": lambda payloads, other: [p for p in payloads if not isinstance(p, Ke)],
    "duplicated": lambda payloads, other: [*payloads, *(p for p in payloads if isinstance(p, Ke))],
    "replaced": lambda payloads, other: [other],
    "empty": lambda payloads, other: [Ke(19, b"")],
    "invalid": lambda payloads, other: [Ke(19, bytes(64))],
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("response", [False, True])
def test_s09_additional_exchange_dropped_or_duplicated(change: str, response: bool) -> None:
    net, left, right = half_way(INTERMEDIATE, 1, response=response)
    host = left if response else right
    sa = sa_of(host)
    own = Ke(19, bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                               "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"))  # fmt: skip
    payloads = CHANGES[change]([own], Ke(31, bytes([9]) + bytes(31)))
    data = protected_by_peer(sa, ExchangeType.IKE_INTERMEDIATE, 1, payloads, response=response)
    deliver(net, host, data, TO_LEFT if response else TO_RIGHT)
    assert host.failures()
    assert sa.state in (IkeState.REFUSED, IkeState.CLOSED, IkeState.DELETING)
    net.run(200)
    assert not leftovers(right)
    assert not left.children()


@pytest.mark.parametrize("message_id", [0, 2, 3])
def test_s09_message_id_gap(message_id: int) -> None:
    net, _left, right = half_way(INTERMEDIATE, 1, response=False)
    sa = sa_of(right)
    data = protected_by_peer(
        sa, ExchangeType.IKE_INTERMEDIATE, message_id, [Notify(NotifyType.INITIAL_CONTACT)], response=False
    )
    assert [o.reason for o in deliver(net, right, data, TO_RIGHT)] == [DropReason.WRONG_MESSAGE_ID]
    assert sa.state is IkeState.INTERMEDIATE_AWAITED


def test_s09_one_more_than_agreed() -> None:
    net, _left, right = half_way(AUTH, 2, response=False)
    sa = sa_of(right)
    assert sa.state is IkeState.INIT_ANSWERED
    data = protected_by_peer(sa, ExchangeType.IKE_INTERMEDIATE, 2, [Ke(31, bytes(32))], response=False)
    assert [o.reason for o in deliver(net, right, data, TO_RIGHT)] == [DropReason.UNEXPECTED]


def test_s09_old_keys_are_of_no_use() -> None:
    """What was right for IKE_INTERMEDIATE does not open IKE_AUTH."""
    net, _left, right = half_way(INTERMEDIATE, 1, response=False)
    sa = sa_of(right)
    old = sa.keys
    net.rewrite = lambda d: None if d.data[18] == AUTH else d
    net.run(10)
    assert sa.state is IkeState.INIT_ANSWERED
    fresh, sa.keys = sa.keys, old
    data = protected_by_peer(sa, ExchangeType.IKE_AUTH, 2, [Auth(2, bytes(32))], response=False)  # type: ignore[arg-type]
    sa.keys = fresh
    assert [o.reason for o in deliver(net, right, data, TO_RIGHT)] == [DropReason.INTEGRITY]


def test_s09_the_notify_is_stripped() -> None:
    """Whoever removes INTERMEDIATE_EXCHANGE_SUPPORTED gets no weaker suite, and no IKE SA."""
    both = (parse_ike("aes128gcm16-prfsha256-x25519-ke1_ecp256-ke1_none"),)
    net, left, right = psk_pair(proposals=both)
    notify = NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED.to_bytes(2, "big")
    net.rewrite = lambda d: replace(d, data=d.data.replace(notify, b"\xff\xf0")) if d.data[18] == 34 else d
    assert not net.initiate(left).ok
    assert right.failures()[0].reason
    assert not left.ikes()


@pytest.mark.parametrize("kind", [NotifyType.TEMPORARY_FAILURE, NotifyType.INVALID_SYNTAX, NotifyType(99)])
def test_the_responder_refuses(kind: NotifyType) -> None:
    net, left, _right = half_way(INTERMEDIATE, 1, response=True)
    data = protected_by_peer(sa_of(left), ExchangeType.IKE_INTERMEDIATE, 1, [Notify(kind)], response=True)
    deliver(net, left, data, TO_LEFT)
    assert not left.endpoint.status()
    assert left.failures()[0].phase == "IKE_INTERMEDIATE response"


def test_half_open_responders_forget() -> None:
    net, left, right = half_way(INTERMEDIATE, 1, response=False)
    for _ in itertools.repeat(None, 3):
        net.run(60)
    assert not leftovers(right)
    assert not [o for o in left.log if isinstance(o, Dropped)]
