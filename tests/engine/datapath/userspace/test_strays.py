"""What becomes of ESP packets that no SA takes."""

from __future__ import annotations

from collections import Counter

from ikeengine.datapath.userspace.inbound import Inbound
from ikeengine.datapath.userspace.strays import INTERVAL, Strays
from ikeengine.model.commands import UnknownSpi
from ikeengine.model.path import Path


def test_the_core_hears_of_unknown_spis_now_and_then() -> None:
    told: list[UnknownSpi] = []
    now = [10.0]
    strays = Strays(Inbound(lambda packet: None, Counter()), lambda: now[0], told.append)
    for _ in range(100):
        strays.native(b"\0\0\1\0 and so on", "192.0.2.1", "192.0.2.2")
    assert told == [UnknownSpi(256, Path("192.0.2.2", 500, "192.0.2.1", 500))]
    now[0] += INTERVAL
    path = Path("192.0.2.2", 4500, "198.51.100.1", 61000)
    strays.encapsulated(b"\0\0\1\1", path)
    assert told[1:] == [UnknownSpi(257, path)]
