"""Hours on the virtual clock with loss, reordering, and operators on both sides who do what they like.

Everything comes from a seed, which a failing test names and which replays it exactly. IKEENGINE_SOAK_SEEDS=100 tries
more seeds than the few.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.connection import Action
from ikeengine.outputs import CommandDone
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import psk_pair

SEEDS = range(int(os.environ.get("IKEENGINE_SOAK_SEEDS", "4")))
HOUR = 3600.0
LIFETIMES = {
    "rekey_time": 600.0,
    "rand_time": 60.0,
    "over_time": 300.0,
    "child_rekey_time": 200.0,
    "child_life_time": 400.0,
    "child_rand_time": 40.0,
    "dpd_delay": 30.0,
}


def leftovers(host: Host) -> dict[str, object]:
    """Whatever an endpoint still keeps when it should keep nothing."""
    ctx = host.endpoint._ctx
    table = ctx.table
    kept = {
        "IKE SAs": [sa.state for sa in table],
        "by init": table._by_init,
        "by identities": table._by_identities,
        "by name": table._by_name,
        "children": table._child_owners,
        "child SPIs": table._child_spis,
        "half open": table.limits.total,
        "fragments": table.fragments.total,
        "fragments by source": dict(table.fragments._by_source),
        "half open by source": dict(table.limits._by_source),
        "operations": ctx.ops,
        "confirmations": ctx.confirmations,
        "commands": ctx._expected,
        "reqids": ctx._reqid_of,
        "users of reqids": ctx._reqid_users,
        "wanted": ctx.wanted,
        "touched": ctx.touched,
        "deadlines": host.endpoint._deadlines._scheduled,
        "SAs": host.sas,
        "policies": host.policies,
    }
    return {name: value for name, value in kept.items() if value}


def unanswered(host: Host, ops: list[int]) -> list[int]:
    return [op for op in ops if op not in {done.op for done in host.events(CommandDone)}]


def forget_outputs(*hosts: Host) -> None:
    """Keep the log of a long run short; only the outcomes of commands are needed later."""
    for host in hosts:
        host.log = host.events(CommandDone)


@pytest.mark.parametrize("seed", SEEDS)
def test_tunnel_survives_loss_and_rekeying(seed: int) -> None:
    """Nobody terminates anything, so there is not one moment without a usable Child SA."""
    net = Net(seed, loss=0.02, duplicate=0.02, jitter=0.3)
    net, left, right = psk_pair(net, **LIFETIMES)
    assert net.initiate(left).ok
    net.settle()
    chance = random.Random(seed)

    def watch() -> None:
        assert traffic_flows(left, right), f"seed {seed}: no traffic can flow at {net.now}"

    net.watch = watch
    for _ in range(40):
        net.run(chance.uniform(0, 200))
        host, name = chance.choice([(left, "left"), (right, "right")])
        what = Rekey(child="net") if chance.random() < 0.6 else Rekey(ike=name)
        net.command(host, what)
        if chance.random() < 0.5:
            other, name = (right, "right") if host is left else (left, "left")
            net.run(chance.uniform(0, 0.2))
            net.command(other, Rekey(child="net") if chance.random() < 0.5 else Rekey(ike=name))
        forget_outputs(left, right)
    net.loss = 0.0
    net.run(150)
    assert len(left.ikes()) == len(right.ikes()) == 1, f"seed {seed}"
    assert len(list(installed_pairs(left, right))) == 1, f"seed {seed}"
    net.watch = lambda: None
    close_everything(net, left, right, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_left_behind(seed: int) -> None:
    """Operators, reloads, restarts of children and faults in any order: afterwards there is nothing left of it."""
    chance = random.Random(seed)
    net = Net(seed, loss=0.02, duplicate=0.02, jitter=0.3)
    net, left, right = psk_pair(
        net, left={"child_start_action": Action.START, "keyingtries": 0}, child_close_action=Action.START, **LIFETIMES
    )
    ops: dict[str, list[int]] = {left.address: [], right.address: []}
    end = net.now + 2 * HOUR
    for act in actions(chance):
        if net.now > end:
            break
        net.run(chance.choice([0.0, 0.02, 0.5, 20.0, 120.0]))
        host, name = chance.choice([(left, "left"), (right, "right")])
        if act == "reload":
            config = host.endpoint.connections[name]
            children = {"net": replace(config.children["net"], replay_window=chance.choice([32, 64]))}
            if chance.random() < 0.3:
                config = replace(config, dpd_delay=chance.choice([30.0, 40.0]))
            host.endpoint.load_connection(replace(config, children=children), net.now)
            net.pump(host)
        else:
            ops[host.address].append(net.command(host, command(act, name, chance)))
        forget_outputs(left, right)
    net.loss = 0.0
    net.run(400)
    assert net.initiate(left).ok, f"seed {seed}: the two sides do not find together again"
    assert traffic_flows(left, right), f"seed {seed}"
    for host in (left, right):
        config = host.endpoint.connections["left" if host is left else "right"]
        quiet = {
            "net": replace(config.children["net"], start_action=Action.NONE, close_action=Action.NONE),
        }
        host.endpoint.load_connection(replace(config, children=quiet), net.now)
        net.pump(host)
    net.run(60)
    close_everything(net, left, right, seed)
    for host in (left, right):
        assert not unanswered(host, ops[host.address]), f"seed {seed}: commands without an outcome"


@dataclass
class Day:
    """24 hours of a tunnel that the left side is to keep up, whatever happens."""

    seed: int
    net: Net
    left: Host
    right: Host
    chance: random.Random
    excused_until: float = 0.0
    """Until then the tunnel may be down, because of what has just been done to it."""
    gaps: int = 0

    def watch(self) -> None:
        """There is a usable Child SA, or a reason why not."""
        if not traffic_flows(self.left, self.right):
            self.gaps += 1
            assert self.net.now <= self.excused_until, (
                f"seed {self.seed}: no traffic can flow at {self.net.now}, excused until {self.excused_until}"
            )

    def excuse(self, seconds: float) -> None:
        """What happens now may cut the tunnel for so long."""
        self.excused_until = max(self.excused_until, self.net.now + seconds)

    def act(self, deed: str) -> None:
        """One thing that an operator, a reload or the network does."""
        host, name = self.chance.choice([(self.left, "left"), (self.right, "right")])
        if deed == "outage":
            seconds = self.chance.choice([5.0, 60.0, 3600.0])
            self.excuse(seconds + BACK_WITHIN)
            self.net.loss = 1.0
            self.net.run(seconds)
            self.net.loss = LOSS
        elif deed == "reload":
            self._reload(host, name)
        elif deed.startswith("rekey"):
            self.net.command(host, command(deed, name, self.chance))
        else:
            self.excuse(BACK_WITHIN)
            self.net.command(host, command(deed, name, self.chance))
            if host is self.left:
                # What an operator has closed stays closed until an operator wants it again.
                self.net.run(self.chance.uniform(0, 20))
                self.net.command(self.left, Initiate(child="net"))

    def _reload(self, host: Host, name: str) -> None:
        """Change the child: its Child SA is made anew, before the old one goes."""
        config = host.endpoint.connections[name]
        child = replace(config.children["net"], replay_window=self.chance.choice([32, 64]))
        host.endpoint.load_connection(replace(config, children={"net": child}), self.net.now)
        self.net.pump(host)


DEEDS = ["rekey child"] * 5 + ["rekey ike"] * 5 + ["terminate child", "terminate ike", "kill", "reload", "outage"]
LOSS = 0.02
BACK_WITHIN = 420.0
"""Seconds after which the tunnel is up again, whatever was done to it: first a dead peer is noticed, then comes the
longest pause between two tries to reach it."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day(seed: int) -> None:
    """24 hours: never a moment without a usable Child SA that the faults do not explain, and nothing left behind."""
    net = Net(seed, loss=LOSS, duplicate=0.02, jitter=0.3)
    keeps_up = {
        "child_start_action": Action.START,
        "child_close_action": Action.START,
        "child_dpd_action": Action.RESTART,
        "keyingtries": 0,
    }
    lifetimes = {**LIFETIMES, "rekey_time": 3600.0, "child_rekey_time": 600.0, "child_life_time": 900.0}
    net, left, right = psk_pair(net, left=keeps_up, **lifetimes)
    day = Day(seed, net, left, right, random.Random(seed))
    day.excuse(60)
    net.watch = day.watch
    end = net.now + 24 * HOUR
    while net.now < end:
        net.run(day.chance.uniform(0, 300))
        day.act(day.chance.choice(DEEDS))
        if day.chance.random() < 0.3:
            net.run(day.chance.uniform(0, 0.3))
            day.act(day.chance.choice(DEEDS[:10]))
        forget_outputs(left, right)
        day.watch()
    net.loss = 0.0
    net.run(BACK_WITHIN)
    while any(
        child.state != "INSTALLED" for host in (left, right) for ike in host.endpoint.status() for child in ike.children
    ):
        net.run(1)
    assert len(left.ikes()) == len(right.ikes()) == 1, f"seed {seed}"
    pairs = len(list(installed_pairs(left, right)))
    # An operator who initiates what is coming up anyway gets a second Child SA.
    assert 1 <= pairs == len(left.children()) == len(right.children()), f"seed {seed}"
    assert len(left.sas) == len(right.sas) == 2 * pairs, f"seed {seed}"
    net.watch = lambda: None
    close_everything(net, left, right, seed)


def actions(chance: random.Random) -> Iterator[str]:
    while True:
        yield chance.choice(
            ["initiate", "rekey child", "rekey ike", "rekey ike", "terminate child", "terminate ike", "kill", "reload"]
        )


def command(act: str, name: str, chance: random.Random) -> Initiate | Rekey | Terminate:
    return {
        "initiate": Initiate(child="net"),
        "rekey child": Rekey(child="net"),
        "rekey ike": Rekey(ike=name),
        "terminate child": Terminate(child="net"),
        "terminate ike": Terminate(ike=name),
        "kill": Terminate(ike=name, force=chance.random() < 0.5),
    }[act]


def close_everything(net: Net, left: Host, right: Host, seed: int) -> None:
    for host, name in ((left, "left"), (right, "right")):
        host.endpoint.unload_connection(name, net.now)
        net.pump(host)
    net.run(600)
    for host in (left, right):
        assert not leftovers(host), f"seed {seed}: {leftovers(host)}"
        assert host.endpoint.next_timeout() is None
