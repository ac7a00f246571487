"""AH around ESP: two engines with the kernel's ESP and AH or their own, and states that nobody but ip(8) has made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ikeengine.model.connection import Mode
from ikeengine.model.sa import Direction, IpsecSa, OuterAh
from ikeengine.registry import IntegId
from tests.engine.datapath.userspace.samples import (
    CBC,
    LEFT,
    LEFT_HOST,
    LEFT_NET,
    RIGHT,
    RIGHT_HOST,
    RIGHT_NET,
    integ,
    key,
    make_policies,
    make_sa,
    selector,
)
from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab, child, engines_lab
from tests.engine.kernel.inside.test_child_kinds import HOSTS, assert_hosts_reach_each_other
from tests.lab.netns import Namespace, veth, wait_until
from tests.lab.traffic import captured, no_loss
from tests.lab.userspace_host import RemoteDatapath

BUNDLE = {"esp_proposals": ["aes128-sha256"], "ah_proposals": ["sha256"]}
SHOWN = re.compile(r"AH\(.*?spi=0x(\w+),.*?\): ESP\(spi=0x(\w+),")
PAIRS = [("xfrm", "xfrm"), ("userspace", "xfrm"), ("userspace", "userspace")]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    left, right = request.param
    with engines_lab(tmp_path_factory.mktemp("bundles"), datapath=left, peer=right) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(request: pytest.FixtureRequest) -> Iterator[None]:
    if "site" not in request.fixturenames:
        yield
        return
    site: Lab = request.getfixturevalue("site")
    site.reset()
    yield
    print("--- left", site.engine.log(), "--- right", site.charon.log(), sep="\n")


def begin(site: Lab, side: str = "engine", **changes: Any) -> dict[str, Any]:
    """Bring up a bundle from one side, and return what the left engine says of it."""
    connect(site, **child(**BUNDLE | changes))
    site.daemon(side).initiate("net")
    mine, theirs = site.assert_same_child()
    assert (mine["ah-spi-in"], mine["ah-spi-out"]) == (theirs["ah-spi-out"], theirs["ah-spi-in"])
    assert mine["ah-integ-alg"] == theirs["ah-integ-alg"] == "HMAC_SHA2_256_128"
    assert mine["protocol"] == "ESP"
    return mine


def assert_ah_then_esp(site: Lab, pcap: Path, mine: dict[str, Any]) -> None:
    """What tcpdump says of each packet that has left: AH and then ESP, with the SPIs of the Child SA."""
    lines = site.left.gateway.run("tcpdump", "-nvr", str(pcap), "ah").stdout
    shown = SHOWN.findall(lines)
    assert len(shown) >= 4, lines
    assert set(shown) == {(mine["ah-spi-out"], mine["spi-out"])}, lines


@pytest.mark.parametrize("initiator", ["engine", "charon"], ids=["left-begins", "right-begins"])
def test_tunnel(site: Lab, initiator: str, tmp_path: Path) -> None:
    mine = begin(site, initiator)
    with captured(site.left.gateway, tmp_path / "tunnel.pcap", direction="out") as capture:
        site.assert_traffic()
        assert site.left.client.ping(site.right.host, "-s", "3000", count=2), "packets that have to be fragmented"
    assert capture.count("icmp or esp") == 0
    assert_ah_then_esp(site, tmp_path / "tunnel.pcap", mine)


@pytest.mark.parametrize("initiator", ["engine", "charon"], ids=["left-begins", "right-begins"])
def test_transport(site: Lab, initiator: str, tmp_path: Path) -> None:
    mine = begin(site, initiator, mode="transport", **HOSTS)
    assert mine["mode"] == "TRANSPORT"
    with captured(site.left.gateway, tmp_path / "transport.pcap", direction="out") as capture:
        assert_hosts_reach_each_other(site)
    assert capture.count("icmp or esp") == 0
    assert_ah_then_esp(site, tmp_path / "transport.pcap", mine)


def test_with_compression_and_extended_sequence_numbers(site: Lab) -> None:
    mine = begin(site, esp_proposals=["aes128-sha256-esn"], ah_proposals=["sha256-esn"], ipcomp="yes")
    assert mine["esn"] == mine["ah-esn"] == "1"
    assert "cpi-in" in mine
    site.assert_traffic()
    assert site.left.client.ping(site.right.host, "-s", "1200", count=2)


@pytest.mark.parametrize("side", ["engine", "charon"], ids=["left-rekeys", "right-rekeys"])
def test_rekeying_loses_nothing(site: Lab, side: str) -> None:
    begin(site)
    with no_loss(site.left.client, site.right.host, at_least=1):
        for _unused in range(3):
            site.rekey_child(side)
            assert site.left.client.ping(site.right.host, count=2)
    wait_until_in_use(site)
    site.assert_traffic()


def test_nothing_is_left_of_it(site: Lab) -> None:
    begin(site)
    site.engine.terminate(ike=site.name)
    wait_until(lambda: not site.charon.children())
    for gateway in (site.left.gateway, site.right.gateway):
        assert gateway.run("ip", "xfrm", "state").stdout == ""


def test_a_killed_engine_leaves_states_that_the_next_one_removes(site: Lab) -> None:
    """Those of both protocols; in userspace there are none."""
    begin(site)
    site.engine.kill()
    left = site.left.gateway.run("ip", "xfrm", "state").stdout
    assert left.count("proto ah") == left.count("proto esp")
    site.engine.start()
    assert site.left.gateway.run("ip", "xfrm", "state").stdout == ""


@pytest.mark.parametrize("with_ah", [True, False], ids=["into", "out-of"])
def test_a_change_of_the_configuration(site: Lab, with_ah: bool) -> None:
    """Between plain ESP and a bundle, by loading both sides again."""
    plain = {"esp_proposals": BUNDLE["esp_proposals"]}
    before, after = (plain, BUNDLE) if with_ah else (BUNDLE, plain)
    connect(site, **child(**before))
    site.engine.initiate("net")
    site.assert_traffic()
    connect(site, **child(**after))
    wait_until(lambda: [("ah-spi-in" in one) for one in both_children(site)] == [with_ah, with_ah])
    site.assert_same_child()
    wait_until_in_use(site)
    site.assert_traffic()


def both_children(site: Lab) -> list[dict[str, Any]]:
    """The Child SAs of both sides."""
    return [*site.engine.children(), *site.charon.children()]


def wait_until_in_use(site: Lab) -> None:
    """Both sides send on the new Child SA: after a rekeying they take the old one for a moment."""

    def is_used() -> bool:
        return site.left.client.ping(site.right.host) and all(
            int(one["packets-in"]) and int(one["packets-out"]) for one in both_children(site)
        )

    wait_until(is_used)


AROUND = integ(IntegId.HMAC_SHA2_256_128)
TO_RIGHT, TO_LEFT = 0x2001, 0x1001
"""SPIs of ESP; AH has the next number."""


def ours(direction: Direction, mode: Mode) -> IpsecSa:
    """Our end of a bundle."""
    inbound = direction is Direction.IN
    spi = TO_LEFT if inbound else TO_RIGHT
    ends = (RIGHT, LEFT) if inbound else (LEFT, RIGHT)
    local, remote = (LEFT, RIGHT) if mode is Mode.TRANSPORT else (LEFT_NET, RIGHT_NET)
    return make_sa(
        direction,
        CBC,
        spi=spi,
        source=ends[0],
        destination=ends[1],
        mode=mode,
        encap=None,
        local_ts=(selector(local),),
        remote_ts=(selector(remote),),
        ah=OuterAh(spi + 1, AROUND, key(32)),
    )


def ip_xfrm(host: Namespace, mode: Mode, *, with_ah: bool = True) -> None:
    """The other end, by hand."""
    octets = key(32).reveal().hex()
    word = mode.value
    authentic = f"auth-trunc hmac(sha256) 0x{octets} 128"
    for spi, source, destination in ((TO_LEFT, RIGHT, LEFT), (TO_RIGHT, LEFT, RIGHT)):
        ends = f"src {source} dst {destination}"
        host.ip(f"xfrm state add {ends} proto esp spi {spi} reqid 7 mode {word} {authentic} enc cbc(aes) 0x{octets}")
        host.ip(f"xfrm state add {ends} proto ah spi {spi + 1} reqid 7 mode transport flag align4 {authentic}")
    nets = (LEFT, RIGHT) if mode is Mode.TRANSPORT else (LEFT_NET, RIGHT_NET)
    for direction, source, destination in (("out", 1, 0), ("in", 0, 1)):
        gateways = f"src {(LEFT, RIGHT)[source]} dst {(LEFT, RIGHT)[destination]}" if mode is Mode.TUNNEL else ""
        templates = f"tmpl {gateways} proto esp reqid 7 mode {word}"
        if with_ah:
            templates += " tmpl proto ah reqid 7 mode transport"
        host.ip(f"xfrm policy add src {nets[source]} dst {nets[destination]} dir {direction} {templates}")


@pytest.fixture
def hosts() -> Iterator[tuple[Namespace, Namespace]]:
    """Two gateways with a cable between them, each with an address inside its own network."""
    with Namespace("left") as left, Namespace("right") as right:
        veth(left, right)
        left.add_address("eth0", f"{LEFT}/24")
        right.add_address("eth0", f"{RIGHT}/24")
        left.add_address("lo", f"{LEFT_HOST}/32")
        right.add_address("lo", f"{RIGHT_HOST}/32")
        right.ip(f"route add {LEFT_NET} via {LEFT} src {RIGHT_HOST}")
        yield left, right


@pytest.mark.parametrize("mode", [Mode.TUNNEL, Mode.TRANSPORT], ids=lambda mode: mode.value)
def test_userspace_against_states_of_ip_xfrm(hosts: tuple[Namespace, Namespace], mode: Mode) -> None:
    """The kernel that was told what to do by ip(8) understands our packets, and we understand its own."""
    left, right = hosts
    inner = (LEFT, RIGHT) if mode is Mode.TRANSPORT else (LEFT_HOST, RIGHT_HOST)
    ip_xfrm(right, mode)
    datapath = protect(left, mode)
    try:
        assert left.ping(inner[1], "-I", inner[0], count=3)
        assert right.ping(inner[0], "-I", inner[1], "-s", "3000", count=3)
        assert datapath.call("usage", ours(Direction.IN, mode).id).packets >= 6
        assert not {"unknown-spi", "IntegrityFailed", "MalformedPacket"} & datapath.call("counters").keys()
        assert right.run("ip", "-s", "xfrm", "state", "list", "proto", "ah").stdout.count("failed 0") == 2
    finally:
        datapath.close()


def test_esp_without_its_ah_is_refused(hosts: tuple[Namespace, Namespace]) -> None:
    left, right = hosts
    ip_xfrm(right, Mode.TUNNEL, with_ah=False)
    datapath = protect(left, Mode.TUNNEL)
    try:
        assert not right.ping(LEFT_HOST, "-I", RIGHT_HOST, wait=0.5)
        wait_until(lambda: datapath.call("counters").get("unknown-spi"))
        assert datapath.call("usage", ours(Direction.IN, Mode.TUNNEL).id).packets == 0
    finally:
        datapath.close()


def protect(host: Namespace, mode: Mode) -> RemoteDatapath:
    """Our datapath with the bundle."""
    datapath = RemoteDatapath(host.name, LEFT)
    for direction in (Direction.IN, Direction.OUT):
        datapath.call("install_sa", ours(direction, mode))
    out = ours(Direction.OUT, mode)
    policies = make_policies(
        mode=mode, local=LEFT, remote=RIGHT, local_ts=out.local_ts, remote_ts=out.remote_ts, ah=True
    )
    datapath.call("install_policies", policies)
    return datapath
