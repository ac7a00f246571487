"""Rekeying Child SAs, with every collision of RFC 7296 sections 2.8.1 and 2.25.1, on a virtual clock.

The invariant in each: traffic can always flow, and in the end both sides have the same single Child SA.
"""

from __future__ import annotations

import pytest

from ikeengine.model.commands import Rekey, Terminate
from ikeengine.negotiate.proposals import parse_esp
from ikeengine.outputs import ChildRekeyed, ChildUpdown, Transmit
from ikeengine.sa.children import child
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import LEFT, RIGHT, psk_pair


def up(**changes: object) -> tuple[Net, Host, Host]:
    """Two hosts with an established Child SA, watched: traffic must flow after every step from now on."""
    net, left, right = psk_pair(**changes)
    assert net.initiate(left).ok
    net.settle()

    def watch() -> None:
        assert traffic_flows(left, right), f"no traffic can flow at {net.now}"

    net.watch = watch
    return net, left, right


def assert_one_child(net: Net, left: Host, right: Host) -> None:
    net.run(60)
    assert len(list(installed_pairs(left, right))) == 1
    assert len(left.sas) == len(right.sas) == 2
    assert len(left.policies) == len(right.policies) == 1
    assert traffic_flows(left, right)
    assert not left.failures()
    assert not right.failures()


def drop_first(net: Net, sender: str, count: int = 1) -> None:
    """Lose the next datagrams of a host."""
    left = [count]

    def rewrite(datagram: Transmit) -> Transmit | None:
        if datagram.path.local == sender and left[0]:
            left[0] -= 1
            return None
        return datagram

    net.rewrite = rewrite


@pytest.mark.parametrize("pfs", [True, False])
@pytest.mark.parametrize("who", [0, 1])
def test_regular(who: int, pfs: bool) -> None:
    net, *hosts = up(child_esp_proposals=(parse_esp("aes128gcm16-x25519" if pfs else "aes128gcm16"),))
    before = hosts[0].children()[0]
    op = net.command(hosts[who], Rekey(child="net"))
    net.settle()
    assert net.done(hosts[who], op).ok
    after = hosts[0].children()[0]
    assert after.spi_in != before.spi_in
    assert after.reqid == before.reqid
    assert (after.suite.ke is not None) == pfs
    assert_one_child(net, *hosts)
    for host in hosts:
        assert len(host.events(ChildRekeyed)) == 1
        assert len(host.events(ChildUpdown)) == 1, "a rekeying is neither an up nor a down"


def test_by_time() -> None:
    net, left, right = up(child_rekey_time=100.0, child_rand_time=10.0, child_life_time=120.0)
    net.run(1000)
    rekeyings = len(left.events(ChildRekeyed))
    assert 10 <= rekeyings <= 12
    assert len(right.events(ChildRekeyed)) == rekeyings
    assert len(left.ikes()) == 1


def test_collision_seen_by_both() -> None:
    """Both requests cross on the wire: three Child SAs for a moment, and the nonces decide."""
    net, left, right = up()
    ops = [(host, net.command(host, Rekey(child="net"))) for host in (left, right)]
    net.settle()
    for host, op in ops:
        assert net.done(host, op).ok
    assert_one_child(net, left, right)
    for host in (left, right):
        assert len(host.events(ChildRekeyed)) == 1
        assert len(host.events(ChildUpdown)) == 1


@pytest.mark.parametrize("seed", range(8))
def test_collision_by_time_with_loss(seed: int) -> None:
    """Both sides rekey at the very same time, over and over, and datagrams get lost."""
    net, left, right = up(
        net=Net(seed, loss=0.1, duplicate=0.1, jitter=0.05),
        child_rekey_time=200.0,
        child_rand_time=0.0,
        child_life_time=390.0,
    )
    net.run(3000)
    net.loss = 0.0
    assert_one_child(net, left, right)
    assert len(left.events(ChildRekeyed)) >= 10


@pytest.mark.parametrize("loser", [LEFT, RIGHT])
def test_collision_seen_by_one(loser: str) -> None:
    """A request is lost; the peer finishes its own rekeying first and answers CHILD_SA_NOT_FOUND (section 2.8.1)."""
    net, left, right = up()
    drop_first(net, loser)
    for host in (left, right):
        net.command(host, Rekey(child="net"))
    net.settle(20)
    assert_one_child(net, left, right)


@pytest.mark.parametrize("slow", [LEFT, RIGHT])
def test_collision_with_delayed_response(slow: str) -> None:
    """One response is delayed until the other side has long finished."""
    net, left, right = up()
    slowed = []

    def delay(datagram: Transmit) -> float:
        if datagram.path.local == slow and datagram.data[19] & 0x20 and not slowed:
            slowed.append(datagram)
            return 1.0
        return 0.0

    net.delay = delay
    for host in (left, right):
        net.command(host, Rekey(child="net"))
    net.settle(20)
    assert slowed
    assert_one_child(net, left, right)


@pytest.mark.parametrize("slow", [LEFT, RIGHT])
def test_collision_with_delayed_request(slow: str) -> None:
    """One request is delayed: the peer rekeys meanwhile, and deletes the old Child SA before it sees the request."""
    net, left, right = up()
    slowed = []

    def delay(datagram: Transmit) -> float:
        if datagram.path.local == slow and not datagram.data[19] & 0x20 and not slowed:
            slowed.append(datagram)
            return 1.0
        return 0.0

    net.delay = delay
    for host in (left, right):
        net.command(host, Rekey(child="net"))
    net.settle(20)
    assert slowed
    assert_one_child(net, left, right)


def test_peer_deletes_what_we_are_rekeying() -> None:
    """Section 2.25.1: a request to close a Child SA that is being rekeyed is answered as usual."""
    net, left, right = psk_pair()
    assert net.initiate(left).ok
    net.command(left, Rekey(child="net"))
    net.command(right, Terminate(child="net"))
    net.run(60)
    assert not left.sas
    assert not right.sas
    assert len(left.ikes()) == len(right.ikes()) == 1


def test_both_delete() -> None:
    """Section 2.25.1: closing what the peer is closing is answered without a Delete payload."""
    net, left, right = psk_pair()
    assert net.initiate(left).ok
    ops = [(host, net.command(host, Terminate(child="net"))) for host in (left, right)]
    net.run(60)
    for host, op in ops:
        assert net.done(host, op).ok
        assert not host.sas
    assert len(left.ikes()) == len(right.ikes()) == 1


def test_rekey_of_a_child_that_the_peer_has_lost() -> None:
    """Section 2.25: CHILD_SA_NOT_FOUND makes us create the Child SA from scratch."""
    net, left, right = psk_pair()
    assert net.initiate(left).ok
    lost = right.children()[0]
    (ike,) = right.endpoint._ctx.table
    child.remove(right.endpoint._ctx, ike, ike.children[lost.unique_id], announce=False)
    net.pump(right)
    net.command(left, Rekey(child="net"))
    net.settle()
    (pair,) = installed_pairs(left, right)
    assert pair[1].spi_in != lost.spi_in


def test_key_exchange_method_that_the_peer_does_not_want() -> None:
    """INVALID_KE_PAYLOAD in CREATE_CHILD_SA: tried again at once with the method that the peer wants."""
    net, left, right = up(
        left={"child_esp_proposals": (parse_esp("aes128gcm16-ecp256-x25519"),)},
        right={"child_esp_proposals": (parse_esp("aes128gcm16-x25519"),)},
    )
    op = net.command(left, Rekey(child="net"))
    net.settle()
    assert net.done(left, op).ok
    assert_one_child(net, left, right)


def test_pfs_mismatch_is_explained_and_the_old_child_stays() -> None:
    """PFS is not negotiated in IKE_AUTH, so the mismatch shows only now; the tunnel must not suffer."""
    net, left, right = up(
        left={"child_esp_proposals": (parse_esp("aes128gcm16-ecp256"),)},
        right={"child_esp_proposals": (parse_esp("aes128gcm16-x25519"),)},
    )
    op = net.command(left, Rekey(child="net"))
    net.settle(4)
    assert not net.done(left, op).ok
    assert left.failures()[0].alert.value == "proposal-mismatch-child"
    assert left.failures()[0].side.value == "peer"
    assert "ecp256" in right.failures()[0].nearest
    assert traffic_flows(left, right)


def test_hard_lifetime_makes_a_new_child() -> None:
    """A Child SA that was never rekeyed is closed at its hard lifetime and made anew."""
    net, left, right = psk_pair(
        left={"child_rekey_time": 0.0, "child_life_time": 100.0},
        right={"child_rekey_time": 0.0, "child_life_time": 0.0},
    )
    assert net.initiate(left).ok
    first = left.children()[0].spi_in
    net.run(110)
    (pair,) = installed_pairs(left, right)
    assert pair[0].spi_in != first
