"""The daemon with the kernel's ESP against strongSwan with the kernel's ESP: what userspace ESP cannot show."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.interop.lab import Lab, child
from tests.lab import charon as charons
from tests.lab import engine as engines
from tests.lab.charon import Charon
from tests.lab.control import Section
from tests.lab.engine import Engine
from tests.lab.netns import wait_until
from tests.lab.topology import two_sites

NUMBERS = itertools.count()
QUICK = {"delete_rekeyed_delay": "1s"}


@contextlib.contextmanager
def kernel_lab(directory: Path, settings: Section | None = None) -> Iterator[Lab]:
    """As `interop.lab.lab`, with `settings` for charon; sockets are below /run, since those on hostfs do not work."""
    run = Path(f"/run/lab{next(NUMBERS)}")
    with contextlib.ExitStack() as stack:
        left, right = stack.enter_context(two_sites())
        engine = Engine(left.gateway, directory / "engine", QUICK, datapath="xfrm", run_directory=run / "engine")
        charon = Charon(right.gateway, directory / "charon", settings, kernel=charons.NETLINK, run_directory=run)
        yield Lab(
            left, right, stack.enter_context(engines.running(engine)), stack.enter_context(charons.running(charon))
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with kernel_lab(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(site: Lab) -> Iterator[None]:
    site.reset()
    yield
    print("--- engine", site.engine.log(), "--- charon", site.charon.log(), sep="\n")


@pytest.fixture(params=["engine", "charon"], ids=["engine-begins", "charon-begins"])
def initiator(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize(
    "proposal",
    ["aes128gcm16-x25519", "aes256-sha256-esn-x25519", "aes128gcm16-esn-x25519", "chacha20poly1305-x25519"],
)
def test_tunnel(site: Lab, initiator: str, proposal: str) -> None:
    site.connect(children={"net": {"esp_proposals": [proposal]}})
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()


def test_transport_mode(site: Lab, initiator: str) -> None:
    """Mirrors strongSwan's ikev2/host2host-transport."""
    site.connect(**child(mode="transport", local_ts=None, remote_ts=None))
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    assert site.left.gateway.ping(site.right.address, count=3)
    assert "mode transport" in states(site)
    assert int(site.engine.child()["packets-out"]) == 3


def test_rekeying(site: Lab, initiator: str) -> None:
    site.connect()
    site.daemon(initiator).initiate("net")
    site.rekey_child("engine")
    site.assert_traffic()
    site.rekey_child("charon")
    site.assert_traffic()
    wait_until(lambda: states(site).count("proto esp") == 2)  # old inbound SAs stay for delete_rekeyed_delay


def test_udp_encapsulation(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/nat-rw: the kernel takes the ESP packets off the engine's NAT-T socket."""
    site.connect(encap="yes")
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()
    assert "encap type espinudp sport 4500 dport 4500" in states(site)


def test_a_killed_engine_leaves_states_that_the_next_one_removes(site: Lab) -> None:
    site.connect()
    site.engine.initiate("net")
    site.assert_traffic()
    site.engine.kill()
    assert states(site).count("proto esp") == 2
    site.engine.start()
    assert states(site) == ""
    assert policies(site) == ""
    site.charon.clear()
    site.connect()
    site.engine.initiate("net")
    site.assert_traffic()


def test_a_trapped_packet_brings_the_tunnel_up(site: Lab) -> None:
    """Mirrors ikev2/trap-any: the first packets wait or are lost, the next ones arrive."""
    site.connect(engine=child(start_action="trap"))
    site.left.client.ping(site.right.host, wait=1)
    site.assert_same_child()
    site.assert_traffic()


def test_nothing_is_left_when_the_tunnel_is_gone(site: Lab) -> None:
    site.connect()
    site.engine.initiate("net")
    site.assert_traffic()
    site.engine.terminate(ike=site.name)
    site.engine.clear()
    assert (states(site), policies(site)) == ("", "")


def test_a_clean_end_leaves_nothing(site: Lab) -> None:
    site.connect()
    site.engine.initiate("net")
    assert site.engine.stop() == 0
    assert (states(site), policies(site)) == ("", "")
    assert "220" not in site.left.gateway.run("ip", "rule").stdout
    wait_until(lambda: not site.charon.sas())
    site.engine.start()


def states(site: Lab) -> str:
    return site.left.gateway.run("ip", "xfrm", "state").stdout


def policies(site: Lab) -> str:
    """Without those of single sockets, which every IKE daemon has."""
    lines = site.left.gateway.run("ip", "xfrm", "policy").stdout.splitlines()
    return "\n".join(line for line in lines if "tmpl" in line or ("dir" in line and "socket" not in line))
