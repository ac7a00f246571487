"""Authenticating again (RFC 7296 section 2.8.3), make before break: `reauth_time` and the command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.model.commands import Rekey, Terminate
from ikeengine.model.connection import Unique
from ikeengine.model.credentials import SharedKey
from ikeengine.model.secret import Secret
from ikeengine.negotiate.selectors import parse_selector
from ikeengine.outputs import LogLine
from tests.engine.support.pair import LATENCY, Host, installed_pairs, traffic_flows
from tests.engine.support.site import PSK, RIGHT, psk_pair

OFTEN = {"reauth_time": 1000.0, "rand_time": 0.0, "rekey_time": 0.0, "over_time": 100.0}


def established(left: Host, right: Host) -> bytes:
    """The SPI of the one IKE SA that both sides have."""
    (mine,), (theirs,) = left.ikes(), right.ikes()
    assert mine.spi_i == theirs.spi_i
    assert len(list(installed_pairs(left, right))) == len(left.children()) == len(right.children())
    return mine.spi_i


@pytest.mark.parametrize("unique", [Unique.NO, Unique.REPLACE, Unique.NEVER])
def test_by_time(unique: Unique) -> None:
    net, left, right = psk_pair(left=OFTEN | {"unique": unique}, right={"unique": unique})
    net.initiate(left)
    old = established(left, right)
    assert left.ikes()[0].reauth_at == pytest.approx(net.now + 1000, abs=5)

    flowed_at = [net.now]

    def watch() -> None:
        if traffic_flows(left, right):
            flowed_at.append(net.now)
        # The responder sends on its new Child SA at once, right behind the answer that tells the initiator of it.
        assert net.now - flowed_at[-1] <= LATENCY, "there is a gap"

    net.watch = watch
    net.run(990)
    assert established(left, right) == old
    net.run(20)
    assert established(left, right) != old
    net.run(10)
    assert len(left.sas) == len(right.sas) == 2
    assert len(left.policies) == len(right.policies) == 1
    assert left.ikes()[0].reauth_at == pytest.approx(net.now + 980, abs=15)
    assert not left.failures()
    assert not right.failures()


def test_by_command_from_the_responder_with_several_children() -> None:
    net, left, right = psk_pair()
    nets = (("10.1.0.0/24[tcp]", "10.2.0.0/24[tcp]"), ("10.2.0.0/24[tcp]", "10.1.0.0/24[tcp]"))
    for host, (local, remote) in zip((left, right), nets, strict=True):
        (config,) = host.endpoint.connections.values()
        more = replace(
            config.children["net"], name="tcp", local_ts=(parse_selector(local),), remote_ts=(parse_selector(remote),)
        )
        host.endpoint.load_connection(replace(config, children=config.children | {"tcp": more}), net.now)
    net.initiate(left, "net")
    net.initiate(left, "tcp")
    old = established(left, right)
    op = net.command(right, Rekey(ike="right", reauth=True))
    net.settle()
    assert net.done(right, op).ok
    assert established(left, right) != old
    assert sorted(child.name for child in left.children()) == ["net", "tcp"]


def test_a_rekeyed_ike_sa_inherits_the_time() -> None:
    net, left, right = psk_pair(left=OFTEN)
    net.initiate(left)
    due = left.ikes()[0].reauth_at
    net.run(500)
    net.command(right, Rekey(ike="right"))
    net.settle()
    assert left.ikes()[0].reauth_at == due
    old = established(left, right)
    net.run(510)
    assert established(left, right) != old


def test_failure_keeps_the_old_one_until_it_expires() -> None:
    net, left, right = psk_pair(left=OFTEN)
    net.initiate(left)
    old = established(left, right)
    right.endpoint.credentials.add_shared(SharedKey("psk", Secret(b"another secret")))
    net.run(1050)
    assert left.ikes()[0].spi_i == old
    assert len(left.failures()) >= 3, "it tries again and again"
    right.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    net.run(20)
    assert established(left, right) != old


def test_expires_in_the_end() -> None:
    net, left, right = psk_pair(left=OFTEN)
    net.initiate(left)
    right.endpoint.credentials.add_shared(SharedKey("psk", Secret(b"another secret")))
    net.run(1200)
    assert not left.ikes()
    assert not right.ikes()


def test_a_missing_child_keeps_the_old_one() -> None:
    net, left, right = psk_pair()
    net.initiate(left)
    old = established(left, right)
    right.endpoint.load_connection(
        replace(next(iter(right.endpoint.connections.values())), children={}, name="other"), net.now
    )
    narrow = (parse_selector("10.9.0.0/24"),)
    (config,) = (c for c in left.endpoint.connections.values() if c.name == "left")
    left.endpoint.connections["left"] = replace(
        config, children={"net": replace(config.children["net"], local_ts=narrow)}
    )
    op = net.command(left, Rekey(ike="left", reauth=True))
    net.settle()
    assert not net.done(left, op).ok
    assert "net" in net.done(left, op).reason
    assert old in [ike.spi_i for ike in left.ikes()]
    assert traffic_flows(left, right)


def test_peer_that_cannot_be_initiated() -> None:
    net, left, right = psk_pair(right=OFTEN | {"remote_addrs": ("%any",)})
    net.initiate(left)
    op = net.command(right, Rekey(ike="right", reauth=True))
    assert not net.done(right, op).ok
    net.run(1010)
    assert any("only the peer can" in line.text for line in right.events(LogLine))
    net.run(200)
    assert not right.ikes()


def test_twice_at_once_and_terminated_meanwhile() -> None:
    net, left, _ = psk_pair()
    net.initiate(left)
    ops = [net.command(left, Rekey(ike="left", reauth=True)) for _ in range(2)]
    assert "already" in net.done(left, ops[1]).reason
    net.command(left, Terminate(ike="left"))
    net.settle(100)
    assert net.done(left, ops[0]) is not None
    assert len(left.ikes()) <= 1


def test_both_at_the_same_time() -> None:
    net, left, right = psk_pair()
    net.initiate(left)
    for host, name in ((left, "left"), (right, "right")):
        net.command(host, Rekey(ike=name, reauth=True))
    net.watch = lambda: None
    net.settle(100)
    assert traffic_flows(left, right)
    assert left.ikes()


def test_lost_peer_is_not_tried_twice() -> None:
    net, left, _ = psk_pair(left={"keyingtries": 3})
    net.initiate(left)
    net.rewrite = lambda datagram: None
    op = net.command(left, Rekey(ike="left", reauth=True))
    net.run(400)
    assert not net.done(left, op).ok
    assert RIGHT in left.failures()[0].peer
