"""`version: 0` accepts both versions on one port and initiates IKEv2; 1 and 2 are for their own version alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.model.connection import Unique
from ikeengine.model.credentials import SharedKey
from ikeengine.negotiate.proposals import parse_ike
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import PSK, psk_pair

BOTH = (parse_ike("aes128-sha256-x25519"),)


def pair(left: int, right: int) -> tuple[Net, Host, Host]:
    net, one, other = psk_pair(proposals=BOTH)
    for host, version in ((one, left), (other, right)):
        ((_, config),) = host.endpoint.connections.items()
        host.endpoint.load_connection(replace(config, version=version), net.now)
        net.pump(host)
    return net, one, other


@pytest.mark.parametrize(
    ("initiator", "responder", "spoken"),
    [(0, 0, 2), (0, 2, 2), (1, 0, 1), (2, 0, 2), (1, 1, 1), (2, 2, 2), (0, 1, None), (1, 2, None), (2, 1, None)],
)
def test_who_speaks_with_whom(initiator: int, responder: int, spoken: int | None) -> None:
    net, left, right = pair(initiator, responder)
    done = net.initiate(left)
    assert done.ok is (spoken is not None), done.reason
    net.settle()
    assert {ike.version for ike in (*left.ikes(), *right.ikes())} == ({spoken} if spoken else set())
    if spoken:
        assert traffic_flows(left, right)


def test_both_at_the_same_time() -> None:
    """One responder, one port, a peer of each version."""
    net, left, right = pair(1, 0)
    third = net.add("192.0.2.3")
    ((_, config),) = left.endpoint.connections.items()
    ((_, open_config),) = right.endpoint.connections.items()
    for host, loaded in (
        (third, replace(config, version=2, unique=Unique.NEVER)),
        (right, replace(open_config, remote_addrs=("%any",), unique=Unique.NEVER)),
    ):
        host.endpoint.load_connection(loaded, net.now)
        net.pump(host)
    third.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    assert net.initiate(left).ok
    assert net.initiate(third).ok
    net.settle()
    assert sorted(ike.version for ike in right.ikes()) == [1, 2]
