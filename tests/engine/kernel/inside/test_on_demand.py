"""Traps, shunts and manual keys with the kernel's ESP, against strongSwan and against `ip xfrm`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import Lab, child
from tests.engine.kernel.inside.test_daemon import kernel_lab
from tests.lab.netns import wait_until

KEYS = {
    "manual-in-encr": bytes(range(32)),
    "manual-in-integ": bytes(range(100, 132)),
    "manual-out-encr": bytes(range(50, 82)),
    "manual-out-integ": bytes(range(150, 182)),
}
SPI_IN, SPI_OUT = "0x1001", "0x1002"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with kernel_lab(tmp_path_factory.mktemp("ondemand")) as running:
        left, right = running.left, running.right
        left.gateway.add_route(right.net, "via", right.address)  # charon makes no routes for selectors with protocols
        right.gateway.add_route(left.net, "via", left.address)
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


@pytest.mark.scenario("ikev2/net2net-route")
def test_first_packet_brings_up_the_tunnel(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-route: only the first packet may be lost, the kernel keeps none."""
    site.connect(**{initiator: child(start_action="trap")})
    mine, other = (site.left, site.right) if initiator == "engine" else (site.right, site.left)
    assert not site.daemon(initiator).sas()
    mine.client.ping(other.host, wait=1)
    wait_until(site.engine.children)
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/trap-any")
def test_trap_for_any_peer(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/trap-any: both have a trap for everybody in transport mode, and the packet names the peer."""
    both = child(mode="transport", local_ts=None, remote_ts=None, start_action="trap")
    site.connect(remote_addrs=["%any"], **both)
    mine, other = (site.left, site.right) if initiator == "engine" else (site.right, site.left)
    mine.gateway.ping(other.address, wait=1)
    wait_until(site.engine.children)
    engine, _charon = site.assert_same_child()
    assert engine["mode"] == "TRANSPORT"
    assert engine["remote-ts"] == [f"{site.right.address}/32"]
    assert mine.gateway.ping(other.address, count=3)


@pytest.mark.scenario("ikev2/protoport-trap")
def test_trap_for_a_protocol(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/protoport-trap."""
    narrow = {"local_ts": ["10.1.0.0/24[icmp]"], "remote_ts": ["10.2.0.0/24[icmp]"]}
    flipped = {"local_ts": ["10.2.0.0/24[icmp]"], "remote_ts": ["10.1.0.0/24[icmp]"]}
    actions = {initiator: {"start_action": "trap"}}
    site.connect(
        engine=child(**narrow, **actions.get("engine", {})), charon=child(**flipped, **actions.get("charon", {}))
    )
    mine, other = (site.left, site.right) if initiator == "engine" else (site.right, site.left)
    mine.client.ping(other.host, wait=1)
    wait_until(site.engine.children)
    site.assert_same_child()
    assert mine.client.ping(other.host, count=3)


@pytest.mark.scenario("ikev2/shunt-manual-prio", role="both")
def test_shunts_with_priorities(site: Lab) -> None:
    """Mirrors ikev2/shunt-manual-prio: a drop policy of higher priority than a tunnel's, and a pass before that."""
    shunts = {
        "drop": {"local_ts": ["10.1.0.0/24"], "remote_ts": ["10.2.0.0/24"], "mode": "drop", "priority": "1700",
                 "start_action": "trap"},
        "pass": {"local_ts": ["10.1.0.0/24"], "remote_ts": ["10.2.0.0/24[icmp]"], "mode": "pass", "priority": "1600",
                 "start_action": "trap"},
    }  # fmt: skip
    site.connect(engine={"children": shunts})
    site.engine.initiate("net")
    policies = site.left.gateway.run("ip", "xfrm", "policy").stdout
    assert "priority 1700" in policies
    assert "action block" in policies
    before = site.engine.child()["packets-out"]
    assert not site.left.client.ping(site.right.host, wait=0.5), (
        "it goes out in the clear, which the peer does not take"
    )
    assert site.engine.child()["packets-out"] == before
    site.engine.request("uninstall", {"child": "drop"})
    site.engine.request("uninstall", {"child": "pass"})
    site.assert_traffic()


def test_manual_keys_against_ip_xfrm(site: Lab) -> None:
    """The peer has the same SAs by hand, with `ip xfrm`. Mirrors no scenario: strongSwan has no manual keys."""
    left, right = site.left, site.right
    install_by_hand(site)
    link = {
        "local_addr": left.address,
        "remote_addr": right.address,
        "esp_proposals": "aes256-sha256",
        "local_ts": left.net,
        "remote_ts": right.net,
        "in": {"spi": SPI_IN, "encr_key": "manual-in-encr", "integ_key": "manual-in-integ"},
        "out": {"spi": SPI_OUT, "encr_key": "manual-out-encr", "integ_key": "manual-out-integ"},
    }
    secrets = {name: {"secret": f"0x{key.hex()}"} for name, key in KEYS.items()}
    configuration = {"manual": {"link": link}, "secrets": secrets}
    site.engine.configure(configuration)
    try:
        site.engine.cli("apply", "--config", str(site.engine.configuration))
        assert left.client.ping(right.host, count=3)
        assert right.client.ping(left.host, count=3)
        before = sequence(site)
        site.engine.configure({**configuration, "engine": {"keep_alive": "25s"}})
        site.engine.cli("apply", "--config", str(site.engine.configuration))
        assert sequence(site) == before, "a reload does not touch them"
        assert left.client.ping(right.host, count=3)
        shown = site.engine.cli("status").stdout
        assert "link" in shown
        assert "00001002" in shown
        for key in KEYS.values():
            assert key.hex() not in shown + site.engine.log()
    finally:
        site.engine.configure({})
        site.engine.cli("apply", "--config", str(site.engine.configuration))
        for what in ("state", "policy"):
            right.gateway.run("ip", "xfrm", what, "flush")
    assert "spi 0x0000100" not in left.gateway.run("ip", "xfrm", "state").stdout


def install_by_hand(site: Lab) -> None:
    """The mirror image on the right gateway."""
    left, right = site.left, site.right
    for source, destination, spi, way in (
        (right.address, left.address, SPI_IN, "in"),
        (left.address, right.address, SPI_OUT, "out"),
    ):
        encr, integ = KEYS[f"manual-{way}-encr"].hex(), KEYS[f"manual-{way}-integ"].hex()
        state = f"src {source} dst {destination} proto esp spi {spi} reqid 7 mode tunnel"
        algorithms = f"enc cbc(aes) 0x{encr} auth-trunc hmac(sha256) 0x{integ} 128"
        right.gateway.run("ip", "xfrm", "state", "add", *state.split(), *algorithms.split())
    for direction, ends in (("out", (right, left)), ("in", (left, right)), ("fwd", (left, right))):
        first, second = ends
        selector = f"src {first.net} dst {second.net} dir {direction}"
        template = f"tmpl src {first.address} dst {second.address} proto esp reqid 7 mode tunnel"
        right.gateway.run("ip", "xfrm", "policy", "add", *selector.split(), *template.split())


def sequence(site: Lab) -> list[str]:
    """The lines with sequence numbers of both states; one without an SPI, of an earlier trap, may expire meanwhile."""
    shown = [site.left.gateway.run("ip", "-s", "xfrm", "state", "list", "spi", spi).stdout for spi in (SPI_IN, SPI_OUT)]
    return [line.strip() for one in shown for line in one.splitlines() if "oseq" in line]
