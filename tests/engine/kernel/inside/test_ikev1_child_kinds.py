"""The same kinds of Child SAs by Quick Mode of IKEv1, with strongSwan's kernel ESP on the right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab, child, lab, merged
from tests.engine.interop.test_certificates import PUBKEY, equip, leafs
from tests.engine.kernel.inside.test_child_kinds import AH, DATAPATHS, HOSTS, assert_hosts_reach_each_other
from tests.lab.certs import authority
from tests.lab.charon import NETLINK
from tests.lab.traffic import captured


@pytest.fixture(scope="module", params=DATAPATHS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("ikev1"), datapath=request.param, kernel=NETLINK) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(site: Lab) -> Iterator[None]:
    site.reset()
    yield
    print("--- left", site.engine.log(), "--- right", site.charon.log(), sep="\n")


@pytest.fixture(params=["engine", "charon"], ids=["engine-begins", "charon-begins"])
def initiator(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def begin(site: Lab, initiator: str, **changes: Any) -> dict[str, Any]:
    """Connect with changes of the child, bring it up and return the engine's view of it."""
    connect(site, **child(**changes))
    site.daemon(initiator).initiate("net")
    mine, theirs = site.assert_same_child()
    for key in ("esn", "cpi-in", "cpi-out"):
        assert (key in mine) == (key in theirs), key
    return mine


@pytest.mark.scenario("ikev1/host2host-transport")
def test_transport(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/host2host-transport."""
    assert begin(site, initiator, mode="transport", **HOSTS)["mode"] == "TRANSPORT"
    assert_hosts_reach_each_other(site)


@pytest.mark.scenario("ikev1/host2host-ah")
def test_ah_transport(site: Lab, initiator: str, tmp_path: Path) -> None:
    """Mirrors ikev1/host2host-ah."""
    mine = begin(site, initiator, mode="transport", **AH, **HOSTS)
    assert (mine["protocol"], mine["mode"]) == ("AH", "TRANSPORT")
    with captured(site.left.gateway, tmp_path / "ah.pcap", direction="out") as capture:
        assert_hosts_reach_each_other(site)
    assert capture.count("ah") >= 4
    assert capture.count("icmp") == 0


@pytest.mark.scenario("ikev1/net2net-ah")
def test_ah_tunnel(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/net2net-ah."""
    mine = begin(site, initiator, esp_proposals=None, ah_proposals=["sha1"])
    assert (mine["protocol"], mine["mode"]) == ("AH", "TUNNEL")
    site.assert_traffic()


@pytest.mark.scenario("ikev1/net2net-esn")
def test_esn(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/net2net-esn."""
    mine = begin(site, initiator, esp_proposals=["aes128-sha256-esn"], replay_window="128")
    assert mine["esn"] == "1"
    site.assert_traffic()


@pytest.mark.scenario("ikev1/compress")
def test_compression(site: Lab, initiator: str, tmp_path: Path) -> None:
    """Mirrors ikev1/compress: large packets are compressed both ways."""
    mine = begin(site, initiator, ipcomp="yes")
    assert "cpi-in" in mine
    with captured(site.left.gateway, tmp_path / "esp.pcap") as capture:
        site.assert_traffic()
        assert site.left.client.ping(site.right.host, "-s", "1200", count=2)
        assert site.right.client.ping(site.left.host, "-s", "1200", count=2)
    assert capture.count("esp") >= 20
    assert capture.count("esp and greater 800") == 0


@pytest.mark.scenario("ikev1/host2host-cert")
def test_host_to_host_with_certificates(site: Lab, initiator: str, tmp_path: Path) -> None:
    """Mirrors ikev1/host2host-cert: the gateways themselves are the ends of the tunnel."""
    mine, theirs = leafs("rsa2048")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    connect(
        site,
        engine=merged(child(**HOSTS), {"local": {"certs": [mine.pem]}}),
        charon=merged(child(**HOSTS), {"local": {"certs": [theirs.pem]}}),
        **PUBKEY,
    )
    site.daemon(initiator).initiate("net")
    mine_sa, _theirs = site.assert_same_child()
    assert mine_sa["mode"] == "TUNNEL"
    with captured(site.left.gateway, tmp_path / "esp.pcap", direction="out") as capture:
        assert_hosts_reach_each_other(site)
    assert capture.count("esp or udp port 4500") >= 4
    assert capture.count("icmp") == 0


@pytest.mark.scenario("ikev1/net2net-psk")
def test_tunnel_of_the_kernel(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/net2net-psk with ESP outside of UDP."""
    begin(site, initiator)
    site.assert_traffic()
