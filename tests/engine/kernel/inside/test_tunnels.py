"""What is on the cable between two daemons with the kernel's ESP: strongSwan and the engine, and two engines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.interop.lab import Lab, child, engines_lab, lab, merged
from tests.engine.interop.test_certificates import equip, leafs
from tests.lab.certs import authority
from tests.lab.charon import NETLINK
from tests.lab.control import Section
from tests.lab.netns import wait_until
from tests.lab.traffic import Capture, captured, no_loss

PEERS = ("charon", "engine")
TRANSPORT = child(mode="transport", local_ts=["dynamic"], remote_ts=["dynamic"])


@pytest.fixture(scope="module", params=PEERS, ids=[f"against-{peer}" for peer in PEERS])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The engine on the left; on the right strongSwan, or another engine in its place."""
    directory = tmp_path_factory.mktemp("tunnels")
    if request.param == "charon":
        with lab(directory, datapath="xfrm", kernel=NETLINK) as running:
            yield running
    else:
        with engines_lab(directory, datapath="xfrm") as running:
            yield running


@pytest.fixture(autouse=True)
def _fresh(site: Lab) -> Iterator[None]:
    site.reset()
    yield
    print("--- left", site.engine.log(), "--- right", site.charon.log(), sep="\n")


@pytest.fixture(params=["engine", "charon"], ids=["left-begins", "right-begins"])
def initiator(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def states(site: Lab) -> str:
    return site.left.gateway.run("ip", "xfrm", "state").stdout


@contextlib.contextmanager
def sent_by_both(site: Lab, directory: Path) -> Iterator[tuple[Capture, Capture]]:
    """What the gateways put on the cable during the block."""
    left = captured(site.left.gateway, directory / "left.pcap", direction="out")
    right = captured(site.right.gateway, directory / "right.pcap", direction="out")
    with left as by_left, right as by_right:
        yield by_left, by_right


def test_tunnel(site: Lab, initiator: str, tmp_path: Path) -> None:
    with sent_by_both(site, tmp_path) as captures:
        site.connect()
        site.daemon(initiator).initiate("net")
        site.assert_same_ike()
        mine, _ = site.assert_same_child()
        site.assert_traffic()
    for capture in captures:
        capture.assert_only_ike_and_esp()
        assert capture.count("esp") >= 6, "no NAT, so ESP is not in UDP"
    assert mine.get("esn", "0") == "0"


def test_extended_sequence_numbers_preferred(site: Lab, initiator: str) -> None:
    site.connect(**child(esp_proposals=["aes256-sha256-esn-noesn"]))
    site.daemon(initiator).initiate("net")
    mine, theirs = site.assert_same_child()
    assert mine["esn"] == theirs["esn"] == "1"
    site.assert_traffic()


@pytest.mark.parametrize(
    "proposals",
    [{"esp_proposals": ["aes128-sha256"]}, {"esp_proposals": None, "ah_proposals": ["sha256"]}],
    ids=["esp", "ah"],
)
def test_transport(site: Lab, initiator: str, proposals: Section, tmp_path: Path) -> None:
    with sent_by_both(site, tmp_path) as captures:
        site.connect(engine=child(**proposals), charon=child(**proposals), **TRANSPORT)
        site.daemon(initiator).initiate("net")
        mine, _ = site.assert_same_child()
        assert mine["mode"] == "TRANSPORT"
        assert site.left.gateway.ping(site.right.address, count=3)
        assert site.right.gateway.ping(site.left.address, count=3)
    for capture in captures:
        capture.assert_only_ike_and_esp(esp="ah" if "ah_proposals" in proposals else "esp")
    assert "mode transport" in states(site)


@pytest.mark.scenario("ikev2/host2host-cert")
def test_host_to_host_with_certificates(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/host2host-cert: the gateways themselves are the ends of the tunnel."""
    mine, theirs = leafs("ecdsa256")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    hosts = child(local_ts=["dynamic"], remote_ts=["dynamic"])
    pubkey = {"auth": "pubkey"}
    site.connect(
        engine=merged(hosts, {"local": pubkey | {"certs": [mine.pem]}, "remote": pubkey}),
        charon=merged(hosts, {"local": pubkey | {"certs": [theirs.pem]}, "remote": pubkey}),
    )
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    assert site.left.gateway.ping(site.right.address, count=3)
    assert site.right.gateway.ping(site.left.address, count=3)
    assert int(site.engine.child()["packets-in"]) >= 6


def test_peer_does_not_want_transport_mode(site: Lab, initiator: str) -> None:
    """Without USE_TRANSPORT_MODE in the answer it becomes a tunnel (RFC 7296 section 1.3.1)."""
    site.connect(engine=TRANSPORT, charon=child(local_ts=["dynamic"], remote_ts=["dynamic"]))
    site.daemon(initiator).initiate("net")
    mine, _ = site.assert_same_child()
    assert mine["mode"] == "TUNNEL"
    assert site.left.gateway.ping(site.right.address, count=3)


@pytest.mark.parametrize(("mode", "rekeyed_by"), [("tunnel", "engine"), ("tunnel", "charon"), ("transport", "engine")])
def test_rekey_without_loss(site: Lab, rekeyed_by: str, mode: str) -> None:
    site.connect(**(TRANSPORT if mode == "transport" else {}))
    site.engine.initiate("net")
    if mode == "transport":
        pings = (site.left.gateway, site.right.address), (site.right.gateway, site.left.address)
    else:
        pings = (site.left.client, site.right.host), (site.right.client, site.left.host)
    with no_loss(*pings[0]), no_loss(*pings[1]):
        for _ in range(2):
            site.rekey_child(rekeyed_by)
        site.rekey_ike(rekeyed_by)
        site.rekey_child(rekeyed_by)


VOLUMES = {
    "packets": {"rekey_packets": "40", "life_packets": "5000", "rand_packets": "10"},
    "bytes": {"rekey_bytes": "3000", "life_bytes": "500000", "rand_bytes": "500"},
}
LEAST_PINGS = 25
"""So many it takes at least to reach the soft limits, however slow the machine is."""


@pytest.mark.scenario("ikev2/net2net-rekey", role="initiator")
@pytest.mark.parametrize("unit", VOLUMES)
def test_rekey_by_volume(site: Lab, unit: str) -> None:
    """Mirrors ikev2/net2net-rekey with limits of volume: the kernel reports them, and nothing is lost."""
    site.connect(engine=child(**VOLUMES[unit]))
    site.engine.initiate("net")
    spi = site.engine.child()["spi-in"]
    with no_loss(site.left.client, site.right.host, at_least=LEAST_PINGS):
        wait_until(lambda: [found["spi-in"] for found in site.engine.children()] not in ([], [spi]))
    wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == 1)
