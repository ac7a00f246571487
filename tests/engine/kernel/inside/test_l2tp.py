"""L2TP/IPsec as docs/guide/ikev1.md has it: IKEv1 in transport mode for xl2tpd and pppd, the client behind a NAT."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab, child, lab
from tests.lab.charon import NETLINK
from tests.lab.needs import need_programs
from tests.lab.netns import Namespace, wait_until
from tests.lab.traffic import ESP, captured

USER, PASSWORD = "carol", "what carol types"
SERVER, CLIENT = "10.8.0.1", "10.8.0.10"
DATAPATHS = ("xfrm", "userspace")
LNS = """[global]
port = 1701
[lns default]
ip range = 10.8.0.10-10.8.0.99
local ip = 10.8.0.1
require authentication = yes
require chap = yes
refuse pap = yes
pppoptfile = {options}
"""
LAC = """[global]
port = 1701
[lac office]
lns = {server}
autodial = yes
redial = yes
redial timeout = 1
pppoptfile = {options}
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


@contextlib.contextmanager
def l2tp(namespace: Namespace, directory: Path, configuration: str, *options: str) -> Iterator[None]:
    """Run xl2tpd with its own view of /dev and of the users' passwords."""
    directory.mkdir()
    (directory / "options").write_text("\n".join(("noccp", "nodefaultroute", "mtu 1280", "mru 1280", *options)) + "\n")
    (directory / "xl2tpd.conf").write_text(configuration.format(server="192.0.2.1", options=directory / "options"))
    secrets = directory / "chap-secrets"
    secrets.write_text(f'{USER} * "{PASSWORD}" *\n')
    secrets.chmod(0o600)
    log = directory / "log"
    with log.open("w") as output:
        process = namespace.popen("sh", "-c", START, "start", str(directory), stdout=output, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
        print(f"--- {directory.name}", log.read_text(errors="replace")[-4000:], sep="\n")


def test_l2tp_through_a_nat(site: Lab, tmp_path: Path) -> None:
    """PPP within L2TP within ESP within UDP: nothing of L2TP is seen on the way, and packets go through both ways."""
    need_programs("xl2tpd", "pppd")
    connect(
        site,
        engine={"remote_addrs": ["%any"], **child(local_ts=["dynamic[udp/1701]"], remote_ts=["dynamic[udp]"])},
        charon=child(local_ts=["dynamic[udp/1701]"], remote_ts=["dynamic[udp/1701]"]),
        **child(mode="transport", esp_proposals=["aes256-sha256"]),
    )
    site.charon.initiate("net")
    wait_until(site.engine.children)
    mine = site.engine.child()
    assert (mine["mode"], mine["local-ts"]) == ("TRANSPORT", ["192.0.2.1/32[udp/1701]"])
    server = ("auth", "require-mschap-v2")
    client = ("noauth", f"name {USER}", "remotename office", f'password "{PASSWORD}"')
    with (
        captured(site.left.gateway, tmp_path / "outer.pcap") as capture,
        l2tp(site.left.gateway, tmp_path / "lns", LNS, *server),
        l2tp(site.right.gateway, tmp_path / "lac", LAC, *client),
    ):
        wait_until(lambda: _has(site.right.gateway, CLIENT))
        assert site.right.gateway.ping(SERVER, count=3)
        assert site.left.gateway.ping(CLIENT, count=3)
    assert capture.count(ESP) >= 12
    assert capture.count("udp port 1701") == 0


def _has(namespace: Namespace, address: str) -> bool:
    return bool(re.search(rf"inet {re.escape(address)} ", namespace.run("ip", "-o", "addr").stdout))
