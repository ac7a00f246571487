"""AH, IPComp, transport mode, ESN and IPv6 with strongSwan's kernel ESP on the right.

On the left the engine runs with the kernel's datapath or with its own: both must suit the kernel on the right.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.interop.lab import Lab, child, lab
from tests.lab.charon import NETLINK
from tests.lab.traffic import captured

DATAPATHS = ("xfrm", "userspace")
HOSTS = {"local_ts": ["dynamic"], "remote_ts": ["dynamic"]}
AH = {"esp_proposals": None, "ah_proposals": ["sha256"]}
IPV6 = {"local_addrs": ["2001:db8::1"], "remote_addrs": ["2001:db8::2"]}
IPV6_BACK = {"local_addrs": ["2001:db8::2"], "remote_addrs": ["2001:db8::1"]}
NETS6 = {"local_ts": ["fd00:1::/64"], "remote_ts": ["fd00:2::/64"]}
NETS6_BACK = {"local_ts": ["fd00:2::/64"], "remote_ts": ["fd00:1::/64"]}


@pytest.fixture(scope="module", params=DATAPATHS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("kinds"), datapath=request.param, kernel=NETLINK) as running:
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
    site.connect(**child(**changes))
    site.daemon(initiator).initiate("net")
    mine, theirs = site.assert_same_child()
    for key in ("esn", "cpi-in", "cpi-out"):
        assert (key in mine) == (key in theirs), key
    return mine


def assert_hosts_reach_each_other(site: Lab, left: str = "192.0.2.1", right: str = "192.0.2.2") -> None:
    before = site.engine.child()
    assert site.left.gateway.ping(right, count=2)
    assert site.right.gateway.ping(left, "-s", "3000", count=2), "packets that have to be fragmented"
    after = site.engine.child()
    for direction in ("packets-in", "packets-out"):
        assert int(after[direction]) - int(before[direction]) >= 4


@pytest.mark.scenario("ikev2/host2host-transport")
def test_transport(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/host2host-transport."""
    assert begin(site, initiator, mode="transport", **HOSTS)["mode"] == "TRANSPORT"
    assert_hosts_reach_each_other(site)


@pytest.mark.scenario("ikev2/host2host-ah")
def test_ah_transport(site: Lab, initiator: str, tmp_path: Path) -> None:
    """Mirrors ikev2/host2host-ah."""
    mine = begin(site, initiator, mode="transport", **AH, **HOSTS)
    assert (mine["protocol"], mine["mode"]) == ("AH", "TRANSPORT")
    with captured(site.left.gateway, tmp_path / "ah.pcap", direction="out") as capture:
        assert_hosts_reach_each_other(site)
    assert capture.count("ah") >= 4
    assert capture.count("icmp") == 0


@pytest.mark.scenario("ikev2/net2net-ah")
@pytest.mark.parametrize("proposal", ["sha256", "sha512-esn"])
def test_ah_tunnel(site: Lab, initiator: str, proposal: str) -> None:
    """Mirrors ikev2/net2net-ah."""
    mine = begin(site, initiator, esp_proposals=None, ah_proposals=[proposal])
    assert (mine["protocol"], mine["mode"]) == ("AH", "TUNNEL")
    site.assert_traffic()
    assert site.left.client.ping(site.right.host, "-s", "3000", count=2)


@pytest.mark.scenario("ikev2/net2net-esn")
def test_esn(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-esn, with a replay window beyond the kernel's simple one."""
    mine = begin(site, initiator, esp_proposals=["aes128-sha256-esn-noesn"], replay_window="128")
    assert mine["esn"] == "1"
    site.assert_traffic()


@pytest.mark.scenario("ikev2-algs/esp-alg-sha256-96")
def test_sha256_of_old_peers(site: Lab, initiator: str) -> None:
    """Mirrors ikev2-algs/esp-alg-sha256-96: with another truncation the peer would drop every packet."""
    begin(site, initiator, esp_proposals=["aes128-sha256"], sha256_96="yes")
    site.assert_traffic()


@pytest.mark.scenario("ikev2/compress")
def test_compression(site: Lab, initiator: str, tmp_path: Path) -> None:
    """Mirrors ikev2/compress: large packets are compressed both ways, small ones are not."""
    mine = begin(site, initiator, ipcomp="yes")
    assert "cpi-in" in mine
    with captured(site.left.gateway, tmp_path / "esp.pcap") as capture:
        site.assert_traffic()
        assert site.left.client.ping(site.right.host, "-s", "1200", count=2)
        assert site.right.client.ping(site.left.host, "-s", "1200", count=2)
    assert capture.count("esp") >= 20
    assert capture.count("esp and greater 800") == 0
    site.rekey_child(initiator)
    assert site.left.client.ping(site.right.host, "-s", "1200", count=2)


@pytest.mark.scenario("ipv6/transport-ikev2")
@pytest.mark.parametrize("proposals", [{}, AH], ids=["esp", "ah"])
def test_ipv6_transport(site: Lab, initiator: str, proposals: dict[str, Any]) -> None:
    """Mirrors ipv6/transport-ikev2 and the same with AH."""
    changes = child(mode="transport", **proposals, **HOSTS)
    site.connect(engine={**IPV6, **changes}, charon={**IPV6_BACK, **changes})
    site.daemon(initiator).initiate("net")
    assert site.assert_same_child()[0]["mode"] == "TRANSPORT"
    assert_hosts_reach_each_other(site, "2001:db8::1", "2001:db8::2")


@pytest.mark.scenario("ipv6/net2net-ikev2")
@pytest.mark.parametrize("more", [AH, {"ipcomp": "yes"}], ids=["ah", "ipcomp"])
def test_ipv6_tunnel(site: Lab, initiator: str, more: dict[str, Any]) -> None:
    """Mirrors ipv6/net2net-ikev2 with AH, and with IPComp as in ipv6/rw-compress-ikev2."""
    engine, charon = child(**NETS6, **more), child(**NETS6_BACK, **more)
    site.connect(engine={**IPV6, **engine}, charon={**IPV6_BACK, **charon})
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    assert site.left.client.ping(site.right.host6, "-s", "1000", count=2)
    assert site.right.client.ping(site.left.host6, count=2)


@pytest.mark.scenario("ipv6/net2net-ip6-in-ip4-ikev2")
def test_both_families_in_one_child(site: Lab, initiator: str) -> None:
    """Mirrors ipv6/net2net-ip6-in-ip4-ikev2, with IPv4 in the same Child SA."""
    site.connect(
        engine=child(local_ts=["10.1.0.0/24", "fd00:1::/64"], remote_ts=["10.2.0.0/24", "fd00:2::/64"]),
        charon=child(local_ts=["10.2.0.0/24", "fd00:2::/64"], remote_ts=["10.1.0.0/24", "fd00:1::/64"]),
    )
    site.daemon(initiator).initiate("net")
    mine, _ = site.assert_same_child()
    assert len(mine["local-ts"]) == 2
    site.assert_traffic()
    assert site.left.client.ping(site.right.host6, count=2)
    assert site.right.client.ping(site.left.host6, count=2)


def test_tfc_padding(site: Lab, tmp_path: Path) -> None:
    """Small packets are as long as all others."""
    site.connect(engine=child(tfc_padding="mtu"))
    site.engine.initiate("net")
    with captured(site.left.gateway, tmp_path / "esp.pcap", direction="out") as capture:
        site.assert_traffic()
    assert capture.count("esp") == capture.count("esp and greater 1300") >= 6
