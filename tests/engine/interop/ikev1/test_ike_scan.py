"""What `ike-scan` finds out: Main Mode is answered, Aggressive Mode only where a connection asks for it."""

from __future__ import annotations

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab

TRANSFORM = "--trans=(1=7,14=128,2=4,3=1,4=14)"
"""aes128-sha256-modp2048 with a pre-shared key."""
PROPOSAL = "aes128-sha256-modp2048"
MAIN, AGGRESSIVE = "Main Mode Handshake returned", "Aggressive Mode Handshake returned"


def scan(site: Lab, *options: str) -> str:
    """What ike-scan says of the engine, seen from the other gateway; charon has port 500 there."""
    command = ["ike-scan", "--sport=5000", "--retry=3", "--timeout=2000", TRANSFORM, *options, site.left.address]
    return site.right.gateway.run(*command).stdout


def test_main_mode_is_answered(site: Lab) -> None:
    """A connection with IKEv1 for this peer returns a handshake with the transform that it has chosen."""
    connect(site, proposals=[PROPOSAL])
    found = scan(site)
    assert MAIN in found
    assert "Hash=SHA2-256" in found
    assert "1 returned handshake; 0 returned notify" in found


def test_another_transform_is_refused(site: Lab) -> None:
    """NO-PROPOSAL-CHOSEN, and no handshake."""
    connect(site, proposals=["aes256-sha512-modp4096"])
    found = scan(site)
    assert "NO-PROPOSAL-CHOSEN" in found
    assert "0 returned handshake; 1 returned notify" in found


@pytest.mark.parametrize("version", ["1", "2"])
def test_aggressive_mode_is_not_answered(site: Lab, version: str) -> None:
    """HASH_R would let anybody guess the pre-shared key (D09)."""
    connect(site, proposals=[PROPOSAL] if version == "1" else ["aes128-sha256-x25519"], version=version)
    found = scan(site, "--aggressive", "--id=right.example.com", "--dhgroup=14")
    assert AGGRESSIVE not in found
    assert "0 returned handshake" in found
    assert MAIN not in found
