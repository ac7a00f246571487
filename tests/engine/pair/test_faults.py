"""R03: lose, delay or double each single datagram of each exchange; both sides end as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.outputs import Transmit
from tests.engine.pair.test_soak import leftovers, unanswered
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import LEFT, psk_pair

DELAY = 1.5
"""Long enough for everything else to overtake the datagram, too short for a retransmission; and one for after it."""
LONG_DELAY = 9.0


@dataclass
class Case:
    """An exchange: what brings the pair to where it begins, what begins it, and what holds when it is over."""

    commands: Callable[[Net, Host, Host], list[tuple[Host, int]]]
    is_up_before: bool = True
    ikes: int = 1
    children: int = 1
    is_watched: bool = True
    """Whether traffic must flow all the time. Not with a second Child SA, which its responder uses at once."""


def initiate(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(left, net.command(left, Initiate(child="net")))]


def childless(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(left, net.command(left, Initiate(ike="left")))]


def rekey_child(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(right, net.command(right, Rekey(child="net")))]


def rekey_child_from_both(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(host, net.command(host, Rekey(child="net"))) for host in (left, right)]


def rekey_ike(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(right, net.command(right, Rekey(ike="right")))]


def rekey_ike_from_both(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(left, net.command(left, Rekey(ike="left"))), (right, net.command(right, Rekey(ike="right")))]


def rekey_child_against_ike(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(left, net.command(left, Rekey(child="net"))), (right, net.command(right, Rekey(ike="right")))]


def delete_child(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(right, net.command(right, Terminate(child="net")))]


def delete_child_from_both(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(host, net.command(host, Terminate(child="net"))) for host in (left, right)]


def delete_ike(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(right, net.command(right, Terminate(ike="right")))]


def delete_ike_from_both(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(left, net.command(left, Terminate(ike="left"))), (right, net.command(right, Terminate(ike="right")))]


def rekey_child_against_delete(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(left, net.command(left, Rekey(child="net"))), (right, net.command(right, Terminate(child="net")))]


def rekey_child_against_delete_of_ike(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(left, net.command(left, Rekey(child="net"))), (right, net.command(right, Terminate(ike="right")))]


def rekey_ike_against_delete(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(left, net.command(left, Rekey(ike="left"))), (right, net.command(right, Terminate(ike="right")))]


def rekey_ike_against_delete_of_child(net: Net, left: Host, right: Host) -> list[tuple[Host, int]]:
    return [(left, net.command(left, Rekey(ike="left"))), (right, net.command(right, Terminate(child="net")))]


CASES = {
    "initiate": Case(initiate, is_up_before=False),
    "childless": Case(childless, is_up_before=False, children=0),
    "second child": Case(initiate, children=2, is_watched=False),
    "rekey child": Case(rekey_child),
    "rekey child, both": Case(rekey_child_from_both),
    "rekey IKE": Case(rekey_ike),
    "rekey IKE, both": Case(rekey_ike_from_both),
    "rekey child and IKE": Case(rekey_child_against_ike),
    "delete child": Case(delete_child, children=0),
    "delete child, both": Case(delete_child_from_both, children=0),
    "delete IKE": Case(delete_ike, ikes=0, children=0),
    "delete IKE, both": Case(delete_ike_from_both, ikes=0, children=0),
    "rekey and delete child": Case(rekey_child_against_delete, children=0),
    "rekey child, delete IKE": Case(rekey_child_against_delete_of_ike, ikes=0, children=0),
    "rekey and delete IKE": Case(rekey_ike_against_delete, ikes=0, children=0),
    "rekey IKE, delete child": Case(rekey_ike_against_delete_of_child, children=0),
}
FAULTS = ("lose", "lose two", "triple", "delay", "delay long")


def run(case: Case, fault: str, number: int) -> int:
    """Run a case with a fault at the datagram of this number. Returns how many datagrams there were."""
    net, left, right = psk_pair()
    if case.is_up_before:
        assert net.initiate(left).ok
        net.settle()
    begin = len(net.sent)
    position = begin + number
    inflict(net, fault, position)
    if case.is_up_before and case.children and case.is_watched:

        def watch() -> None:
            assert traffic_flows(left, right), f"no traffic can flow at {net.now}"

        net.watch = watch
    ops = case.commands(net, left, right)
    net.run(250)
    datagrams = len(net.sent) - begin
    assert len(left.ikes()) == len(right.ikes()) == case.ikes
    assert len(left.endpoint.status()) == len(right.endpoint.status()) == case.ikes
    assert len(list(installed_pairs(left, right))) == case.children
    assert len(left.sas) == len(right.sas) == 2 * case.children
    assert len(left.policies) == len(right.policies) == case.children
    for host in (left, right):
        assert not unanswered(host, [op for owner, op in ops if owner is host])
    net.watch = lambda: None
    for host, name in ((left, "left"), (right, "right")):
        host.endpoint.unload_connection(name, net.now)
        net.pump(host)
    net.run(60)
    assert not leftovers(left)
    assert not leftovers(right)
    return datagrams


def inflict(net: Net, fault: str, position: int) -> None:
    """The fault befalls the datagram at this position; `lose two` also the one after it."""

    def is_victim() -> bool:
        return len(net.sent) - 1 == position

    def rewrite(datagram: Transmit) -> Transmit | None:
        follows = fault == "lose two" and len(net.sent) - 2 == position
        return None if follows or (is_victim() and fault.startswith("lose")) else datagram

    delays = {"delay": DELAY, "delay long": LONG_DELAY}
    net.rewrite = rewrite
    net.delay = lambda _: delays.get(fault, 0.0) if is_victim() else 0.0
    net.copies = lambda _: 3 if is_victim() and fault == "triple" else 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", CASES)
def test_r03_each_datagram(name: str, fault: str) -> None:
    case = CASES[name]
    number = 0
    while number < run(case, fault, number) and number < 16:
        number += 1
    assert number >= 2


def test_a_fault_strikes_where_it_should() -> None:
    net, left, _ = psk_pair()
    inflict(net, "lose", 1)
    assert net.initiate(left).ok
    times = [round(when - net.sent[0][0], 2) for when, datagram in net.sent if datagram.path.local == LEFT]
    assert times[:2] == [0.0, 4.0], "the first response was lost, so the request was repeated"
