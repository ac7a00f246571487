"""The connection of the IKEv1 tests."""

from __future__ import annotations

from typing import Any

from tests.engine.interop.lab import Lab

IKE_PROPOSAL = "aes128-sha256-modp3072"
ESP_PROPOSAL = "aes128gcm16-modp3072"
"""strongSwan's own tests use these."""


Section = dict[str, Any]


def connect(site: Lab, *, engine: Section | None = None, charon: Section | None = None, **both: Any) -> None:
    """Load the connection with IKEv1 on both gateways, and the pre-shared key."""
    net = {"esp_proposals": [ESP_PROPOSAL], **both.get("children", {}).get("net", {})}
    ikev1 = {"version": "1", "proposals": [IKE_PROPOSAL], **both}
    ikev1["children"] = {**both.get("children", {}), "net": net}
    site.connect(engine=engine, charon=charon, **ikev1)
