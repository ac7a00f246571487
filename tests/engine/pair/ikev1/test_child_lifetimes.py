"""Lifetimes of Child SAs: the initiator says it, a responder may say less, in seconds and in kilobytes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.model.commands import SaExpired
from ikeengine.model.sa import Direction
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows

MEBIBYTE = 1024 * 1024
DEFAULTS = {"life_time": 3960.0, "rekey_time": 3600.0, "rand_time": 0.0}


def up(left: dict[str, object], right: dict[str, object]) -> tuple[Net, Host, Host]:
    """Two gateways whose children differ in their lifetimes; left is the initiator."""
    net, *hosts = ikev1_pair()
    for host, changes in zip(hosts, (left, right), strict=True):
        ((_name, config),) = host.endpoint.connections.items()
        child = replace(config.children["net"], **DEFAULTS | changes)
        host.endpoint.load_connection(replace(config, children={"net": child}), net.now)
        net.pump(host)
    assert net.initiate(hosts[0]).ok
    net.settle()
    return net, hosts[0], hosts[1]


@pytest.mark.parametrize("shorter", ["initiator", "responder"])
def test_the_shorter_time_counts_for_both(shorter: str) -> None:
    changes: list[dict[str, object]] = [{"life_time": 600.0, "rekey_time": 0.0}, {}]
    net, left, right = up(*(changes if shorter == "initiator" else changes[::-1]))
    for host in (left, right):
        (child,) = host.children()
        assert child.expires_at is not None
        assert child.expires_at - net.now <= 600
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    net.run(5000)
    assert len(list(installed_pairs(left, right))) == 1


@pytest.mark.parametrize("shorter", ["initiator", "responder"])
def test_the_smaller_volume_counts_for_both(shorter: str) -> None:
    changes: list[dict[str, object]] = [{"life_bytes": 8 * MEBIBYTE, "rekey_bytes": 7 * MEBIBYTE}, {}]
    net, left, right = up(*(changes if shorter == "initiator" else changes[::-1]))
    for host in (left, right):
        for sa in host.sas.values():
            assert sa.limits.hard_bytes == 8 * MEBIBYTE
            assert 0 < sa.limits.soft_bytes < 8 * MEBIBYTE
    outbound = next(sa for sa in left.sas.values() if sa.direction is Direction.OUT)
    net.command(left, SaExpired(outbound.id, hard=False))
    net.run(10)
    assert traffic_flows(left, right)
    assert outbound.id not in left.sas


def test_who_wants_no_less_says_nothing() -> None:
    _net, left, right = up({}, {"life_time": 7200.0, "life_bytes": 0})
    for host in (left, right):
        assert all(sa.limits.hard_bytes == 0 for sa in host.sas.values())
    (ours,), (theirs,) = left.children(), right.children()
    assert ours.expires_at == pytest.approx(theirs.expires_at, abs=1)
