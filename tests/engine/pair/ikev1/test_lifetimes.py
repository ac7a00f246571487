"""How long ISAKMP SAs live, and that nothing is lost when they are replaced (RFC 2407 section 4.6.3.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.ikev1.peer import credential
from ikeengine.ikev1.proposals.lifetime import Lifetime, responder_lifetime
from ikeengine.ikev1.wire.numbers import NotifyType, ProtocolId
from ikeengine.ikev1.wire.payloads import Notify
from ikeengine.outputs import LogLine
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows

LONG = 100_000.0


def pair(left: dict[str, float], right: dict[str, float]) -> tuple[Net, Host, Host]:
    base = {"rekey_time": 0.0, "reauth_time": 0.0, "over_time": 20.0, "rand_time": 0.0}
    net, one, other = ikev1_pair()
    for host, times in ((one, left), (other, right)):
        ((_, config),) = host.endpoint.connections.items()
        host.endpoint.load_connection(replace(config, **{**base, **times}), net.now)
        net.pump(host)
    return net, one, other


def spis(*hosts: Host) -> list[bytes]:
    return [ike.spi_i for host in hosts for ike in host.ikes()]


@pytest.mark.parametrize("which", ["rekey_time", "reauth_time"])
@pytest.mark.parametrize("who", ["left", "right", "both"])
def test_replaced_again_and_again_without_a_gap(which: str, who: str) -> None:
    times = {"left": {}, "right": {}} | {name: {which: 100.0} for name in ("left", "right") if who in (name, "both")}
    net, left, right = pair(**times)
    assert net.initiate(left).ok
    net.settle()
    seen = set(spis(left))
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    for _ in range(20):
        net.run(50)
        seen |= set(spis(left))
        assert len(list(installed_pairs(left, right))) == 1
    assert len(seen) >= 8
    assert len(left.ikes()) == len(right.ikes()) == 1
    assert spis(left) == spis(right)


def test_a_responder_that_wants_less_says_so() -> None:
    net, left, _right = pair({"rekey_time": LONG}, {"reauth_time": 100.0})
    assert net.initiate(left).ok
    net.settle()
    assert any("live 120 s" in line.text for line in left.events(LogLine))
    (sa,) = left.endpoint._ctx.table
    assert sa.lifetime == 120


def test_a_responder_that_wants_more_says_nothing() -> None:
    net, left, right = pair({"rekey_time": 100.0}, {"reauth_time": LONG})
    assert net.initiate(left).ok
    net.settle()
    (sa,) = right.endpoint._ctx.table
    assert sa.lifetime == 120
    assert not any("wants the ISAKMP SA to live" in line.text for line in left.events(LogLine))


def test_the_shorter_lifetime_of_the_peer_is_obeyed() -> None:
    """The initiator would keep the SA for ever: it is replaced by the initiator before the responder's time is over."""
    net, left, right = pair({}, {"rekey_time": 100.0})
    assert net.initiate(left).ok
    net.settle()
    (before,) = spis(left)
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    net.run(115)
    assert spis(left) == spis(right) != [before]


def test_a_lifetime_beside_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 2407 section 4.6.3: "as a payload in the last Main Mode exchange"."""
    data = responder_lifetime(ProtocolId.ISAKMP, Lifetime(50))
    said = Notify(NotifyType.RESPONDER_LIFETIME, data, spi=bytes(16))
    monkeypatch.setattr(credential, "certificate_payloads", lambda sa, own: [said])
    net, left, _right = pair({"rekey_time": LONG}, {"rekey_time": LONG})
    assert net.initiate(left).ok
    (sa,) = left.endpoint._ctx.table
    assert sa.lifetime == 50


@pytest.mark.parametrize("data", [b"", b"?", responder_lifetime(ProtocolId.ISAKMP, Lifetime(1)), bytes(4)])
def test_a_peer_cannot_say_nonsense(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Notify(NotifyType.RESPONDER_LIFETIME, data, spi=bytes(16))
    monkeypatch.setattr(credential, "certificate_payloads", lambda sa, own: [said])
    net, left, right = pair({"rekey_time": LONG}, {"rekey_time": LONG})
    assert net.initiate(left).ok
    net.settle()
    assert all(sa.lifetime >= 10 for host in (left, right) for sa in host.endpoint._ctx.table)


def test_the_responder_replaces_what_the_initiator_lets_end() -> None:
    net, left, right = pair({"rekey_time": 100.0}, {})
    assert net.initiate(left).ok
    net.settle()
    for host in (left,):
        (sa,) = host.endpoint._ctx.table
        sa.timers.clear()
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    (before,) = spis(left)
    net.run(130)
    assert spis(left) == spis(right) != [before]
