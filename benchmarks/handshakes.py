"""How many IKEv2 handshakes per second, and at what cost of CPU: the engine and strongSwan's charon side by side.

Each scenario starts two fresh daemons in two network namespaces and brings up IKE SAs with one Child SA each, over
real UDP sockets, with a pre-shared key. The scenarios take turns for several rounds, so that what else the machine
does meets all of them. Run as root:

    python -m benchmarks.handshakes [--count 1000] [--rounds 5] [--parallel 32] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import harmonic_mean, mean
from typing import Any

from vici.protocol import Message, Packet

from tests.lab import charon, engine
from tests.lab.control import Control
from tests.lab.netns import Namespace, veth
from tests.lab.topology import unique_name

IKE_PROPOSAL = "aes128gcm16-prfsha256-x25519"
ESP_PROPOSAL = "aes128gcm16"
ADDRESSES = ("192.0.2.1", "192.0.2.2")
NETS = ("10.1.0.0/24", "10.2.0.0/24")
INSIDE = ("10.1.0.1/24", "10.2.0.1/24")
Kinds = tuple[str, str]
"""What plays the initiator, and what the responder."""
SCENARIOS: tuple[Kinds, ...] = (("charon", "charon"), ("engine", "charon"), ("charon", "engine"), ("engine", "engine"))
WARM_UP = 100
TIMEOUT = 30

CHARON_SETTINGS = {
    "threads": "64",
    "reuse_ikesa": "no",
    "dos_protection": "no",
    "ikesa_table_size": "1024",
    "ikesa_table_segments": "16",
    "filelog": {"log": {"default": "-1", "ike": "-1", "cfg": "-1"}},
}
ENGINE_SETTINGS = {
    "reuse_ikesa": False,
    "cookie_threshold": 0,
    "cookie_threshold_ip": 0,
    "block_threshold": 0,
    "log": {"default": -1},
}


@dataclass(frozen=True)
class Result:
    """One scenario, in one round or all. CPU is user plus system time of the daemon, in milliseconds per handshake."""

    initiator: str
    responder: str
    handshakes: int
    per_second: float
    initiator_cpu_ms: float
    responder_cpu_ms: float


@dataclass(frozen=True)
class Ratio:
    """CPU of the engine relative to charon in the same role: over all rounds, in the best and in the worst of them."""

    total: float
    lowest: float
    highest: float


class Client:
    """A control connection. Commands are not waited for; the events of new Child SAs tell how many are done."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def register(self, event: str) -> None:
        """Ask for an event."""
        self._send(Packet.register_event(event))
        await self.receive()

    def initiate(self) -> None:
        """Begin one handshake."""
        message = Message.serialize({"child": "net", "ike": "bench", "timeout": "-1", "loglevel": "-1"})
        self._send(Packet.request("initiate", message))

    async def receive(self) -> int:
        """The type of the next packet."""
        (length,) = struct.unpack("!I", await self._reader.readexactly(4))
        return (await self._reader.readexactly(length))[0]

    def _send(self, packet: bytes) -> None:
        self._writer.write(struct.pack("!I", len(packet)) + packet)


async def connect(socket_path: Path) -> Client:
    """A client; connecting waits, because charon's queue of new connections is short."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(socket_path))
    return Client(*await asyncio.open_unix_connection(sock=sock))


async def drive(socket_path: Path, count: int, parallel: int) -> float:
    """Bring up `count` SAs with `parallel` under way at any time. Returns the seconds that it took."""
    commands, events = await connect(socket_path), await connect(socket_path)
    await events.register("child-updown")
    begin = time.perf_counter()
    for _ in range(parallel):
        commands.initiate()
    for done in range(1, count + 1):
        await asyncio.wait_for(events.receive(), TIMEOUT)
        if done + parallel <= count:
            commands.initiate()
    return time.perf_counter() - begin


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def daemon(kind: str, namespace: Namespace, directory: Path, options: argparse.Namespace) -> Any:
    """A daemon that is not started yet."""
    if kind == "charon":
        return charon.Charon(namespace, directory, CHARON_SETTINGS)
    return engine.Engine(namespace, directory, ENGINE_SETTINGS, datapath=options.datapath, python=options.python)


def usual_python() -> str:
    """The interpreter of the distribution, which gateways have, as charon is that of the distribution; else our own."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return shutil.which(f"python{version}", path="/usr/bin") or sys.executable


def load(control: Control, side: int) -> None:
    """The connection of one side."""
    names = ("initiator", "responder")
    control.load_psk("a secret of the benchmark")
    connection = {
        "version": "2",
        "local_addrs": [ADDRESSES[side]],
        "remote_addrs": [ADDRESSES[1 - side]],
        "proposals": [IKE_PROPOSAL],
        "unique": "never",
        "encap": "yes",
        "local": {"auth": "psk", "id": names[side]},
        "remote": {"auth": "psk", "id": names[1 - side]},
        "children": {"net": {"local_ts": [NETS[side]], "remote_ts": [NETS[1 - side]], "esp_proposals": [ESP_PROPOSAL]}},
    }
    control.load({"bench": connection})


@contextmanager
def daemons(kinds: Kinds, directory: Path, options: argparse.Namespace) -> Iterator[tuple[Any, Any]]:
    """Two daemons that are connected and configured: initiator and responder."""
    with Namespace(unique_name("initiator")) as left, Namespace(unique_name("responder")) as right:
        veth(left, right)
        pair = []
        for side, namespace in enumerate((left, right)):
            namespace.add_address("eth0", f"{ADDRESSES[side]}/24")
            namespace.add_address("lo", INSIDE[side])
            pair.append(daemon(kinds[side], namespace, directory / f"{kinds[0]}-{kinds[1]}-{side}", options))
        try:
            for side, control in enumerate(pair):
                control.start()
                load(control, side)
            yield pair[0], pair[1]
        finally:
            for control in pair:
                control.kill()


def measure(kinds: Kinds, pair: tuple[Any, Any], count: int, parallel: int) -> Result:
    """One round of one scenario."""
    before = [cpu_seconds(control.pid) for control in pair]
    seconds = asyncio.run(drive(pair[0].socket_path, count, parallel))
    cpu = [(cpu_seconds(control.pid) - start) * 1000 / count for control, start in zip(pair, before, strict=True)]
    return Result(*kinds, count, count / seconds, *cpu)


def measure_all(wanted: list[Kinds], options: argparse.Namespace, directory: Path) -> list[list[Result]]:
    """The results of each round."""
    with ExitStack() as stack:
        pairs = {kinds: stack.enter_context(daemons(kinds, directory, options)) for kinds in wanted}
        for pair in pairs.values():
            asyncio.run(drive(pair[0].socket_path, WARM_UP, options.parallel))
        count = max(1, options.count // options.rounds)
        rounds = []
        for number in range(1, options.rounds + 1):
            print(f"round {number} of {options.rounds}", file=sys.stderr)
            rounds.append([measure(kinds, pair, count, options.parallel) for kinds, pair in pairs.items()])
        return rounds


def together(rounds: list[list[Result]]) -> list[Result]:
    """Each scenario over all rounds, which have the same number of handshakes."""
    return [
        Result(
            same[0].initiator,
            same[0].responder,
            sum(one.handshakes for one in same),
            round(harmonic_mean(one.per_second for one in same), 1),
            round(mean(one.initiator_cpu_ms for one in same), 3),
            round(mean(one.responder_cpu_ms for one in same), 3),
        )
        for same in zip(*rounds, strict=True)
    ]


def ratios(rounds: list[list[Result]]) -> dict[str, Ratio]:
    """CPU of the engine relative to charon in the same role, each against charon as the peer, and of both roles."""
    total = _ratios(together(rounds))
    each = [_ratios(results) for results in rounds]
    return {
        role: Ratio(
            round(ratio, 2), round(min(found[role] for found in each), 2), round(max(found[role] for found in each), 2)
        )
        for role, ratio in total.items()
    }


def _ratios(results: list[Result]) -> dict[str, float]:
    by_kinds = {(result.initiator, result.responder): result for result in results}
    reference = by_kinds.get(("charon", "charon"))
    if reference is None:
        return {}
    found = {}
    first, second = by_kinds.get(("engine", "charon")), by_kinds.get(("charon", "engine"))
    if first is not None:
        found["initiator"] = first.initiator_cpu_ms / reference.initiator_cpu_ms
    if second is not None:
        found["responder"] = second.responder_cpu_ms / reference.responder_cpu_ms
    if first is not None and second is not None:
        ours = first.initiator_cpu_ms + second.responder_cpu_ms
        found["initiator and responder"] = ours / (reference.initiator_cpu_ms + reference.responder_cpu_ms)
    return found


def print_table(rounds: list[list[Result]], python: str) -> None:
    """The results for people."""
    print(f"the engine runs on {python}")
    print(f"{'initiator':10} {'responder':10} {'handshakes/s':>13} {'initiator ms':>13} {'responder ms':>13}")
    for result in together(rounds):
        print(
            f"{result.initiator:10} {result.responder:10} {result.per_second:13.1f}"
            f" {result.initiator_cpu_ms:13.3f} {result.responder_cpu_ms:13.3f}"
        )
    for role, ratio in ratios(rounds).items():
        spread = f"between {ratio.lowest:.2f} and {ratio.highest:.2f} in single rounds"
        print(f"CPU of the engine as {role}: {ratio.total:.2f} times that of charon ({spread})")


def main() -> None:
    """Run the scenarios that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="handshakes per scenario (default 1000)")
    parser.add_argument("--rounds", type=int, default=5, help="turns in which they are made (default 5)")
    parser.add_argument("--parallel", type=int, default=32, help="handshakes under way at a time (default 32)")
    parser.add_argument("--datapath", default="userspace", help="datapath of the engine (default userspace)")
    parser.add_argument("--python", default=usual_python(), help="interpreter of the engine (default %(default)s)")
    parser.add_argument("--only", help="one scenario, such as engine-charon (initiator first)")
    parser.add_argument("--json", action="store_true", help="machine-readable results")
    options = parser.parse_args()
    if reason := missing():
        sys.exit(reason)
    wanted = [kinds for kinds in SCENARIOS if options.only in (None, "-".join(kinds))]
    with tempfile.TemporaryDirectory(prefix="ikeengine-bench-") as name:
        rounds = measure_all(wanted, options, Path(name))
    if options.json:
        found = {role: asdict(ratio) for role, ratio in ratios(rounds).items()}
        print(
            json.dumps(
                {"python": options.python, "results": [asdict(result) for result in together(rounds)], "ratios": found},
                indent=2,
            )
        )
    else:
        print_table(rounds, options.python)


def missing() -> str:
    """Why the benchmark cannot run here; empty if it can."""
    return "the benchmark needs root for its network namespaces" if os.geteuid() else charon.missing()


if __name__ == "__main__":
    main()
