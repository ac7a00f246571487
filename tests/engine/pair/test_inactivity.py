"""`inactivity`: Child SAs that nothing goes through are closed, all others stay."""

from __future__ import annotations

import pytest

from ikeengine.endpoint import Endpoint
from ikeengine.model.commands import Rekey, Terminate
from ikeengine.model.sa import Direction, SaId, Usage
from ikeengine.outputs import AskUsage
from tests.engine.support.pair import Host, Net
from tests.engine.support.site import psk_pair


def answer(net: Net, host: Host, used: dict[Direction, float | None]) -> None:
    """Be the datapath: the time of the last packet by direction, on the net's clock; None for never."""
    carry_out = net._carry_out

    def with_usage(who: Host, output: object) -> None:
        if isinstance(output, AskUsage) and who is host:
            at = used[host.sas[output.sa].direction] if output.sa in host.sas else None
            usage = Usage(0, 0, None if at is None else net.now - at)
            host.endpoint.complete(output.op, usage, net.now)
        carry_out(who, output)

    net._carry_out = with_usage


def idle_pair() -> tuple[Net, Host, Host]:
    net, left, right = psk_pair(left={"child_inactivity": 60.0})
    net.initiate(left)
    return net, left, right


def test_unused_from_the_beginning() -> None:
    net, left, right = idle_pair()
    answer(net, left, {Direction.IN: None, Direction.OUT: None})
    net.run(58)
    assert left.children()
    net.run(4)
    assert not left.children()
    assert not right.children()
    assert left.ikes()
    assert not left.policies


@pytest.mark.parametrize("direction", Direction)
def test_one_direction_is_enough(direction: Direction) -> None:
    net, left, _ = idle_pair()
    used: dict[Direction, float | None] = {Direction.IN: None, Direction.OUT: None}
    answer(net, left, used)
    for _ in range(10):
        used[direction] = net.now
        net.run(40)
        assert left.children()
    net.run(25)
    assert not left.children()


def test_rekeying_begins_anew() -> None:
    net, left, right = idle_pair()
    answer(net, left, {Direction.IN: None, Direction.OUT: None})
    net.run(40)
    net.command(right, Rekey(child="net"))
    net.run(40)
    assert left.children()
    net.run(30)
    assert not left.children()


def test_late_answers_do_nothing() -> None:
    net, left, _ = idle_pair()
    asked: list[AskUsage] = []
    carry_out = net._carry_out
    net._carry_out = lambda who, output: (
        asked.append(output) if isinstance(output, AskUsage) else carry_out(who, output)
    )
    net.run(62)
    (ask,) = asked
    assert isinstance(ask.sa, SaId)
    net.command(left, Terminate(child="net"))
    net.settle()
    endpoint: Endpoint = left.endpoint
    endpoint.complete(ask.op, None, net.now)
    net.pump(left)
    assert left.ikes()
