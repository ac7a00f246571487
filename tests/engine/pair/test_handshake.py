"""IKE_SA_INIT and IKE_AUTH between two endpoints (RFC 7296 section 1.2), on a virtual clock."""

from __future__ import annotations

from ikeengine.model.commands import Rekey, Terminate
from tests.engine.support.pair import installed_pairs, traffic_flows
from tests.engine.support.site import psk_pair


def test_psk_brings_up_an_ike_sa_and_a_child_sa() -> None:
    net, left, right = psk_pair()
    done = net.initiate(left)
    assert done.ok, done.reason
    assert len(left.ikes()) == len(right.ikes()) == 1
    assert len(list(installed_pairs(left, right))) == 1
    assert traffic_flows(left, right)


def test_child_rekey() -> None:
    net, left, right = psk_pair()
    net.initiate(left)
    before = left.children()[0]
    op = net.command(left, Rekey(child="net"))
    net.settle()
    assert net.done(left, op).ok
    (pair,) = installed_pairs(left, right)
    assert pair[0].spi_in != before.spi_in
    assert traffic_flows(left, right)
    net.run(10)
    assert len(left.sas) == len(right.sas) == 2
    assert len(left.policies) == 1


def test_ike_rekey() -> None:
    net, left, right = psk_pair()
    net.initiate(left)
    before = left.ikes()[0].spi_i
    op = net.command(right, Rekey(ike="right"))
    net.settle()
    assert net.done(right, op).ok
    assert [ike.spi_i for ike in left.endpoint.status()] != [before]
    assert len(left.endpoint.status()) == len(right.endpoint.status()) == 1
    assert traffic_flows(left, right)


def test_terminate() -> None:
    net, left, right = psk_pair()
    net.initiate(left)
    op = net.command(left, Terminate(ike="left"))
    net.settle()
    assert net.done(left, op).ok
    assert not left.endpoint.status()
    assert not right.endpoint.status()
    assert not left.sas
    assert not right.sas
    assert left.endpoint.next_timeout() is None
    assert right.endpoint.next_timeout() is None


def test_force_ends_what_waits_for_the_peer() -> None:
    net, left, right = psk_pair()
    net.initiate(left)
    net.rewrite = lambda datagram: None
    net.command(left, Terminate(ike="left"))
    assert left.ikes("DELETING")
    op = net.command(left, Terminate(ike_id=left.ikes("DELETING")[0].unique_id, force=True))
    assert net.done(left, op).ok
    assert not left.endpoint.status()
    assert right.ikes()
