"""Runs inside user-mode-linux. Outside, `tests/engine/kernel/conftest.py` takes these tests over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.kernel.inside.gateways import Pair


class PairKeeper:
    """Builds a pair of gateways, and another one only when a test has left something in the last one."""

    def __init__(self) -> None:
        self._pair: Pair | None = None

    def take(self) -> Pair:
        if self._pair is None:
            self._pair = Pair()
        self._pair.start()
        return self._pair

    def give_back(self) -> None:
        if self._pair is not None and not self._pair.stop():
            self.close()

    def close(self) -> None:
        if self._pair is not None:
            self._pair.close()
        self._pair = None


@pytest.fixture(scope="session")
def pair_keeper() -> Iterator[PairKeeper]:
    keeper = PairKeeper()
    yield keeper
    keeper.close()


@pytest.fixture
def pair(pair_keeper: PairKeeper) -> Iterator[Pair]:
    """Two gateways with addresses, started datapaths and nothing installed."""
    yield pair_keeper.take()
    pair_keeper.give_back()
