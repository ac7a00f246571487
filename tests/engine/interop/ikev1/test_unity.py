"""Cisco's Unity: the gateway tells its clients which networks to tunnel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.ikev1.test_mode_config import ANY4, rw
from tests.engine.interop.lab import Lab, lab
from tests.lab import charon as charons


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Daemons that speak Unity; charon's plugin of that name must not be the only one that hands out networks."""
    settings = {"cisco_unity": "yes"}
    directory = tmp_path_factory.mktemp("unity")
    with lab(directory, engine=settings, charon=settings, kernel=f"{charons.LIBIPSEC} unity") as running:
        yield running


@pytest.mark.scenario("ikev1/rw-cert-unity")
def test_split_include(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/rw-cert-unity: the client wants to tunnel everything, and tunnels what the gateway names."""
    warrior = rw(site, initiator, [ANY4], client_net="0.0.0.0/0")
    warrior.client.initiate("net")
    assert warrior.addresses() == ["10.3.0.1"]
    mine, theirs = site.assert_same_child()
    networks = (mine if initiator == "engine" else theirs)["remote-ts"]
    assert networks == [warrior.gateway.net]
    assert warrior.host.gateway.ping(warrior.gateway.host)
    assert warrior.gateway.client.ping("10.3.0.1")
