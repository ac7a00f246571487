"""`keep_up`: whatever happens to a tunnel, in the end there is exactly one Child SA, on both sides the same."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ikeengine.model.commands import Initiate, Rekey, SaExpired, Shutdown, Terminate
from ikeengine.model.connection import Action, Unique
from ikeengine.model.credentials import SharedKey
from ikeengine.model.path import Path
from ikeengine.model.sa import Direction
from ikeengine.model.secret import Secret
from ikeengine.outputs import AskPath, ChildUpdown, InstallSa, LogLine, Output, Transmit
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import LEFT, PSK, RIGHT, psk_pair

KEPT = {"child_keep_up": True, "dpd_delay": 30.0}
OUTAGE = 3600.0


def kept(*, both: bool = False, right: dict | None = None, **changes: object) -> tuple[Net, Host, Host]:
    """A pair whose left side, or both, keeps its tunnel up."""
    return psk_pair(left=KEPT, right=(KEPT if both else {}) | (right or {}), **changes)


def assert_one(left: Host, right: Host) -> None:
    """One IKE SA, one Child SA, and nothing else anywhere."""
    assert len(left.ikes()) == len(right.ikes()) == 1
    assert left.ikes()[0].spi_i == right.ikes()[0].spi_i
    assert len(list(installed_pairs(left, right))) == len(left.children()) == len(right.children()) == 1
    assert len(left.sas) == len(right.sas) == 2
    assert len(left.endpoint.status()) == len(right.endpoint.status()) == 1
    assert traffic_flows(left, right)


def reboot(net: Net, address: str, old: Host) -> Host:
    """The host loses everything but its configuration."""
    (config,) = old.endpoint.connections.values()
    host = net.add(address, seed="after the reboot")
    host.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    host.endpoint.load_connection(config, net.now)
    net.pump(host)
    return host


def without_calls_of_the_left(datagram: Transmit) -> Transmit | None:
    """Lose what the left side begins: only the first message of an IKE SA has no SPI of a responder."""
    return None if datagram.path.local == LEFT and datagram.data[8:16] == bytes(8) else datagram


def last_packets_arrive(net: Net, *hosts: Host) -> None:
    """What a rekeying has just replaced stays a while longer."""
    while any(host.children(state) for host in hosts for state in ("REKEYED", "DELETED")):
        net.run(1)


def gaps(times: list[float]) -> list[float]:
    """Times between tries."""
    return [after - before for before, after in itertools.pairwise(times)]


@pytest.mark.parametrize("both", [False, True])
def test_it_comes_up_by_itself(both: bool) -> None:
    net, left, right = kept(both=both)
    net.run(60)
    assert_one(left, right)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("what", [Terminate(ike="right"), Terminate(child="net"), Terminate(ike="right", force=True)])
def test_the_peer_closes_it(what: Terminate, both: bool) -> None:
    net, left, right = kept(both=both)
    net.run(60)
    net.command(right, what)
    net.run(60)
    assert_one(left, right)


def test_the_peer_closes_it_again_and_again() -> None:
    """Each time it comes back, but with pauses that grow."""
    net, left, right = kept()
    net.run(60)
    up_at: list[float] = []

    def watch() -> None:
        if right.children():
            up_at.append(net.now)
            net.command(right, Terminate(child="net"))

    net.watch = watch
    net.run(600)
    assert 5 <= len([gap for gap in gaps(up_at) if gap > 1]) <= 12
    net.watch = lambda: None
    net.run(130)
    assert_one(left, right)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("seconds", [5.0, 120.0, OUTAGE])
def test_the_peer_is_away(seconds: float, both: bool) -> None:
    """Nothing gets through for a while, also much longer than all retransmissions."""
    net, left, right = kept(both=both)
    net.run(60)
    net.rewrite = lambda datagram: None
    net.run(seconds)
    net.rewrite = lambda datagram: datagram
    net.run(180)
    assert_one(left, right)
    net.run(600)
    assert_one(left, right)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("away", [0.0, 100.0, OUTAGE])
def test_the_peer_reboots(away: float, both: bool) -> None:
    """The peer knows nothing any more; if it initiates by itself, it says INITIAL_CONTACT."""
    net, left, right = kept(both=both)
    net.run(60)
    del net.hosts[RIGHT]
    net.run(away)
    right = reboot(net, RIGHT, right)
    net.run(400)
    assert_one(left, right)


def test_both_begin_at_the_same_time() -> None:
    """Two IKE SAs come up at once; after a while both sides give up the same one of them."""
    net, left, right = kept(both=True)
    net.run(1)
    assert len(left.ikes()) == len(right.ikes()) == 2, "the requests have crossed"
    gapless: list[bool] = []
    net.watch = lambda: gapless.append(traffic_flows(left, right))
    net.run(30)
    assert_one(left, right)
    assert all(gapless)
    assert any("another one for the same" in line.text for line in left.events(LogLine) + right.events(LogLine))


def test_a_peer_that_keeps_both_is_let_have_its_way_longer_each_time() -> None:
    """The peer begins again whenever we close one of the two: that must not become a loop."""
    net, left, right = kept(right={"child_start_action": Action.START, "child_close_action": Action.START})
    net.run(1)
    assert len(left.ikes()) == 2
    net.run(3600)
    closed = [event for event in left.events(ChildUpdown) if not event.up]
    assert len(closed) <= 10
    assert traffic_flows(left, right)
    assert len(left.children()) <= 2


def test_the_peer_initiates_while_we_look_for_it() -> None:
    """Our own IKE SA, which has found nobody yet, is given up at once for the peer's."""
    net, left, right = kept()
    net.run(60)
    del net.hosts[RIGHT]
    net.run(700)
    assert left.endpoint.status()[0].state == "CONNECTING"
    net.rewrite = without_calls_of_the_left
    right = reboot(net, RIGHT, right)
    net.rewrite = lambda datagram: datagram
    done = net.initiate(right)
    assert done.ok
    net.settle()
    assert len(left.endpoint.status()) == 1
    net.run(15)
    assert_one(left, right)


def test_a_command_that_waits_is_served_by_the_peers_ike_sa() -> None:
    net, left, right = psk_pair()
    del net.hosts[RIGHT]
    op = net.command(left, Initiate(child="net"))
    ike = net.command(left, Initiate(ike="left"))
    net.run(20)
    net.hosts[RIGHT] = right
    net.rewrite = without_calls_of_the_left
    net.command(right, Initiate(child="net"))
    net.settle()
    assert net.done(left, op).ok
    assert net.done(left, ike).ok
    net.rewrite = lambda datagram: datagram
    net.run(300)
    assert_one(left, right)


def test_authentication_fails_for_a_while() -> None:
    """Tried again with growing pauses, never more than `retry_initiate_limit` apart."""
    net, left, right = kept()
    right.endpoint.credentials.add_shared(SharedKey("psk", Secret(b"another secret")))
    net.run(OUTAGE)
    times = [record.at for record in left.failures()]
    assert all(5 < gap < 125 for gap in gaps(times))
    assert max(gaps(times)) > 60
    assert len(times) > 25
    right.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    net.run(125)
    assert_one(left, right)


def test_the_name_of_the_peer_is_resolved_for_each_try() -> None:
    """The peer moves to another address; its name follows later. Name servers may fail meanwhile."""
    net, elsewhere = Net(), "192.0.2.99"
    answers: list[str | OSError] = [RIGHT]
    asked: list[float] = []
    carry_out = net._carry_out

    def resolve(host: Host, output: Output) -> None:
        if isinstance(output, AskPath):
            asked.append(net.now)
            answer = answers[0]
            path = answer if isinstance(answer, OSError) else Path(host.address, output.local_port, answer, 500)
            host.endpoint.complete(output.op, path, net.now)
        else:
            carry_out(host, output)

    net._carry_out = resolve  # type: ignore[method-assign, assignment]
    named = KEPT | {"remote_addrs": ("peer.example.com",), "keyingtries": 2}
    _net, left, right = psk_pair(net, left=named, right={"remote_addrs": ("%any",)})
    net.run(60)
    assert_one(left, right)
    answers[0] = OSError("no answer from the name servers")
    del net.hosts[RIGHT]
    net.run(1200)
    answers[0] = elsewhere
    right = reboot(net, elsewhere, right)
    net.run(150)
    assert_one(left, right)
    assert left.ikes()[0].path.remote == elsewhere
    assert len(asked) >= 5


def test_addresses_are_tried_in_order() -> None:
    """While nobody answers each try takes the next one; after a long time up it begins with the first again."""
    backup = "192.0.2.3"
    net, left, right = psk_pair(left=KEPT | {"remote_addrs": (RIGHT, backup)}, right={"remote_addrs": ("%any",)})
    net.run(60)
    assert left.ikes()[0].path.remote == RIGHT
    del net.hosts[RIGHT]
    right = reboot(net, backup, right)
    net.run(500)
    assert_one(left, right)
    assert left.ikes()[0].path.remote == backup
    net.run(3600)
    del net.hosts[backup]
    right = reboot(net, RIGHT, right)
    net.run(300)
    assert_one(left, right)
    assert left.ikes()[0].path.remote == RIGHT


@pytest.mark.parametrize("what", [Terminate(ike="left"), Terminate(child="net"), Terminate(child="net", force=True)])
def test_the_operator_has_the_last_word(what: Terminate) -> None:
    """What is terminated here stays down, until it is initiated or configured again."""
    net, left, right = kept()
    net.run(60)
    net.command(left, what)
    net.run(400)
    assert not left.children()
    assert net.initiate(left).ok
    net.command(right, Terminate(ike="right"))
    net.run(60)
    assert_one(left, right)
    net.command(left, what)
    net.run(60)
    assert not left.children()
    (config,) = left.endpoint.connections.values()
    left.endpoint.load_connection(replace(config, dpd_delay=20.0), net.now)
    net.pump(left)
    net.run(60)
    assert_one(left, right)


def test_one_of_two_terminated_by_number() -> None:
    """Closing a superfluous IKE SA by its number is not the wish to have none."""
    net, left, right = kept(both=True)
    net.run(1)
    first, second = left.ikes()
    net.command(left, Terminate(ike_id=first.unique_id))
    net.run(60)
    assert_one(left, right)
    net.command(right, Terminate(ike="right"))
    net.run(60)
    assert_one(left, right)
    assert second


def test_end_of_the_daemon_and_of_the_connection() -> None:
    net, left, right = kept()
    net.run(60)
    left.endpoint.unload_connection("left", net.now)
    net.pump(left)
    net.run(400)
    assert not left.endpoint.status()
    assert not right.children()
    net, left, right = kept()
    net.run(60)
    op = net.command(left, Shutdown())
    net.run(400)
    assert net.done(left, op).ok
    assert not left.endpoint.status()


def test_only_a_changed_child_begins_to_be_kept() -> None:
    net, left, right = psk_pair()
    net.run(100)
    assert not left.ikes()
    (config,) = left.endpoint.connections.values()
    child = replace(config.children["net"], keep_up=True)
    left.endpoint.load_connection(replace(config, children={"net": child}), net.now)
    net.pump(left)
    net.run(60)
    assert_one(left, right)


@pytest.mark.parametrize("limits", [{"rekey_time": 0.0, "over_time": 0.0}, {"reauth_time": 500.0, "rand_time": 0.0}])
@pytest.mark.parametrize("both", [False, True])
def test_lifetimes(both: bool, limits: dict) -> None:
    """A day with short lifetimes, rekeyings by both sides included."""
    net, left, right = psk_pair(
        left=KEPT | limits,
        right=(KEPT if both else {}),
        child_rekey_time=300.0,
        child_life_time=330.0,
        child_rand_time=60.0,
    )
    net.run(20)
    for _ in range(12):
        net.run(600)
        net.command(right, Rekey(ike="right"))
        net.run(15)
        last_packets_arrive(net, left, right)
        assert_one(left, right)
    assert not left.failures()


def test_hard_lifetime() -> None:
    net, left, right = kept()
    net.run(60)
    outbound = next(sa.id for sa in left.sas.values() if sa.direction is Direction.OUT)
    net.command(left, SaExpired(outbound, hard=True))
    net.run(30)
    assert_one(left, right)


def test_the_datapath_does_not_want_for_a_while() -> None:
    net, left, right = kept()
    net.run(60)
    left.refuse = lambda output: "no buffer space available" if isinstance(output, InstallSa) else ""
    net.command(right, Terminate(child="net"))
    net.run(500)
    assert not left.children()
    assert 4 <= len(left.failures()) <= 14
    left.refuse = lambda output: ""
    net.run(130)
    assert_one(left, right)


def test_the_unique_option_decides_at_once() -> None:
    net, left, right = kept(both=True, unique=Unique.REPLACE)
    net.run(5)
    assert_one(left, right)


@pytest.mark.parametrize("seed", range(6))
def test_anything_may_happen(seed: int) -> None:
    """Losses, duplicates, outages, reboots and commands at random; then quiet."""
    import random

    chance = random.Random(seed)
    net = Net(seed, loss=0.1, duplicate=0.1, jitter=0.05)
    net, left, right = psk_pair(net, left=KEPT, right=KEPT, child_rekey_time=300.0, child_life_time=330.0)
    for _ in range(25):
        net.run(chance.uniform(1, 200))
        match chance.randrange(7):
            case 0:
                net.command(right, Terminate(ike="right"))
                net.command(right, Initiate(child="net"))
            case 1:
                net.command(left, Rekey(ike="left"))
            case 2:
                net.command(right, Rekey(child="net"))
            case 3:
                net.rewrite = lambda datagram: None
                net.run(chance.uniform(1, 400))
                net.rewrite = lambda datagram: datagram
            case 4:
                del net.hosts[RIGHT]
                net.run(chance.uniform(1, 400))
                right = reboot(net, RIGHT, right)
            case 5:
                net.command(left, Rekey(ike="left", reauth=True))
            case 6:
                net.command(right, Rekey(ike="right", reauth=True))
    net.loss = net.duplicate = 0.0
    net.run(1500)
    assert_one(left, right)
