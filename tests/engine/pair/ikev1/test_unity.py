"""Cisco's Unity: networks that go past the client's tunnel, and ESP within UDP at a port that the gateway names."""

from __future__ import annotations

import pytest

from ikeengine.ikev1.exchanges import mode_config
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.model.commands import NatMappingChanged, Rekey, Terminate
from ikeengine.model.pool import PoolAttribute
from ikeengine.model.sa import FIRST_PRIORITY, Direction, PolicyAction, PolicySet
from ikeengine.negotiate.selectors import parse_selector
from ikeengine.registry import CpAttribute
from tests.engine.pair.ikev1.test_xauth_and_mode_config import ANY4
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.roadwarrior1 import gateway_config, road_warrior, set_pool, warrior_config
from tests.engine.support.site import LEFT

OWN, OTHER = (bytes((192, 168, third, 0, 255, 255, 255, 0)) for third in (1, 2))
"""Address and mask."""
PADDING = bytes(6)


def client_of(value: bytes, *, unity: bool = True) -> tuple[Net, Host, Host]:
    """A client whose gateway tells it this, and that is up."""
    net, client, server = road_warrior(
        warrior=warrior_config(vips=(ANY4,)), gateway=gateway_config(pools=("rw",)), cisco_unity=unity
    )
    set_pool(server, attributes=(PoolAttribute(CpAttribute.UNITY_LOCAL_LAN, value),))
    assert net.initiate(client).ok
    net.settle()
    return net, client, server


def shunts(host: Host) -> list[PolicySet]:
    return [policies for policies in host.policies.values() if policies.action is PolicyAction.PASS]


@pytest.mark.parametrize("value", [OWN + PADDING + OTHER + PADDING, OWN + PADDING + OTHER], ids=["padded", "unpadded"])
def test_excluded_networks_go_past_the_tunnel_until_it_ends(value: bytes) -> None:
    net, client, server = client_of(value)
    (shunt,) = shunts(client)
    assert shunt.remote_ts == (parse_selector("192.168.1.0/24"), parse_selector("192.168.2.0/24"))
    assert (shunt.name, shunt.priority) == ("warrior/split-exclude", FIRST_PRIORITY)
    assert not shunts(server)
    net.command(client, Terminate(ike="warrior"))
    net.settle()
    assert not shunts(client)


def test_they_stay_excluded_over_another_phase_1() -> None:
    net, client, server = client_of(OWN + PADDING)
    net.watch = lambda: shunts(client) or pytest.fail("what is excluded would be tunnelled")
    net.command(client, Rekey(ike="warrior"))
    net.run(30)
    assert len(shunts(client)) == 1
    assert traffic_flows(client, server)


@pytest.mark.parametrize("value", [OWN[:6], b"", bytes((10, 0, 0, 0, 255, 0, 255, 0)) + PADDING])
def test_nonsense_excludes_nothing(value: bytes) -> None:
    _net, client, _server = client_of(value)
    assert not shunts(client)


def test_only_between_those_that_speak_unity() -> None:
    _net, client, _server = client_of(OWN + PADDING, unity=False)
    assert not shunts(client)


# --- Cisco's UDP encapsulation ------------------------------------------------------------------------------------


def test_a_client_that_encapsulates_as_cisco_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """IKE stays where it is. The Child SA goes to the port that the gateway has told, and follows the packets."""
    request = mode_config.request
    asks = (Attribute(CpAttribute.UNITY_NATT_PORT, b""),)
    monkeypatch.setattr(mode_config, "request", lambda vips, *, unity: request(vips, unity=unity) + asks)
    net, _client, server = client_of(OWN)
    assert encapsulations(server) == {(4500, 10000), (10000, 4500)}
    (inbound,) = (sa for sa in server.sas.values() if sa.direction is Direction.IN)
    net.command(server, NatMappingChanged(inbound.id, LEFT, 23456))
    assert encapsulations(server) == {(4500, 23456), (23456, 4500)}
    assert server.ikes()[0].path.remote_port == 500


def test_others_are_told_no_port() -> None:
    _net, _client, server = client_of(OWN)
    assert encapsulations(server) == set()


def encapsulations(host: Host) -> set[tuple[int, int]]:
    """Source and destination ports of the SAs that are within UDP."""
    return {(sa.encap.source_port, sa.encap.destination_port) for sa in host.sas.values() if sa.encap is not None}
