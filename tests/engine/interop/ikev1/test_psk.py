"""IKEv1 with pre-shared keys: Main Mode, Quick Mode, and what goes through the tunnel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab
from tests.lab.traffic import ESP, captured


@pytest.mark.scenario("ikev1/net2net-psk")
def test_tunnel_between_two_nets(site: Lab, initiator: str, tmp_path: Path) -> None:
    """Mirrors strongSwan's ikev1/net2net-psk."""
    with captured(site.left.gateway, tmp_path / "outer.pcap") as capture:
        connect(site)
        site.daemon(initiator).initiate("net")
        mine, theirs = site.assert_same_ike()
        assert mine["version"] == theirs["version"] == "1"
        site.assert_same_child()
        site.assert_traffic()
    capture.assert_only_ike_and_esp()
    assert capture.count(ESP) >= 12
