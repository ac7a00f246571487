"""Tunnels with the kernel's ESP that move: the daemon against strongSwan, which moves its Child SAs here as well."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ikeengine.datapath.netlink import NETLINK_XFRM, NetlinkSocket
from ikeengine.datapath.xfrm.constants import XfrmMsg
from ikeengine.datapath.xfrm.state import USERSA_INFO, write_state_id
from ikeengine.model.sa import SaId
from ikeengine.registry import Protocol
from tests.engine.interop.lab import Lab
from tests.engine.kernel.inside.test_daemon import kernel_lab
from tests.lab.netns import wait_until
from tests.lab.traffic import Ping

pytestmark = pytest.mark.scenario("ikev2/mobike")

LOST_AT_MOST = 500
"""Pings in ten seconds, so that a busy machine does not matter."""

UPDSA = 26
"""XFRM_MSG_UPDSA, which can change the ports of a state in place."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with kernel_lab(tmp_path_factory.mktemp("mobike")) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(site: Lab) -> Iterator[None]:
    site.reset()
    yield
    for home in (site.left, site.right):
        home.gateway.ip("address flush dev eth0 scope global")
        home.gateway.add_address("eth0", f"{home.address}/24")
    print("--- engine", site.engine.log(), "--- charon", site.charon.log(), sep="\n")


@pytest.fixture(params=["engine", "charon"], ids=["engine-begins", "charon-begins"])
def initiator(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def sequence_number(site: Lab) -> int:
    """Of the last packet that the engine's outbound SA has sent."""
    spi = site.engine.child()["spi-out"]
    states = site.left.gateway.run("ip", "-s", "xfrm", "state").stdout.split("\nsrc ")
    (ours,) = [state for state in states if f"0x{spi}" in state]
    found = re.search(r"oseq 0x([0-9a-f]+)", ours)
    assert found is not None, ours
    return int(found[1], 16)


def installed(site: Lab, what: str) -> str:
    """States or policies, without states that only wait for an SA of their own."""
    entries = site.left.gateway.run("ip", "xfrm", what).stdout.split("\nsrc ")
    return "\nsrc ".join(entry for entry in entries if "proto esp spi 0x00000000" not in entry)


@pytest.mark.parametrize("mover", ["engine", "charon"])
@pytest.mark.parametrize("encap", ["no", "yes"], ids=["esp", "udp"])
def test_child_sa_survives_another_address(site: Lab, initiator: str, mover: str, encap: str) -> None:
    """Mirrors ikev2/mobike: the very same Child SA goes on, with its sequence numbers, states and policies."""
    site.connect(encap=encap)
    site.daemon(initiator).initiate("net")
    site.assert_traffic()
    before, sent = site.engine.child(), sequence_number(site)
    own, new = (site.left, "192.0.2.3") if mover == "engine" else (site.right, "192.0.2.4")
    ping = Ping(site.left.client, site.right.host)
    own.gateway.ip(f"address del {own.address}/24 dev eth0", f"address add {new}/24 dev eth0")
    side = "local-host" if mover == "engine" else "remote-host"
    wait_until(lambda: site.engine.ike()[side] == new)
    wait_until(lambda: site.left.client.ping(site.right.host, wait=2))
    received, lost = ping.stop()
    after, _theirs = site.assert_same_child()
    assert [after[key] for key in ("spi-in", "spi-out")] == [before[key] for key in ("spi-in", "spi-out")]
    assert len(lost) <= LOST_AT_MOST, f"lost {lost} of {received + len(lost)}"
    assert sequence_number(site) > sent
    assert int(after["packets-out"]) >= int(before["packets-out"]) + received
    site.assert_traffic()
    for what in ("state", "policy"):
        assert own.address not in installed(site, what)


@pytest.mark.scenario("ikev2/mobike-nat-mappings", role="responder")
def test_kernel_reports_where_esp_comes_from(site: Lab) -> None:
    """Mirrors ikev2/mobike-nat-mappings: charon's packets come from another port, and everything goes there."""
    site.connect(encap="yes")
    site.charon.initiate("net")
    site.assert_traffic()
    state = next(
        entry
        for entry in site.right.gateway.run("ip", "xfrm", "state").stdout.split("\nsrc ")
        if f"0x{site.charon.child()['spi-out']}" in entry
    )
    assert "sport 4500" in state
    change_source_port(site, 14500)
    site.right.client.ping(site.left.host, wait=0.2)
    wait_until(lambda: site.engine.ike()["remote-port"] == "14500")
    assert "dport 14500" in installed(site, "state")


def change_source_port(site: Lab, port: int) -> None:
    """Let charon's kernel send encapsulated packets from another port, as if a NAT had changed it."""
    spi = int(site.charon.child()["spi-out"], 16)
    with site.right.gateway.entered(), NetlinkSocket(NETLINK_XFRM) as kernel:
        name = SaId(Protocol.ESP, site.left.address, spi)
        body = bytearray(kernel.get(XfrmMsg.GETSA, write_state_id(name)).body)
        old = (4500).to_bytes(2, "big") * 2
        position = body.index(old, USERSA_INFO.size)
        body[position : position + 2] = port.to_bytes(2, "big")
        kernel.request(UPDSA, bytes(body))
