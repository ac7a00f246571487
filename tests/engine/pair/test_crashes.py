"""One side crashes, at whatever step, and comes back with nothing in its memory (R08)."""

from __future__ import annotations

import itertools

import pytest

from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.connection import Action
from ikeengine.model.credentials import SharedKey
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import LEFT, PSK, RIGHT, psk_pair

BACK_WITHIN = 250.0
"""Seconds: a liveness check every 30, and the retransmissions after which a peer is taken for dead."""

_reboots = itertools.count()


def reboot(net: Net, host: Host, away: float) -> Host:
    """A daemon in the place of another: same configuration and credentials, new randomness, no SAs, no policies."""
    connections = list(host.endpoint.connections.values())
    del net.hosts[host.address]
    net.run(away)
    fresh = net.add(host.address, seed=f"reboot {next(_reboots)}")
    fresh.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    for connection in connections:
        fresh.endpoint.load_connection(connection, net.now)
        net.pump(fresh)
    return fresh


def pair() -> tuple[Net, Host, Host]:
    """The left side keeps the tunnel up, the right side waits to be called."""
    return psk_pair(
        left={"child_start_action": Action.START, "child_close_action": Action.START, "keyingtries": 0},
        dpd_delay=30.0,
        child_dpd_action=Action.RESTART,
        right={"child_dpd_action": Action.CLEAR},
    )


WORK = {
    "handshake": None,
    "rekey child": Rekey(child="net"),
    "rekey ike": Rekey(ike="left"),
    "terminate child": Terminate(child="net"),
    "terminate ike": Terminate(ike="left"),
}


@pytest.mark.parametrize("away", [0.0, 5.0, 3600.0])
@pytest.mark.parametrize("who", ["left", "right"])
@pytest.mark.parametrize("work", WORK)
def test_r08_crash_at_every_step(work: str, who: str, away: float) -> None:
    """After each datagram of each exchange: the tunnel is back in bounded time, and nothing of the old one is left."""
    for steps in itertools.count():
        net, left, right = pair()
        if WORK[work] is not None:
            net.run(5)
            net.command(left, WORK[work])
        done = [net.step() for _unused in range(steps)]
        victim = left if who == "left" else right
        fresh = reboot(net, victim, away)
        left, right = (fresh, right) if who == "left" else (left, fresh)
        if work.startswith("terminate") and who == "right":
            net.command(left, Initiate(child="net"))
        net.run(BACK_WITHIN)
        assert traffic_flows(left, right), f"after {steps} steps"
        assert len(list(installed_pairs(left, right))) == 1, f"after {steps} steps"
        assert len(left.ikes()) == len(right.ikes()) == 1, f"after {steps} steps"
        assert len(left.sas) == len(right.sas) == 2, f"after {steps} steps"
        if len(done) > 8:
            break


@pytest.mark.parametrize("who", [LEFT, RIGHT])
def test_r08_crash_again_and_again(who: str) -> None:
    net, left, right = pair()
    hosts = {LEFT: left, RIGHT: right}
    for moment in (0.005, 0.015, 0.025, 1.0, 31.0, 0.0):
        hosts[who] = reboot(net, hosts[who], 1.0)
        net.run(moment)
    net.run(BACK_WITHIN)
    assert traffic_flows(hosts[LEFT], hosts[RIGHT])
    assert len(list(installed_pairs(hosts[LEFT], hosts[RIGHT]))) == 1
