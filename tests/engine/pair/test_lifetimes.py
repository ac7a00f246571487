"""Lifetimes by time and volume with their random parts, and a datapath or a peer that is in the way of them."""

from __future__ import annotations

import itertools

import pytest

from ikeengine.model.commands import Rekey, SaExpired
from ikeengine.model.failure import Alert
from ikeengine.model.sa import Direction
from ikeengine.outputs import AskConfirmation, ChildRekeyed, InstallPolicies, InstallSa, Output, Transmit
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import LEFT, RIGHT, psk_pair

VOLUMES = {
    "child_rekey_bytes": 1_000_000,
    "child_life_bytes": 1_100_000,
    "child_rand_bytes": 100_000,
    "child_rekey_packets": 1000,
    "child_life_packets": 1200,
    "child_rand_packets": 500,
}


def up(net: Net | None = None, **changes: object) -> tuple[Net, Host, Host]:
    net, left, right = psk_pair(net, **changes)
    assert net.initiate(left).ok
    net.settle()
    return net, left, right


def test_r09_volumes_have_their_random_part() -> None:
    """Both directions of a Child SA have the same limits; those of the next one are others."""
    net, left, right = up(left=VOLUMES)
    seen = set()
    for _ in range(20):
        (inbound,) = (sa.limits for sa in left.sas.values() if sa.direction is Direction.IN)
        (outbound,) = (sa.limits for sa in left.sas.values() if sa.direction is Direction.OUT)
        assert inbound == outbound
        assert 900_000 <= inbound.soft_bytes <= 1_000_000
        assert 500 <= inbound.soft_packets <= 1000
        assert (inbound.hard_bytes, inbound.hard_packets) == (1_100_000, 1200)
        seen.add((inbound.soft_bytes, inbound.soft_packets))
        net.command(left, Rekey(child="net"))
        net.settle(10)
    assert len(seen) == 20
    assert all(sa.limits.soft_bytes == 0 for sa in right.sas.values())


@pytest.mark.parametrize("refused", [False, True])
def test_r09_soft_then_hard(refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the soft limit it is rekeyed; if the peer does not want to, it is replaced at the hard limit."""
    from ikeengine.ikev2.exchanges import rekey_child
    from ikeengine.registry import NotifyType
    from ikeengine.wire.payloads import Notify

    net, left, right = up()
    (old,) = left.children()
    if refused:
        monkeypatch.setattr(rekey_child, "respond", lambda *args: [Notify(NotifyType.TEMPORARY_FAILURE)])
    assert old.sa_out is not None
    for hard in (False, True) if refused else (False,):
        net.command(left, SaExpired(old.sa_out, hard))
        net.settle(10)
    ((mine, _),) = installed_pairs(left, right)
    assert mine.spi_in != old.spi_in
    assert len(left.events(ChildRekeyed)) == (0 if refused else 1)
    assert traffic_flows(left, right)


def test_a_busy_peer_is_asked_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    from ikeengine.ikev2.exchanges import rekey_child
    from ikeengine.registry import NotifyType
    from ikeengine.wire.payloads import Notify

    asked: list[float] = []

    def busy(*args: object) -> list[Notify]:
        asked.append(net.now)
        return [Notify(NotifyType.TEMPORARY_FAILURE)]

    net, left, right = up(left={"child_rekey_time": 100.0, "child_rand_time": 0.0, "child_life_time": 2000.0})
    monkeypatch.setattr(rekey_child, "respond", busy)
    net.run(1900)
    gaps = [after - before for before, after in itertools.pairwise(asked)]
    assert gaps[0] <= 15.1
    assert max(gaps) <= 120.1
    assert 15 <= len(asked) <= 25
    assert traffic_flows(left, right)
    monkeypatch.undo()
    net.run(130)
    assert len(left.events(ChildRekeyed)) == 1


REFUSED = {
    "inbound": lambda output: isinstance(output, InstallSa) and output.sa.direction is Direction.IN,
    "policies": lambda output: isinstance(output, InstallPolicies),
    "all": lambda output: True,
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_old_child_sa_stays_when_the_datapath_refuses_the_new_one(what: str) -> None:
    """It is not deleted before the datapath has its replacement, so that there is no gap, and rekeyed again soon."""
    net, left, right = up()
    (old,) = left.children()
    left.refuse = lambda output: "no buffer space available" if REFUSED[what](output) else ""
    op = net.command(left, Rekey(child="net"))
    net.settle(3)
    done = net.done(left, op)
    assert done is not None
    assert not done.ok
    assert done.record is not None
    assert done.record.alert is Alert.INSTALL_CHILD_SA_FAILED
    for host in (left, right):
        assert [child.state for child in host.children()] == ["INSTALLED"]
    assert left.children()[0].spi_in == old.spi_in
    assert len(right.sas) == 2
    left.refuse = lambda output: ""
    flows: list[bool] = []
    net.watch = lambda: flows.append(traffic_flows(left, right))
    net.run(60)
    assert all(flows)
    ((mine, _),) = installed_pairs(left, right)
    assert mine.spi_in != old.spi_in


@pytest.mark.parametrize("seconds", [2.0, 300.0])
def test_the_gap_is_short_when_the_responders_datapath_refuses(seconds: float) -> None:
    """The initiator has deleted the old one by then, so the responder makes a new one at once, and goes on trying."""
    net, left, right = up()
    right.refuse = lambda output: "no buffer space available" if REFUSED["inbound"](output) else ""
    net.command(left, Rekey(child="net"))
    net.run(0.02)
    if seconds > 2.0:
        net.run(seconds)
        assert 4 <= len(right.failures()) <= 12
    right.refuse = lambda output: ""
    net.run(2 if seconds == 2.0 else 130)
    ((_, theirs),) = installed_pairs(left, right)
    assert theirs
    assert traffic_flows(left, right)


def test_the_old_child_sa_waits_for_a_slow_datapath() -> None:
    net, left, right = up()
    waiting: list[AskConfirmation] = []
    carry_out = net._carry_out

    def slow(host: Host, output: Output) -> None:
        if isinstance(output, AskConfirmation) and host is left:
            waiting.append(output)
        else:
            carry_out(host, output)

    net._carry_out = slow  # type: ignore[method-assign, assignment]
    net.command(left, Rekey(child="net"))
    net.run(20)
    assert sorted(child.state for ike in left.endpoint.status() for child in ike.children) == ["INSTALLED", "REKEYED"]
    net.command(left, Rekey(ike="left"))
    net.settle()
    left.endpoint.complete(waiting[0].op, None, net.now)
    net.pump(left)
    net.run(10)
    assert len(list(installed_pairs(left, right))) == 1
    assert len(left.sas) == len(right.sas) == 2


@pytest.mark.parametrize(("timeout", "seconds"), [(0.0, 195.0), (45.0, 45.0), (10.0, 31.0)])
def test_dpd_timeout(timeout: float, seconds: float) -> None:
    """How long the peer may be silent, instead of waiting for all retransmissions; but it is always asked first."""
    net, left, _right = up(left={"dpd_delay": 30.0, "dpd_timeout": timeout})
    net.run(100)
    assert len(left.ikes()) == 1, "the peer answers"
    heard = net.now
    net.rewrite = lambda datagram: None
    while left.ikes() and net.step():
        pass
    assert seconds - 32 <= net.now - heard <= seconds + 2
    assert left.failures()[-1].alert is Alert.RETRANSMIT_SEND_TIMEOUT


def test_a_connection_has_its_own_retransmissions() -> None:
    net, left, _right = psk_pair(left={"retransmit_timeout": 0.5, "retransmit_base": 1.0, "retransmit_tries": 2})
    del net.hosts[RIGHT]
    assert not net.initiate(left).ok
    times = [when for when, datagram in net.sent if isinstance(datagram, Transmit) and datagram.path.local == LEFT]
    assert [round(time - times[0], 3) for time in times] == [0.0, 0.5, 1.0]
