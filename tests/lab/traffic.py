"""Traffic through tunnels and what can be seen of it outside: ping with a count of losses, iperf3, captures."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.lab.netns import Namespace, wait_until

IKE_OR_ESP = "udp port 500 or udp port 4500 or esp or ah"
HOUSEKEEPING = "arp or ip6 multicast or icmp6"
IKE = "udp port 500 or (udp port 4500 and udp[8:4] = 0)"
ESP = "esp or (udp port 4500 and udp[4:2] > 9 and udp[8:4] != 0)"
IP_FRAGMENTS = "(ip[6:2] & 0x3fff != 0) or ip6 proto 44"
KEEPALIVE = "udp port 4500 and udp[4:2] = 9"


STILL_UNDER_WAY = 25
"""So many of the last pings may not have come back yet when a ping is stopped on a busy machine."""


class Ping:
    """A ping that runs from the start until `stop`; the gaps in what came back are the losses."""

    def __init__(self, source: Namespace, destination: str, *, interval: float = 0.02) -> None:
        # Into a file: a pipe that nobody reads meanwhile becomes full, and then ping waits.
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - `stop` closes it
        options = ["-n", "-i", str(interval), "-W", "5"]
        self._process = source.popen("stdbuf", "-oL", "ping", *options, destination, stdout=self._output)
        wait_until(lambda: os.fstat(self._output.fileno()).st_size)

    def stop(self) -> tuple[int, list[int]]:
        """Returns how many came back, and the sequence numbers of the lost ones."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)
        with self._output:
            self._output.seek(0)
            output = self._output.read()
        received = [int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", output)]
        transmitted = re.search(r"(\d+) packets transmitted", output)
        assert transmitted is not None, output
        under_way = range(max(1, int(transmitted[1]) - STILL_UNDER_WAY + 1), int(transmitted[1]) + 1)
        missing = set(range(1, int(transmitted[1]) + 1)) - set(received)
        late = {number for number in under_way if number > max(received, default=0)}
        return len(received), sorted(missing - late)


@contextlib.contextmanager
def no_loss(source: Namespace, destination: str, *, at_least: int = 10) -> Iterator[None]:
    """Ping during the block; every ping must come back, and so many."""
    ping = Ping(source, destination)
    try:
        yield
    finally:
        received, lost = ping.stop()
    assert not lost, f"lost pings {lost} of {received + len(lost)}"
    assert received >= at_least, f"only {received} pings came back"


def iperf3(client: Namespace, server: Namespace, address: str, *, megabytes: int = 5) -> float:
    """TCP throughput in Mbit/s."""
    listener = server.popen("iperf3", "-s", "-1", stdout=subprocess.DEVNULL)
    wait_until(lambda: ":5201 " in server.run("ss", "-Htln").stdout)
    result = client.run("iperf3", "-J", "-c", address, "-n", f"{megabytes}M", timeout=30)
    listener.wait(10)
    return float(json.loads(result.stdout)["end"]["sum_received"]["bits_per_second"]) / 1e6


class Capture:
    """Packets that an interface carried."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def count(self, expression: str) -> int:
        """How many packets match a tcpdump expression."""
        return len(self._matching(expression))

    def assert_only_ike_and_esp(self, *, esp: str = ESP) -> None:
        """Nothing was sent in the clear, and something was sent at all."""
        leaked = self._matching(f"not ({IKE_OR_ESP} or {HOUSEKEEPING})")
        assert not leaked, f"sent unprotected: {leaked}"
        assert self.count(IKE), "no IKE was seen"
        assert self.count(esp), f"nothing was seen of {esp}"

    def _matching(self, expression: str) -> list[str]:
        command = ["tcpdump", "-Knn", "-r", str(self._file), expression]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        return result.stdout.splitlines()


@contextlib.contextmanager
def captured(
    namespace: Namespace, file: Path, interface: str = "eth0", *, direction: str = "inout"
) -> Iterator[Capture]:
    """Record what an interface carries during the block; read the Capture after the block.

    With the kernel's ESP choose the direction `out`: what comes in is seen twice, the second time decrypted.
    """
    command = ["tcpdump", "-Unn", "--immediate-mode", "-Z", "root", "-Q", direction, "-i", interface, "-w", str(file)]
    process = namespace.popen(*command, stderr=subprocess.PIPE)
    assert process.stderr is not None
    process.stderr.readline()
    try:
        yield Capture(file)
        wait_until(lambda: _sleeps(process.pid))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def _sleeps(pid: int) -> bool:
    """Whether a process has nothing to do: a capture that waits for packets has written all earlier ones."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("S")
