"""Site-to-site with pre-shared keys, and what goes through the tunnel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.interop.lab import PSK, Lab, child
from tests.lab.netns import wait_until
from tests.lab.traffic import BEGINNINGS, ESP, IKE, captured, iperf3


@pytest.mark.scenario("ikev2/net2net-psk")
def test_tunnel_between_two_nets(site: Lab, initiator: str, tmp_path: Path) -> None:
    """Mirrors strongSwan's ikev2/net2net-psk."""
    with captured(site.left.gateway, tmp_path / "outer.pcap") as capture:
        site.connect()
        site.daemon(initiator).initiate("net")
        site.assert_same_ike()
        site.assert_same_child()
        site.assert_traffic()
    capture.assert_only_ike_and_esp()
    assert capture.count(ESP) >= 12


def test_bulk_traffic(site: Lab, tmp_path: Path) -> None:
    """Mirrors ikev2/net2net-psk with TCP: full-size packets in both directions, nothing of it in the clear."""
    site.connect()
    site.engine.initiate("net")
    with captured(site.left.gateway, tmp_path / "outer.pcap", octets=BEGINNINGS) as capture:
        assert iperf3(site.left.client, site.right.client, site.right.host) > 0
        assert iperf3(site.right.client, site.left.client, site.left.host) > 0
    assert capture.count(f"not ({ESP}) and not ({IKE}) and not ip6 and not arp") == 0
    assert site.left.client.ping(site.right.host, "-s", "4000", count=3), "packets that have to be fragmented"


@pytest.mark.scenario("ikev2/rw-psk-fqdn")
def test_key_by_identity(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/rw-psk-fqdn: of several keys the one for both identities counts."""
    site.connect()
    for daemon in (site.engine, site.charon):
        daemon.load_psk("the key of somebody else", "left.example.com", "third.example.com", name="other")
        daemon.load_psk("the key of these two", "left.example.com", "right.example.com", name="pair")
    site.daemon(initiator).initiate("net")
    site.assert_traffic()


@pytest.mark.scenario("ikev2/rw-psk-ipv4")
def test_identities_are_addresses(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/rw-psk-ipv4: without configured identities the addresses identify the gateways."""
    site.connect(local={"id": None}, remote={"id": None})
    site.daemon(initiator).initiate("net")
    mine, _ = site.assert_same_ike()
    assert mine["local-id"] == site.left.address
    assert mine["remote-id"] == site.right.address
    site.assert_traffic()


@pytest.mark.scenario("ikev2/rw-psk-no-idr")
def test_no_wanted_responder(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/rw-psk-no-idr: the initiator sends no IDr, so the responder chooses who it is."""
    site.connect(**{initiator: {"remote": {"id": "%any"}}})
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_traffic()


def test_several_children_share_an_ike_sa(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/protoport-dual: the second Child SA comes by CREATE_CHILD_SA, with a key exchange of its own."""
    ports = {"local_ts": ["10.1.0.0/24[tcp]"], "remote_ts": ["10.2.0.0/24[tcp]"]}
    flipped = {"local_ts": ["10.2.0.0/24[tcp]"], "remote_ts": ["10.1.0.0/24[tcp]"]}
    esp = {"esp_proposals": ["aes256gcm16-ecp256"]}
    site.connect(engine={"children": {"tcp": ports | esp}}, charon={"children": {"tcp": flipped | esp}})
    site.daemon(initiator).initiate("net")
    site.daemon(initiator).initiate("tcp")
    site.assert_same_ike()
    names = {found["name"]: found for found in site.engine.children()}
    assert set(names) == {"net", "tcp"}
    assert names["tcp"]["dh-group"] == "ECP_256"
    assert names["tcp"]["local-ts"] == ["10.1.0.0/24[tcp]"]
    assert site.left.client.ping(site.right.host)
    assert iperf3(site.left.client, site.right.client, site.right.host, megabytes=1) > 0


def test_narrowed_selectors(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-route-narrow: the responder narrows what the initiator asks for."""
    wide = child(local_ts=["10.0.0.0/8"], remote_ts=["10.0.0.0/8"])
    site.connect(engine=wide if initiator == "engine" else None, charon=wide if initiator == "charon" else None)
    site.daemon(initiator).initiate("net")
    mine, _ = site.assert_same_child()
    assert mine["local-ts"] == [site.left.net]
    assert mine["remote-ts"] == [site.right.net]
    site.assert_traffic()


def test_ipv6_inside(site: Lab, initiator: str) -> None:
    """Mirrors ipv6/net2net-ip6-in-ip4-ikev2."""
    left, right = site.left.net6, site.right.net6
    site.connect(
        engine=child(local_ts=[left], remote_ts=[right]),
        charon=child(local_ts=[right], remote_ts=[left]),
    )
    site.daemon(initiator).initiate("net")
    mine, _ = site.assert_same_child()
    assert mine["local-ts"] == [left]
    assert site.left.client.ping(site.right.host6, count=3)
    assert site.right.client.ping(site.left.host6, count=3)


def test_ipv6_outside(site: Lab, initiator: str) -> None:
    """Mirrors ipv6/net2net-ip4-in-ip6-ikev2."""
    left, right = site.left.address6, site.right.address6
    site.connect(
        engine={"local_addrs": [left], "remote_addrs": [right]},
        charon={"local_addrs": [right], "remote_addrs": [left]},
    )
    site.daemon(initiator).initiate("net")
    mine, _ = site.assert_same_ike()
    assert (mine["local-host"], mine["remote-host"]) == (left, right)
    site.assert_traffic()


@pytest.mark.parametrize("action", ["start", "trap"])
def test_start_action(site: Lab, action: str) -> None:
    """Mirrors ikev2/net2net-start and ikev2/net2net-route: up when loaded, or with the first packet."""
    site.connect(engine=child(start_action=action))
    if action == "trap":
        assert not site.engine.sas()
        site.left.client.ping(site.right.host, count=1, wait=3)
    wait_until(site.engine.children)
    site.assert_same_child()
    site.assert_traffic()


def test_connection_from_the_configuration_file(site: Lab) -> None:
    """Mirrors ikev2/net2net-psk: the same connection, but from a YAML file that is applied at runtime."""
    site.connect()
    section = site.connection("engine")
    site.engine.clear()
    secrets = {"ike-site": {"secret": PSK, "id-1": "left.example.com", "id-2": "right.example.com"}}
    site.engine.configure({"connections": {site.name: section}, "secrets": secrets})
    try:
        site.engine.cli("apply", "--config", str(site.engine.configuration))
        site.engine.cli("initiate", "--child", "net")
        site.assert_traffic()
        assert "net" in site.engine.cli("status").stdout
        site.engine.cli("terminate", "--ike", site.name)
        wait_until(lambda: not site.charon.sas())
    finally:
        site.engine.configure({})
        site.engine.cli("apply", "--config", str(site.engine.configuration))
