"""Gateways that change their addresses while traffic flows (RFC 4555)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import Lab, lab_on
from tests.lab.netns import wait_until
from tests.lab.topology import Site, sites_with_two_uplinks
from tests.lab.traffic import Ping

pytestmark = pytest.mark.scenario("ikev2/mobike")

LOST_AT_MOST = 750
"""Pings in fifteen seconds, so that a busy machine does not matter."""

SECOND = {"left": "203.0.113.1", "right": "203.0.113.2"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("mobike")
    with sites_with_two_uplinks() as (left, right), lab_on(left, right, directory) as running:
        yield running


@pytest.fixture
def moving(site: Lab) -> Iterator[Lab]:
    """The site; afterwards everybody is at home again."""
    yield site
    for home in (site.left, site.right):
        home.gateway.ip("address flush dev eth0 scope global", "link set eth0 up")
        home.gateway.add_address("eth0", f"{home.address}/24")


def connect(site: Lab, initiator: str) -> None:
    site.connect()
    site.daemon(initiator).initiate("net")
    site.assert_traffic()


def place(site: Lab, daemon: str) -> Site:
    return site.left if daemon == "engine" else site.right


def assert_both_see(site: Lab, left: str, right: str) -> None:
    """Both daemons have moved the IKE SA to these addresses."""

    def moved() -> bool:
        mine, theirs = site.engine.ike(), site.charon.ike()
        ours = [mine["local-host"], mine["remote-host"]]
        return [left, right] == ours == [theirs["remote-host"], theirs["local-host"]]

    wait_until(moved)


def assert_uninterrupted(site: Lab, before: str, ping: Ping) -> None:
    """The same IKE SA, and traffic that has stopped for a moment at most.

    charon's libipsec cannot move a Child SA and rekeys it instead; that they are moved is shown in the kernel tests.
    """
    wait_until(lambda: site.left.client.ping(site.right.host, wait=2))
    received, lost = ping.stop()
    assert site.engine.ike()["initiator-spi"] == before
    assert len(lost) <= LOST_AT_MOST, f"lost {lost} of {received + len(lost)}"
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.parametrize("mover", ["engine", "charon"])
def test_address_is_replaced(moving: Lab, initiator: str, mover: str) -> None:
    """Mirrors ikev2/mobike: a gateway gets another address on the same network; whoever it is, the tunnel follows."""
    site = moving
    connect(site, initiator)
    before = site.engine.ike()["initiator-spi"]
    own = place(site, mover)
    new = f"192.0.2.{'3' if mover == 'engine' else '4'}"
    ping = Ping(site.left.client, site.right.host)
    own.gateway.ip(f"address del {own.address}/24 dev eth0", f"address add {new}/24 dev eth0")
    left, right = (new, site.right.address) if mover == "engine" else (site.left.address, new)
    assert_both_see(site, left, right)
    assert_uninterrupted(site, before, ping)


def test_uplink_is_lost(moving: Lab, initiator: str) -> None:
    """Mirrors ikev2/mobike: the initiator's first uplink is gone, so that both ends move to the second."""
    site = moving
    connect(site, initiator)
    before = site.engine.ike()["initiator-spi"]
    ping = Ping(site.left.client, site.right.host)
    place(site, initiator).gateway.ip("link set eth0 down")
    assert_both_see(site, SECOND["left"], SECOND["right"])
    assert_uninterrupted(site, before, ping)


def test_mobike_is_off_if_one_side_wants_that(moving: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-psk with `mobike = no` at the initiator: nothing floats to port 4500 without need."""
    site = moving
    site.connect(**{initiator: {"mobike": "no"}})
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    assert "MOB_SUP" not in site.charon.log()


@pytest.mark.scenario("ikev2/force-udp-encap")
def test_forced_encapsulation(moving: Lab, initiator: str) -> None:
    """Mirrors ikev2/force-udp-encap: the initiator pretends that there is a NAT."""
    site = moving
    site.connect(**{initiator: {"encap": "yes"}})
    site.daemon(initiator).initiate("net")
    site.assert_traffic()
    assert site.engine.child()["encap"] == "yes"
    assert site.engine.ike()["nat-any"] == site.charon.ike()["nat-any"] == "yes"


@pytest.fixture
def pool(site: Lab, initiator: str) -> Iterator[str]:
    """A pool of virtual IPs at the responder."""
    responder = site.peer(initiator)
    responder.request("load_pool", {"mobiles": {"addrs": "10.3.0.0/28"}})
    yield "mobiles"
    responder.clear()
    responder.request("unload_pool", {"name": "mobiles"})


@pytest.mark.scenario("ikev2/mobike-virtual-ip")
def test_virtual_ip_moves_along(moving: Lab, initiator: str, pool: str) -> None:
    """Mirrors ikev2/mobike-virtual-ip: the roadwarrior keeps its virtual IP on another uplink."""
    site = moving
    own, other = (site.left, site.right) if initiator == "engine" else (site.right, site.left)
    responder = "charon" if initiator == "engine" else "engine"
    client = {"vips": ["0.0.0.0"], "children": {"net": {"local_ts": ["dynamic"], "remote_ts": [other.net]}}}
    server = {"pools": [pool], "children": {"net": {"local_ts": [other.net], "remote_ts": ["dynamic"]}}}
    site.connect(**{initiator: client, responder: server})
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    (virtual,) = site.daemon(initiator).ike()["local-vips"]
    assert own.gateway.ping(other.host, "-I", virtual, count=3)
    own.gateway.ip("link set eth0 down")
    assert_both_see(site, SECOND["left"], SECOND["right"])
    wait_until(lambda: own.gateway.ping(other.host, "-I", virtual, wait=2))
    wait_until(lambda: own.gateway.ping(other.host, wait=2))
    assert site.daemon(initiator).ike()["local-vips"] == [virtual]
    assert own.gateway.ping(other.host, count=3)
