"""Tells the story of the demo, step by step."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from tests.lab.demo import inventory, playbook
from tests.lab.demo.playbook import PlaybookFailed, Recap
from tests.lab.demo.topology import INTERNET, PREFIX, SITES, Topology, remove_leftovers
from tests.lab.demo.wire import Capture
from tests.lab.netns import Namespace, wait_until
from tests.lab.traffic import Ping, iperf3

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / ".build"
DIRECTORY = Path("/tmp/keymesh-demo")
LOCK = Path("/run/keymesh-demo.lock")
MARKER = b"keymesh-secret!!"
"""What the clients send to each other; it must not be seen on the wire."""

TRANSFER_MEGABYTES = 10
PING_INTERVAL = 0.01


class DemoFailed(Exception):
    """Something that the demo promises did not happen."""


class Demo:
    """The topology, the inventory and the steps."""

    def __init__(self, console: Console, directory: Path) -> None:
        self.console = console
        self.directory = directory
        self.wheels = BUILD / "wheels"
        self.topology = Topology()
        self.collections = self._link_collection()
        self.inventory = inventory.write(directory, auth="psk", wheels=self.wheels)
        self.left, self.right = SITES
        self._capture: Capture | None = None

    def _link_collection(self) -> Path:
        """Ansible finds a collection only under ansible_collections/NAMESPACE/NAME."""
        path = self.directory / "collections"
        link = path / "ansible_collections" / "keymesh" / "ike"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        return path

    # --- steps ------------------------------------------------------------------------------------------------

    def without_vpn(self) -> str:
        """Before anything is rolled out."""
        if self._client().ping(self.right.client_address, wait=1):
            raise DemoFailed("the sites can reach each other before there is a VPN")
        return f"{self.left.client} cannot reach {self.right.client}"

    def roll_out(self, auth: str) -> str:
        """The real playbook, with pre-shared keys or with certificates. From here on the wire is captured."""
        self._capture = Capture(self.topology.hosts[INTERNET], self.left.gateway, self.directory / f"{auth}.pcap")
        self.inventory = inventory.write(self.directory, auth=auth, wheels=self.wheels)
        recap = self._play("keymesh.ike.site_to_site", f"site_to_site-{auth}")
        return f"{recap.ok} tasks ok, {recap.changed} changes; {self._datapath()}"

    def again(self) -> str:
        """A second run of every role must change nothing."""
        recap = self._play("keymesh.ike.site_to_site", "site_to_site-again")
        if recap.changed:
            raise DemoFailed(f"the second run changed {recap.changed} things; see {self.directory}")
        return f"{recap.ok} tasks ok, nothing changed"

    def traffic(self) -> str:
        """Ping and a bulk transfer between the clients, and a look at the capture between the gateways."""
        if not self._client().ping(self.right.client_address, "-p", MARKER.hex(), "-s", "256", count=10):
            raise DemoFailed(f"{self.left.client} cannot reach {self.right.client} through the tunnel")
        rate = self._transfer()
        assert self._capture is not None
        found = self._capture.stop(MARKER)
        if found.leaked or found.marker_seen or not (found.packets["IKE"] and found.packets["ESP"]):
            raise DemoFailed(f"the wire shows more than IKE and ESP: {found}")
        seen = ", ".join(f"{count} {kind}" for kind, count in found.packets.items())
        return f"10 of 10 pings, {rate:.0f} Mbit/s of TCP; on the wire: {seen}, nothing in the clear"

    def rekey_under_load(self) -> str:
        """New keys for everything while packets flow, every one counted."""
        before = self._spis()
        ping = Ping(self._client(), self.right.client_address, interval=PING_INTERVAL)
        self._play("keymesh.ike.rekey", "rekey", "-e", "ike_rekey_parent=true")
        self._wait_for_the_replaced_to_go()
        received, lost = ping.stop()
        if before & self._spis():
            raise DemoFailed("the SAs were not replaced")
        if lost or not received:
            raise DemoFailed(f"packets were lost while rekeying: {lost} of {received + len(lost)}")
        return f"IKE SA and Child SA replaced on {self.left.gateway}; {received} packets arrived meanwhile, 0 lost"

    def status(self) -> None:
        """What a person reads."""
        self.console.print()
        self.console.print(f"[bold]{self.left.gateway}$ ikeengine status[/]", highlight=False)
        self._engine(self.left.gateway, "status", capture=False)

    # --- tools ------------------------------------------------------------------------------------------------

    def _play(self, name: str, log: str, *arguments: str) -> Recap:
        with self.console.status(f"ansible-playbook {name}") as spinner:

            def tell(task: str) -> None:
                spinner.update(f"ansible-playbook {name}: {task}")

            return playbook.run(self.collections, self.inventory, name, self.directory / f"{log}.log", tell, *arguments)

    def _client(self) -> Namespace:
        return self.topology.hosts[self.left.client]

    def _transfer(self) -> float:
        server, address = self.topology.hosts[self.right.client], self.right.client_address
        return iperf3(self._client(), server, address, megabytes=TRANSFER_MEGABYTES)

    def _engine(self, gateway: str, *arguments: str, capture: bool = True) -> str:
        host = self.directory / "hosts" / gateway
        command = [str(host / "opt/current/bin/ikeengine"), "--socket", str(host / "run/ikeengine.vici"), *arguments]
        prefix = ["ip", "netns", "exec", PREFIX + gateway]
        result = subprocess.run([*prefix, *command], stdout=subprocess.PIPE if capture else None, text=True, check=True)
        return result.stdout or ""

    def _spis(self) -> set[str]:
        """Every SPI in use on the left gateway; replaced SAs linger for a few seconds and do not count."""
        sas = json.loads(self._engine(self.left.gateway, "sas", "--json"))
        return {spi for sa in sas for spi in _spis_in_use(sa)}

    def _wait_for_the_replaced_to_go(self) -> None:
        """Until then packets that were still under way may arrive with the old keys."""
        wait_until(lambda: "DELETED" not in self._engine(self.left.gateway, "sas", "--json"), interval=1)

    def _datapath(self) -> str:
        stats = json.loads(self._engine(self.left.gateway, "stats", "--json"))
        return f"datapath: {stats['plugins'][0]}"


def _spis_in_use(section: object) -> Iterator[str]:
    """The SPIs of the established IKE SAs and installed Child SAs in a part of `ikeengine sas --json`."""
    if not isinstance(section, dict):
        return
    if section.get("state") in ("ESTABLISHED", "INSTALLED"):
        names = ("initiator-spi", "responder-spi", "spi-in", "spi-out")
        yield from (section[name] for name in names if name in section)
    for part in section.values():
        yield from _spis_in_use(part)


def fetch_wheels(console: Console, wheels: Path) -> None:
    """What the engine needs on the gateways, fetched once, so that the roll-out itself needs no internet."""
    if (wheels / ".complete").exists():
        return
    wheels.mkdir(parents=True, exist_ok=True)
    with console.status("fetching the wheels that the engine needs"):
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "wheel",
                "--quiet",
                "--disable-pip-version-check",
                "--wheel-dir",
                str(wheels),
                str(ROOT),
            ],
            check=True,
            capture_output=True,
        )
    for own in wheels.glob("ikeengine-*.whl"):
        own.unlink()
    (wheels / ".complete").touch()


def tell_story(demo: Demo) -> None:
    """All steps, each with its outcome and its time."""
    steps: list[tuple[str, Callable[[], str]]] = [
        ("Two sites without a VPN", demo.without_vpn),
        ("Roll out the VPN with pre-shared keys", lambda: demo.roll_out("psk")),
        ("Send traffic through the tunnel", demo.traffic),
        ("Run the playbook again", demo.again),
        ("Change to certificates", lambda: demo.roll_out("cert")),
        ("Send traffic through the tunnel", demo.traffic),
        ("Rekey under load", demo.rekey_under_load),
    ]
    for number, (title, step) in enumerate(steps, 1):
        started = time.monotonic()
        outcome = step()
        seconds = time.monotonic() - started
        demo.console.print(
            f"[green]✔[/] {number}/{len(steps)} [bold]{title}[/] [dim]({seconds:.0f} s)[/]", highlight=False
        )
        demo.console.print(f"      {outcome}", highlight=False, soft_wrap=True)
    demo.status()


def explain_how_to_explore(demo: Demo) -> None:
    """What is there after `make demo KEEP=1`."""
    host = demo.directory / "hosts" / demo.left.gateway
    socket = host / "run/ikeengine.vici"
    demo.console.print(f"""
Everything is left running. Explore it, for example:
  ip netns exec {PREFIX}{demo.left.client} ping {demo.right.client_address}
  ip netns exec {PREFIX}{INTERNET} tcpdump -ni {demo.left.gateway}
  {host}/opt/current/bin/ikeengine --socket {socket} sas
  swanctl --list-sas --uri unix://{socket}
  the inventory: {demo.inventory}
The next `make demo` removes it.""", highlight=False, soft_wrap=True)  # fmt: skip


def main() -> int:
    """Run the demo. 0 if everything happened that it promises."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running for exploring")
    options = parser.parse_args()
    console = Console()
    if os.geteuid() != 0 or shutil.which("ip") is None:
        console.print("The demo makes network namespaces, which needs root and iproute2: sudo make demo")
        return 1
    with alone(console):
        return show(console, keep=options.keep)


def show(console: Console, *, keep: bool) -> int:
    """Build everything, tell the story, and remove everything unless it is to be kept."""
    demo = Demo(console, fresh_directory())
    kept = False
    try:
        fetch_wheels(console, demo.wheels)
        tell_story(demo)
        if keep:
            explain_how_to_explore(demo)
            kept = True
    except (DemoFailed, PlaybookFailed) as failure:
        console.print("[red]✘ failed[/]")
        console.print(str(failure), highlight=False, markup=False, soft_wrap=True)
        return 1
    finally:
        if not kept:
            demo.topology.close()
    if not kept:
        shutil.rmtree(demo.directory)
    return 0


@contextmanager
def alone(console: Console) -> Iterator[None]:
    """One demo at a time on a machine: they all have the same names."""
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("another demo runs on this machine; waiting for its end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fresh_directory() -> Path:
    """An empty directory for the demo, with nothing left of the one before."""
    remove_leftovers()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(mode=0o700)
    return DIRECTORY


if __name__ == "__main__":
    sys.exit(main())
