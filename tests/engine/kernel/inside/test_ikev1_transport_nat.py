"""Transport mode of IKEv1 with one host behind a NAT (RFC 3947 section 5.2), against strongSwan's kernel ESP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab, child, lab
from tests.engine.kernel.inside.gateways import transfer
from tests.engine.kernel.inside.test_transport_nat import CASES, HOSTS, hidden
from tests.lab.charon import NETLINK


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    datapath, behind = request.param
    directory = tmp_path_factory.mktemp("nat1")
    with lab(directory, datapath=datapath, kernel=NETLINK, hidden=behind, static_nat=True) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(site: Lab) -> Iterator[None]:
    site.reset()
    yield
    print("--- left", site.engine.log(), "--- right", site.charon.log(), sep="\n")


@pytest.mark.scenario("ikev1/host2host-transport", role="both")
def test_ikev1_transport_through_nat(site: Lab) -> None:
    """Mirrors ikev1/host2host-transport behind a NAT: selectors and checksums follow what each side sees."""
    public = "charon" if hidden(site) == "engine" else "engine"
    connect(site, **{public: {"remote_addrs": ["%any"]}}, **child(mode="transport", **HOSTS))
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
