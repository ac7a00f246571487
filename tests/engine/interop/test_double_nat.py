"""Both gateways behind NAT routers of their own, which let IKE in (RFC 7296 section 2.23)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import Lab, child, lab_on
from tests.lab.netns import wait_until
from tests.lab.topology import sites_with_two_nats

pytestmark = pytest.mark.scenario("ikev2/double-nat-net")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("double")
    with sites_with_two_nats() as (left, right, routers), lab_on(left, right, directory, routers=routers) as running:
        yield running


def connect(site: Lab, initiator: str) -> None:
    """Who answers does not know where the other one is."""
    answering = "charon" if initiator == "engine" else "engine"
    site.connect(**{answering: {"remote_addrs": ["%any"]}})
    site.daemon(initiator).initiate("net")


def test_networks_behind_two_nats(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/double-nat-net: each side finds both NATs, and the networks behind the gateways are connected."""
    connect(site, initiator)
    mine, theirs = site.assert_same_ike()
    for view in (mine, theirs):
        assert (view["nat-local"], view["nat-remote"]) == ("yes", "yes")
    assert site.engine.child()["encap"] == "yes"
    site.assert_traffic()


@pytest.mark.scenario("ikev2/double-nat")
def test_hosts_behind_two_nats(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/double-nat: the gateways' own addresses behind the NATs are the traffic selectors."""
    left, right = f"{site.left.address}/32", f"{site.right.address}/32"
    answering = "charon" if initiator == "engine" else "engine"
    changes = {
        "engine": child(local_ts=[left], remote_ts=[right]),
        "charon": child(local_ts=[right], remote_ts=[left]),
    }
    changes[answering] |= {"remote_addrs": ["%any"]}
    site.connect(**changes)
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    assert site.left.gateway.ping(site.right.address, "-I", site.left.address, count=2)
    assert site.right.gateway.ping(site.left.address, "-I", site.right.address, count=2)


@pytest.mark.scenario("ikev2/mobike-nat-mappings")
def test_initiators_mapping_is_lost(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/mobike-nat-mappings: liveness tests of the initiator find out, and the tunnel goes on."""
    answering = "charon" if initiator == "engine" else "engine"
    changes = {answering: {"remote_addrs": ["%any"]}, initiator: {"dpd_delay": "1s"}}
    site.connect(**changes)
    site.daemon(initiator).initiate("net")
    site.assert_traffic()
    spi, port = site.engine.ike()["initiator-spi"], site.daemon(answering).ike()["remote-port"]
    if initiator == "charon":
        # It compares its mapping with what the answer to its last liveness test has said.
        wait_until(lambda: "parsed INFORMATIONAL response" in site.charon.log())
    hidden = site.left if initiator == "engine" else site.right
    site.routers[hidden.address].forget_mappings()
    wait_until(lambda: site.daemon(answering).ike()["remote-port"] != port)
    assert site.engine.ike()["initiator-spi"] == spi
    wait_until(lambda: site.left.client.ping(site.right.host, wait=2))
    site.assert_traffic()
