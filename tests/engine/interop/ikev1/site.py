"""The connection of the IKEv1 tests."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import pytest

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


def with_ikev1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the connections of a lab be of IKEv1, also those that the tests of IKEv2 make."""
    of_ikev2 = Lab.connection

    def connection(site: Lab, name: str) -> Section:
        section = of_ikev2(site, name) | {"version": "1", "proposals": [IKE_PROPOSAL]}
        section["children"]["net"]["esp_proposals"] = [ESP_PROPOSAL]
        return section

    monkeypatch.setattr(Lab, "connection", connection)


def borrowed(test: FunctionType, *scenarios: str, **fixed: str) -> FunctionType:
    """A test of IKEv2 that holds for IKEv1 too, with the scenarios that it mirrors there. `fixed` is their role."""
    copy = FunctionType(test.__code__, test.__globals__, test.__name__, test.__defaults__, test.__closure__)
    copy.__doc__ = test.__doc__
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name != "scenario"]
    copy.pytestmark = marks + [pytest.mark.scenario(name, **fixed).mark for name in scenarios]  # type: ignore[attr-defined]
    return copy
