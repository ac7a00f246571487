"""Transport mode with one host behind a NAT (RFC 7296 section 2.23.1), against strongSwan's kernel ESP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import Lab, child, lab
from tests.engine.kernel.inside.gateways import transfer
from tests.lab.charon import NETLINK
from tests.lab.control import Refused

CASES = {
    f"{datapath}-{who}-hidden": (datapath, hidden)
    for datapath in ("xfrm", "userspace")
    for who, hidden in (("engine", "left"), ("charon", "right"))
}
ENGINE_HIDDEN = {name: case for name, case in CASES.items() if case[1] == "left"}
HOSTS = {"local_ts": ["dynamic"], "remote_ts": ["dynamic"]}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    datapath, hidden = request.param
    directory = tmp_path_factory.mktemp("nat")
    with lab(directory, datapath=datapath, kernel=NETLINK, hidden=hidden, static_nat=True) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(site: Lab) -> Iterator[None]:
    site.reset()
    yield
    print("--- left", site.engine.log(), "--- right", site.charon.log(), sep="\n")


def hidden(site: Lab) -> str:
    """Which daemon is behind the NAT: the only one that can begin."""
    return "engine" if site.left.address == "198.51.100.2" else "charon"


@pytest.mark.scenario("ikev2/host2host-transport-nat", role="both")
def test_transport(site: Lab) -> None:
    """Mirrors ikev2/host2host-transport-nat: selectors and checksums follow the addresses that each side sees."""
    public = "charon" if hidden(site) == "engine" else "engine"
    site.connect(**{public: {"remote_addrs": ["%any"]}}, **child(mode="transport", **HOSTS))
    site.daemon(hidden(site)).initiate("net")
    mine, theirs = site.engine.child(), site.charon.child()
    assert mine["mode"] == theirs["mode"] == "TRANSPORT"
    inside, outside = (mine, theirs) if hidden(site) == "engine" else (theirs, mine)
    assert (inside["local-ts"], inside["remote-ts"]) == (["198.51.100.2/32"], outside["local-ts"])
    assert outside["remote-ts"] == ["192.0.2.254/32"]
    behind, before = (site.left, site.right) if hidden(site) == "engine" else (site.right, site.left)
    assert behind.gateway.ping(before.address, count=2)
    assert transfer(behind.gateway, before.gateway, before.address) > 0, "TCP, whose checksum covers the addresses"
    after = site.engine.child()
    for direction in ("packets-in", "packets-out"):
        assert int(after[direction]) > 4


@pytest.mark.parametrize("site", ENGINE_HIDDEN.values(), ids=ENGINE_HIDDEN, indirect=True)
def test_ah_is_refused(site: Lab) -> None:
    """AH covers the addresses, so the engine refuses before a packet is lost. strongSwan offers it all the same."""
    ah = {"esp_proposals": None, "ah_proposals": ["sha256"]}
    site.connect(charon={"remote_addrs": ["%any"]}, **child(mode="transport", **HOSTS, **ah))
    with pytest.raises(Refused, match="NAT"):
        site.engine.initiate("net")
