"""L2TP/IPsec with the files of docs/guide/ikev1.md: transport mode for xl2tpd and pppd, the client behind a NAT."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.interop.lab import Lab, lab, merged
from tests.lab.charon import NETLINK
from tests.lab.needs import need_programs
from tests.lab.netns import Namespace, wait_until
from tests.lab.traffic import ESP, captured

GUIDE = Path(__file__).parents[4] / "docs" / "guide" / "ikev1.md"
USER, PASSWORD = "carol", "what carol types"
SERVER, CLIENT = "10.8.0.1", "10.8.0.10"
DATAPATHS = ("xfrm", "userspace")
LAC = """[global]
port = 1701
[lac office]
lns = 192.0.2.1
autodial = yes
redial = yes
redial timeout = 1
pppoptfile = /etc/ppp/options.xl2tpd
"""
CLIENT_OPTIONS = f"""
noauth
noccp
nodefaultroute
mtu 1280
mru 1280
name {USER}
remotename office
password "{PASSWORD}"
"""
START = """
for module in ppp_generic ppp_async ppp_synctty; do modprobe $module; done
mount -t devtmpfs devtmpfs /dev && mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
mount --bind "$1/chap-secrets" /etc/ppp/chap-secrets
exec xl2tpd -D -c "$1/xl2tpd.conf" -C "$1/control" -p "$1/pid"
"""


@pytest.fixture(scope="module", params=DATAPATHS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The engine at the gateway, and strongSwan at a client behind a NAT, as Linux desktops have it."""
    directory = tmp_path_factory.mktemp("l2tp")
    with lab(directory, datapath=request.param, kernel=NETLINK, hidden="right", static_nat=True) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(site: Lab) -> Iterator[None]:
    site.reset()
    yield
    print("--- left", site.engine.log(), "--- right", site.charon.log(), sep="\n")


@dataclass(frozen=True)
class Recipe:
    """The blocks of the guide's section on L2TP, in order; but not its rule for nftables, which this kernel lacks."""

    connection: dict[str, Any]
    secret: str
    xl2tpd: str
    options: str
    users: str

    @classmethod
    def of_the_guide(cls) -> Recipe:
        section = GUIDE.read_text().split("\n## L2TP/IPsec\n")[1].split("\n## ")[0]
        configuration, *files = re.findall(r"^```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        loaded = yaml.safe_load(configuration)
        return cls(loaded["connections"]["l2tp"], loaded["secrets"]["ike-l2tp"]["secret"], *files[:3])


@contextlib.contextmanager
def l2tp(namespace: Namespace, directory: Path, configuration: str, options: str, users: str) -> Iterator[None]:
    """Run xl2tpd with its own view of /dev and of the users' passwords."""
    directory.mkdir()
    (directory / "options").write_text(options)
    placed = configuration.replace("/etc/ppp/options.xl2tpd", str(directory / "options"))
    (directory / "xl2tpd.conf").write_text(placed)
    secrets = directory / "chap-secrets"
    secrets.write_text(users)
    secrets.chmod(0o600)
    log = directory / "log"
    with log.open("w") as output:
        process = namespace.popen("sh", "-c", START, "start", str(directory), stdout=output, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)
        print(f"--- {directory.name}", log.read_text(errors="replace")[-4000:], sep="\n")


def load(site: Lab, recipe: Recipe) -> None:
    """The gateway has the recipe; strongSwan, its first proposals."""
    site.engine.load_psk(recipe.secret)
    site.engine.load({"l2tp": as_text(recipe.connection)})
    child = recipe.connection["children"]["l2tp"]
    net = {"mode": "transport", "local_ts": ["dynamic[udp/1701]"], "remote_ts": ["dynamic[udp/1701]"]}
    client = {
        "version": "1",
        "proposals": recipe.connection["proposals"][:1],
        "local": {"id": None},
        "remote": {"id": None},
        "children": {"net": {**net, "esp_proposals": child["esp_proposals"][:1]}},
    }
    site.charon.load_psk(recipe.secret)
    site.charon.load({site.name: merged(site.connection("charon"), client)})


def as_text(value: Any) -> Any:
    """A section as VICI has it."""
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    return [as_text(item) for item in value] if isinstance(value, list) else str(value)


def test_l2tp_through_a_nat(site: Lab, tmp_path: Path) -> None:
    """PPP within L2TP within ESP within UDP: nothing of L2TP is seen on the way, and packets go through both ways."""
    need_programs("xl2tpd", "pppd")
    recipe = Recipe.of_the_guide()
    load(site, recipe)
    site.charon.initiate("net")
    mine = site.engine.child()
    assert (mine["mode"], mine["local-ts"]) == ("TRANSPORT", ["192.0.2.1/32[udp/1701]"])
    with (
        captured(site.left.gateway, tmp_path / "outer.pcap") as capture,
        l2tp(site.left.gateway, tmp_path / "lns", recipe.xl2tpd, recipe.options, recipe.users),
        l2tp(site.right.gateway, tmp_path / "lac", LAC, CLIENT_OPTIONS, ""),
    ):
        wait_until(lambda: _has(site.right.gateway, CLIENT))
        assert site.right.gateway.ping(SERVER, count=3)
        assert site.left.gateway.ping(CLIENT, count=3)
    assert capture.count(ESP) >= 12
    assert capture.count("udp port 1701") == 0


def _has(namespace: Namespace, address: str) -> bool:
    return bool(re.search(rf"inet {re.escape(address)} ", namespace.run("ip", "-o", "addr").stdout))
