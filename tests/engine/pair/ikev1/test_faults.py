"""R03 with IKEv1: lose, delay or double each datagram of each exchange, alone and by chance, and let both sides begin.

No packet is lost meanwhile, and in the end both sides have the same SAs and no others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.connection import Unique
from tests.engine.pair.test_faults import inflict
from tests.engine.pair.test_soak import leftovers, unanswered
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows

Ops = list[tuple[Host, int]]


@dataclass
class Case:
    """What brings the pair to where it begins, what begins, and what holds when it is over."""

    commands: Callable[[Net, Host, Host], Ops]
    is_up_before: bool = True
    ikes: int = 1
    children: int = 1
    unique: Unique = Unique.NO


def initiate(net: Net, left: Host, right: Host) -> Ops:
    return [(left, net.command(left, Initiate(child="net")))]


def initiate_both(net: Net, left: Host, right: Host) -> Ops:
    return [(host, net.command(host, Initiate(child="net"))) for host in (left, right)]


def rekey_child(net: Net, left: Host, right: Host) -> Ops:
    return [(right, net.command(right, Rekey(child="net")))]


def rekey_child_both(net: Net, left: Host, right: Host) -> Ops:
    return [(host, net.command(host, Rekey(child="net"))) for host in (left, right)]


def rekey_ike(net: Net, left: Host, right: Host) -> Ops:
    return [(right, net.command(right, Rekey(ike="right")))]


def rekey_ike_both(net: Net, left: Host, right: Host) -> Ops:
    return [(left, net.command(left, Rekey(ike="left"))), (right, net.command(right, Rekey(ike="right")))]


def rekey_child_against_ike(net: Net, left: Host, right: Host) -> Ops:
    return [(left, net.command(left, Rekey(child="net"))), (right, net.command(right, Rekey(ike="right")))]


def delete_child_both(net: Net, left: Host, right: Host) -> Ops:
    return [(host, net.command(host, Terminate(child="net"))) for host in (left, right)]


def delete_ike_both(net: Net, left: Host, right: Host) -> Ops:
    return [(left, net.command(left, Terminate(ike="left"))), (right, net.command(right, Terminate(ike="right")))]


def rekey_child_against_delete(net: Net, left: Host, right: Host) -> Ops:
    return [(left, net.command(left, Rekey(child="net"))), (right, net.command(right, Terminate(ike="right")))]


def rekey_ike_against_delete(net: Net, left: Host, right: Host) -> Ops:
    return [(left, net.command(left, Rekey(ike="left"))), (right, net.command(right, Terminate(ike="right")))]


ANSWERED = {
    "initiate": Case(initiate, is_up_before=False),
    "rekey child": Case(rekey_child),
    "rekey IKE": Case(rekey_ike),
    "rekey child, both": Case(rekey_child_both),
    "rekey child and IKE": Case(rekey_child_against_ike),
    "rekey IKE, both": Case(rekey_ike_both),
}
"""Every message that matters is repeated until it is answered."""
TOLD = {
    "initiate, both": Case(initiate_both, is_up_before=False, unique=Unique.REPLACE),
    "delete child, both": Case(delete_child_both, children=0),
    "delete IKE, both": Case(delete_ike_both, ikes=0, children=0),
    "rekey child, delete IKE": Case(rekey_child_against_delete, ikes=0, children=0),
    "rekey and delete IKE": Case(rekey_ike_against_delete, ikes=0, children=0),
}
"""A Delete of IKEv1 is said once, so these only come out well if it arrives."""
TOO_LATE = ("rekey and delete IKE", "delay")
"""A Delete that comes after the ISAKMP SA was replaced ends nothing but the old one."""
FAULTS = ("lose", "lose two", "triple", "delay", "delay long")
DPD = 20.0


def at(fault: str, number: int) -> Callable[[Net], None]:
    """Let a fault befall the datagram of this number, counted from now."""
    return lambda net: inflict(net, fault, len(net.sent) + number)


def run(case: Case, net: Net, arrange: Callable[[Net], None]) -> int:
    """Run a case. Returns how many datagrams there were."""
    loss, net.loss = net.loss, 0.0
    net, left, right = ikev1_pair(net, dpd_delay=DPD, unique=case.unique)
    if case.is_up_before:
        assert net.initiate(left).ok
        net.settle()
    net.loss = loss
    begin = len(net.sent)
    arrange(net)
    if case.is_up_before and case.children:

        def watch() -> None:
            assert traffic_flows(left, right), f"no traffic can flow at {net.now}"

        net.watch = watch
    ops = case.commands(net, left, right)
    net.run(DPD - 1)
    count = len(net.sent) - begin
    net.run(250)
    assert [len(host.endpoint.status()) for host in (left, right)] == [case.ikes] * 2
    assert len(list(installed_pairs(left, right))) == case.children
    assert [len(host.sas) for host in (left, right)] == [2 * case.children] * 2
    assert [len(host.policies) for host in (left, right)] == [case.children] * 2
    for host in (left, right):
        assert not unanswered(host, [op for owner, op in ops if owner is host])
    net.watch = lambda: None
    net.loss = 0.0
    for host, name in ((left, "left"), (right, "right")):
        host.endpoint.unload_connection(name, net.now)
        net.pump(host)
    net.run(60)
    assert not leftovers(left)
    assert not leftovers(right)
    return count


@pytest.mark.parametrize("name", ANSWERED | TOLD)
def test_without_faults(name: str) -> None:
    run((ANSWERED | TOLD)[name], Net(), lambda net: None)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ANSWERED)
def test_r03_each_datagram(name: str, fault: str) -> None:
    number = 0
    while True:
        if number >= run(ANSWERED[name], Net(), at(fault, number)):
            break
        number += 1
        if number == 16:
            break
    assert number >= 2


@pytest.mark.parametrize(
    ("name", "fault"), [(name, fault) for fault in ("triple", "delay") for name in TOLD if (name, fault) != TOO_LATE]
)
def test_r03_each_datagram_that_arrives(name: str, fault: str) -> None:
    for number in range(8):
        run(TOLD[name], Net(), at(fault, number))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", ANSWERED)
def test_loss_duplicates_and_reordering(name: str, seed: int) -> None:
    run(ANSWERED[name], Net(seed, loss=0.1, duplicate=0.2, jitter=1.0), lambda net: None)
