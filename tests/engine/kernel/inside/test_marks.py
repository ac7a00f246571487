"""Route-based VPNs with the kernel's ESP: marks that tie a VTI device to its tunnel, and IDs of XFRM interfaces.

The kernel here has no XFRM interfaces, so their IDs are only seen in its tables.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import Lab, child
from tests.engine.kernel.inside.test_daemon import kernel_lab, policies, states
from tests.lab.netns import wait_until
from tests.lab.topology import Site

MARKS = {"mark_in": "42", "mark_out": "42"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Both gateways route through a VTI device with the key 42."""
    with kernel_lab(tmp_path_factory.mktemp("vti"), {"install_routes": "no"}) as running:
        for here, there in ((running.left, running.right), (running.right, running.left)):
            add_vti(here, there)
        yield running


@pytest.fixture(autouse=True)
def _fresh(site: Lab) -> Iterator[None]:
    site.reset()
    yield
    print("--- engine", site.engine.log(), "--- charon", site.charon.log(), sep="\n")


@pytest.fixture(params=["engine", "charon"], ids=["engine-begins", "charon-begins"])
def initiator(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def add_vti(here: Site, there: Site) -> None:
    gateway = here.gateway
    gateway.run("ip", "link", "add", "vti0", "type", "vti", "local", here.address, "remote", there.address, "key", "42")
    gateway.run("sysctl", "-qw", "net.ipv4.conf.vti0.disable_policy=1")
    gateway.run("ip", "link", "set", "vti0", "up", "mtu", "1400")
    gateway.run("ip", "route", "add", there.net, "dev", "vti0")


@pytest.mark.scenario("route-based/net2net-vti")
def test_traffic_through_a_vti_device(site: Lab, initiator: str) -> None:
    """Mirrors route-based/net2net-vti: what is routed into the device is marked, and only that is protected."""
    site.connect(**child(**MARKS))
    site.daemon(initiator).initiate("net")
    mine, theirs = site.assert_same_child()
    for key in ("mark-in", "mark-out", "mark-mask-in", "mark-mask-out"):
        assert mine.get(key) == theirs.get(key), key
    assert mine["mark-in"] == "0000002a"
    site.assert_traffic()
    site.rekey_child("engine")
    site.rekey_child("charon")
    site.assert_traffic()
    assert "table 220" not in site.left.gateway.run("ip", "route", "show", "table", "all").stdout, "no routes of ours"
    site.engine.terminate(ike=site.name)
    site.engine.clear()
    assert (states(site), policies(site)) == ("", "")


def test_interface_ids(site: Lab, initiator: str) -> None:
    """The kernel has the IDs in states and policies, keeps them when rekeying, and loses them with the tunnel."""
    site.connect(engine={"if_id_in": "7", "if_id_out": "8", **child(set_mark_out="0x10/0xff")})
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    for _ in range(2):
        assert states(site).count("if_id 0x7") == states(site).count("if_id 0x8") == 1
        assert states(site).count("output-mark 0x10/0xff") == 1
        entries = site.left.gateway.run("ip", "xfrm", "policy").stdout
        assert (entries.count("if_id 0x7"), entries.count("if_id 0x8")) == (2, 1)
        old = site.engine.child()["spi-in"]
        site.engine.rekey(child="net")
        assert site.engine.child()["spi-in"] != old
        wait_until(lambda: states(site).count("proto esp") == 2)  # old inbound SAs stay for delete_rekeyed_delay
    assert (site.engine.ike()["if-id-in"], site.engine.child()["if-id-out"]) == ("00000007", "00000008")
    site.engine.terminate(ike=site.name)
    site.engine.clear()
    assert (states(site), policies(site)) == ("", "")


def test_a_killed_engine_leaves_marked_states_that_the_next_one_removes(site: Lab) -> None:
    site.connect(**child(**MARKS, mark_in_sa="yes"))
    site.engine.initiate("net")
    assert states(site).count("mark 0x2a") == 2
    site.engine.kill()
    assert states(site).count("proto esp") == 2
    site.engine.start()
    assert (states(site), policies(site)) == ("", "")
