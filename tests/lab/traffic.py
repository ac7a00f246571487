"""Traffic through tunnels and what can be seen of it outside: ping with a count of losses, iperf3, captures."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.lab.netns import Namespace, wait_until

IKE_OR_ESP = "udp port 500 or udp port 4500 or esp or ah"
HOUSEKEEPING = "arp or ip6 multicast or icmp6"
IKE = "udp port 500 or (udp port 4500 and udp[8:4] = 0)"
ESP = "esp or (udp port 4500 and udp[4:2] > 9 and udp[8:4] != 0)"
IP_FRAGMENTS = "(ip[6:2] & 0x3fff != 0) or ip6 proto 44"
KEEPALIVE = "udp port 4500 and udp[4:2] = 9"


AFTERWARDS = 10
"""So many more pings are sent when a ping is to stop, and judged with the others."""

CAPTURE_BUFFER = 32 * 1024
"""KiB. A captured packet takes as much of it as the largest one could, and a busy machine lets tcpdump wait."""

BEGINNINGS = 256
"""Octets to keep of each packet of a bulk transfer: headers and some more. All of them have room in the buffer then."""

LATER = 50
"""A ping is lost when one comes back that was sent so much later."""


class Ping:
    """A ping that runs from its first answer until `stop`; the gaps in what came back are the losses."""

    def __init__(self, source: Namespace, destination: str, *, interval: float = 0.02) -> None:
        command = ["stdbuf", "-oL", "ping", "-n", "-i", str(interval), destination]
        self._process = source.popen(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._received: set[int] = set()
        self._transmitted = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_until(lambda: self._received)

    @property
    def received(self) -> int:
        """How many came back."""
        return len(self._received)

    def stop(self) -> tuple[int, list[int]]:
        """Returns how many came back, and the sequence numbers of the lost ones. Waits for those under way."""
        self._process.send_signal(signal.SIGQUIT)
        wait_until(lambda: self._transmitted)
        judged = set(range(1, self._transmitted + AFTERWARDS + 1))
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: judged <= self._received or max(self._received) > max(judged) + LATER)
        self._process.send_signal(signal.SIGINT)
        self._reader.join()
        self._process.wait(60)
        return self.received, sorted(judged - self._received)

    def _read(self) -> None:
        """The answers, and the interim result that SIGQUIT asks for."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if answer := re.search(r"icmp_seq=(\d+) ttl", line):
                self._received.add(int(answer[1]))
            elif result := re.match(r"(\d+)/\d+ packets", line):
                self._transmitted = int(result[1])


@contextlib.contextmanager
def no_loss(source: Namespace, destination: str, *, at_least: int = 10) -> Iterator[None]:
    """Ping during the block; every ping must come back, and so many."""
    ping = Ping(source, destination)
    try:
        yield
        wait_until(lambda: ping.received >= at_least)
    finally:
        received, lost = ping.stop()
    assert not lost, f"lost pings {lost} of {received + len(lost)}"


def iperf3(client: Namespace, server: Namespace, address: str, *, megabytes: int = 5) -> float:
    """TCP throughput in Mbit/s."""
    listener = server.popen("iperf3", "-s", "-1", stdout=subprocess.DEVNULL)
    wait_until(lambda: ":5201 " in server.run("ss", "-Htln").stdout)
    result = client.run("iperf3", "-J", "-c", address, "-n", f"{megabytes}M", timeout=300)
    listener.wait(60)
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
    namespace: Namespace, file: Path, interface: str = "eth0", *, direction: str = "inout", octets: int = 0
) -> Iterator[Capture]:
    """Record what an interface carries during the block; read the Capture after the block.

    The less `octets` of each packet are kept, the more packets have room in the buffer; 0 keeps all of them.

    With the kernel's ESP choose the direction `out`: what comes in is seen twice, the second time decrypted.
    """
    options = ["-Unn", "--immediate-mode", "-B", str(CAPTURE_BUFFER), "-Z", "root", "-Q", direction, "-s", str(octets)]
    command = ["tcpdump", *options, "-i", interface, "-w", str(file)]
    process = namespace.popen(*command, stderr=subprocess.PIPE)
    assert process.stderr is not None
    process.stderr.readline()
    try:
        yield Capture(file)
        wait_until(lambda: _sleeps(process.pid))
    finally:
        process.send_signal(signal.SIGINT)
        report = process.communicate(timeout=60)[1]
    assert "\n0 packets dropped by kernel" in report, report


def _sleeps(pid: int) -> bool:
    """Whether a process has nothing to do: a capture that waits for packets has written all earlier ones."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("S")
