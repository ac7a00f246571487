"""Runs inside a kernel with XFRM interfaces. Outside, `tests/engine/kernel/conftest.py` takes these tests over."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["engine", "charon"], ids=["engine-begins", "charon-begins"])
def initiator(request: pytest.FixtureRequest) -> str:
    """Who begins."""
    name: str = request.param
    return name
