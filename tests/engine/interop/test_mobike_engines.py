"""Two engines with userspace ESP: the very same Child SA goes on at the new address, sequence numbers and all."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.interop.lab import Lab, engines_lab
from tests.lab.netns import wait_until
from tests.lab.traffic import Ping, captured, iperf3

pytestmark = pytest.mark.scenario("ikev2/mobike", role="both")

NEW = "192.0.2.3"
LOST_AT_MOST = 500
"""Pings in ten seconds: by then the addresses are looked for without hurry, and with it after one second."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with engines_lab(tmp_path_factory.mktemp("engines")) as running:
        yield running


def sequence_numbers(file: Path, spi: str) -> list[int]:
    """Of the ESP packets of an SA, in the order of their sending."""
    shown = subprocess.run(["tcpdump", "-nn", "-r", str(file), "esp"], capture_output=True, text=True, check=True)
    return [int(number, 16) for number in re.findall(rf"spi=0x{spi},seq=0x([0-9a-f]+)", shown.stdout)]


def test_child_sa_survives(site: Lab, tmp_path: Path) -> None:
    """Mirrors ikev2/mobike: the initiator's address is replaced while pings run; few are lost, nothing is repeated."""
    site.connect()
    site.engine.initiate("net")
    site.assert_traffic()
    before = site.engine.child()
    file = tmp_path / "moving.pcap"
    with captured(site.left.gateway, file, direction="out"):
        ping = Ping(site.left.client, site.right.host)
        wait_until(lambda: int(site.engine.child()["packets-out"]) > int(before["packets-out"]) + 10)
        site.left.gateway.ip(f"address del {site.left.address}/24 dev eth0", f"address add {NEW}/24 dev eth0")
        wait_until(lambda: site.charon.ike()["remote-host"] == NEW)
        wait_until(lambda: site.left.client.ping(site.right.host, wait=2))
        received, lost = ping.stop()
    after, _theirs = site.assert_same_child()
    for key in ("spi-in", "spi-out", "uniqueid"):
        assert after[key] == before[key]
    assert len(lost) <= LOST_AT_MOST, f"lost {lost} of {received + len(lost)}"
    numbers = sequence_numbers(file, before["spi-out"])
    assert numbers == sorted(set(numbers)), "sequence numbers go on, and none is used twice"
    assert numbers[0] > 1
    assert len(numbers) > received
    assert iperf3(site.left.client, site.right.client, site.right.host, megabytes=2) > 0
