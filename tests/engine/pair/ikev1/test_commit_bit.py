"""The commit bit (RFC 2408 section 3.1): nothing is sent on new SAs before CONNECTED, or before that stays away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.ikev1.wire.numbers import NotifyType, ProtocolId
from ikeengine.ikev1.wire.payloads import Delete
from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.outputs import ChildRekeyed, ChildUpdown, Dropped, LogLine, Transmit
from ikeengine.registry import ExchangeType
from tests.engine.support.committing import INFORMATIONAL, QUICK, Committer, connected, with_commit_bit
from tests.engine.support.forge import deliver
from tests.engine.support.forge_v1 import the_sa
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows

FORMS = pytest.mark.parametrize(("exchange", "own_iv"), [(QUICK, False), (INFORMATIONAL, False), (INFORMATIONAL, True)])
ROLES = pytest.mark.parametrize("role", ["initiator", "responder"])
"""Ours; the other side sets the bit."""


def pair(role: str, net: Net | None = None, **options: object) -> tuple[Net, Host, Host, Committer]:
    """The initiator, the responder, and the one of them that commits."""
    net, left, right = ikev1_pair(net)
    committer = Committer(net, right if role == "initiator" else left, **options)
    return net, left, right, committer


def us(role: str, left: Host, right: Host) -> Host:
    return left if role == "initiator" else right


def wait(net: Net, condition: object) -> None:
    """Until something is so."""
    while not condition():
        assert net.step()


@ROLES
@FORMS
def test_the_first_packet_goes_after_connected(role: str, exchange: int, own_iv: bool) -> None:
    net, left, right, committer = pair(role, exchange=exchange, own_iv=own_iv)
    host = us(role, left, right)
    net.delay = lambda datagram: 0.5 if datagram in committer.sent else 0.0
    op = net.command(left, Initiate(child="net"))
    wait(net, lambda: committer.sent)
    net.run(0.4)
    assert host.children()
    assert not host.outbound
    assert role == "responder" or net.done(left, op) is None
    net.run(0.2)
    assert net.done(left, op).ok
    assert traffic_flows(left, right)
    assert len(list(installed_pairs(left, right))) == 1
    assert len(committer.sent) == 1
    net.run(60)
    assert len(committer.sent) == 1, "nobody is reminded of what was said"


@ROLES
def test_a_peer_that_never_says_connected(role: str) -> None:
    """Bounded: it is reminded once, then the SAs are used, and an operator reads why that took its time."""
    net, left, right, _committer = pair(role, silent=True)
    op = net.command(left, Initiate(child="net"))
    net.run(5)
    count = len(net.sent)
    assert not us(role, left, right).outbound
    net.run(10)
    assert len(net.sent) - count <= 1 + (role == "responder")
    assert net.done(left, op).ok
    assert traffic_flows(left, right)
    assert [line for line in us(role, left, right).events(LogLine) if "never said CONNECTED" in line.text]


@ROLES
@FORMS
@pytest.mark.parametrize("seed", range(8))
def test_loss_and_reordering(role: str, exchange: int, own_iv: bool, seed: int) -> None:
    net = Net(seed, loss=0.2, duplicate=0.2, jitter=2.0)
    net, left, right, _committer = pair(role, net, exchange=exchange, own_iv=own_iv)
    op = net.command(left, Initiate(child="net"))
    net.run(200)
    assert net.done(left, op).ok
    assert traffic_flows(left, right)
    net.command(left, Rekey(child="net"))
    net.run(200)
    assert traffic_flows(left, right)
    assert len(left.children()) == len(right.children()) == 1


@ROLES
def test_rekeying_loses_nothing(role: str) -> None:
    """Until CONNECTED comes, or never comes, the old SA is the one that is sent on."""
    for silent in (False, True):
        net, left, right, committer = pair(role)
        assert net.initiate(left).ok
        net.settle()
        committer.silent = silent
        net.watch = lambda left=left, right=right: _flows(left, right)
        net.command(left, Rekey(child="net"))
        net.run(120)
        for host in (left, right):
            assert len(host.events(ChildRekeyed)) == 1
            assert len(host.children()) == 1
            assert len(host.sas) == 2
        assert traffic_flows(left, right)


def _flows(left: Host, right: Host) -> None:
    assert traffic_flows(left, right)


@ROLES
def test_several_children_do_not_wait_for_each_other(role: str) -> None:
    net, left, right, committer = pair(role)
    for host in (left, right):
        (config,) = host.endpoint.connections.values()
        (child,) = config.children.values()
        children = {"net": child, "again": replace(child, name="again", local_ts=child.local_ts[::-1])}
        host.endpoint.load_connection(replace(config, children=children), net.now)
    committer.silent = True
    ops = [net.command(left, Initiate(child="net")), net.command(left, Initiate(child="net"))]
    net.run(14)
    assert all(net.done(left, op).ok for op in ops)


def test_the_sa_ends_while_connected_is_awaited() -> None:
    net, left, right, committer = pair("initiator", silent=True)
    op = net.command(left, Initiate(child="net"))
    wait(net, left.children)
    net.command(left, Terminate(ike="left"))
    net.settle()
    assert not net.done(left, op).ok
    assert not left.sas
    assert not right.sas
    assert not committer.sent
    net.run(60)
    assert not left.endpoint.status()


def test_the_isakmp_sa_is_replaced_while_connected_is_awaited() -> None:
    """Its Child SAs belong to another one then, and are used all the same."""
    net, left, right, _committer = pair("initiator", silent=True)
    op = net.command(left, Initiate(child="net"))
    wait(net, left.children)
    net.command(left, Rekey(ike="left"))
    net.run(20)
    assert net.done(left, op).ok
    assert traffic_flows(left, right)
    assert len(left.endpoint.status()) == len(right.endpoint.status()) == 1


# --- who lies


def awaited(net: Net, left: Host) -> tuple[int, bytes]:
    """The message ID and the third message of a Quick Mode whose CONNECTED is to come."""
    net.command(left, Initiate(child="net"))
    wait(net, left.children)
    third = net.sent[-1][1].data
    assert third[18] == ExchangeType.QUICK_MODE
    return int.from_bytes(third[20:24], "big"), third


def test_a_connected_that_nobody_has_authenticated() -> None:
    net, left, right, _committer = pair("initiator", silent=True)
    number, third = awaited(net, left)
    good = connected(the_sa(right), number, third)
    bad = [good[:-1] + bytes([good[-1] ^ 1]), connected(the_sa(right), number, bytes(64)), good[:28], third]
    bad.append(connected(the_sa(right), number ^ 1, third))
    bad.append(connected(the_sa(right), number, third, more=[Delete(ProtocolId.ESP, (bytes(4),))]))
    bad.append(connected(the_sa(right), number, third, ExchangeType.TRANSACTION))
    for data in bad:
        outputs = deliver(net, left, data)
        assert [output for output in outputs if isinstance(output, Dropped)]
        assert not left.outbound
    deliver(net, left, good)
    assert left.outbound
    net.settle()
    assert traffic_flows(left, right)


def test_another_notify_is_not_connected() -> None:
    net, left, right, _committer = pair("initiator", silent=True)
    number, third = awaited(net, left)
    deliver(net, left, connected(the_sa(right), number, third, kind=NotifyType.NO_PROPOSAL_CHOSEN))
    assert not left.outbound
    net.run(15)
    assert traffic_flows(left, right)


@FORMS
def test_connected_comes_again(exchange: int, own_iv: bool) -> None:
    """Nothing happens twice, also not after the Child SA has gone."""
    net, left, _right, committer = pair("initiator", exchange=exchange, own_iv=own_iv)
    assert net.initiate(left).ok
    net.settle()
    (said,) = committer.sent
    for _again in range(3):
        assert not [output for output in deliver(net, left, said.data) if isinstance(output, Transmit)]
    assert len(left.outbound) == 1
    net.command(left, Terminate(child="net"))
    net.settle()
    deliver(net, left, said.data)
    assert not left.sas
    assert len([event for event in left.events(ChildUpdown) if event.up]) == 1


def test_the_bit_in_every_message() -> None:
    """Also in phase 1, where it is ignored, and in Informational exchanges, where it means nothing."""
    net, left, right = ikev1_pair()
    net.rewrite = with_commit_bit
    assert net.initiate(left).ok
    net.run(30)
    assert traffic_flows(left, right)
    net.command(left, Terminate(ike="left"))
    net.settle()
    assert not right.endpoint.status()
