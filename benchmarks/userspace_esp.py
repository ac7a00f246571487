"""How fast the userspace datapath is: in memory, and between two network namespaces with iperf3 (needs root).

Run: python benchmarks/userspace_esp.py [--seconds N] [memory] [tunnel]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
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
from tests.lab.netns import Namespace, veth

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
    server = right.popen("iperf3", "-s", "-1", stdout=-3)
    time.sleep(0.5)
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


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", nargs="*", metavar="memory|tunnel", help="only these (default: both)")
    parser.add_argument("--seconds", type=int, default=5, help="length of each iperf3 run (default: 5)")
    options = parser.parse_args()
    if "memory" in options.what or not options.what:
        in_memory()
    if "tunnel" in options.what or not options.what:
        through_a_tunnel(options.seconds)


if __name__ == "__main__":
    main()
