"""The connection of the IKEv1 tests."""

from __future__ import annotations

from typing import Any

from tests.engine.interop.lab import Lab, merged

IKE_PROPOSAL = "aes128-sha256-modp3072"
ESP_PROPOSAL = "aes128gcm16-modp3072"
"""strongSwan's own tests use these."""


def connect(
    site: Lab, *, engine: dict[str, Any] | None = None, charon: dict[str, Any] | None = None, **both: Any
) -> None:
    """Load the connection with IKEv1 on both gateways, and the pre-shared key."""
    ikev1 = {"version": "1", "proposals": [IKE_PROPOSAL], "children": {"net": {"esp_proposals": [ESP_PROPOSAL]}}}
    site.connect(engine=engine, charon=charon, **merged(ikev1, both))
