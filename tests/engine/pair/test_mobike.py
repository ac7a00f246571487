"""MOBIKE (RFC 4555) on the virtual clock: who moves, what is lost on the way, and what never moves anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.ikev2.mobike.mobility import MOST_ADDRESSES, Mobility
from ikeengine.ikev2.states import IkeState
from ikeengine.model.commands import NatMappingChanged, NetworkChanged, Rekey
from ikeengine.model.connection import EngineSettings
from ikeengine.model.path import Path, packed
from ikeengine.outputs import Dropped, IkeMoved, Transmit, UpdateSa
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.wire.header import FLAG_RESPONSE
from ikeengine.wire.payloads import Notify
from tests.engine.support.forge import deliver, sealed
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import LEFT, RIGHT, psk_pair

NEW_LEFT, NEW_RIGHT, OTHER = "192.0.2.91", "192.0.2.92", "203.0.113.1"
INFORMATIONAL = 37
DAY = 86400.0

Ends = tuple[Net, Host, Host]


def up(**changes: object) -> Ends:
    """Left has begun; both know their own addresses."""
    changes = {"remote_addrs": ("%any",), **changes} if "right" not in changes else changes
    net, left, right = psk_pair(left={"remote_addrs": (RIGHT,)}, **changes)
    for host in (left, right):
        net.command(host, NetworkChanged((host.address, *host.others)))
    assert net.initiate(left).ok
    net.settle()
    return net, left, right


def mobility(host: Host) -> Mobility:
    (sa,) = (sa for sa in host.endpoint._ctx.table if sa.state is IkeState.ESTABLISHED)
    assert sa.mobility is not None
    return sa.mobility


def assert_at(net: Net, left: Host, right: Host, here: str, there: str) -> None:
    """Both sides have one IKE SA and one Child SA, everything at these addresses, and packets get through."""
    for host, own, peer in ((left, here, there), (right, there, here)):
        (ike,) = host.ikes()
        assert (ike.path.local, ike.path.remote) == (own, peer)
        (child,) = ike.children
        assert {sa.destination for sa in host.sas.values()} == {own, peer}
        assert {child.sa_in, child.sa_out} == set(host.sas)
        assert {(p.local, p.remote) for p in host.policies.values()} == {(own, peer)}
        assert ike.tasks_active == ike.tasks_queued == ()
        assert mobility(host).held is None
    assert traffic_flows(left, right)


def updates(host: Host) -> list:
    return host.events(UpdateSa)


# --- agreement ------------------------------------------------------------------------------------------------


def test_both_sides_agree_and_tell_their_addresses() -> None:
    net, left, right = psk_pair()
    net.command(left, NetworkChanged((LEFT, OTHER, "2001:db8::7")))
    assert net.initiate(left).ok
    assert (mobility(left).decides, mobility(right).decides) == (True, False)
    assert mobility(right).peer_addresses == (OTHER, "2001:db8::7")
    assert mobility(left).peer_addresses == ()
    assert left.ikes()[0].path == Path(LEFT, 4500, RIGHT, 4500), "section 3.3: port 4500 even without a NAT"
    assert not left.children()[0].encap


@pytest.mark.parametrize("who", ["left", "right"])
def test_one_side_is_enough_to_be_without(who: str) -> None:
    net, left, right = psk_pair(**{who: {"mobike": False}})
    assert net.initiate(left).ok
    assert all(sa.mobility is None for host in (left, right) for sa in host.endpoint._ctx.table)
    assert left.ikes()[0].path.local_port == (500 if who == "left" else 4500)


def test_no_more_addresses_are_believed_than_the_cap() -> None:
    net, left, right = up()
    many = [Notify(NotifyType.ADDITIONAL_IP4_ADDRESS, packed(f"198.51.100.{n}")) for n in range(1, 15)]
    wrong = [
        Notify(NotifyType.ADDITIONAL_IP4_ADDRESS, b"\x01\x02\x03"),
        Notify(NotifyType.ADDITIONAL_IP6_ADDRESS, bytes(4)),
        Notify(NotifyType.ADDITIONAL_IP4_ADDRESS, packed("224.0.0.1")),
    ]
    deliver(net, right, sealed(left, ExchangeType.INFORMATIONAL, 2, [*wrong, *many]), Path(RIGHT, 4500, LEFT, 4500))
    assert len(mobility(right).peer_addresses) == MOST_ADDRESSES == 8
    assert mobility(right).peer_addresses[0] == "198.51.100.1"


def test_own_addresses_are_told_no_more_than_the_cap_and_when_they_change() -> None:
    net, left, right = up()
    net.readdress(left, LEFT, *(f"198.51.100.{n}" for n in range(1, 20)))
    net.settle()
    assert len(mobility(right).peer_addresses) == MOST_ADDRESSES
    net.readdress(left, LEFT)
    net.settle()
    assert mobility(right).peer_addresses == ()
    assert_at(net, left, right, LEFT, RIGHT)
    assert not updates(left), "the path is as it was"
    assert not updates(right)


# --- moving ---------------------------------------------------------------------------------------------------


def test_initiator_moves() -> None:
    net, left, right = up()
    before = {child.spi_in for host in (left, right) for child in host.children()}
    net.readdress(left, NEW_LEFT)
    net.settle()
    assert_at(net, left, right, NEW_LEFT, RIGHT)
    assert {child.spi_in for host in (left, right) for child in host.children()} == before
    for host in (left, right):
        (event,) = host.events(IkeMoved)
        assert event.path == host.ikes()[0].path
        assert LEFT in (event.ike.path.local, event.ike.path.remote), "the event says where the IKE SA was"


@pytest.mark.parametrize("checks", [True, False])
def test_return_routability(checks: bool) -> None:
    """Section 3.7: traffic goes to a new address only after the peer has shown that it receives there."""
    net, left, right = up()
    right.endpoint.set_settings(EngineSettings(return_routability=checks))
    net.rewrite = lambda d: None if is_response(d) and d.path.local == NEW_LEFT else d
    net.readdress(left, NEW_LEFT)
    net.run(3)
    assert left.ikes()[0].path.local == NEW_LEFT
    assert bool(updates(right)) is not checks
    assert {sa.destination for sa in right.sas.values()} == ({LEFT, RIGHT} if checks else {NEW_LEFT, RIGHT})
    net.rewrite = lambda d: d
    net.run(20)
    assert_at(net, left, right, NEW_LEFT, RIGHT)


def is_response(datagram: Transmit) -> bool:
    return bool(datagram.data[19] & FLAG_RESPONSE)


def test_responder_moves() -> None:
    """Section 3.6: it tells the initiator, which then decides."""
    net, left, right = up()
    net.readdress(right, NEW_RIGHT)
    net.settle()
    assert_at(net, left, right, LEFT, NEW_RIGHT)


def test_both_move_at_once() -> None:
    """The responder's second address, told before, is where they meet."""
    net, left, right = up()
    net.readdress(right, RIGHT, OTHER)
    net.settle()
    net.readdress(left, NEW_LEFT)
    net.readdress(right, OTHER)
    net.run(120)
    assert_at(net, left, right, NEW_LEFT, OTHER)


def test_moving_again_before_the_first_move_is_over() -> None:
    net, left, right = up()
    net.readdress(left, NEW_LEFT)
    net.run(0.005)
    net.readdress(left, OTHER)
    net.run(30)
    assert_at(net, left, right, OTHER, RIGHT)


def test_there_and_back() -> None:
    net, left, right = up()
    net.readdress(left, NEW_LEFT)
    net.run(0.025)
    net.readdress(left, LEFT)
    net.run(30)
    assert_at(net, left, right, LEFT, RIGHT)


@pytest.mark.parametrize("lost", range(1, 5))
def test_a_lost_message_of_the_update(lost: int) -> None:
    """Update, answer, COOKIE2 and its answer: whichever is lost, the retransmission brings it."""
    net, left, right = up()
    seen = 0

    def lose_one(datagram: Transmit) -> Transmit | None:
        nonlocal seen
        seen += 1
        return None if seen == lost else datagram

    net.rewrite = lose_one
    net.readdress(left, NEW_LEFT)
    net.run(30)
    assert seen > 4
    assert_at(net, left, right, NEW_LEFT, RIGHT)


REKEYINGS = {
    "child by the mover": ("left", Rekey(child="net")),
    "child by the other": ("right", Rekey(child="net")),
    "ike by the mover": ("left", Rekey(ike="left")),
    "ike by the other": ("right", Rekey(ike="right")),
}


@pytest.mark.parametrize("after", [0.0, 0.005, 0.015, 0.025, 0.035, 0.045])
@pytest.mark.parametrize("name", REKEYINGS)
def test_rekeying_and_moving_at_the_same_time(name: str, after: float) -> None:
    """One request is under way at a time, and it goes on at the new address (sections 3.5 and 3.8)."""
    net, left, right = up()
    who, command = REKEYINGS[name]
    net.command(left if who == "left" else right, command)
    net.run(after)
    net.readdress(left, NEW_LEFT)
    net.run(120)
    assert_at(net, left, right, NEW_LEFT, RIGHT)


@pytest.mark.parametrize("after", [0.0, 0.005, 0.015, 0.025, 0.035, 0.045])
@pytest.mark.parametrize("name", REKEYINGS)
def test_moving_and_then_rekeying(name: str, after: float) -> None:
    net, left, right = up()
    who, command = REKEYINGS[name]
    net.readdress(left, NEW_LEFT)
    net.run(after)
    net.command(left if who == "left" else right, command)
    net.run(120)
    assert_at(net, left, right, NEW_LEFT, RIGHT)


@pytest.mark.parametrize("seed", range(12))
def test_many_moves_and_rekeyings_on_a_bad_network(seed: int) -> None:
    net, left, right = up(net=Net(seed, loss=0.15, duplicate=0.1, jitter=0.2))
    for step in range(8):
        net.readdress(left, (NEW_LEFT, OTHER, LEFT)[step % 3])
        host, command = list(REKEYINGS.values())[(step + seed) % 4]
        net.command(left if host == "left" else right, command)
        net.run((seed * 7 + step * 3) % 11)
    net.loss = net.jitter = net.duplicate = 0.0
    net.run(300)
    assert_at(net, left, right, OTHER, RIGHT)


def test_a_rekeyed_ike_sa_is_as_mobile_as_before() -> None:
    """Section 1.3: the roles are those of the first IKE SA, whoever has rekeyed."""
    net, left, right = up()
    net.command(right, Rekey(ike="right"))
    net.run(70)
    assert (mobility(left).decides, mobility(right).decides) == (True, False)
    net.readdress(left, NEW_LEFT)
    net.settle()
    assert_at(net, left, right, NEW_LEFT, RIGHT)


# --- other paths ----------------------------------------------------------------------------------------------


def test_probing_when_the_path_is_dead() -> None:
    """Section 3.10: after some retransmissions the other addresses of the responder are tried as well."""
    net, left, right = up()
    net.readdress(right, RIGHT, OTHER)
    net.settle()
    net.rewrite = lambda d: None if RIGHT in (d.path.local, d.path.remote) else d
    op = net.command(left, Rekey(child="net"))
    net.run(100)
    assert net.done(left, op).ok
    assert_at(net, left, right, LEFT, OTHER)


def test_the_responder_does_not_probe() -> None:
    net, left, right = up()
    net.readdress(left, LEFT, OTHER)
    net.settle()
    net.rewrite = lambda d: None if LEFT in (d.path.local, d.path.remote) else d
    sent = len(net.sent)
    net.command(right, Rekey(child="net"))
    net.run(60)
    assert {d.path.remote for _, d in net.sent[sent:] if d.path.local == RIGHT} == {LEFT}


def test_without_any_route_the_sa_waits() -> None:
    net, left, right = up(rekey_time=0.0, child_rekey_time=0.0, child_life_time=0.0)
    home, left.route = left.route, lambda preferred, remote: ""
    net.readdress(left, "")
    sent = len(net.sent)
    net.run(3600)
    assert not [d for _, d in net.sent[sent:] if d.path.remote == RIGHT]
    left.route = home
    net.readdress(left, NEW_LEFT)
    net.settle()
    assert_at(net, left, right, NEW_LEFT, RIGHT)


def test_refused_addresses_are_not_used() -> None:
    """Section 3.5: after UNACCEPTABLE_ADDRESSES the initiator keeps the addresses that it had."""
    net, left, right = up()
    net.command(right, NetworkChanged((RIGHT, NEW_LEFT)))
    net.settle()
    left.route = lambda preferred, remote: NEW_LEFT if preferred == LEFT else preferred
    net.readdress(left, LEFT, NEW_LEFT)
    left.route = lambda preferred, remote: preferred
    net.run(30)
    assert_at(net, left, right, LEFT, RIGHT)
    assert not updates(right)


# --- NATs -----------------------------------------------------------------------------------------------------


def test_a_nat_on_the_new_path_switches_encapsulation_on_and_off() -> None:
    net, left, right = up()
    hide(net, NEW_LEFT, OTHER, 14500)
    net.readdress(left, NEW_LEFT)
    net.settle()
    assert right.ikes()[0].path == Path(RIGHT, 4500, OTHER, 14500)
    assert left.ikes()[0].nat_local
    assert right.ikes()[0].nat_remote
    assert all(sa.encap is not None for host in (left, right) for sa in host.sas.values())
    assert [sa.encap.destination_port for sa in right.sas.values() if sa.destination == OTHER] == [14500]
    left.others, sent = [], len(net.sent)
    net.run(45)
    assert [d for _, d in net.sent[sent:] if d.keepalive], "keepalives begin on the new path"
    net.rewrite = lambda d: d
    net.readdress(left, LEFT)
    net.settle()
    assert_at(net, left, right, LEFT, RIGHT)
    assert all(sa.encap is None for host in (left, right) for sa in host.sas.values())


def hide(net: Net, inner: str, outer: str, port: int) -> None:
    """A NAT that maps one address and port."""

    def translate(d: Transmit) -> Transmit:
        if d.path.local == inner:
            return replace(d, path=d.path._replace(local=outer, local_port=port))
        if (d.path.remote, d.path.remote_port) == (outer, port):
            return replace(d, path=d.path._replace(remote=inner, remote_port=4500))
        return d

    net.rewrite = translate


def test_liveness_finds_a_changed_mapping() -> None:
    """Section 3.8: the initiator behind the NAT notices, and says so."""
    net, left, right = psk_pair(left={"dpd_delay": 10.0}, right={"remote_addrs": ("%any",)})
    hide(net, LEFT, OTHER, 14500)
    assert net.initiate(left).ok
    net.run(30)
    hide(net, LEFT, OTHER, 24500)
    net.run(30)
    assert right.ikes()[0].path == Path(RIGHT, 4500, OTHER, 24500)
    assert [sa.encap.destination_port for sa in right.sas.values() if sa.destination == OTHER] == [24500]


def test_other_ike_messages_move_nothing_with_mobike() -> None:
    """Section 3.8: only UPDATE_SA_ADDRESSES does, so that paths can be tested; the answer goes where we were asked."""
    net, left, right = psk_pair(right={"remote_addrs": ("%any",)})
    hide(net, LEFT, OTHER, 14500)
    assert net.initiate(left).ok
    hide(net, LEFT, OTHER, 24500)
    op = net.command(left, Rekey(child="net"))
    net.settle(8)
    assert right.ikes()[0].path == Path(RIGHT, 4500, OTHER, 14500)
    assert net.done(left, op).ok
    assert not updates(right)


def test_esp_of_a_changed_mapping_moves_everything() -> None:
    """RFC 7296 section 2.23, for ESP allowed with MOBIKE, too."""
    net, left, right = psk_pair(right={"remote_addrs": ("%any",)})
    hide(net, LEFT, OTHER, 14500)
    assert net.initiate(left).ok
    inbound = right.children()[0].sa_in
    net.command(right, NatMappingChanged(inbound, OTHER, 24500))
    assert right.ikes()[0].path == Path(RIGHT, 4500, OTHER, 24500)
    assert [sa.encap.destination_port for sa in right.sas.values() if sa.destination == OTHER] == [24500]
    (event,) = right.events(IkeMoved)
    assert event.path.remote_port == 24500
    outside = left.children()[0].sa_in
    net.command(left, NatMappingChanged(outside, NEW_RIGHT, 4500))
    assert left.ikes()[0].path.remote == RIGHT, "we are behind the NAT ourselves"


def test_esp_from_elsewhere_moves_nothing_without_a_nat() -> None:
    net, left, right = up()
    net.command(right, NatMappingChanged(right.children()[0].sa_in, OTHER, 4500))
    net.command(right, NatMappingChanged(right.children()[0].sa_in._replace(spi=77), OTHER, 4500))
    assert_at(net, left, right, LEFT, RIGHT)


def test_no_nats_allowed_is_understood() -> None:
    """Section 3.9: the addresses in it must be those of the packet."""
    net, left, right = up()
    said = packed(LEFT) + packed(RIGHT) + (4500).to_bytes(2, "big") * 2
    request = [Notify(NotifyType.UPDATE_SA_ADDRESSES), Notify(NotifyType.NO_NATS_ALLOWED, said)]
    message = sealed(left, ExchangeType.INFORMATIONAL, 2, request)
    path = Path(RIGHT, 4500, OTHER, 4500)
    outputs = deliver(net, right, message, path)
    assert [o.path for o in outputs if isinstance(o, Transmit)] == [path], "answered to where it came from"
    assert not updates(right)
    assert right.ikes()[0].path.remote == LEFT
    assert mobility(right).held is None


# --- what must not move anything: R07 -------------------------------------------------------------------------


def test_r07_nothing_unprotected_moves() -> None:
    net, left, right = up()
    recorded = [d.data for _, d in net.sent if d.path.local == LEFT]
    elsewhere = Path(RIGHT, 4500, "198.51.100.66", 4500)
    for data in recorded:
        for spoiled in (data, data[:-1] + bytes([data[-1] ^ 1]), data[:28]):
            deliver(net, right, spoiled, elsewhere)
    fresh = sealed(left, ExchangeType.INFORMATIONAL, 2, [Notify(NotifyType.UPDATE_SA_ADDRESSES)])
    deliver(net, right, fresh[:-1] + bytes([fresh[-1] ^ 1]), elsewhere)
    assert right.events(Dropped)
    assert_at(net, left, right, LEFT, RIGHT)


@pytest.mark.parametrize("cookie", [b"", b"12345678", bytes(16), bytes(64)])
def test_r07_a_wrong_cookie_closes_the_ike_sa_and_moves_nothing(cookie: bytes) -> None:
    """Section 3.7: somebody answers who has not seen the request."""
    net, left, right = up()
    net.rewrite = lambda d: None if is_response(d) and d.path.local == NEW_LEFT else d
    net.readdress(left, NEW_LEFT)
    net.run(0.1)
    assert right.ikes()[0].tasks_active == ("IKE_MOBIKE",)
    answer = [Notify(NotifyType.COOKIE2, cookie)] if cookie else []
    path = Path(RIGHT, 4500, NEW_LEFT, 4500)
    deliver(net, right, sealed(left, ExchangeType.INFORMATIONAL, 0, answer, response=True), path)
    assert not updates(right)
    assert not right.ikes()
    assert "COOKIE2" in right.failures()[-1].reason


def test_r07_the_responder_may_not_order_a_move() -> None:
    net, left, right = up()
    order = sealed(right, ExchangeType.INFORMATIONAL, 0, [Notify(NotifyType.UPDATE_SA_ADDRESSES)])
    deliver(net, left, order, Path(LEFT, 4500, "198.51.100.66", 4500))
    assert left.ikes()[0].path.remote == RIGHT
    assert not updates(left)


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_r07_the_calendar_jumps_while_moving(jump: float) -> None:
    """No deadline of ours hangs on the calendar."""
    net, left, right = up()
    net.readdress(left, NEW_LEFT)
    net.run(0.015)
    for host in (left, right):
        host.endpoint.set_wall_offset(1_800_000_000.0 + jump)
    net.settle()
    assert_at(net, left, right, NEW_LEFT, RIGHT)


def test_r07_suspended_for_a_day_while_moving() -> None:
    """The clock that we live by stands still meanwhile; the other side's goes on, and its lifetimes with it."""
    net, left, right = up(rekey_time=0.0, child_rekey_time=0.0, child_life_time=0.0)
    net.readdress(left, NEW_LEFT)
    net.rewrite = lambda d: None
    net.run(0.015)
    net.now += 1.0
    net.rewrite = lambda d: d
    net.run(60)
    assert_at(net, left, right, NEW_LEFT, RIGHT)
