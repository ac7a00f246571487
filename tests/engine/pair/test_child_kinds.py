"""What a Child SA can be beside a plain ESP tunnel, between two engines: pairs of addresses, IPComp, AH, childless."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.model.commands import Acquire, Initiate, Rekey, Terminate
from ikeengine.model.connection import Action, Childless, Mode
from ikeengine.model.sa import Direction, PolicyAction
from ikeengine.model.selector import TrafficSelector
from ikeengine.negotiate.proposals import parse_ah, parse_esp
from ikeengine.negotiate.selectors import format_selector, parse_selector
from ikeengine.outputs import Transmit
from ikeengine.registry import ExchangeType, IntegId, Protocol
from tests.engine.pair.test_operation import OUTSIDE, behind_nat
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import LEFT, RIGHT, psk_pair

AH = (parse_ah("sha256"),)


def selector(text: str) -> TrafficSelector:
    found = parse_selector(text)
    assert isinstance(found, TrafficSelector)
    return found


def trapped(**right: object) -> tuple[Net, Host, Host]:
    """The left side has a trap for its nets."""
    return psk_pair(left={"child_start_action": Action.TRAP}, right=right)


def packet(net: Net, host: Host, source: str, destination: str) -> None:
    """A packet hits the trap."""
    (owner,) = [owner for owner, policies in host.policies.items() if policies.action is PolicyAction.TRAP]
    net.command(host, Acquire(owner, 0, selector(source), selector(destination)))
    net.settle()


def shown(host: Host) -> list[str]:
    """The selectors of the Child SAs."""
    return [
        " ".join(map(format_selector, child.local_ts)) + " === " + " ".join(map(format_selector, child.remote_ts))
        for child in host.children()
    ]


def test_the_packet_chooses_among_children() -> None:
    """RFC 7296 section 2.9: the packet's selectors go first, and tell the responder which of its children is meant."""
    net, left, right = trapped(child_remote_ts=(parse_selector("10.1.0.0/25"),))
    (config,) = right.endpoint.connections.values()
    second = replace(config.children["net"], name="second", remote_ts=(parse_selector("10.1.0.128/25"),))
    right.endpoint.load_connection(replace(config, children={**config.children, "second": second}), net.now)
    net.pump(right)
    packet(net, left, "10.1.0.200/32[tcp/5000]", "10.2.0.9/32[tcp/80]")
    assert [child.name for child in right.children()] == ["second"]
    assert shown(left) == ["10.1.0.128/25 === 10.2.0.0/24"]
    packet(net, left, "10.1.0.200/32[tcp/5001]", "10.2.0.9/32[tcp/80]")
    assert len(left.children()) == 1, "the Child SA that is there does"
    packet(net, left, "10.1.0.1/32[tcp/5000]", "10.2.0.9/32[tcp/80]")
    assert sorted(child.name for child in right.children()) == ["net", "second"], "ADDITIONAL_TS_POSSIBLE"


def test_a_packet_outside_of_the_trap_is_not_offered() -> None:
    net, left, _ = trapped()
    packet(net, left, "10.9.0.1/32", "10.2.0.9/32")
    assert shown(left) == ["10.1.0.0/24 === 10.2.0.0/24"]


def test_single_pair_required_by_the_responder() -> None:
    """The responder takes one pair of addresses a Child SA; the packet tells which."""
    net, left, right = trapped(child_single_pair=True)
    packet(net, left, "10.1.0.1/32[tcp/5000]", "10.2.0.9/32[tcp/80]")
    packet(net, left, "10.1.0.2/32[icmp]", "10.2.0.9/32[icmp]")
    packet(net, left, "10.1.0.2/32[tcp/9]", "10.2.0.9/32[tcp/9]")
    assert shown(left) == ["10.1.0.1/32 === 10.2.0.9/32", "10.1.0.2/32 === 10.2.0.9/32"]
    assert len(list(installed_pairs(left, right))) == 2
    net.command(left, Rekey(child="net"))
    net.settle()
    assert sorted(shown(left)) == ["10.1.0.1/32 === 10.2.0.9/32", "10.1.0.2/32 === 10.2.0.9/32"]


def test_single_pair_without_a_packet_is_refused() -> None:
    """SINGLE_PAIR_REQUIRED: the responder would have to guess. The IKE SA stays."""
    net, left, right = psk_pair(right={"child_single_pair": True})
    done = net.initiate(left)
    assert not done.ok
    assert "SINGLE_PAIR_REQUIRED" in done.reason
    assert left.ikes()
    assert "single" in right.failures()[0].reason.lower()


def test_single_pair_on_receipt_of_the_notify() -> None:
    """A responder that refuses whatever is for more than one pair gets a request for one."""
    net, left, _ = trapped(child_single_pair=True)
    packet(net, left, "10.1.0.1/32", "10.2.0.9/32")
    net.command(left, Terminate(child="net"))
    net.settle()
    (config,) = left.endpoint.connections.values()
    assert not config.children["net"].single_pair
    from ikeengine.sa.children import choice as child_choice

    original = child_choice.narrowed_to_pair

    def refuse_more(local: object, remote: object, first: object) -> object:
        from ikeengine.errors import SinglePairRequired
        from ikeengine.sa.children.address_pairs import is_single_pair

        if not is_single_pair(local, remote):  # type: ignore[arg-type]
            raise SinglePairRequired("one pair")
        return [local, remote]

    child_choice.narrowed_to_pair = refuse_more  # type: ignore[assignment]
    try:
        packet(net, left, "10.1.0.3/32[tcp/1]", "10.2.0.9/32[tcp/2]")
    finally:
        child_choice.narrowed_to_pair = original
    assert shown(left) == ["10.1.0.3/32 === 10.2.0.9/32"]


def test_two_sides_that_want_single_pairs() -> None:
    net, left, _ = psk_pair(
        left={"child_start_action": Action.TRAP}, right={"child_single_pair": True}, child_single_pair=True
    )
    packet(net, left, "10.1.0.1/32[tcp/5000]", "10.2.0.9/32[tcp/80]")
    assert shown(left) == ["10.1.0.1/32 === 10.2.0.9/32"]


@pytest.mark.parametrize("wants", [(True, True), (True, False), (False, True)])
def test_ipcomp(wants: tuple[bool, bool]) -> None:
    """RFC 7296 section 2.22: used if both sides want it, each sending to the CPI of the other."""
    net, left, right = psk_pair(left={"child_ipcomp": wants[0]}, right={"child_ipcomp": wants[1]})
    assert net.initiate(left).ok
    (mine,), (theirs,) = left.children(), right.children()
    assert (mine.cpi_in, mine.cpi_out) == (theirs.cpi_out, theirs.cpi_in)
    assert all((mine.cpi_in, mine.cpi_out)) == all(wants)
    assert all(policies.ipcomp == all(wants) for policies in left.policies.values())
    for sa in left.sas.values():
        assert sa.cpi == (mine.cpi_in if sa.direction is Direction.IN else mine.cpi_out)
    before = mine.cpi_in
    net.command(right, Rekey(child="net"))
    net.settle(10.0)
    assert (left.children()[0].cpi_in != before) == all(wants)
    assert traffic_flows(left, right)


@pytest.mark.parametrize("mode", [Mode.TUNNEL, Mode.TRANSPORT])
def test_tfc_padding_is_not_sent_where_it_is_not_understood(mode: Mode) -> None:
    """ESP_TFC_PADDING_NOT_SUPPORTED comes with transport mode, where nothing tells where padding begins."""
    net, left, right = psk_pair(child_mode=mode, child_tfc_padding=500)
    assert net.initiate(left).ok
    for host in (left, right):
        assert {sa.tfc_padding for sa in host.sas.values()} == {500 if mode is Mode.TUNNEL else 0}


@pytest.mark.parametrize(("old", "kind"), [(False, IntegId.HMAC_SHA2_256_128), (True, IntegId.HMAC_SHA2_256_96)])
def test_the_truncation_of_old_peers_is_for_the_datapath_alone(old: bool, kind: IntegId) -> None:
    net, left, right = psk_pair(child_sha256_96=old, child_esp_proposals=(parse_esp("aes128-sha256"),))
    assert net.initiate(left).ok
    for host in (left, right):
        assert [sa.integ.id for sa in host.sas.values() if sa.integ] == [kind, kind]
    assert left.children()[0].suite == right.children()[0].suite
    assert left.children()[0].suite.integ.id == IntegId.HMAC_SHA2_256_128


def test_ah() -> None:
    net, left, right = psk_pair(child_esp_proposals=AH)
    assert net.initiate(left).ok
    assert {sa.protocol for sa in (*left.sas.values(), *right.sas.values())} == {Protocol.AH}
    net.command(left, Rekey(child="net"))
    net.settle(10.0)
    assert traffic_flows(left, right)


@pytest.mark.parametrize("first", ["left", "right"])
def test_ah_does_not_pass_a_nat(first: str) -> None:
    """Whoever finds out says so, and no packet is lost in a tunnel that cannot work."""
    net, left, right = psk_pair(child_esp_proposals=AH, encap=True)
    host = left if first == "left" else right
    done = net.initiate(host)
    assert not done.ok
    assert "AH cannot pass the NAT" in done.reason
    assert not left.sas


def exchanges(net: Net) -> list[ExchangeType]:
    """The exchanges of what was sent, without repetitions."""
    kinds = [ExchangeType(sent.data[18]) for _, sent in net.sent if isinstance(sent, Transmit)]
    return list(dict.fromkeys(kinds))


@pytest.mark.parametrize(
    ("initiator", "responder", "works", "childless"),
    [
        (Childless.ALLOW, Childless.ALLOW, True, False),
        (Childless.PREFER, Childless.ALLOW, True, True),
        (Childless.PREFER, Childless.NEVER, True, False),
        (Childless.FORCE, Childless.ALLOW, True, True),
        (Childless.FORCE, Childless.NEVER, False, False),
        (Childless.ALLOW, Childless.FORCE, False, False),
        (Childless.NEVER, Childless.NEVER, True, False),
    ],
)
def test_childless(initiator: Childless, responder: Childless, works: bool, childless: bool) -> None:
    """RFC 6023: who begins without a Child SA makes it by CREATE_CHILD_SA."""
    net, left, right = psk_pair(left={"childless": initiator}, right={"childless": responder})
    assert net.initiate(left).ok == works
    assert (ExchangeType.CREATE_CHILD_SA in exchanges(net)) == childless
    assert bool(left.children()) == bool(right.children()) == works


def test_only_the_ike_sa_where_that_is_never_done() -> None:
    net, left, _ = psk_pair(right={"childless": Childless.NEVER})
    op = net.command(left, Initiate(ike="left"))
    net.settle()
    done = net.done(left, op)
    assert done is not None
    assert not done.ok
    assert "CHILDLESS_IKEV2_SUPPORTED" in done.reason


def test_a_second_equal_child_and_what_is_left_of_the_two() -> None:
    """strongSwan's child_create duplicate: they share reqid and policies, and each may go first."""
    net, left, right = psk_pair()
    assert net.initiate(left).ok
    assert net.initiate(left).ok
    assert len({child.reqid for child in left.children()}) == 1
    for keep in (1, 0):
        oldest = left.children()[0].unique_id
        net.command(left, Terminate(child_id=oldest))
        net.settle()
        assert len(left.children()) == len(right.children()) == keep
        assert traffic_flows(left, right) == bool(keep)
    assert not left.policies
    assert not right.policies


def test_transport_mode_behind_a_nat() -> None:
    """RFC 7296 section 2.23.1: each side has selectors with the addresses that it sees."""
    dynamic = (parse_selector("dynamic[tcp]"),)
    net, left, right, _ = behind_nat(child_mode=Mode.TRANSPORT, child_local_ts=dynamic, child_remote_ts=dynamic)
    assert shown(left) == [f"{LEFT}/32[tcp] === {RIGHT}/32[tcp]"]
    assert shown(right) == [f"{RIGHT}/32[tcp] === {OUTSIDE}/32[tcp]"]
    assert left.children()[0].mode is right.children()[0].mode is Mode.TRANSPORT
    net.command(right, Rekey(child="net"))
    net.settle(10.0)
    assert shown(left) == [f"{LEFT}/32[tcp] === {RIGHT}/32[tcp]"]
    assert traffic_flows(left, right)
