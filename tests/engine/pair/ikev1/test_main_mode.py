"""Main Mode and Quick Mode between two endpoints (RFC 2409 sections 5.4 and 5.5), on a virtual clock."""

from __future__ import annotations

import pytest

from ikeengine.model.commands import Rekey, Terminate
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.support.pair import Net, installed_pairs, traffic_flows


def test_psk_brings_up_an_isakmp_sa_and_a_child_sa() -> None:
    net, left, right = ikev1_pair()
    done = net.initiate(left)
    assert done.ok, done.reason
    net.settle()
    assert [ike.version for ike in (*left.ikes(), *right.ikes())] == [1, 1]
    assert len(list(installed_pairs(left, right))) == 1
    assert traffic_flows(left, right)


def test_child_rekey() -> None:
    net, left, right = ikev1_pair()
    net.initiate(left)
    net.settle()
    before = left.children()[0]
    op = net.command(left, Rekey(child="net"))
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    net.settle()
    assert net.done(left, op).ok
    net.run(10)
    (pair,) = installed_pairs(left, right)
    assert pair[0].spi_in != before.spi_in
    assert len(left.policies) == 1


def test_isakmp_rekey_keeps_the_child_sas() -> None:
    net, left, right = ikev1_pair()
    net.initiate(left)
    net.settle()
    before = left.ikes()[0].spi_i
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    op = net.command(right, Rekey(ike="right"))
    net.run(10)
    assert net.done(right, op).ok
    assert [ike.spi_i for ike in left.endpoint.status()] != [before]
    assert len(left.endpoint.status()) == len(right.endpoint.status()) == 1


def test_terminate() -> None:
    net, left, right = ikev1_pair()
    net.initiate(left)
    net.settle()
    op = net.command(left, Terminate(ike="left"))
    net.settle()
    assert net.done(left, op).ok
    assert not left.endpoint.status()
    assert not right.endpoint.status()
    assert not left.sas
    assert not right.sas
    assert left.endpoint.next_timeout() is None
    assert right.endpoint.next_timeout() is None


@pytest.mark.parametrize("seed", range(20))
def test_loss_and_reordering(seed: int) -> None:
    net, left, right = ikev1_pair(Net(seed, loss=0.15, duplicate=0.2, jitter=2.0))
    done = net.initiate(left)
    net.run(120)
    assert done.ok, done.reason
    assert traffic_flows(left, right)
