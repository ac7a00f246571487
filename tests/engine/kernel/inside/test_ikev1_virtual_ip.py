"""Virtual IP addresses of IKEv1 with the kernel's ESP: a network behind the address that the gateway has given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.ikev1.test_mode_config import ANY4, rw
from tests.engine.interop.lab import Lab, lab
from tests.lab.charon import NETLINK


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("ikev1-vip"), datapath="xfrm", kernel=NETLINK) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(site: Lab) -> Iterator[None]:
    site.reset()
    yield
    print("--- left", site.engine.log(), "--- right", site.charon.log(), sep="\n")


@pytest.mark.scenario("ikev1/nat-virtual-ip")
@pytest.mark.parametrize("initiator", ["engine", "charon"], ids=["engine-begins", "charon-begins"])
def test_a_network_behind_the_address(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/nat-virtual-ip: the client translates its own network to the address that it was given."""
    warrior = rw(site, initiator, [ANY4])
    warrior.client.initiate("net")
    (address,) = warrior.addresses()
    translate = f"ip saddr {warrior.host.net} ip daddr {warrior.gateway.net} snat to {address}"
    chain = "add chain ip translated out { type nat hook postrouting priority srcnat; }"
    warrior.host.gateway.run("nft", f"add table ip translated; {chain}; add rule ip translated out {translate}")
    try:
        assert warrior.host.client.ping(warrior.gateway.host, count=3)
    finally:
        warrior.host.gateway.run("nft", "delete table ip translated")
