"""`close_action: trap` and `dpd_action: trap`: after its end the Child SA waits for a packet."""

from __future__ import annotations

import pytest

from ikeengine.model.commands import Acquire, Terminate
from ikeengine.model.connection import Action
from ikeengine.model.sa import PolicyAction
from tests.engine.support.pair import Host, Net, installed_pairs
from tests.engine.support.site import psk_pair


def traps(host: Host) -> list[int]:
    """Owners of the installed trap policies."""
    return [owner for owner, policies in host.policies.items() if policies.action is PolicyAction.TRAP]


@pytest.mark.parametrize("command", [Terminate(child="net"), Terminate(ike="right")], ids=["child", "ike"])
def test_close_action(command: Terminate) -> None:
    net, left, right = psk_pair(left={"child_close_action": Action.TRAP})
    net.initiate(left)
    assert not traps(left)
    net.command(right, command)
    net.settle()
    assert not left.children()
    comes_up_with_a_packet(net, left, right)


def test_no_trap_after_our_own_delete() -> None:
    net, left, right = psk_pair(left={"child_close_action": Action.TRAP})
    net.initiate(left)
    net.command(left, Terminate(child="net"))
    net.settle()
    assert not left.policies
    assert not right.policies


def test_dpd_action() -> None:
    net, left, right = psk_pair(left={"child_dpd_action": Action.TRAP, "dpd_delay": 10.0})
    net.initiate(left)
    net.rewrite = lambda datagram: None
    net.run(300)
    assert not left.endpoint.status()
    net.rewrite = lambda datagram: datagram
    comes_up_with_a_packet(net, left, right)


def test_a_second_end_keeps_the_trap() -> None:
    net, left, right = psk_pair(left={"child_close_action": Action.TRAP})
    for _ in range(2):
        net.initiate(left)
        net.command(right, Terminate(ike="right"))
        net.settle()
        assert len(traps(left)) == 1
    left.endpoint.unload_connection("left", net.now)
    net.pump(left)
    assert not left.policies


def comes_up_with_a_packet(net: Net, left: Host, right: Host) -> None:
    (owner,) = traps(left)
    net.command(left, Acquire(owner))
    net.settle()
    assert len(list(installed_pairs(left, right))) == 1
