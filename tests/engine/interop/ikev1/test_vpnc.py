"""vpnc, the client for Cisco's gateways, at our gateway: Aggressive Mode, group password, XAUTH, mode config, Unity."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import engine as engines
from tests.lab.engine import Engine
from tests.lab.needs import give_up
from tests.lab.netns import wait_until
from tests.lab.topology import Site, sites_with_nat, two_sites
from tests.lab.traffic import ESP, captured

GROUP, GROUP_PASSWORD = "warriors", "8f1d6a2b9c3e47508f1d6a2b9c3e4750"
USER, PASSWORD = "carol", "4iChxLT3"
ENGINE = {"cisco_unity": True, "i_dont_care_about_security_and_use_aggressive_mode_psk": True}
SCRIPT = """#!/bin/sh
# What vpnc asks for: an address, and routes for the networks that the gateway names.
case $reason in
connect)
    ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
    ip link set "$TUNDEV" mtu 1400 up
    i=0
    while [ "$i" -lt "${CISCO_SPLIT_INC:-0}" ]; do
        eval "network=\\$CISCO_SPLIT_INC_${i}_ADDR/\\$CISCO_SPLIT_INC_${i}_MASKLEN"
        ip route add "$network" dev "$TUNDEV" src "$INTERNAL_IP4_ADDRESS"
        i=$((i + 1))
    done
    env | grep -E '^(INTERNAL|CISCO)_' >"$(dirname "$0")/told" ;;
esac
"""


@pytest.fixture(scope="module", autouse=True)
def _can_run() -> None:
    if shutil.which("vpnc") is None:
        give_up("apt-get install vpnc")


@pytest.fixture(autouse=True)
def _fresh(sites: tuple[Site, Site, Engine]) -> Iterator[None]:
    """There is no charon here, and the connection stays; show what the engine said if a test fails."""
    sites[2].mark_log()
    yield
    print("--- engine", sites[2].log(), sep="\n")


@pytest.fixture(scope="module")
def sites(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, Site, Engine]]:
    """The gateway on the left, and where vpnc runs: `right` if that is behind a NAT."""
    with contextlib.ExitStack() as stack:
        if request.param:
            left, right, _router = stack.enter_context(sites_with_nat(hidden=request.param))
        else:
            left, right = stack.enter_context(two_sites())
        engine = Engine(left.gateway, tmp_path_factory.mktemp("engine"), ENGINE)
        stack.enter_context(engines.running(engine))
        _load(left, engine)
        yield left, right, engine


def _load(left: Site, engine: Engine) -> None:
    engine.request("load_pool", {"office": {"addrs": "10.3.0.0/28", "dns": ["10.1.0.53"]}})
    engine.load_psk(GROUP_PASSWORD, f"keyid:{GROUP}")
    engine.request("load_shared", {"id": USER, "type": "XAUTH", "data": PASSWORD, "owners": [USER]})
    rw = {
        "version": "1",
        "aggressive": "yes",
        "proposals": ["aes256-sha1-modp1024"],
        "local_addrs": [left.address],
        "pools": ["office"],
        "local": {"auth": "psk", "id": left.address},
        "remote-1": {"auth": "psk", "id": f"keyid:{GROUP}"},
        "remote-2": {"auth": "xauth"},
        "children": {"net": {"local_ts": [left.net], "remote_ts": ["dynamic"], "esp_proposals": ["aes256-sha1"]}},
    }
    engine.load({"rw": rw})


@contextlib.contextmanager
def vpnc(gateway: Site, client: Site, directory: Path, mode: str, password: str = PASSWORD) -> Iterator[Path]:
    """Run vpnc in the foreground; yields where it logs."""
    script, config, log = directory / "script", directory / "vpnc.conf", directory / "log"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    settings = {
        "IPSec gateway": gateway.address,
        "IPSec ID": GROUP,
        "IPSec secret": GROUP_PASSWORD,
        "IKE Authmode": "psk",
        "Xauth username": USER,
        "Xauth password": password,
        "NAT Traversal Mode": mode,
        "Script": str(script),
        "Pidfile": str(directory / "pid"),
    }
    config.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    command = ("vpnc", "--no-detach", "--non-inter", "--debug", "2", "--local-port", "0", str(config))
    with log.open("w") as output:
        process = client.gateway.popen(*command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield log
    finally:
        process.terminate()
        process.wait(60)
        print(log.read_text()[-4000:])


def assert_parted(engine: Engine) -> None:
    """vpnc deletes all that it had. Its last two message IDs have one octet each, and may be the same."""
    wait_until(lambda: not engine.children())
    wait_until(lambda: not engine.sas() or "has been used" in engine.log())
    if engine.sas():
        engine.terminate(ike="rw")


@pytest.mark.parametrize(
    ("sites", "mode"),
    [
        *[("", mode) for mode in ("natt", "force-natt", "none", "cisco-udp")],
        *[("right", mode) for mode in ("natt", "force-natt", "cisco-udp")],
    ],
    indirect=["sites"],
)
def test_vpnc_passes_traffic(sites: tuple[Site, Site, Engine], mode: str, tmp_path: Path) -> None:
    """It gets an address, name servers and the network to tunnel, and talks to that."""
    left, right, engine = sites
    with captured(left.gateway, tmp_path / "outer.pcap") as capture, vpnc(left, right, tmp_path, mode):
        wait_until(engine.children)
        (ike,) = engine.ikes()
        assert (ike["remote-id"], ike["remote-xauth-id"]) == (GROUP, USER)
        (address,) = ike["remote-vips"]
        assert engine.child()["remote-ts"] == [f"{address}/32"]
        assert engine.child()["local-ts"] == [left.net]
        told = tmp_path / "told"
        wait_until(lambda: told.exists() and "INTERNAL_IP4_DNS=10.1.0.53" in told.read_text())
        assert right.gateway.ping(left.host, count=3)
        assert left.client.ping(address, count=3)
    assert_parted(engine)
    assert capture.count(ESP) >= 6
    if mode == "cisco-udp":
        assert capture.count("esp") == 0
        assert capture.count("udp port 500") > 8, "IKE stays there, also after the Quick Mode"


@pytest.mark.parametrize("sites", [""], indirect=True)
def test_a_wrong_password(sites: tuple[Site, Site, Engine], tmp_path: Path) -> None:
    """vpnc is told, and so is the operator."""
    left, right, engine = sites
    with vpnc(left, right, tmp_path, "natt", password="something else") as log:
        wait_until(lambda: engine.failures("rw"))
        wait_until(lambda: "authentication unsuccessful" in log.read_text())
    assert USER in engine.failures("rw")[0]["reason"]
    assert_parted(engine)
