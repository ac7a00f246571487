"""Rekeying the IKE SA, with the collisions of RFC 7296 sections 2.8.2 and 2.25.2, on a virtual clock.

The invariant in each: traffic always flows, and in the end both sides have one IKE SA with the same Child SA in it.
"""

from __future__ import annotations

import pytest

from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.negotiate.proposals import parse_ike
from ikeengine.outputs import IkeRekeyed, IkeUpdown, Transmit
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import LEFT, RIGHT, psk_pair

NAMES = {LEFT: "left", RIGHT: "right"}


def up(**changes: object) -> tuple[Net, Host, Host]:
    """Two hosts with an established IKE SA, watched: traffic must flow after every step from now on."""
    net, left, right = psk_pair(**changes)
    assert net.initiate(left).ok
    net.settle()

    def watch() -> None:
        assert traffic_flows(left, right), f"no traffic can flow at {net.now}"

    net.watch = watch
    return net, left, right


def rekey(net: Net, host: Host) -> int:
    return net.command(host, Rekey(ike=NAMES[host.address]))


def assert_one_ike(net: Net, left: Host, right: Host) -> None:
    net.run(120)
    (ours,), (theirs,) = left.endpoint.status(), right.endpoint.status()
    assert (ours.spi_i, ours.spi_r) == (theirs.spi_i, theirs.spi_r)
    assert ours.state == theirs.state == "ESTABLISHED"
    assert ours.initiator != theirs.initiator
    assert len(list(installed_pairs(left, right))) == 1
    assert len(left.sas) == len(right.sas) == 2
    for host in (left, right):
        assert [event.up for event in host.events(IkeUpdown)] == [True], "a rekeying is neither an up nor a down"


@pytest.mark.parametrize("who", [0, 1])
def test_regular(who: int) -> None:
    net, *hosts = up()
    before = hosts[0].ikes()[0]
    op = rekey(net, hosts[who])
    net.settle()
    assert net.done(hosts[who], op).ok
    assert_one_ike(net, *hosts)
    after = hosts[who].ikes()[0]
    assert after.spi_i != before.spi_i
    assert after.initiator, "who initiates the rekeying is the original initiator of the new IKE SA"
    assert len(hosts[0].events(IkeRekeyed)) == len(hosts[1].events(IkeRekeyed)) == 1


def test_exchanges_work_after_it() -> None:
    net, left, right = up()
    rekey(net, right)
    net.settle()
    for host in (left, right):
        op = net.command(host, Rekey(child="net"))
        net.settle(10)
        assert net.done(host, op).ok
    rekey(net, left)
    assert_one_ike(net, left, right)


def test_by_time() -> None:
    net, left, right = up(rekey_time=100.0, rand_time=10.0, over_time=20.0)
    net.run(1000)
    assert 10 <= len(left.events(IkeRekeyed)) <= 14
    assert len(left.endpoint.status()) == len(right.endpoint.status()) == 1


def test_collision_seen_by_both() -> None:
    """Three IKE SAs for a moment; the nonces decide, and the Child SA goes to the right one."""
    net, left, right = up()
    ops = [(host, rekey(net, host)) for host in (left, right)]
    net.settle()
    for host, op in ops:
        assert net.done(host, op).ok
    assert_one_ike(net, left, right)


@pytest.mark.parametrize("loser", [LEFT, RIGHT])
def test_collision_seen_by_one(loser: str) -> None:
    """A request is lost; the peer finishes first, and its Delete tells that it never saw it (section 2.8.2)."""
    net, left, right = up()
    lost: list[Transmit] = []

    def rewrite(datagram: Transmit) -> Transmit | None:
        if datagram.path.local == loser and not lost:
            lost.append(datagram)
            return None
        return datagram

    net.rewrite = rewrite
    for host in (left, right):
        rekey(net, host)
    net.settle(30)
    assert_one_ike(net, left, right)


@pytest.mark.parametrize("slow", [LEFT, RIGHT])
@pytest.mark.parametrize("response", [True, False])
def test_collision_with_a_delayed_datagram(slow: str, response: bool) -> None:
    net, left, right = up()
    slowed: list[Transmit] = []

    def delay(datagram: Transmit) -> float:
        if datagram.path.local == slow and bool(datagram.data[19] & 0x20) == response and not slowed:
            slowed.append(datagram)
            return 1.0
        return 0.0

    net.delay = delay
    for host in (left, right):
        rekey(net, host)
    net.settle(30)
    assert slowed
    assert_one_ike(net, left, right)


@pytest.mark.parametrize("seed", range(8))
def test_collision_by_time_with_loss(seed: int) -> None:
    """Both sides rekey at the very same time, over and over, and datagrams get lost, doubled and reordered."""
    net, left, right = up(
        net=Net(seed, loss=0.1, duplicate=0.1, jitter=0.05), rekey_time=300.0, rand_time=0.0, over_time=200.0
    )
    net.run(4000)
    net.loss = 0.0
    assert_one_ike(net, left, right)
    assert len(left.events(IkeRekeyed)) >= 8


@pytest.mark.parametrize("first", [0, 1])
def test_child_rekeying_meets_ike_rekeying(first: int) -> None:
    """Section 2.25: one of them gets TEMPORARY_FAILURE and is tried again later."""
    net, left, right = up()
    hosts = [left, right]
    net.command(hosts[first], Rekey(child="net"))
    rekey(net, hosts[1 - first])
    assert_one_ike(net, left, right)


def test_new_child_meets_ike_rekeying() -> None:
    """Section 2.25.2: a request to create a Child SA during IKE rekeying is refused for now, and tried again."""
    net, left, right = psk_pair()
    op = net.command(left, Initiate(ike="left"))
    net.settle()
    assert net.done(left, op).ok
    op = net.command(left, Initiate(child="net"))
    rekey(net, right)
    net.run(60)
    assert net.done(left, op).ok
    assert traffic_flows(left, right)


@pytest.mark.parametrize("who", [0, 1])
def test_peer_closes_what_we_are_rekeying(who: int) -> None:
    """Section 2.25.2: a request to close the IKE SA is answered as usual, and our rekeying forgotten."""
    net, left, right = psk_pair()
    assert net.initiate(left).ok
    hosts = [left, right]
    rekey(net, hosts[who])
    net.command(hosts[1 - who], Terminate(ike=NAMES[hosts[1 - who].address]))
    net.run(200)
    assert not left.endpoint.status()
    assert not right.endpoint.status()
    assert not left.sas
    assert not right.sas


def test_both_close() -> None:
    net, left, right = psk_pair()
    assert net.initiate(left).ok
    ops = [(host, net.command(host, Terminate(ike=NAMES[host.address]))) for host in (left, right)]
    net.run(60)
    for host, op in ops:
        assert net.done(host, op).ok
        assert not host.endpoint.status()


def test_key_exchange_method_that_the_peer_does_not_want() -> None:
    """The responder prefers another of the offered methods now: INVALID_KE_PAYLOAD, and tried again at once."""
    net, left, right = up(left={"proposals": (parse_ike("aes128gcm16-prfsha256-ecp256-x25519"),)})
    rekey(net, left)
    assert_one_ike(net, left, right)
