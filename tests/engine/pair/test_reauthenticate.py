"""Authenticating again (RFC 7296 section 2.8.3), make before break: `reauth_time` and the command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.ikev2.exchanges import rekey_child, rekey_ike
from ikeengine.ikev2.peer import auth_lifetime
from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.connection import EngineSettings, Unique
from ikeengine.model.credentials import SharedKey
from ikeengine.model.sa import Direction
from ikeengine.model.secret import Secret
from ikeengine.negotiate.selectors import parse_selector
from ikeengine.outputs import ChildUpdown, IkeUpdown, LogLine
from ikeengine.registry import NotifyType
from ikeengine.sa import uniqueness
from ikeengine.wire.payloads import Notify
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import PSK, RIGHT, psk_pair

OFTEN = {"reauth_time": 1000.0, "rand_time": 0.0, "rekey_time": 0.0, "over_time": 100.0}


def established(left: Host, right: Host) -> bytes:
    """The SPI of the one IKE SA that both sides have."""
    (mine,), (theirs,) = left.ikes(), right.ikes()
    assert mine.spi_i == theirs.spi_i
    assert len(list(installed_pairs(left, right))) == len(left.children()) == len(right.children())
    return mine.spi_i


def test_it_is_no_initial_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the old IKE SA is not found by its identities, as the peer has encoded its name in another way."""
    net, left, _right = psk_pair()
    net.initiate(left)
    ctx = left.endpoint._ctx
    (sa,) = ctx.table
    monkeypatch.setattr(uniqueness, "_of_identities", lambda *_unused: [])
    assert uniqueness.is_initial_contact(ctx, sa)
    sa.replaces = b"12345678"
    assert not uniqueness.is_initial_contact(ctx, sa)


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
        assert flowed_at[-1] == net.now, "there is a gap"

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


def test_peer_that_cannot_be_initiated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor heeds the AUTH_LIFETIME of RFC 4478."""
    monkeypatch.setattr(auth_lifetime, "obey", lambda *args: None)
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


def gapless(net: Net, left: Host, right: Host) -> list[bool]:
    """Whether a packet would have got through, at each step from now on."""
    flows: list[bool] = []
    net.watch = lambda: flows.append(traffic_flows(left, right))
    return flows


@pytest.mark.parametrize(
    ("own", "peers", "due"), [(0.0, 1000.0, 900), (400.0, 1000.0, 400), (3000.0, 500.0, 450)], ids=str
)
def test_the_responder_asks_for_it(own: float, peers: float, due: float) -> None:
    """RFC 4478: AUTH_LIFETIME in the answer makes the initiator authenticate again, unless it wants so earlier."""
    times = {"rand_time": 0.0, "rekey_time": 0.0, "over_time": 100.0}
    net, left, right = psk_pair(
        left=times | {"reauth_time": own}, right=times | {"reauth_time": peers, "remote_addrs": ("%any",)}
    )
    net.initiate(left)
    old = established(left, right)
    begin = net.now
    assert left.ikes()[0].reauth_at == pytest.approx(begin + due, abs=5)
    net.run(due - 10)
    assert established(left, right) == old
    net.run(20)
    assert established(left, right) != old
    assert not left.failures()


@pytest.mark.parametrize("children", [0, 1, 2])
@pytest.mark.parametrize("answers", [True, False])
def test_break_before_make(children: int, answers: bool) -> None:
    """`make_before_break: no`: the old IKE SA is deleted first, and everything that it had is brought up again."""
    net, left, right = psk_pair()
    left.endpoint.set_settings(EngineSettings(make_before_break=False))
    nets = (("10.1.0.0/24[tcp]", "10.2.0.0/24[tcp]"), ("10.2.0.0/24[tcp]", "10.1.0.0/24[tcp]"))
    for host, (local, remote) in zip((left, right), nets, strict=True):
        (config,) = host.endpoint.connections.values()
        more = replace(
            config.children["net"], name="tcp", local_ts=(parse_selector(local),), remote_ts=(parse_selector(remote),)
        )
        host.endpoint.load_connection(replace(config, children=config.children | {"tcp": more}), net.now)
    net.command(left, Initiate(ike="left"))
    net.settle()
    for name in ("net", "tcp")[:children]:
        net.initiate(left, name)
    old = left.ikes()[0].spi_i
    if not answers:
        net.rewrite = lambda datagram: None
    op = net.command(left, Rekey(ike="left", reauth=True))
    net.run(200)
    net.rewrite = lambda datagram: datagram
    net.run(200)
    assert net.done(left, op).ok
    assert established(left, right) != old
    assert sorted(child.name for child in left.children()) == ["net", "tcp"][:children]
    old_down = [event for event in left.events(IkeUpdown) if not event.up and event.ike.spi_i == old]
    assert len(old_down) == 1


@pytest.mark.parametrize("by", [0, 1])
def test_packets_never_arrive_before_their_sa(by: int) -> None:
    """Neither does a responder send on a Child SA that its peer has not got yet, nor does the old one go too early."""
    net, *hosts = psk_pair()
    net.initiate(hosts[0])
    net.settle()
    flows = gapless(net, *hosts)
    old = established(*hosts)
    net.command(hosts[by], Rekey(ike=("left", "right")[by], reauth=True))
    net.settle(5)
    assert established(*hosts) != old
    assert all(flows)
    assert len(flows) > 5
    net.run(10)
    for host in hosts:
        assert len(host.sas) == 2


@pytest.mark.parametrize("by", [0, 1])
def test_packets_under_way_when_the_old_one_is_deleted(by: int) -> None:
    """What the initiator has sent on the old Child SA may arrive after its Delete: it is accepted for five seconds."""
    net, *hosts = psk_pair()
    net.initiate(hosts[0])
    initiator, responder = hosts[by], hosts[1 - by]
    old = initiator.sending_sa()
    assert old is not None
    net.command(initiator, Rekey(ike=("left", "right")[by], reauth=True))
    net.settle(2)
    established(initiator, responder)
    assert accepts(responder, old.spi)
    assert [child.state for child in responder.ikes()[0].children] == ["INSTALLED", "DELETED"]
    assert [event.up for event in responder.events(ChildUpdown)] == [True, True, False]
    assert len(responder.policies) == 1
    net.run(10)
    assert not accepts(responder, old.spi)
    assert len(responder.sas) == 2
    net.command(responder, Terminate(child="net"))
    net.settle()
    assert not responder.sas
    assert not responder.policies


def accepts(host: Host, spi: int) -> bool:
    return any(sa.spi == spi and sa.direction is Direction.IN for sa in host.sas.values())


@pytest.mark.parametrize("what", [Rekey(child="net"), Rekey(ike="left")])
def test_a_peer_that_cannot_rekey(monkeypatch: pytest.MonkeyPatch, what: Rekey) -> None:
    """NO_ADDITIONAL_SAS (RFC 7296 section 1.3): a new IKE SA from scratch does what the peer cannot."""
    net, left, right = psk_pair()
    net.initiate(left)
    net.settle()
    old = established(left, right)
    for module in (rekey_child, rekey_ike):
        monkeypatch.setattr(module, "respond", lambda *args: [Notify(NotifyType.NO_ADDITIONAL_SAS)])
    flows = gapless(net, left, right)
    op = net.command(left, what)
    net.settle(5)
    assert not net.done(left, op).ok
    assert established(left, right) != old
    assert all(flows)
