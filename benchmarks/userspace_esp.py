"""How fast ESP in userspace is: in memory, between two namespaces, and beside strongSwan's libipsec (needs root).

Run: python benchmarks/userspace_esp.py [--seconds N] [memory] [tunnel] [daemons]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ikeengine.datapath.policies import selector_pairs
from ikeengine.datapath.userspace.datapath import SystemRng
from ikeengine.datapath.userspace.inbound import Inbound, InboundSa
from ikeengine.datapath.userspace.outbound import Outbound, OutboundSa
from ikeengine.model.connection import Mode
from ikeengine.model.sa import Direction
from ikeengine.registry import EncrId, IntegId
from tests.engine.datapath.userspace.samples import (
    CBC,
    GCM,
    LEFT,
    LEFT_HOST,
    RIGHT,
    RIGHT_HOST,
    encr,
    integ,
    make_policies,
    make_sa,
    suite_name,
    udp_packet,
)
from tests.engine.datapath.userspace.site import Shape, Site
from tests.engine.interop.lab import Lab
from tests.lab import charon as charons
from tests.lab import engine as engines
from tests.lab.engine import Engine
from tests.lab.netns import Namespace, veth, wait_until
from tests.lab.topology import two_sites

SUITES = [
    GCM,
    (encr(EncrId.AES_GCM_16, 256), None),
    (encr(EncrId.CHACHA20_POLY1305), None),
    (encr(EncrId.AES_CTR, 128), integ(IntegId.HMAC_SHA1_96)),
    CBC,
]
TUNNELS = {
    "UDP, aes128gcm16": Shape(),
    "UDP, aes256-sha256": Shape(suite=CBC),
    "protocol 50, aes128gcm16": Shape(encap=None),
    "transport, UDP, aes128gcm16": Shape(mode=Mode.TRANSPORT),
}
SIZES = (64, 576, 1400)
ROUNDS, BATCH = 5, 4000
SEGMENT = 1348
"""Octets of TCP payload in a packet of 1400 octets."""


def ignore(*_arguments: object) -> None:
    """Limits and events that do not happen here."""


def best_rate(work: Callable[[], object]) -> float:
    """Packets per second of CPU time, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return BATCH / best


def in_memory() -> None:
    """Everything but the system calls: policy and SA lookup, ESP, replay window, selector check."""
    print(f"{'in memory':28}{'octets':>8}{'encrypt':>18}{'':12}{'decrypt':>18}")
    for suite in SUITES:
        for size in SIZES:
            packet = udp_packet(data=bytes(size - 28))
            sealed: list[bytes] = []
            outbound = make_outbound(suite, sealed)

            def encrypt(outbound: Outbound = outbound, packet: bytes = packet, sealed: list[bytes] = sealed) -> None:
                sealed.clear()
                for _ in range(BATCH):
                    outbound.process(packet)

            inbound = Inbound(ignore, Counter())
            inbound.add(InboundSa(make_sa(Direction.IN, suite), outbound.policies, ignore))

            def decrypt(inbound: Inbound = inbound, sealed: list[bytes] = sealed) -> None:
                for packet in sealed:
                    inbound.process(packet, None)

            sent = best_rate(encrypt)
            received = max(_after(encrypt, decrypt) for _ in range(ROUNDS))
            print(f"{suite_name(suite):28}{size:8}{_rate(sent, size)}{_rate(received, size)}")


def _after(prepare: Callable[[], object], work: Callable[[], object]) -> float:
    """Packets per second of `work`, with fresh sequence numbers from `prepare`."""
    prepare()
    start = time.process_time()
    work()
    return BATCH / (time.process_time() - start)


def _rate(packets: float, size: int) -> str:
    return f"{packets:12,.0f} pkt/s{packets * size * 8 / 1e6:7,.0f} Mbit/s"


def make_outbound(suite: tuple, sealed: list[bytes]) -> Outbound:
    """A policy and an SA whose ESP packets go into a list."""
    outbound = Outbound(ignore, ignore, bool, Counter())
    policies = make_policies()
    outbound.set_policy(selector_pairs(policies)[0], policies)
    outbound.add(OutboundSa(make_sa(suite=suite), SystemRng(), lambda esp, inner: sealed.append(esp), ignore))
    return outbound


def through_a_tunnel(seconds: int) -> None:
    """TCP of iperf3 from left to right: goodput, packets there and back, CPU time of both ends for a data packet."""
    print(f"\n{'iperf3, TCP':28}{'goodput':>14}{'data pkt/s':>12}{'acks/s':>12}{'sender us':>12}{'receiver us':>12}")
    for name, shape in TUNNELS.items():
        with Namespace(f"bench{os.getpid()}-l") as left, Namespace(f"bench{os.getpid()}-r") as right:
            veth(left, right)
            for host, outer, inner in ((left, LEFT, LEFT_HOST), (right, RIGHT, RIGHT_HOST)):
                host.add_address("eth0", f"{outer}/24")
                host.add_address("lo", f"{inner}/32")
            with Site((left, right), shape) as site:
                report(name, site.up(), seconds)


def report(name: str, site: Site, seconds: int) -> None:
    """Run iperf3 once and print one line."""
    left, right = site.hosts
    server = right.popen("iperf3", "-s", "-1", stdout=subprocess.DEVNULL)
    wait_until(lambda: "5201" in right.run("ss", "-Hltn").stdout)
    before = [end.call("cpu_seconds") for end in site.ends]
    result = json.loads(left.run("iperf3", "-J", "-t", str(seconds), "-c", site.shape.inner[1]).stdout)
    cpu = [end.call("cpu_seconds") - start for end, start in zip(site.ends, before, strict=True)]
    server.wait(10)
    bits = result["end"]["sum_received"]["bits_per_second"]
    data, answers = site.packets(0), site.packets(1)
    print(
        f"{name:28}{bits / 1e6:7,.0f} Mbit/s{data / seconds:12,.0f}{answers / seconds:12,.0f}"
        f"{cpu[0] / data * 1e6:12.1f}{cpu[1] / data * 1e6:12.1f}"
    )


def side_by_side(seconds: int) -> None:
    """Two gateways with the whole daemon each, and a client behind each: the engine, then strongSwan."""
    if charons.missing():
        print(f"\nno strongSwan to compare with: {charons.missing()}")
        return
    print(f"\n{'iperf3, TCP, UDP 4500':28}{'goodput':>14}{'CPU us for each segment: sender':>36}{'receiver':>12}")
    for proposal in ("aes128gcm16", "aes256-sha256"):
        for make, running, name in (
            (Engine, engines.running, "engine"),
            (charons.Charon, charons.running, "strongSwan"),
        ):
            with tempfile.TemporaryDirectory(dir="/run") as directory, two_sites() as (left, right):
                daemons = [make(site.gateway, Path(directory) / site.address) for site in (left, right)]
                with running(daemons[0]), running(daemons[1]):
                    lab = Lab(left, right, *daemons)
                    lab.connect(encap="yes", children={"net": {"esp_proposals": [proposal]}})
                    daemons[0].initiate("net")
                    bits, cpu = between_clients(lab, seconds)
            segments = bits * seconds / 8 / SEGMENT
            costs = "".join(f"{each / segments * 1e6:{width}.1f}" for each, width in zip(cpu, (36, 12), strict=True))
            print(f"{name + ', ' + proposal:28}{bits / 1e6:7,.0f} Mbit/s{costs}")


def between_clients(lab: Lab, seconds: int) -> tuple[float, list[float]]:
    """Bits per second, and the seconds of CPU time that both daemons took."""
    client, server = lab.left.client, lab.right.client
    listener = server.popen("iperf3", "-s", "-1", stdout=subprocess.DEVNULL)
    wait_until(lambda: "5201" in server.run("ss", "-Hltn").stdout)
    before = [cpu_seconds(daemon.pid) for daemon in (lab.engine, lab.charon)]
    result = json.loads(client.run("iperf3", "-J", "-t", str(seconds), "-c", lab.right.host).stdout)
    after = [cpu_seconds(daemon.pid) for daemon in (lab.engine, lab.charon)]
    listener.wait(10)
    cpu = [end - start for start, end in zip(before, after, strict=True)]
    return result["end"]["sum_received"]["bits_per_second"], cpu


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", nargs="*", metavar="memory|tunnel|daemons", help="only these (default: all)")
    parser.add_argument("--seconds", type=int, default=5, help="length of each iperf3 run (default: 5)")
    options = parser.parse_args()
    if "memory" in options.what or not options.what:
        in_memory()
    if "tunnel" in options.what or not options.what:
        through_a_tunnel(options.seconds)
    if "daemons" in options.what or not options.what:
        side_by_side(options.seconds)


if __name__ == "__main__":
    main()
