"""Two sites and the internet between them, as network namespaces:

pc1 ── gw1 ── internet ── gw2 ── pc2
10.1.0.10      (captured)       10.2.0.10
"""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lab.netns import Namespace, veth

PREFIX = "keymesh-"


@dataclass(frozen=True)
class Site:
    """One site: a gateway with an outer address, and a client behind it."""

    gateway: str
    client: str
    outer: str
    router: str
    subnet: str
    inner: str
    client_address: str


SITES = (
    Site("gw1", "pc1", "192.0.2.1", "192.0.2.254", "10.1.0.0/24", "10.1.0.1", "10.1.0.10"),
    Site("gw2", "pc2", "198.51.100.1", "198.51.100.254", "10.2.0.0/24", "10.2.0.1", "10.2.0.10"),
)
INTERNET = "internet"


class Topology:
    """The namespaces of the demo."""

    def __init__(self) -> None:
        names = [INTERNET, *(name for site in SITES for name in (site.gateway, site.client))]
        self.hosts = {name: Namespace(PREFIX + name) for name in names}
        for site in SITES:
            self._connect(site)
        internet = self.hosts[INTERNET]
        internet.run("sysctl", "-qw", "net.ipv4.ip_forward=1")

    def _connect(self, site: Site) -> None:
        internet, gateway, client = self.hosts[INTERNET], self.hosts[site.gateway], self.hosts[site.client]
        veth(gateway, internet, "wan", site.gateway)
        veth(gateway, client, "lan", "eth0")
        gateway.add_address("wan", f"{site.outer}/24")
        gateway.add_address("lan", f"{site.inner}/24")
        gateway.add_route("default", "via", site.router)
        gateway.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        internet.add_address(site.gateway, f"{site.router}/24")
        client.add_address("eth0", f"{site.client_address}/24")
        client.add_route("default", "via", site.inner)

    def close(self) -> None:
        """Remove all of it."""
        for host in self.hosts.values():
            host.close()


def remove_leftovers() -> None:
    """Remove what an earlier run has left, because it was told to or because it was killed."""
    listing = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        name = line.split()[0]
        if name.startswith(PREFIX):
            pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False).stdout
            for pid in pids.split():
                with contextlib.suppress(ProcessLookupError):
                    Path(f"/proc/{pid}").exists() and subprocess.run(["kill", "-9", pid], check=False)
            subprocess.run(["ip", "netns", "del", name], check=False)
