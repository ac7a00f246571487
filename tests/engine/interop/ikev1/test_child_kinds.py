"""Kinds of Child SAs that Quick Mode negotiates, in the userspace datapath; the kernel's are in the kernel tests."""

from __future__ import annotations

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab, child
from tests.lab.control import Refused
from tests.lab.netns import wait_until


@pytest.mark.scenario("ikev1/protoport-dual")
def test_protocols_and_ports(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/protoport-dual: one Child SA for ICMP and one for TCP to a port, on one ISAKMP SA."""
    engine = {
        "icmp": {"local_ts": ["10.1.0.0/24[icmp]"], "remote_ts": ["10.2.0.0/24[icmp]"]},
        "ssh": {"local_ts": ["10.1.0.0/24[tcp]"], "remote_ts": ["10.2.0.0/24[tcp/ssh]"]},
    }
    charon = {
        "icmp": {"local_ts": ["10.2.0.0/24[icmp]"], "remote_ts": ["10.1.0.0/24[icmp]"]},
        "ssh": {"local_ts": ["10.2.0.0/24[tcp/ssh]"], "remote_ts": ["10.1.0.0/24[tcp]"]},
    }
    esp = {"esp_proposals": ["aes128gcm16-modp3072"]}
    connect(
        site,
        engine={"children": {name: section | esp for name, section in engine.items()}},
        charon={"children": {name: section | esp for name, section in charon.items()}},
    )
    for name in ("icmp", "ssh"):
        site.daemon(initiator).initiate(name)
    site.assert_same_ike()
    wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == 2)
    found = {entry["name"]: entry for entry in site.engine.children()}
    assert found["icmp"]["local-ts"] == ["10.1.0.0/24[icmp]"]
    assert found["ssh"]["remote-ts"] == ["10.2.0.0/24[tcp/22]"]
    assert site.left.client.ping(site.right.host, count=3)


def test_selectors_that_nobody_has(site: Lab, initiator: str) -> None:
    """A Quick Mode for other nets is refused with INVALID-ID-INFORMATION, and both nets are named to the operator."""
    connect(site, charon=child(local_ts=["10.9.0.0/24"]))
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    record = site.engine.failures(site.name)[-1]
    assert record["alert"] == ("ts-mismatch" if initiator == "charon" else "install-child-sa-failed")


def test_proposals_that_nobody_has(site: Lab, initiator: str) -> None:
    """NO-PROPOSAL-CHOSEN in phase 2 leaves a record with what was offered."""
    connect(site, engine=child(esp_proposals=["aes256-sha512"]), charon=child(esp_proposals=["aes128-sha1"]))
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    assert site.engine.failures(site.name)[-1]["alert"] == "proposal-mismatch-child"
