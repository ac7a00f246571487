"""Runs inside user-mode-linux. Outside, `tests/engine/kernel/conftest.py` takes these tests over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.engine.kernel.inside.gateways import Pair


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two gateways with addresses, started datapaths and nothing installed."""
    with ExitStack() as stack:
        yield Pair(stack)
