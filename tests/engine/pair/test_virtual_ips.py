"""Virtual IP addresses, from the request in IKE_AUTH to the end of the IKE SA (RFC 7296 section 2.19)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from typing import Any

import pytest

from ikeengine.config.vici import pool_from_vici
from ikeengine.ikev2.exchanges import config
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.model.commands import Initiate, NetworkChanged, Rekey, Terminate
from ikeengine.model.connection import Unique
from ikeengine.model.credentials import SharedKey
from ikeengine.model.failure import Alert, Side
from ikeengine.model.selector import DynamicSelector
from ikeengine.negotiate.selectors import format_selector, parse_selector
from ikeengine.outputs import (
    Counted,
    DeleteAddress,
    InstallAddress,
    InstallNameServers,
    InstallPolicies,
    LeaseChanged,
    UpdateSa,
)
from ikeengine.registry import CpAttribute, CpType, ExchangeType
from ikeengine.sa.context import Context
from ikeengine.wire.payloads import Configuration, CpAttributeValue, Payload
from ikeengine.wire.payloads.configuration import VALUE_LENGTHS
from tests.engine.support.forge import TO_RIGHT, deliver, sealed
from tests.engine.support.pair import Host, Net
from tests.engine.support.site import PSK, psk_pair

DYNAMIC = (DynamicSelector(),)
NET = (parse_selector("10.2.0.0/24"),)


def pool(name: str = "pool", addrs: str = "10.3.0.0/28", **attributes: Any):
    """A pool as `load-pool` brings it."""
    return pool_from_vici(name, {"addrs": addrs, **attributes})


def roadwarrior(
    vips: tuple[str, ...] = ("0.0.0.0",), pools: tuple[str, ...] = ("pool",), **changes: Any
) -> tuple[Net, Host, Host]:
    """Left is a client that wants addresses, right a gateway that gives them out of the network 10.2.0.0/24."""
    left = {"vips": vips, "child_local_ts": DYNAMIC, "child_remote_ts": NET, **changes.pop("left", {})}
    right = {"pools": pools, "child_local_ts": NET, "child_remote_ts": DYNAMIC, **changes.pop("right", {})}
    net, carol, moon = psk_pair(left=left, right=right, **changes)
    moon.endpoint.leases.set_pool(pool())
    return net, carol, moon


def selectors(host: Host) -> tuple[list[str], list[str]]:
    """Local and remote traffic selectors of the one Child SA."""
    (child,) = host.children()
    return [format_selector(ts) for ts in child.local_ts], [format_selector(ts) for ts in child.remote_ts]


def online(host: Host) -> list[str]:
    """The addresses that are leased."""
    return [str(ip_address(lease.address)) for lease in host.endpoint.leases.leases() if lease.online]


def reload(host: Host, net: Net, **changes: Any) -> None:
    (config,) = host.endpoint.connections.values()
    host.endpoint.load_connection(dataclasses.replace(config, **changes), net.now)
    net.pump(host)


def test_address_of_a_pool():
    net, carol, moon = roadwarrior()
    assert net.initiate(carol).ok
    net.settle()
    assert selectors(carol) == (["10.3.0.1/32"], ["10.2.0.0/24"])
    assert selectors(moon) == (["10.2.0.0/24"], ["10.3.0.1/32"])
    assert carol.ikes()[0].local_vips == moon.ikes()[0].remote_vips == ("10.3.0.1",)
    assert carol.addresses == online(moon) == ["10.3.0.1"]


def test_the_address_is_there_before_the_policies():
    net, carol, _moon = roadwarrior()
    net.initiate(carol)
    kinds = [type(output) for output in carol.log if isinstance(output, InstallAddress | InstallPolicies)]
    assert kinds == [InstallAddress, InstallPolicies]


def test_everything_is_gone_with_the_ike_sa():
    net, carol, moon = roadwarrior()
    net.initiate(carol)
    net.command(carol, Terminate(ike="left"))
    net.settle()
    assert carol.addresses == online(moon) == []
    assert [output.lease.online for output in moon.events(LeaseChanged)] == [True, False]


def test_who_comes_back_gets_the_same_address():
    net, carol, _moon = roadwarrior()
    for _ in range(3):
        net.initiate(carol)
        assert carol.addresses == ["10.3.0.1"]
        net.command(carol, Terminate(ike="left"))
        net.settle()


def after_a_crash(net: Net, carol: Host) -> Host:
    """The same client again, without memory of what it had."""
    reborn = net.add(carol.address, "second life")
    reborn.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    reborn.endpoint.load_connection(carol.endpoint.connections["left"], net.now)
    return reborn


def test_a_crash_of_the_client_costs_no_address():
    net, carol, moon = roadwarrior()
    net.initiate(carol)
    net.settle()
    reborn = after_a_crash(net, carol)
    net.initiate(reborn)
    net.settle()
    assert reborn.addresses == online(moon) == ["10.3.0.1"], "INITIAL_CONTACT ends the old IKE SA first"


def test_replace_hands_the_address_on():
    net, carol, moon = roadwarrior(right={"unique": Unique.REPLACE}, left={"unique": Unique.NEVER})
    net.initiate(carol)
    net.run(60)
    reborn = after_a_crash(net, carol)
    net.initiate(reborn)
    net.run(300)
    assert len(moon.ikes()) == 1
    assert reborn.addresses == online(moon) == ["10.3.0.1"]


def test_without_uniqueness_every_device_has_its_own_address():
    net, carol, _moon = roadwarrior(unique=Unique.NEVER)
    net.initiate(carol)
    other = after_a_crash(net, carol)
    net.initiate(other)
    assert (carol.addresses, other.addresses) == (["10.3.0.1"], ["10.3.0.2"])


def test_addresses_survive_rekeying():
    for begins in ("left", "right"):
        net, carol, moon = roadwarrior()
        net.initiate(carol)
        net.settle()
        host = carol if begins == "left" else moon
        net.command(host, Rekey(ike=begins))
        net.settle()
        net.command(host, Rekey(child="net"))
        net.settle()
        assert selectors(carol) == (["10.3.0.1/32"], ["10.2.0.0/24"])
        assert carol.addresses == online(moon) == ["10.3.0.1"]
        assert carol.ikes()[0].local_vips == moon.ikes()[0].remote_vips == ("10.3.0.1",)
        net.command(carol, Terminate(ike="left"))
        net.settle()
        assert carol.addresses == online(moon) == []


def test_addresses_survive_crossing_rekeyings():
    net, carol, moon = roadwarrior()
    net.initiate(carol)
    net.settle()
    net.command(carol, Rekey(ike="left"))
    net.command(moon, Rekey(ike="right"))
    net.run(200)
    assert carol.addresses == online(moon) == ["10.3.0.1"]
    net.command(carol, Terminate(ike="left"))
    net.settle()
    assert carol.addresses == online(moon) == []


def test_addresses_survive_reauthentication():
    net, carol, moon = roadwarrior()
    net.initiate(carol)
    net.settle()
    net.command(carol, Rekey(ike="left", reauth=True))
    net.settle(10)
    assert len(carol.ikes()) == len(moon.ikes()) == 1
    assert carol.addresses == online(moon) == ["10.3.0.1"]
    assert len(carol.events(InstallAddress)) == 1, "the address never went away"


def test_both_families():
    net, carol, moon = roadwarrior(("0.0.0.0", "::"), ("pool", "six"))
    moon.endpoint.leases.set_pool(pool("six", "fd00:3::/112"))
    net.initiate(carol)
    net.settle()
    assert carol.addresses == ["10.3.0.1", "fd00:3::1"]
    assert selectors(carol)[0] == ["10.3.0.1/32", "fd00:3::1/128"]


def test_a_family_without_pool_is_left_out():
    net, carol, _moon = roadwarrior(("0.0.0.0", "::"))
    assert net.initiate(carol).ok
    assert carol.addresses == ["10.3.0.1"]


def test_a_fixed_address():
    net, carol, _moon = roadwarrior(("10.3.0.9",))
    net.initiate(carol)
    assert carol.addresses == ["10.3.0.9"]


def test_a_full_pool_and_the_next_one():
    net, carol, moon = roadwarrior(("0.0.0.0", "0.0.0.0"), ("tiny", "pool"))
    moon.endpoint.leases.set_pool(pool("tiny", "10.4.0.7-10.4.0.7"))
    net.initiate(carol)
    assert carol.addresses == ["10.4.0.7", "10.3.0.1"]


def test_no_address_left():
    net, carol, moon = roadwarrior(pools=("tiny",))
    done = net.initiate(carol)
    net.settle()
    assert not done.ok
    assert "INTERNAL_ADDRESS_FAILURE" in done.reason
    assert [record.alert for record in carol.failures() + moon.failures()] == [Alert.VIP_FAILURE] * 2
    assert carol.failures()[0].side is Side.PEER
    assert moon.failures()[0].side is Side.LOCAL
    assert carol.ikes(), "the IKE SA itself is fine"
    assert not carol.children()


def test_who_does_not_ask_gets_no_child_sa():
    net, carol, moon = roadwarrior(vips=())
    done = net.initiate(carol)
    assert not done.ok
    assert "FAILED_CP_REQUIRED" in done.reason
    assert moon.failures()[0].alert is Alert.VIP_FAILURE


def test_asking_who_has_no_pools():
    net, carol, moon = roadwarrior(pools=())
    assert not net.initiate(carol).ok
    assert "without pool" in moon.failures()[0].reason


def test_attributes_come_with_the_address():
    net, carol, moon = roadwarrior()
    section = {"dns": ["10.2.0.53", "fd00:2::53"], "nbns": ["10.2.0.54"], "internal_dns_domain": ["corp.example"]}
    moon.endpoint.leases.set_pool(pool(**section))
    net.initiate(carol)
    (handed,) = carol.events(InstallNameServers)
    assert handed.servers == ("10.2.0.53", "fd00:2::53")
    assert handed.domains == ("corp.example",)


def test_domains_are_ignored_without_a_split_tunnel():
    """RFC 8598 section 3: or any VPN provider could take over any domain."""
    everything = (parse_selector("0.0.0.0/0"),)
    net, carol, moon = roadwarrior(left={"child_remote_ts": everything})
    moon.endpoint.leases.set_pool(pool(dns=["10.2.0.53"], internal_dns_domain=["bank.example"]))
    net.initiate(carol)
    (handed,) = carol.events(InstallNameServers)
    assert handed.domains == ()


def test_an_address_that_this_host_does_not_take():
    net, carol, _moon = roadwarrior()
    carol.refuse = lambda output: "no interface" if isinstance(output, InstallAddress) else ""
    net.initiate(carol)
    assert [record.alert for record in carol.failures()] == [Alert.VIP_FAILURE]
    assert "no interface" in carol.failures()[0].reason


def test_another_child_sa_has_the_same_address():
    net, carol, moon = roadwarrior()
    net.initiate(carol)
    net.settle()
    for host in (carol, moon):
        (config,) = host.endpoint.connections.values()
        other = dataclasses.replace(config.children["net"], name="other", reqid=77)
        reload(host, net, children={**config.children, "other": other})
    net.settle()
    op = net.command(carol, Initiate(child="other"))
    net.settle()
    assert net.done(carol, op).ok
    assert {child.local_ts for child in carol.children()} == {(parse_selector("10.3.0.1/32"),)}


# --- what nobody should send


Change = Callable[[Configuration], list[Configuration]]


def rewritten(patch: pytest.MonkeyPatch, sender: Host, change: Change) -> None:
    """Let a host send other Configuration payloads than it wants to."""
    respond, request = transport.respond, transport.send_request

    def changed(payloads: Sequence[Payload]) -> list[Payload]:
        return [new for old in payloads for new in (change(old) if isinstance(old, Configuration) else [old])]

    def respond_otherwise(ctx: Context, sa: IkeSa, exchange: ExchangeType, payloads: Sequence[Payload]) -> None:
        respond(ctx, sa, exchange, changed(payloads) if ctx is sender.endpoint._ctx else payloads)

    def request_otherwise(ctx: Context, sa: IkeSa, exchange: ExchangeType, payloads: Sequence[Payload]) -> None:
        request(ctx, sa, exchange, changed(payloads) if ctx is sender.endpoint._ctx else payloads)

    patch.setattr(transport, "respond", respond_otherwise)
    patch.setattr(transport, "send_request", request_otherwise)


@pytest.fixture
def lies(monkeypatch: pytest.MonkeyPatch) -> Callable[[Host, Change], None]:
    """`lies(host, change)`: see `rewritten`."""
    return partial(rewritten, monkeypatch)


def reply(*attributes: tuple[int, bytes]) -> Change:
    values = tuple(CpAttributeValue(CpAttribute(kind), value) for kind, value in attributes)
    return lambda asked: [Configuration(asked.kind, values)]


IP4, IP6, DNS = CpAttribute.INTERNAL_IP4_ADDRESS, CpAttribute.INTERNAL_IP6_ADDRESS, CpAttribute.INTERNAL_IP4_DNS


def test_a_reply_without_address(lies):
    net, carol, moon = roadwarrior()
    lies(moon, reply((DNS, bytes(4))))
    done = net.initiate(carol)
    net.settle()
    assert not done.ok
    assert "no address in its answer" in done.reason
    assert not carol.children()
    assert not moon.children(), "the peer is told that its Child SA is of no use"


@pytest.mark.parametrize(
    "address", [bytes(4), bytes([127, 0, 0, 1]), bytes([224, 0, 0, 1]), b"\xff" * 4, bytes([169, 254, 0, 1])]
)
def test_addresses_that_no_host_can_have(lies, address):
    net, carol, moon = roadwarrior()
    lies(moon, reply((IP4, address)))
    assert not net.initiate(carol).ok
    assert not carol.events(InstallAddress)


def test_more_addresses_than_were_asked_for(lies):
    net, carol, moon = roadwarrior()
    flood = [(IP4, bytes([10, 3, 0, n])) for n in range(1, 100)] + [(IP6, b"\xfd" + bytes(14) + b"\1" + b"\x80")]
    lies(moon, reply(*flood))
    net.initiate(carol)
    assert carol.addresses == ["10.3.0.1"]


def test_a_reply_that_nobody_asked_for(monkeypatch):
    net, carol, _moon = roadwarrior(vips=(), pools=(), right={"child_remote_ts": (parse_selector("192.0.2.1"),)})
    original = config.respond
    gift = Configuration(CpType.CFG_REPLY, (CpAttributeValue(IP4, bytes([10, 3, 0, 1])),))
    monkeypatch.setattr(config, "respond", lambda *arguments: [*original(*arguments), gift])
    assert net.initiate(carol).ok
    assert not carol.events(InstallAddress)


@pytest.mark.parametrize("kind", [CpType.CFG_SET, CpType.CFG_ACK, CpType.CFG_REPLY, CpType(77)])
def test_other_payloads_are_no_request(lies, kind):
    net, carol, moon = roadwarrior()
    lies(carol, lambda asked: [Configuration(kind, asked.attributes)])
    assert not net.initiate(carol).ok
    assert online(moon) == []
    assert "FAILED_CP_REQUIRED" in carol.failures()[0].reason


@pytest.mark.parametrize("kind", sorted({*VALUE_LENGTHS, 7, 14, 25, 26, 20000}))
@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 8, 15, 16, 17, 18, 255])
def test_values_of_every_length(lies, kind, length):
    """Nothing but the documented outcome: an IKE SA with or without an address, or a refused message."""
    for liar in ("left", "right"):
        net, carol, moon = roadwarrior()
        lies(carol if liar == "left" else moon, reply((kind, bytes([10]) * length), (IP4, b"")))
        net.initiate(carol)
        net.run(30)
        assert len(online(moon)) <= 1 + (kind == IP4)
        assert len(carol.addresses) <= 1


def test_hoarding_addresses(lies):
    net, carol, moon = roadwarrior()
    moon.endpoint.leases.set_pool(pool("pool", "10.3.0.0/16"))
    lies(carol, reply(*[(IP4, bytes([10, 3, 0, n])) for n in range(1, 250)]))
    net.initiate(carol)
    assert len(online(moon)) == config.MAX_ADDRESSES
    for life in range(6):
        other = net.add(carol.address, f"life {life}")
        other.endpoint.credentials.add_shared(SharedKey("psk", PSK))
        quiet = dataclasses.replace(carol.endpoint.connections["left"], unique=Unique.NEVER)
        other.endpoint.load_connection(quiet, net.now)
        lies(other, reply(*[(IP4, bytes([10, 3, life, n])) for n in range(1, 250)]))
        net.initiate(other)
    assert len(moon.ikes()) > 1
    assert len(online(moon)) <= moon.endpoint._ctx.settings.lease_limit


def test_a_request_in_informational():
    net, carol, moon = roadwarrior()
    net.initiate(carol)
    net.settle()
    asked = [CpAttributeValue(CpAttribute.APPLICATION_VERSION), CpAttributeValue(IP4)]
    request = Configuration(CpType.CFG_REQUEST, tuple(asked))
    outputs = deliver(net, moon, sealed(carol, ExchangeType.INFORMATIONAL, 2, [request]))
    assert [type(output).__name__ for output in outputs if not isinstance(output, Counted)] == ["Transmit"]
    answer = config.inform(Received(ExchangeType.INFORMATIONAL, False, (request,), b"", TO_RIGHT))
    assert answer == [Configuration(CpType.CFG_REPLY, (CpAttributeValue(CpAttribute.APPLICATION_VERSION),))]
    assert online(moon) == ["10.3.0.1"], "addresses are for IKE_AUTH"


def test_virtual_ips_move_with_the_ike_sa() -> None:
    """MOBIKE: they go where the new outer address is, before the Child SA uses them, and are told to nobody."""
    net, carol, _moon = roadwarrior(left={"mobike": True})
    net.command(carol, NetworkChanged((carol.address,)))
    assert net.initiate(carol).ok
    (virtual,) = {output.address for output in carol.events(InstallAddress)}
    net.readdress(carol, "192.0.2.91", virtual)
    net.settle()
    assert [output.beside for output in carol.events(InstallAddress)] == ["192.0.2.1", "192.0.2.91"]
    assert carol.events(DeleteAddress) == [DeleteAddress(virtual)]
    moved = carol.log.index(carol.events(InstallAddress)[-1])
    assert moved < carol.log.index(carol.events(UpdateSa)[0])
    (sa,) = _moon.endpoint._ctx.table
    assert sa.mobility is not None
    assert sa.mobility.peer_addresses == ()
