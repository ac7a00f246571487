"""Who `one` is in a situation, and whose nonce is the lowest."""

from __future__ import annotations

import pytest

from tests.engine.support.situations import Nonces, choose_nonces

LOW, HIGH = 0x00, 0xFF
NONCES = [tuple(LOW if place == lowest else HIGH for place in range(4)) for lowest in range(4)]


@pytest.fixture(params=["left", "right"], ids=["initiator", "responder"])
def role(request: pytest.FixtureRequest) -> str:
    """Which side of the old IKE SA `one` is."""
    name: str = request.param
    return name


@pytest.fixture(params=NONCES, ids=["own-request", "peer-request", "peer-answer", "own-answer"])
def nonces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Nonces:
    """Choose which of the four nonces is the lowest."""
    return lambda: choose_nonces(monkeypatch, *request.param)
