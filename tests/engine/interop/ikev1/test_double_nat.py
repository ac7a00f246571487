"""IKEv1 with both gateways behind NAT routers of their own, which let IKE in (RFC 3947)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.ikev1.site import connect as connect_v1
from tests.engine.interop.lab import Lab, child, lab_on
from tests.lab.topology import sites_with_two_nats


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("double")
    with sites_with_two_nats() as (left, right, routers), lab_on(left, right, directory, routers=routers) as running:
        yield running


@pytest.mark.scenario("ikev1/double-nat-net")
def test_networks_behind_two_nats(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/double-nat-net: each side finds both NATs, and the networks behind the gateways are connected."""
    answering = "charon" if initiator == "engine" else "engine"
    connect_v1(site, **{answering: {"remote_addrs": ["%any"]}})
    site.daemon(initiator).initiate("net")
    mine, theirs = site.assert_same_ike()
    for view in (mine, theirs):
        assert (view["nat-local"], view["nat-remote"]) == ("yes", "yes")
    assert site.engine.child()["encap"] == "yes"
    site.assert_traffic()


@pytest.mark.scenario("ikev1/double-nat")
def test_hosts_behind_two_nats(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/double-nat: the gateways' own addresses behind the NATs are the traffic selectors."""
    left, right = f"{site.left.address}/32", f"{site.right.address}/32"
    answering = "charon" if initiator == "engine" else "engine"
    changes = {
        "engine": child(local_ts=[left], remote_ts=[right]),
        "charon": child(local_ts=[right], remote_ts=[left]),
    }
    changes[answering] |= {"remote_addrs": ["%any"]}
    connect_v1(site, **changes)
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    assert site.left.gateway.ping(site.right.address, "-I", site.left.address, count=2)
    assert site.right.gateway.ping(site.left.address, "-I", site.right.address, count=2)
