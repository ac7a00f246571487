"""Packets that bring up Child SAs: storms, narrowed selectors, peers that only the packet names."""

from __future__ import annotations

import pytest

from ikeengine.model.commands import Acquire, Install, Uninstall
from ikeengine.model.connection import Action, Mode
from ikeengine.model.failure import Alert
from ikeengine.model.path import packed
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.model.selector import DynamicSelector, TrafficSelector
from ikeengine.negotiate.selectors import format_selector, parse_selector
from ikeengine.outputs import AskPath, InstallPolicies
from ikeengine.sa.children import ondemand
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import LEFT, RIGHT, psk_pair

ANY_PEER = {
    "child_start_action": Action.TRAP,
    "child_mode": Mode.TRANSPORT,
    "child_local_ts": (DynamicSelector(),),
    "child_remote_ts": (DynamicSelector(),),
    "remote_addrs": ("%any",),
}


def host(address: str, protocol: int = 6, port: int = 80) -> TrafficSelector:
    return TrafficSelector(packed(address), packed(address), protocol, port, port)


def trap_of(gateway: Host) -> PolicySet:
    (found,) = [policies for policies in gateway.policies.values() if policies.action is PolicyAction.TRAP]
    return found


def packet(net: Net, gateway: Host, source: str, destination: str) -> bool:
    """A packet meets the trap. Whether the core does something about it."""
    command = Acquire(trap_of(gateway).owner, trap_of(gateway).reqid, host(source), host(destination))
    return net.done(gateway, net.command(gateway, command)).ok


def local_ts(gateway: Host) -> set[str]:
    return {format_selector(ts) for child in gateway.children() for ts in child.remote_ts}


def test_a_storm_of_packets_is_one_initiation() -> None:
    net, left, right = psk_pair(left={"child_start_action": Action.TRAP})
    for number in range(300):
        assert packet(net, left, f"10.1.0.{number % 250}", f"10.2.0.{number % 200}")
    net.run(60)
    assert len(list(installed_pairs(left, right))) == 1
    assert len(left.ikes()) == 1
    assert left.endpoint.next_timeout() is not None


def test_packets_outside_of_a_narrowed_child_get_one_of_their_own() -> None:
    """The peer narrows to the network of the packet (here: it has a child for each), so the other needs another."""
    net, left, _right = psk_pair(
        left={"child_start_action": Action.TRAP, "child_remote_ts": (parse_selector("10.2.0.0/15"),)},
        right={"child_local_ts": (parse_selector("10.2.0.0/16"),)},
    )
    assert packet(net, left, "10.1.0.1", "10.2.0.1")
    net.settle()
    assert local_ts(left) == {"10.2.0.0/16"}
    assert packet(net, left, "10.1.0.1", "10.2.0.9")
    net.settle()
    assert len(left.children()) == 1
    assert packet(net, left, "10.1.0.1", "10.3.0.1")
    net.settle()
    assert len(left.children()) == 2, "asked once for what the peer has narrowed away"
    for _ in range(10):
        packet(net, left, "10.1.0.1", "10.3.0.1")
        net.settle()
    assert len(left.children()) == 2, "and not again and again"


def test_a_packet_that_comes_while_another_is_negotiated_is_not_forgotten() -> None:
    net, left, _right = psk_pair(
        left={"child_start_action": Action.TRAP, "child_remote_ts": (parse_selector("10.2.0.0/15"),)},
        right={"child_local_ts": (parse_selector("10.2.0.0/16"),)},
    )
    packet(net, left, "10.1.0.1", "10.2.0.1")
    packet(net, left, "10.1.0.1", "10.3.0.1")
    net.run(ondemand.LOOK_AGAIN + 2)
    assert len(left.children()) == 2


def test_the_trap_is_in_force_again_after_the_sa() -> None:
    net, left, right = psk_pair(left={"child_start_action": Action.TRAP})
    for _ in range(3):
        assert packet(net, left, "10.1.0.1", "10.2.0.1")
        net.settle()
        assert traffic_flows(left, right)
        for gateway in (left, right):
            (ike,) = gateway.ikes()
            assert ike
        right.endpoint.unload_connection("right", net.now)
        net.pump(right)
        net.settle()
        assert not left.children()
        assert trap_of(left)
        right.endpoint.load_connection(psk_pair()[2].endpoint.connections["right"], net.now)


def test_trap_for_any_peer() -> None:
    """Mirrors ikev2/trap-any: the packet names the peer."""
    net, left, right = psk_pair(left=ANY_PEER, right=ANY_PEER)
    trap = trap_of(left)
    assert (trap.remote, trap.mode) == ("", Mode.TRANSPORT)
    assert [format_selector(ts) for ts in trap.remote_ts] == ["0.0.0.0/0"]
    assert packet(net, left, LEFT, RIGHT)
    net.settle()
    ((mine, _theirs),) = installed_pairs(left, right)
    assert mine.mode is Mode.TRANSPORT
    assert [format_selector(ts) for ts in mine.remote_ts] == [f"{RIGHT}/32"]
    assert packet(net, left, LEFT, RIGHT)
    net.settle()
    assert len(left.children()) == 1
    assert packet(net, left, LEFT, "192.0.2.77"), "somebody else, who does not answer"
    asked = left.events(AskPath)[-1]
    assert asked.remote_addrs == ("192.0.2.77",)


@pytest.mark.parametrize("address", ["224.0.0.251", "255.255.255.255", "0.0.0.0"])
def test_trap_for_any_peer_calls_nobody_in_particular(address: str) -> None:
    net, left, _right = psk_pair(left=ANY_PEER)
    assert not packet(net, left, LEFT, address)
    assert not left.endpoint.status()


def test_trap_for_any_peer_has_a_limit() -> None:
    net, left, _right = psk_pair(left=ANY_PEER)
    for number in range(ondemand.MOST_CONNECTING + 20):
        packet(net, left, LEFT, f"198.51.100.{number + 1}")
    assert len(left.endpoint.status()) == ondemand.MOST_CONNECTING


def test_trap_for_any_peer_tries_the_same_peer_again() -> None:
    net, left, _right = psk_pair(left={**ANY_PEER, "keyingtries": 2})
    packet(net, left, LEFT, "198.51.100.1")
    net.run(400)
    assert [asked.remote_addrs for asked in left.events(AskPath)] == [("198.51.100.1",)] * 2


def test_subnets_of_remote_addrs_limit_the_trap() -> None:
    _net, left, _right = psk_pair(left={**ANY_PEER, "remote_addrs": ("192.0.2.0/24", "2001:db8::/64")})
    assert [format_selector(ts) for ts in trap_of(left).remote_ts] == ["192.0.2.0/24", "2001:db8::/64"]


def test_install_and_uninstall() -> None:
    net, left, right = psk_pair()
    assert not left.policies
    assert net.done(left, net.command(left, Install("net"))).ok
    assert trap_of(left)
    assert net.done(left, net.command(left, Install("net", "left"))).ok, "it is installed already"
    packet(net, left, "10.1.0.1", "10.2.0.1")
    net.settle()
    assert net.done(left, net.command(left, Uninstall("net"))).ok
    assert traffic_flows(left, right), "the SA stays"
    done = net.done(left, net.command(left, Uninstall("net")))
    assert (done.ok, done.reason) == (False, "no policy of net is installed")
    assert not net.done(left, net.command(left, Install("other"))).ok


def test_install_of_what_the_datapath_refuses() -> None:
    net, left, _right = psk_pair()
    left.refuse = lambda output: "another program has it" if isinstance(output, InstallPolicies) else ""
    done = net.done(left, net.command(left, Install("net")))
    assert not done.ok
    assert "another program has it" in done.reason
    assert left.failures()[-1].alert is Alert.INSTALL_CHILD_POLICY_FAILED
    left.refuse = lambda output: ""
    assert net.done(left, net.command(left, Install("net"))).ok
    assert trap_of(left)


def test_tunnel_mode_needs_an_address() -> None:
    net, left, _right = psk_pair(left={"remote_addrs": ("%any",)})
    done = net.done(left, net.command(left, Install("net")))
    assert not done.ok
    assert "transport" in done.reason


def test_a_shunt_is_for_both_families() -> None:
    both = (DynamicSelector(6, 22, 22),)
    _net, left, _right = psk_pair(
        left={"child_mode": Mode.PASS, "child_start_action": Action.TRAP, "child_local_ts": both, "child_remote_ts": ()}
    )
    (shunt,) = left.policies.values()
    assert [format_selector(ts) for ts in shunt.local_ts] == ["0.0.0.0/0[tcp/22]", "::/0[tcp/22]"]
